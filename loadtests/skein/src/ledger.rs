//! The conservation count: what was sent equals what each hop saw, and every
//! difference has a name. A difference without one fails the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The lines of a run's ledger, in the order in which a request meets the hops.
pub type Ledger = Vec<Line>;

/// One equation: what is on the left is what is on the right, but for the named
/// differences.
///
/// ```
/// use skein::{Balance, Line};
///
/// let line = Line::of("Each order was delivered.", "orders", 10)
///     .is("delivered", 9)
///     .but_for("cancelled", 1);
/// assert_eq!(line.balance, Balance::Even);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The claim, in one sentence.
    pub claim: String,
    /// The term that must be accounted for.
    pub left: Term,
    /// The terms that account for it.
    pub right: Vec<Term>,
    /// By how much, and why, the sides may differ.
    pub differences: Vec<Difference>,
    /// The balance that comes of it.
    pub balance: Balance,
    /// The reason why the line can't be seen, where it isn't the run's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Term {
    /// The thing that was counted.
    pub name: String,
    /// The number of times.
    pub count: u64,
}

/// A reason for the sides to differ. Where nobody can know how far a request got,
/// only the bounds are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The reason.
    pub name: String,
    /// The least that it adds to the right side.
    pub at_least: i64,
    /// The most that it adds to the right side.
    pub at_most: i64,
}

/// The balance of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Every difference has a name.
    Even,
    /// The left side is more than its accounts by this many (or less, if negative).
    Off(i64),
    /// The counters can't be seen from where the run stood.
    NotObservable,
}

impl Line {
    /// A line that says `claim` and accounts for `count` times `name`.
    pub fn of(claim: impl Into<String>, name: impl Into<String>, count: u64) -> Self {
        Line {
            claim: claim.into(),
            left: Term {
                name: name.into(),
                count,
            },
            right: Vec::new(),
            differences: Vec::new(),
            balance: Balance::Even,
            reason: None,
        }
    }

    /// A line whose counters can't be seen.
    pub fn out_of_sight(claim: impl Into<String>) -> Self {
        Line {
            balance: Balance::NotObservable,
            ..Line::of(claim, "", 0)
        }
    }

    /// With the reason why it can't be seen, in a few words, such as `nginx doesn't count
    /// attempts`.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With one more account.
    pub fn is(mut self, name: impl Into<String>, count: u64) -> Self {
        self.right.push(Term {
            name: name.into(),
            count,
        });
        self.settled()
    }

    /// With a reason for exactly `count` that are missing on the right.
    pub fn but_for(self, name: impl Into<String>, count: u64) -> Self {
        let count = signed(count);
        self.differing(name, count, count)
    }

    /// With a reason for up to `count` that may be missing on the right.
    pub fn but_for_up_to(self, name: impl Into<String>, count: u64) -> Self {
        self.differing(name, 0, signed(count))
    }

    /// With a reason for up to `count` that may be missing on either side.
    pub fn give_or_take(self, name: impl Into<String>, count: u64) -> Self {
        let count = signed(count);
        self.differing(name, -count, count)
    }

    /// With a reason for up to `count` that may be missing on the left.
    pub fn and_up_to(self, name: impl Into<String>, count: u64) -> Self {
        self.differing(name, -signed(count), 0)
    }

    fn differing(mut self, name: impl Into<String>, at_least: i64, at_most: i64) -> Self {
        // A reason that doesn't apply is not worth a word.
        if at_least != 0 || at_most != 0 {
            self.differences.push(Difference {
                name: name.into(),
                at_least,
                at_most,
            });
        }
        self.settled()
    }

    /// With the balance of both sides and the differences.
    fn settled(mut self) -> Self {
        let right: i64 = self.right.iter().map(|term| signed(term.count)).sum();
        let missing = signed(self.left.count) - right;
        let least: i64 = self.differences.iter().map(|d| d.at_least).sum();
        let most: i64 = self.differences.iter().map(|d| d.at_most).sum();
        self.balance = match missing {
            too_few if too_few < least => Balance::Off(too_few - least),
            too_many if too_many > most => Balance::Off(too_many - most),
            _ => Balance::Even,
        };
        self
    }
}

/// Counters are far from such sizes; a run has seconds, not ages.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_even_within_its_named_differences_and_off_by_the_rest(
            right in 0u64..1000, named in 0u64..100, missing in 0u64..300,
        ) {
            let line = Line::of("a claim", "left", right + missing).is("right", right);
            let exact = line.clone().but_for("exactly so many", named);
            let up_to = line.but_for_up_to("up to so many", named);
            let off = |by: u64, beyond: u64| match i64::try_from(by).expect("small")
                - i64::try_from(beyond).expect("small")
            {
                0 => Balance::Even,
                off => Balance::Off(off),
            };
            prop_assert_eq!(exact.balance, off(missing, named));
            prop_assert_eq!(up_to.balance, off(missing, missing.min(named)));
        }
    }

    #[test]
    fn too_little_is_off_as_too_much_is() {
        let line = Line::of("a claim", "left", 3).is("right", 5);
        assert_eq!(line.balance, Balance::Off(-2));
        assert_eq!(line.give_or_take("either way", 2).balance, Balance::Even);
        let unseen = Line::out_of_sight("a claim").because("nobody counts");
        assert_eq!(unseen.balance, Balance::NotObservable);
        assert_eq!(unseen.reason.as_deref(), Some("nobody counts"));
    }

    proptest! {
        #[test]
        fn a_line_is_even_exactly_when_the_named_differences_explain_it(
            right in prop::collection::vec(0u64..1000, 1..4),
            exact in 0u64..10,
            up_to in 0u64..10,
            missing in 0u64..30,
        ) {
            let count = right.iter().sum::<u64>() + missing;
            let mut line = Line::of("what goes in comes out", "in", count);
            for account in right {
                line = line.is("out", account);
            }
            let line = line.but_for("lost", exact).but_for_up_to("perhaps lost", up_to);
            let expected = if missing < exact {
                Balance::Off(missing as i64 - exact as i64)
            } else if missing > exact + up_to {
                Balance::Off((missing - exact - up_to) as i64)
            } else {
                Balance::Even
            };
            prop_assert_eq!(line.balance, expected);
        }
    }

    #[test]
    fn what_comes_out_of_nothing_is_off_too() {
        let line = Line::of("what goes in comes out", "in", 5).is("out", 7);
        assert_eq!(line.balance, Balance::Off(-2));
        assert_eq!(
            line.clone().but_for_up_to("lost", 9).balance,
            Balance::Off(-2)
        );
        assert_eq!(
            line.clone().and_up_to("uncounted", 1).balance,
            Balance::Off(-1)
        );
        let even = line.and_up_to("uncounted", 2);
        assert_eq!(even.balance, Balance::Even);
        assert_eq!(even.and_up_to("unmet", 0).differences.len(), 1);
    }

    #[test]
    fn lines_without_a_reason_are_written_as_before_there_were_any() {
        let written = serde_json::to_value(Line::of("a claim", "left", 1)).expect("JSON");
        assert_eq!(written.get("reason"), None);
        let read: Line = serde_json::from_value(written).expect("a line");
        assert_eq!(read, Line::of("a claim", "left", 1));
    }
}
