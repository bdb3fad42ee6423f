//! Plain requests: what users send to a server that isn't the laboratory, as data.

use std::time::Duration;

use http::{HeaderName, Method};
use rand::{Rng, RngExt};

use super::template::{Escaping, Template};
use crate::samples::{Fault, Route};

/// The plain requests of a plan, and the values for their placeholders.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The requests; at least one.
    pub requests: Vec<PlainRequest>,
    /// What placeholders stand for; templates know them by their place here.
    pub values: Vec<Values>,
}

/// A request, up to the values of its placeholders, and the answer that is right.
#[derive(Clone, Debug)]
pub struct PlainRequest {
    /// The method, and the path as it was written.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The path with its query; begins with `/`.
    pub path: Template,
    /// Header fields, in the order in which they are sent.
    pub headers: Vec<Field>,
    /// The body, if there is one.
    pub body: Option<Template>,
    /// The rule for values in the body, by its content type.
    pub body_escaping: Escaping,
    /// How often it is sent, in relation to the others; at least 1.
    pub weight: u32,
    /// The statuses that are right.
    pub status: Statuses,
    /// What the body of a right answer has in it.
    pub contains: Option<String>,
    /// The time that users wait for the whole answer, if not as long as for others.
    pub timeout: Option<Duration>,
}

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: HeaderName,
    /// The name in the case in which it was written.
    pub written: String,
    /// The value.
    pub value: Template,
    /// True when a field before it has the same name.
    pub is_repeated: bool,
}

/// The statuses of a right answer, each 200 to 599; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses {
    list: Vec<u16>,
    name: &'static str,
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// A whole number from the first to the second, each as likely as another.
    Range(u64, u64),
    /// One of these, each as likely as another; at least one.
    List(Vec<String>),
}

impl Requests {
    /// A value for every placeholder, drawn with `rng`.
    pub fn draw(&self, rng: &mut impl Rng) -> Vec<String> {
        self.values.iter().map(|values| values.draw(rng)).collect()
    }
}

impl PlainRequest {
    /// Whether it is the same each time.
    pub fn is_constant(&self) -> bool {
        self.templates().all(Template::is_constant)
    }

    /// Every text of the request that may have placeholders.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().map(|field| &field.value);
        std::iter::once(&self.path).chain(headers).chain(&self.body)
    }
}

impl Statuses {
    /// These statuses; `None` if there are none. Their name is kept for the life of the
    /// program, as routes are.
    pub fn new(list: Vec<u16>) -> Option<Self> {
        let (last, others) = list.split_last()?;
        let others: Vec<_> = others.iter().map(u16::to_string).collect();
        let name = match others.is_empty() {
            true => last.to_string(),
            false => format!("{} or {last}", others.join(", ")),
        };
        Some(Statuses {
            list,
            name: Box::leak(name.into_boxed_str()),
        })
    }

    /// True when a status is right.
    pub fn contains(&self, status: u16) -> bool {
        self.list.contains(&status)
    }

    /// The fault of an answer with another status.
    pub fn fault(&self, got: u16) -> Fault {
        match self.list[..] {
            [expected] => Fault::Status { expected, got },
            _ => Fault::Statuses {
                expected: self.name,
                got,
            },
        }
    }

    /// True when answers of these statuses never have a body (RFC 9110, sections 15.3.5
    /// and 15.4.5).
    pub fn are_bodiless(&self) -> bool {
        self.list.iter().all(|status| matches!(status, 204 | 304))
    }
}

impl Values {
    fn draw(&self, rng: &mut impl Rng) -> String {
        match self {
            Values::Range(from, to) => rng.random_range(*from..=*to).to_string(),
            Values::List(list) => list[rng.random_range(0..list.len())].clone(),
        }
    }

    /// True when a value can be empty.
    pub(super) fn can_be_empty(&self) -> bool {
        matches!(self, Values::List(list) if list.iter().any(String::is_empty))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn statuses_are_named_as_they_are_said() {
        let fault = |statuses: &[u16]| {
            let statuses = Statuses::new(statuses.to_vec()).expect("some");
            assert!(statuses.contains(statuses.list[0]) && !statuses.contains(500));
            statuses.fault(500).to_string()
        };
        assert_eq!(fault(&[201]), "status 500 where 201 was right");
        let several = "status 500 where 200, 206 or 304 was right";
        assert_eq!(fault(&[200, 206, 304]), several);
    }

    proptest! {
        #[test]
        fn values_are_drawn_from_those_that_are_given(seed in any::<u64>(), from in 0u64..50, more in 0u64..50) {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let drawn: u64 = Values::Range(from, from + more).draw(&mut rng).parse().expect("a number");
            prop_assert!((from..=from + more).contains(&drawn));
            let list = Values::List(vec!["a".to_owned(), "b".to_owned()]);
            prop_assert!(["a", "b"].contains(&list.draw(&mut rng).as_str()));
        }
    }
}
