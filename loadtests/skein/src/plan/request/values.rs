//! The values that placeholders stand for: those that are drawn, made or counted, columns of data,
//! what a user took from answers, and secrets of the environment.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use rand::{Rng, RngExt};
use serde::Deserialize;
use toml::Spanned;
use uuid::Builder;

use super::super::mistake::{Mistake, within};

/// The source of a placeholder's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A value that is there anew for each turn.
    Drawn(Values),
    /// A column of a table of data, both by their place.
    Column {
        /// The table.
        table: usize,
        /// The column.
        column: usize,
    },
    /// A value that was taken from an answer.
    Captured,
    /// A variable of the environment, whose value nobody may see.
    Secret(String),
}

/// Values that are there anew for each turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// A whole number from the first to the second, each as likely as another.
    Range(u64, u64),
    /// One of these, each as likely as another; at least one.
    List(Vec<String>),
    /// This number, and one more each time; all users count together.
    CountedFrom(u64),
    /// Letters and digits at random, this number of them.
    Text(usize),
    /// A random UUID (version 4 of RFC 9562).
    Uuid,
    /// The time of day in UTC, to the millisecond, as RFC 3339 writes it.
    Time,
    /// The seconds since 1970.
    UnixTime,
    /// The milliseconds since 1970.
    UnixMillis,
}

impl Values {
    /// The next value; `counted` are those before it of all users.
    pub fn draw(&self, counted: &AtomicU64, rng: &mut impl Rng) -> String {
        match self {
            Values::Range(from, to) => rng.random_range(*from..=*to).to_string(),
            Values::List(list) => list[rng.random_range(0..list.len())].clone(),
            Values::CountedFrom(first) => {
                let before = counted.fetch_add(1, Ordering::Relaxed);
                first.saturating_add(before).to_string()
            }
            Values::Text(length) => Alphanumeric.sample_string(rng, *length),
            Values::Uuid => Builder::from_random_bytes(rng.random())
                .into_uuid()
                .to_string(),
            Values::Time => format!("{:.3}", Timestamp::now()),
            Values::UnixTime => Timestamp::now().as_second().to_string(),
            Values::UnixMillis => Timestamp::now().as_millisecond().to_string(),
        }
    }
}

impl Slot {
    /// True when a value can be empty, as far as is known before there is one.
    pub(super) fn can_be_empty(&self) -> bool {
        match self {
            Slot::Drawn(Values::List(list)) => list.iter().any(String::is_empty),
            Slot::Drawn(_) => false,
            Slot::Secret(secret) => secret.is_empty(),
            Slot::Column { .. } | Slot::Captured => true,
        }
    }

    /// The values that it can have, where they are a few known ones.
    pub(super) fn known(&self) -> &[String] {
        match self {
            Slot::Drawn(Values::List(list)) => list,
            Slot::Secret(secret) => std::slice::from_ref(secret),
            _ => &[],
        }
    }
}

/// `[values.item]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct ValuesFile {
    from: Option<Spanned<u64>>,
    to: Option<Spanned<u64>>,
    list: Option<Spanned<Vec<String>>>,
    count_from: Option<u64>,
    text: Option<Spanned<usize>>,
    make: Option<Spanned<String>>,
}

impl ValuesFile {
    /// The values that are meant by a table at this place.
    pub(super) fn check(written: Spanned<Self>) -> Result<Values, Mistake> {
        let place = written.span();
        let ValuesFile {
            from,
            to,
            list,
            count_from,
            text,
            make,
        } = written.into_inner();
        match (from, to, list, count_from, text, make) {
            (Some(from), Some(to), None, None, None, None) => {
                if from.get_ref() > to.get_ref() {
                    return Err(Mistake::at(&to, "`to` is at least `from`"));
                }
                Ok(Values::Range(from.into_inner(), to.into_inner()))
            }
            (None, None, Some(list), None, None, None) => {
                if list.get_ref().is_empty() {
                    return Err(Mistake::at(&list, "a list has at least one value"));
                }
                Ok(Values::List(list.into_inner()))
            }
            (None, None, None, Some(first), None, None) => Ok(Values::CountedFrom(first)),
            (None, None, None, None, Some(length), None) => {
                within(Some(length), 1..=1 << 20, 1, "the length of a text").map(Values::Text)
            }
            (None, None, None, None, None, Some(what)) => match what.get_ref().as_str() {
                "uuid" => Ok(Values::Uuid),
                "time" => Ok(Values::Time),
                "unix-time" => Ok(Values::UnixTime),
                "unix-millis" => Ok(Values::UnixMillis),
                _ => Err(Mistake::at(
                    &what,
                    "`make` is \"uuid\", \"time\", \"unix-time\" or \"unix-millis\"",
                )),
            },
            _ => Err(Mistake {
                at: place,
                ..Mistake::somewhere(
                    "values are `from = 1` and `to = 100`, or `list = [\"a\", \"b\"]`, or `count_from = 1`, or `text = 12` for so many letters, or `make = \"uuid\"`",
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    fn draw(values: &Values, seed: u64) -> String {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        values.draw(&AtomicU64::new(0), &mut rng)
    }

    proptest! {
        #[test]
        fn values_are_drawn_from_those_that_are_given(seed in any::<u64>(), from in 0u64..50, more in 0u64..50) {
            let drawn: u64 = draw(&Values::Range(from, from + more), seed).parse().expect("a number");
            prop_assert!((from..=from + more).contains(&drawn));
            let list = Values::List(vec!["a".to_owned(), "b".to_owned()]);
            prop_assert!(["a", "b"].contains(&draw(&list, seed).as_str()));
        }

        #[test]
        fn what_is_made_follows_from_the_seed_and_has_its_form(seed in any::<u64>(), length in 1usize..50) {
            let text = draw(&Values::Text(length), seed);
            prop_assert!(text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(&text, &draw(&Values::Text(length), seed));
            let uuid = draw(&Values::Uuid, seed);
            let parsed: uuid::Uuid = uuid.parse().expect("a UUID");
            prop_assert_eq!(parsed.get_version_num(), 4);
            prop_assert_eq!(uuid, draw(&Values::Uuid, seed));
        }
    }

    #[test]
    fn a_count_goes_on_whoever_asks() {
        let counted = AtomicU64::new(0);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let numbers: Vec<_> = (0..3)
            .map(|_| Values::CountedFrom(41).draw(&counted, &mut rng))
            .collect();
        assert_eq!(numbers, ["41", "42", "43"]);
    }

    #[test]
    fn a_time_is_now_in_the_form_that_was_asked_for() {
        let now = Timestamp::now().as_second();
        let written: Timestamp = draw(&Values::Time, 1).parse().expect("RFC 3339");
        let seconds: i64 = draw(&Values::UnixTime, 1).parse().expect("seconds");
        let millis: i64 = draw(&Values::UnixMillis, 1).parse().expect("milliseconds");
        for moment in [written.as_second(), seconds, millis / 1000] {
            assert!((now..now + 60).contains(&moment), "{moment} and {now}");
        }
    }
}
