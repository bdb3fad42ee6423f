//! The one rule of how a gate goes on: whether another round is played, what stops it, what
//! is repeated, and what it concludes. It is a state machine from events (a round's figures,
//! a crash, an interruption, and the time at which they happened) to the next action, so that
//! a gate and the simulations that prove its rates of error are held by the same code.
//!
//! ```text
//! begin ─→ round ─→ round ─→ … ─→ the first part has ended
//!            │        │             │ pass, can't tell, broken off      ─→ over
//!            └ a look at some       └ a regression: slower, fails requests, crashes
//!              of them                 ↓
//!                                   the repetition, with a fresh start and another seed:
//!                                   rounds that judge only what failed   ─→ over
//! ```
//!
//! A regression must be confirmed by a repetition, within as many rounds as the budget has;
//! the rounds that the first part took would be too few, for they ended with a lucky look. A
//! repetition can only take fails away, so that the chance of a false one is at most that of
//! the first part; the price is some of the power.

mod failing;
mod part;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::comparison::{Design, Look, Metric, Role, Rule};

pub use failing::{Failures, candidate_fails};
pub use part::{Break, Ended, Part, Regression};

use part::Playing;

/// The rules that a gate is held by, settled before its first round.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The rule of each metric, and what the metric may decide.
    pub metrics: Vec<(Rule, Role)>,
    /// The plan of the looks, in the first part as in its repetition.
    pub design: Design,
    /// True when a look may end the first part before its last round.
    pub ends_early: bool,
    /// True when a regression needs a repetition that confirms it.
    pub repeats: bool,
    /// The time that rounds have; `None` for simulated ones, which take none.
    pub time: Option<TimeLimit>,
}

/// The time that the rounds of a gate have. All moments of a gate are durations since the
/// same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// The moment by which the last round of the first part should be over.
    pub deadline: Duration,
    /// The time that a round is planned to take.
    pub round: Duration,
}

/// An event that decides how a gate goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A round was played to its end.
    Round(RoundFigures),
    /// A node of the candidate ended by itself, or didn't start.
    CandidateCrashed,
    /// A node of the baseline ended by itself, or didn't start.
    BaselineCrashed,
    /// Somebody interrupted the gate.
    Interrupted,
}

/// The figures of a round that decide how a gate goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundFigures {
    /// The natural logarithm of candidate ÷ baseline of each metric, in the order of
    /// [`Rules::metrics`]; `None` where a round has no figure.
    pub log_ratios: Vec<Option<f64>>,
    /// The requests that failed.
    pub failed: Failures,
    /// True when response times are diluted, judged by all rounds of this part so far: see
    /// [`Role::Diluted`].
    pub diluted: bool,
    /// The time that it took.
    pub lasted: Duration,
}

/// A gate that isn't over.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    rules: Rules,
    /// The first part, when its repetition is being played.
    first: Option<Part>,
    playing: Playing,
}

/// The next action.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Another round.
    Round(Sequence),
    /// The first round of the repetition: from here on with a fresh start and another seed.
    Repetition(Sequence),
    /// Nothing: the gate is over.
    Over(Finished),
}

/// A gate that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The rounds that were played first.
    pub first: Part,
    /// The repetition that had to confirm a regression, if there was one.
    pub repetition: Option<Part>,
}

/// The conclusion of a gate whose rounds may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The candidate shows a regression, and again in a repetition if the rules ask for one.
    Fail(Regression),
    /// No metric is slower, and each is within its margin or excused.
    Pass,
    /// The candidate showed a regression, and didn't in the repetition.
    Unconfirmed(Regression),
    /// The rounds can't tell.
    Inconclusive,
    /// The gate broke off, so that nothing follows.
    Broken {
        /// The reason.
        by: Break,
        /// True when that was in the repetition.
        while_repeating: bool,
    },
}

impl Sequence {
    /// A gate before its first round, which begins `now`.
    pub fn begin(rules: Rules, now: Duration) -> Self {
        let deadline = rules.time.map(|time| time.deadline);
        let design = rules.design.clone();
        let playing = Playing::begin(&rules.metrics, design, rules.ends_early, deadline, now);
        Sequence {
            rules,
            first: None,
            playing,
        }
    }

    /// The next action after an `event` that happened `now`.
    pub fn after(mut self, event: Event, now: Duration) -> Next {
        match self.playing.after(event, now) {
            None => Next::Round(self),
            Some(ended) => self.end(ended, now),
        }
    }

    /// True when it is the repetition that is being played.
    pub fn is_repeating(&self) -> bool {
        self.first.is_some()
    }

    /// The regression that has to be confirmed, when it is the repetition that is being
    /// played.
    pub fn to_confirm(&self) -> Option<&Regression> {
        match &self.first.as_ref()?.ended {
            Ended::Regression(regression) => Some(regression),
            Ended::Pass | Ended::Inconclusive | Ended::Broken(_) => None,
        }
    }

    /// The looks that were taken at the rounds of this part, in order.
    pub fn looks(&self) -> &[Look] {
        &self.playing.looks
    }

    /// The first part, when it is the repetition that is being played.
    pub fn first(&self) -> Option<&Part> {
        self.first.as_ref()
    }

    /// The moment at which this part began.
    pub fn began(&self) -> Duration {
        self.playing.began
    }

    /// The number of rounds that this part has.
    pub fn rounds(&self) -> usize {
        self.playing.rounds()
    }

    /// The most rounds that this part may have.
    pub fn most_rounds(&self) -> usize {
        self.playing.design.most_rounds()
    }

    /// The number of rounds at the next look that is planned when `done` rounds are done.
    pub fn next_look(&self, done: usize) -> usize {
        let mut looks = self.playing.design.looks();
        looks
            .find(|look| *look > done)
            .unwrap_or(self.most_rounds())
    }

    /// The moment by which the last round of this part should be over, if time is limited.
    pub fn deadline(&self) -> Option<Duration> {
        self.playing.deadline
    }

    fn end(self, ended: Ended, now: Duration) -> Next {
        let longest = self.playing.longest;
        let part = self.playing.end(ended);
        match (self.first, &part.ended) {
            (Some(first), _) => Next::Over(Finished {
                first,
                repetition: Some(part),
            }),
            (None, Ended::Regression(regression)) if self.rules.repeats => {
                let metrics = repeated(&self.rules.metrics, regression);
                let design = self.rules.design.clone();
                let rounds = design.most_rounds() as u32;
                let deadline = self.rules.time.map(|time| {
                    let each = longest.max(time.round);
                    now + (each * rounds).mul_f64(LEEWAY)
                });
                let playing = Playing::begin(&metrics, design, true, deadline, now);
                Next::Repetition(Sequence {
                    rules: self.rules,
                    first: Some(part),
                    playing,
                })
            }
            (None, _) => Next::Over(Finished {
                first: part,
                repetition: None,
            }),
        }
    }
}

/// A repetition's time, in that of rounds as long as the longest so far: a slower minute must
/// not take the last look away.
const LEEWAY: f64 = 1.25;

/// The same metrics, of which only those that failed may decide.
fn repeated(metrics: &[(Rule, Role)], regression: &Regression) -> Vec<(Rule, Role)> {
    let failed: &[Metric] = match regression {
        Regression::Slower(metrics) => metrics,
        Regression::FailsRequests | Regression::Crashes => &[],
    };
    let again = |(rule, role): &(Rule, Role)| {
        let has_failed = failed.contains(&rule.metric);
        (*rule, role.when_repeated(has_failed))
    };
    metrics.iter().map(again).collect()
}

impl Finished {
    /// The number of rounds of both parts.
    pub fn rounds(&self) -> usize {
        let repetition = self.repetition.as_ref();
        self.first.rounds() + repetition.map_or(0, Part::rounds)
    }

    /// The conclusion from how both parts ended.
    pub fn conclusion(&self) -> Conclusion {
        let shown = match &self.first.ended {
            Ended::Regression(regression) => regression,
            Ended::Pass => return Conclusion::Pass,
            Ended::Inconclusive => return Conclusion::Inconclusive,
            Ended::Broken(by) => {
                return Conclusion::Broken {
                    by: *by,
                    while_repeating: false,
                };
            }
        };
        match self.repetition.as_ref().map(|second| &second.ended) {
            None => Conclusion::Fail(shown.clone()),
            Some(Ended::Regression(again)) => Conclusion::Fail(shown.confirmed_by(again)),
            Some(Ended::Pass | Ended::Inconclusive) => Conclusion::Unconfirmed(shown.clone()),
            Some(Ended::Broken(by)) => Conclusion::Broken {
                by: *by,
                while_repeating: true,
            },
        }
    }
}
