//! One part of a gate: round after round, with looks at them where the design says, until it
//! is decided or time is up.

use std::time::Duration;

use super::failing::{Failures, candidate_fails};
use super::{Event, RoundFigures};
use crate::comparison::{Decision, Design, Look, Metric, Role, Rule, Series, judge};

/// A part of a gate that is over: its first rounds, or their repetition.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The figures of its rounds, by metric.
    pub series: Vec<Series>,
    /// The plan of its looks; when time was up earlier than planned, the last one was then.
    pub design: Design,
    /// The looks that were taken, in order.
    pub looks: Vec<Look>,
    /// The reason why it ended.
    pub ended: Ended,
    rounds: usize,
}

/// The reason why a part of a gate ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The candidate is worse than the baseline.
    Regression(Regression),
    /// No metric is slower, and each is within its margin or excused.
    Pass,
    /// The last look could not tell.
    Inconclusive,
    /// It broke off.
    Broken(Break),
}

/// A way in which a candidate is worse than its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regression {
    /// These metrics are surely worse than their tolerance, the surest first.
    Slower(Vec<Metric>),
    /// It fails requests that the baseline serves.
    FailsRequests,
    /// A node of it ends by itself, or doesn't start.
    Crashes,
}

/// A reason why a gate broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Somebody interrupted it.
    Interrupted,
    /// A node of the baseline ended by itself, or didn't start.
    BaselineCrashed,
}

impl Part {
    /// The number of its rounds.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// A look at all of its rounds: the last one that was taken, or, when it ended between
    /// looks, one that only estimates.
    pub fn last_look(&self) -> Look {
        let taken = self.looks.last().filter(|look| look.rounds == self.rounds);
        taken
            .cloned()
            .unwrap_or_else(|| judge(&self.series, &self.design, self.rounds))
    }
}

impl Regression {
    /// The regression that is left when a repetition showed `again`: of several slower
    /// metrics those that were slower twice.
    pub(super) fn confirmed_by(&self, again: &Regression) -> Regression {
        match (self, again) {
            (Regression::Slower(_), Regression::Slower(again)) => Regression::Slower(again.clone()),
            _ => self.clone(),
        }
    }
}

/// A part of a gate that isn't over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Playing {
    /// The role of each metric while nothing dilutes it.
    roles: Vec<Role>,
    series: Vec<Series>,
    failed: Vec<Failures>,
    pub(super) looks: Vec<Look>,
    pub(super) began: Duration,
    pub(super) design: Design,
    /// The time that its longest round took.
    pub(super) longest: Duration,
    pub(super) deadline: Option<Duration>,
    ends_early: bool,
}

impl Playing {
    /// A part before its first round, which begins `now`.
    pub(super) fn begin(
        metrics: &[(Rule, Role)],
        design: Design,
        ends_early: bool,
        deadline: Option<Duration>,
        now: Duration,
    ) -> Self {
        let series = metrics.iter().map(|(rule, role)| Series {
            rule: *rule,
            role: *role,
            log_ratios: Vec::new(),
        });
        Playing {
            roles: metrics.iter().map(|(_, role)| *role).collect(),
            series: series.collect(),
            failed: Vec::new(),
            looks: Vec::new(),
            began: now,
            design,
            longest: Duration::ZERO,
            deadline,
            ends_early,
        }
    }

    pub(super) fn rounds(&self) -> usize {
        self.failed.len()
    }

    /// The reason why it ends with an `event` that happened `now`; `None` when it goes on.
    pub(super) fn after(&mut self, event: Event, now: Duration) -> Option<Ended> {
        match event {
            Event::Round(figures) => {
                self.add(&figures);
                self.look(now)
            }
            Event::CandidateCrashed => Some(Ended::Regression(Regression::Crashes)),
            Event::BaselineCrashed => Some(Ended::Broken(Break::BaselineCrashed)),
            Event::Interrupted => Some(Ended::Broken(Break::Interrupted)),
        }
    }

    pub(super) fn end(self, ended: Ended) -> Part {
        Part {
            rounds: self.rounds(),
            series: self.series,
            design: self.design,
            looks: self.looks,
            ended,
        }
    }

    fn add(&mut self, figures: &RoundFigures) {
        self.failed.push(figures.failed);
        self.longest = self.longest.max(figures.lasted);
        let of_metrics = self.series.iter_mut().zip(&self.roles).enumerate();
        for (index, (series, role)) in of_metrics {
            let ratio = figures.log_ratios.get(index).copied().flatten();
            series.log_ratios.push(ratio);
            let is_diluted = figures.diluted && series.rule.metric.is_response_time();
            series.role = if is_diluted {
                role.when_diluted()
            } else {
                *role
            };
        }
    }

    /// Looks at the rounds, if that is due.
    fn look(&mut self, now: Duration) -> Option<Ended> {
        let done = self.rounds();
        if self.time_is_up(now) && done < self.design.most_rounds() {
            self.design = self.design.ending_at(done);
        }
        let is_last = done >= self.design.most_rounds();
        let is_planned = || self.design.looks().any(|at| at == done);
        let is_due = is_last || (self.ends_early && is_planned());
        if !is_due {
            return None;
        }
        let look = judge(&self.series, &self.design, done);
        let decision = look.decision.clone();
        self.looks.push(look);
        if candidate_fails(&self.failed) {
            return Some(Ended::Regression(Regression::FailsRequests));
        }
        match decision {
            Decision::Fail { metrics } => Some(Ended::Regression(Regression::Slower(metrics))),
            Decision::Pass => Some(Ended::Pass),
            Decision::Inconclusive => Some(Ended::Inconclusive),
            // There is no round after the last one in which it could be decided.
            Decision::Continue => is_last.then_some(Ended::Inconclusive),
        }
    }

    /// True when there is no time for another round. That is asked of the clock alone, and not
    /// of what rounds show.
    fn time_is_up(&self, now: Duration) -> bool {
        let per_round = now.saturating_sub(self.began) / self.rounds().max(1) as u32;
        self.deadline
            .is_some_and(|deadline| now + per_round > deadline)
    }
}
