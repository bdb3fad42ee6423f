//! The conservation count: what was sent equals what each hop saw, and every
//! difference has a name. A difference without one fails the run.

mod lines;

use serde::{Deserialize, Serialize};

pub use lines::{Generator, NodeCounts, draw_up};

/// The lines of a run's ledger, in the order in which a request meets the hops.
pub type Ledger = Vec<Line>;

/// One equation: what is on the left is what is on the right, but for the named
/// differences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What the line claims, in one sentence.
    pub claim: String,
    /// What must be accounted for.
    pub left: Term,
    /// What accounts for it.
    pub right: Vec<Term>,
    /// By how much, and why, the left side may be more.
    pub differences: Vec<Difference>,
    /// Whether it comes out even.
    pub balance: Balance,
}

/// Something counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// A reason for the left side to be more than the right. Where nobody can know how
/// far a request got, only the bounds are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The reason.
    pub name: String,
    /// The least that it accounts for.
    pub at_least: u64,
    /// The most that it accounts for.
    pub at_most: u64,
}

/// How a line comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    fn of(claim: impl Into<String>, name: impl Into<String>, count: u64) -> Self {
        Line {
            claim: claim.into(),
            left: Term {
                name: name.into(),
                count,
            },
            right: Vec::new(),
            differences: Vec::new(),
            balance: Balance::Even,
        }
    }

    /// A line whose counters can't be seen.
    fn out_of_sight(claim: impl Into<String>) -> Self {
        Line {
            balance: Balance::NotObservable,
            ..Line::of(claim, "", 0)
        }
    }

    /// With one more account.
    fn is(mut self, name: impl Into<String>, count: u64) -> Self {
        self.right.push(Term {
            name: name.into(),
            count,
        });
        self.settled()
    }

    /// With a reason for exactly `count` that are missing on the right.
    fn but_for(self, name: impl Into<String>, count: u64) -> Self {
        self.but_for_between(name, count, count)
    }

    /// With a reason for up to `count` that may be missing on the right.
    fn but_for_up_to(self, name: impl Into<String>, count: u64) -> Self {
        self.but_for_between(name, 0, count)
    }

    fn but_for_between(mut self, name: impl Into<String>, at_least: u64, at_most: u64) -> Self {
        // A reason that doesn't apply is not worth a word.
        if at_most > 0 {
            self.differences.push(Difference {
                name: name.into(),
                at_least,
                at_most,
            });
        }
        self.settled()
    }

    fn settled(mut self) -> Self {
        let right: i128 = self.right.iter().map(|term| i128::from(term.count)).sum();
        let missing = i128::from(self.left.count) - right;
        let sum = |bound: fn(&Difference) -> u64| -> i128 {
            self.differences.iter().map(|d| i128::from(bound(d))).sum()
        };
        let (least, most) = (sum(|d| d.at_least), sum(|d| d.at_most));
        let off = if missing > most {
            missing - most
        } else {
            (missing - least).min(0)
        };
        self.balance = match i64::try_from(off) {
            Ok(0) => Balance::Even,
            Ok(off) => Balance::Off(off),
            Err(_) => Balance::Off(if off > 0 { i64::MAX } else { i64::MIN }),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!(line.but_for_up_to("lost", 9).balance, Balance::Off(-2));
    }
}
