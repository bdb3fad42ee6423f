//! Looks at the rounds that are done, and decides: fail, pass, go on, or can't tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::design::{Design, PlannedLook};
use super::holm;
use super::location::Walsh;
use super::metric::{Metric, Rule};
use super::power;

/// What the rounds say of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What is judged, and how.
    pub rule: Rule,
    /// Shown, but neither failing nor passing anything.
    pub report_only: bool,
    /// The natural logarithm of candidate ÷ baseline of each round, in order; `None`
    /// where a round has no figure.
    pub log_ratios: Vec<Option<f64>>,
}

/// One look at all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// How many rounds were done.
    pub rounds: usize,
    /// By metric, as they were given.
    pub estimates: Vec<Estimate>,
    /// What follows.
    pub decision: Decision,
}

/// What is known of one metric.
///
/// The `interval` is that of these rounds alone, for people. What decides are the two
/// bounds, which allow for all looks that there are, and for the other metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// What was judged, and how.
    pub rule: Rule,
    /// Whether it is shown only.
    pub report_only: bool,
    /// Rounds that have a figure.
    pub rounds: usize,
    /// Candidate ÷ baseline; `None` without rounds. A comparison that stopped early
    /// did so because it saw much, so that its ratio tends to be a little too far from 1.
    pub ratio: Option<f64>,
    /// The ratio's interval, [`Design::CONFIDENCE`] sure; `None` with too few rounds.
    pub interval: Option<(f64, f64)>,
    /// The metric is surely worse than this: relative, in the worse direction, negative
    /// for better. `None` when nothing is sure at this look's level.
    pub surely_above: Option<f64>,
    /// The metric is surely no worse than this, likewise.
    pub surely_below: Option<f64>,
    /// How likely rounds like these would be, if the metric were no worse than its
    /// tolerance: one-sided, exact, and before any correction.
    pub p_value: f64,
    /// The relative slowdown that this look would have found in 95 % of runs; `None`
    /// when it would have found none.
    pub smallest_detectable_effect: Option<f64>,
    /// What follows for this metric alone.
    pub finding: Finding,
}

/// What a look says of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Surely worse than its tolerance.
    Slower,
    /// Surely not as bad as its margin.
    NotSlower,
    /// Neither is sure.
    Open,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Some metrics are slower.
    Fail {
        /// Which, the surest first.
        metrics: Vec<Metric>,
    },
    /// No metric is slower, each within its margin.
    Pass,
    /// It is too early to tell.
    Continue,
    /// There won't be more rounds, and they can't tell; or nothing is judged at all.
    Inconclusive,
}

/// Judges the first `rounds` rounds. A slowdown is decided at a look of the `design`
/// and nowhere else; between looks there are estimates, and nothing follows.
///
/// It fails when any metric is surely worse than its tolerance, and otherwise passes
/// when all are surely within their margins at this very look. A round without a figure
/// speaks against both: as the best when it is about failing, and as the worst when it
/// is about passing.
pub fn judge(series: &[Series], design: &Design, rounds: usize) -> Look {
    let planned = design.at(rounds);
    let readings: Vec<Reading> = series.iter().map(|one| Reading::of(one, rounds)).collect();
    let judged = || {
        readings
            .iter()
            .filter(|reading| !reading.series.report_only)
    };
    let p_values: Vec<f64> = judged().map(Reading::p_value).collect();
    let fail = |left: usize| planned.map_or(0.0, |look| look.fail(left));
    let mut levels = holm::levels(&p_values, fail).into_iter();
    let estimates: Vec<Estimate> = readings
        .iter()
        .map(|reading| {
            // What is only shown takes no part in the family, and is shown as if alone.
            let own = if reading.series.report_only {
                Some(fail(1))
            } else {
                levels.next()
            };
            reading.estimate(own.unwrap_or(0.0), planned)
        })
        .collect();
    let is_last = rounds >= design.most_rounds();
    Look {
        rounds,
        decision: decide(&estimates, is_last),
        estimates,
    }
}

fn decide(estimates: &[Estimate], is_last: bool) -> Decision {
    let mut judged: Vec<&Estimate> = estimates.iter().filter(|e| !e.report_only).collect();
    judged.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let slower = judged.iter().filter(|e| e.finding == Finding::Slower);
    let metrics: Vec<Metric> = slower.map(|estimate| estimate.rule.metric).collect();
    let all_within = judged.iter().all(|e| e.finding == Finding::NotSlower);
    if !metrics.is_empty() {
        Decision::Fail { metrics }
    } else if all_within && !judged.is_empty() {
        Decision::Pass
    } else if is_last || judged.is_empty() {
        Decision::Inconclusive
    } else {
        Decision::Continue
    }
}

/// A metric's rounds, turned so that more is worse.
struct Reading<'a> {
    series: &'a Series,
    /// The rounds that have a figure.
    seen: Option<Walsh>,
    /// All rounds, those without a figure as the best.
    at_best: Option<Walsh>,
    /// All rounds, those without a figure as the worst.
    at_worst: Option<Walsh>,
}

impl<'a> Reading<'a> {
    fn of(series: &'a Series, rounds: usize) -> Self {
        let metric = series.rule.metric;
        let done = &series.log_ratios[..rounds.min(series.log_ratios.len())];
        let figure = |ratio: &Option<f64>| ratio.filter(|r| r.is_finite()).map(|r| metric.worse(r));
        let seen: Vec<f64> = done.iter().filter_map(figure).collect();
        let missing = rounds - seen.len();
        let with = |value: f64| {
            let all = seen.iter().copied();
            let all: Vec<f64> = all.chain(std::iter::repeat_n(value, missing)).collect();
            Walsh::of(&all)
        };
        Reading {
            series,
            at_best: with(f64::NEG_INFINITY),
            at_worst: with(f64::INFINITY),
            seen: Walsh::of(&seen),
        }
    }

    fn tolerance(&self) -> f64 {
        let rule = self.series.rule;
        rule.metric.log_effect(rule.tolerance)
    }

    fn p_value(&self) -> f64 {
        let at_best = self.at_best.as_ref();
        at_best.map_or(1.0, |rounds| rounds.p_above(self.tolerance()))
    }

    fn estimate(&self, fail_level: f64, planned: Option<&PlannedLook>) -> Estimate {
        let rule = self.series.rule;
        let metric = rule.metric;
        let pass_level = planned.map_or(0.0, |look| look.pass);
        let seen = self.seen.as_ref();
        let above = self
            .at_best
            .as_ref()
            .and_then(|all| all.lower_bound(fail_level));
        let below = self
            .at_worst
            .as_ref()
            .and_then(|all| all.upper_bound(pass_level));
        let finding = if above.is_some_and(|bound| bound > self.tolerance()) {
            Finding::Slower
        } else if below.is_some_and(|bound| bound < metric.log_effect(rule.margin)) {
            Finding::NotSlower
        } else {
            Finding::Open
        };
        let ratio = |worse: f64| metric.worse(worse).exp();
        let effect = |bound: f64| metric.relative_effect(bound);
        let shown = |all| power::shown(self.tolerance(), all, fail_level);
        Estimate {
            rule,
            report_only: self.series.report_only,
            rounds: seen.map_or(0, Walsh::rounds),
            ratio: seen.map(|rounds| ratio(rounds.estimate())),
            interval: seen.and_then(Walsh::interval).map(|(best, worst)| {
                let (a, b) = (ratio(best), ratio(worst));
                (a.min(b), a.max(b))
            }),
            surely_above: above.filter(|bound| bound.is_finite()).map(effect),
            surely_below: below.filter(|bound| bound.is_finite()).map(effect),
            p_value: self.p_value(),
            smallest_detectable_effect: seen.and_then(shown).map(effect),
            finding,
        }
    }
}
