//! Looks at the rounds that are done, and decides: fail, pass, go on, or can't tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::design::{Design, PlannedLook};
use super::holm;
use super::location::Walsh;
use super::metric::{Metric, Rule};
use super::power;

/// The rounds of one metric, and how it is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The metric, its tolerance and its margin.
    pub rule: Rule,
    /// The decisions that are up to the metric.
    pub role: Role,
    /// The natural logarithm of candidate ÷ baseline of each round, in order; `None`
    /// where a round has no figure.
    pub log_ratios: Vec<Option<f64>>,
}

/// The decisions that are up to a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It fails, and there is no pass unless it is within its margin.
    Judged,
    /// It scatters too much for its margin. It fails like others, for how often that
    /// happens by chance doesn't depend on scatter. A pass waits for it until the last
    /// look, so that it has every round in which to show a slowdown, and not after that.
    Coarse,
    /// Something that isn't of either side adds to its figures, so that its ratio lies
    /// nearer to 1 than the truth. It fails like others, for it is added to both sides
    /// alike; it is never within its margin, and a pass waits for it as for a coarse one.
    Diluted,
    /// It decides nothing.
    Shown,
}

impl Role {
    /// The role when the comparison is repeated to make sure of a fail: the same for a metric
    /// that `has_failed`, and none for others.
    pub fn when_repeated(self, has_failed: bool) -> Self {
        if has_failed { self } else { Role::Shown }
    }

    /// The role while something else adds to the metric's figures.
    pub fn when_diluted(self) -> Self {
        match self {
            Role::Shown => Role::Shown,
            Role::Judged | Role::Coarse | Role::Diluted => Role::Diluted,
        }
    }

    /// True when a pass may be given without it, at the last look.
    fn is_excused(self) -> bool {
        matches!(self, Role::Coarse | Role::Diluted)
    }
}

impl Series {
    /// The same with no rounds yet.
    pub fn without_rounds(&self) -> Self {
        Series {
            log_ratios: Vec::new(),
            ..*self
        }
    }
}

/// One look at all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The number of rounds that were done.
    pub rounds: usize,
    /// By metric, as they were given.
    pub estimates: Vec<Estimate>,
    /// The decision that follows.
    pub decision: Decision,
}

/// The estimate of one metric.
///
/// The `interval` is that of these rounds alone, for people. What decides are the two
/// bounds, which allow for all looks that there are, and for the other metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The metric, its tolerance and its margin.
    pub rule: Rule,
    /// The decisions that were up to it.
    pub role: Role,
    /// Rounds that have a figure.
    pub rounds: usize,
    /// Candidate ÷ baseline; `None` without rounds. A comparison that stopped early
    /// did so because it saw much, so that its ratio tends to be a little too far from 1.
    pub ratio: Option<f64>,
    /// The ratio's interval, [`CONFIDENCE`](super::CONFIDENCE) sure; `None` with too few rounds.
    pub interval: Option<(f64, f64)>,
    /// The metric is surely worse than this: relative, in the worse direction, negative
    /// for better. `None` when nothing is sure at this look's level.
    pub surely_above: Option<f64>,
    /// The metric is surely no worse than this, likewise.
    pub surely_below: Option<f64>,
    /// The chance of rounds like these, if the metric were no worse than its
    /// tolerance: one-sided, exact, and before any correction.
    pub p_value: f64,
    /// The relative slowdown that this look would have found in 95 % of runs; `None`
    /// when it would have found none.
    pub smallest_detectable_effect: Option<f64>,
    /// The finding that follows for this metric alone.
    pub finding: Finding,
}

/// The finding of a look about one metric.
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

/// The decision that follows from a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Some metrics are slower.
    Fail {
        /// The metrics, the surest first, and of those the one that is surely worst.
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
/// when all are surely within their margins at this very look; at the last one, when all
/// are that can be. A round without a figure speaks against both: as
/// the best when it is about failing, and as the worst when it is about passing.
pub fn judge(series: &[Series], design: &Design, rounds: usize) -> Look {
    let planned = design.at(rounds);
    let readings: Vec<Reading> = series.iter().map(|one| Reading::of(one, rounds)).collect();
    let judged = || {
        readings
            .iter()
            .filter(|reading| reading.series.role != Role::Shown)
    };
    let p_values: Vec<f64> = judged().map(Reading::p_value).collect();
    let fail = |left: usize| planned.map_or(0.0, |look| look.fail(left));
    let mut levels = holm::levels(&p_values, fail).into_iter();
    let estimates: Vec<Estimate> = readings
        .iter()
        .map(|reading| {
            // What is only shown takes no part in the family, and is shown as if alone.
            let own = if reading.series.role == Role::Shown {
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
    let mut judged: Vec<&Estimate> = estimates.iter().filter(|e| e.role != Role::Shown).collect();
    // The more rounds, the more p-values of different metrics are the smallest there is.
    judged.sort_by(|a, b| {
        let by_p_value = a.p_value.total_cmp(&b.p_value);
        let surely = |e: &Estimate| e.surely_above.unwrap_or(f64::NEG_INFINITY);
        by_p_value.then(surely(b).total_cmp(&surely(a)))
    });
    let slower = judged.iter().filter(|e| e.finding == Finding::Slower);
    let metrics: Vec<Metric> = slower.map(|estimate| estimate.rule.metric).collect();
    let is_within = |e: &&Estimate| e.finding == Finding::NotSlower;
    let is_excused = |e: &Estimate| is_last && e.role.is_excused();
    let pass = judged.iter().all(|e| is_within(e) || is_excused(e)) && judged.iter().any(is_within);
    if !metrics.is_empty() {
        Decision::Fail { metrics }
    } else if pass {
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
    /// All rounds, those without a figure as the best and as the worst; `None` when
    /// every round has one.
    filled: Option<(Walsh, Walsh)>,
}

impl<'a> Reading<'a> {
    fn of(series: &'a Series, rounds: usize) -> Self {
        let metric = series.rule.metric;
        let done = &series.log_ratios[..rounds.min(series.log_ratios.len())];
        let figure = |ratio: &Option<f64>| ratio.filter(|r| r.is_finite()).map(|r| metric.worse(r));
        let seen: Vec<f64> = done.iter().filter_map(figure).collect();
        let missing = rounds - seen.len();
        let with = |value: f64| {
            let missing = std::iter::repeat_n(value, missing);
            Walsh::of(&seen.iter().copied().chain(missing).collect::<Vec<f64>>())
        };
        let filled = || with(f64::NEG_INFINITY).zip(with(f64::INFINITY));
        Reading {
            series,
            filled: (missing > 0).then(filled).flatten(),
            seen: Walsh::of(&seen),
        }
    }

    fn at_best(&self) -> Option<&Walsh> {
        let filled = self.filled.as_ref().map(|(best, _)| best);
        filled.or(self.seen.as_ref())
    }

    fn at_worst(&self) -> Option<&Walsh> {
        let filled = self.filled.as_ref().map(|(_, worst)| worst);
        filled.or(self.seen.as_ref())
    }

    fn tolerance(&self) -> f64 {
        let rule = self.series.rule;
        rule.metric.log_effect(rule.tolerance)
    }

    fn p_value(&self) -> f64 {
        self.at_best()
            .map_or(1.0, |rounds| rounds.p_above(self.tolerance()))
    }

    fn estimate(&self, fail_level: f64, planned: Option<&PlannedLook>) -> Estimate {
        let rule = self.series.rule;
        let metric = rule.metric;
        let pass_level = planned.map_or(0.0, |look| look.pass);
        let seen = self.seen.as_ref();
        let above = self.at_best().and_then(|all| all.lower_bound(fail_level));
        let below = self.at_worst().and_then(|all| all.upper_bound(pass_level));
        let finding = if above.is_some_and(|bound| bound > self.tolerance()) {
            Finding::Slower
        } else if self.series.role != Role::Diluted
            && below.is_some_and(|bound| bound < metric.log_effect(rule.margin))
        {
            Finding::NotSlower
        } else {
            Finding::Open
        };
        let ratio = |worse: f64| metric.worse(worse).exp();
        let effect = |bound: f64| metric.relative_effect(bound);
        let shown = |all| power::shown(self.tolerance(), all, fail_level);
        Estimate {
            rule,
            role: self.series.role,
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// Rounds around `centre`, spread evenly by up to 2 % to either side and in no
    /// order, of which exact tests make short work.
    fn around(metric: Metric, centre: f64, rounds: usize) -> Series {
        let place = |round: usize| (round * 7 % rounds) as f64 / (rounds - 1) as f64 - 0.5;
        Series {
            rule: Rule {
                metric,
                tolerance: 0.0025,
                margin: 0.02,
            },
            role: Role::Judged,
            log_ratios: (0..rounds)
                .map(|round| Some(centre + 0.04 * place(round)))
                .collect(),
        }
    }

    fn decision(series: &[Series], rounds: usize) -> Decision {
        judge(series, &Design::of_rounds(60), rounds).decision
    }

    #[test]
    fn the_surest_slowdown_is_named_first() {
        let series = [
            around(Metric::CpuPerRequest, 0.025, 60),
            around(Metric::Throughput, -0.05, 60),
            around(Metric::P50, 0.0, 60),
        ];
        let metrics = vec![Metric::Throughput, Metric::CpuPerRequest];
        assert_eq!(decision(&series, 60), Decision::Fail { metrics });
    }

    #[test]
    fn a_speed_up_is_no_regression() {
        let series = [
            around(Metric::CpuPerRequest, -0.2, 60),
            around(Metric::Throughput, 0.2, 60),
        ];
        let look = judge(&series, &Design::of_rounds(60), 20);
        assert_eq!(look.decision, Decision::Pass);
        let ratio = |index: usize| look.estimates[index].ratio.expect("there are rounds");
        assert!(ratio(0) < 0.83 && ratio(1) > 1.21);
        assert!(look.estimates[1].surely_below.expect("sure") < -0.15);
    }

    #[test]
    fn every_metric_has_to_be_within_its_margin() {
        let mut series = [
            around(Metric::CpuPerRequest, 0.0, 60),
            around(Metric::P99, 0.0, 60),
        ];
        assert_eq!(decision(&series, 60), Decision::Pass);
        series[1].rule.margin = 0.003;
        assert_eq!(decision(&series, 52), Decision::Continue);
        assert_eq!(decision(&series, 60), Decision::Inconclusive);
        series[1].role = Role::Shown;
        assert_eq!(decision(&series, 52), Decision::Pass);
    }

    #[test]
    fn a_pass_waits_for_a_metric_that_is_too_coarse_until_the_last_look() {
        let mut series = [
            around(Metric::CpuPerRequest, 0.0, 60),
            around(Metric::P99, 0.0, 60),
        ];
        series[1].rule.margin = 0.003;
        series[1].role = Role::Coarse;
        assert_eq!(decision(&series, 52), Decision::Continue);
        assert_eq!(decision(&series, 60), Decision::Pass);
        // By itself it lets nothing pass, and it fails like others.
        assert_eq!(decision(&series[1..], 60), Decision::Inconclusive);
        series[1].log_ratios = around(Metric::P99, 0.05, 60).log_ratios;
        let metrics = vec![Metric::P99];
        assert_eq!(decision(&series, 60), Decision::Fail { metrics });
    }

    #[test]
    fn a_metric_that_something_else_adds_to_may_fail_and_is_never_cleared() {
        let mut series = [
            around(Metric::CpuPerRequest, 0.0, 60),
            around(Metric::P50, 0.0, 60),
        ];
        series[1].role = Role::Coarse.when_diluted();
        assert_eq!(decision(&series, 52), Decision::Continue);
        assert_eq!(decision(&series, 60), Decision::Pass);
        let look = judge(&series, &Design::of_rounds(60), 60);
        assert_eq!(look.estimates[1].finding, Finding::Open);
        assert_eq!(decision(&series[1..], 60), Decision::Inconclusive);
        series[1].log_ratios = around(Metric::P50, 0.05, 60).log_ratios;
        let metrics = vec![Metric::P50];
        assert_eq!(decision(&series, 60), Decision::Fail { metrics });
        series[1].role = Role::Shown.when_diluted();
        assert_eq!(decision(&series, 60), Decision::Pass);
    }

    #[test]
    fn nothing_follows_between_looks_nor_from_nothing() {
        let slow = around(Metric::CpuPerRequest, 0.5, 60);
        assert_eq!(
            decision(std::slice::from_ref(&slow), 21),
            Decision::Continue
        );
        let shown = Series {
            role: Role::Shown,
            ..slow
        };
        assert_eq!(decision(&[shown], 60), Decision::Inconclusive);
        assert_eq!(decision(&[], 20), Decision::Inconclusive);
    }

    #[test]
    fn a_round_without_a_figure_speaks_against_either_verdict() {
        let mut equal = around(Metric::P50, 0.0, 60);
        let mut slow = around(Metric::P50, 0.03, 60);
        let p_value = |series: &Series| {
            let look = judge(std::slice::from_ref(series), &Design::of_rounds(60), 60);
            look.estimates[0].p_value
        };
        let before = p_value(&slow);
        for series in [&mut equal, &mut slow] {
            series.log_ratios[..12].fill(None);
        }
        assert!(p_value(&slow) > before);
        for series in [&mut equal, &mut slow] {
            series.log_ratios[..40].fill(None);
        }
        assert_eq!(decision(&[equal], 60), Decision::Inconclusive);
        assert_eq!(decision(&[slow], 60), Decision::Inconclusive);
    }

    #[test]
    fn what_decides_is_what_is_shown() {
        let look = judge(
            &[around(Metric::Throughput, -0.01, 60)],
            &Design::of_rounds(60),
            44,
        );
        let estimate = &look.estimates[0];
        let (low, high) = estimate.interval.expect("there are enough");
        let ratio = estimate.ratio.expect("there are rounds");
        assert!(low < ratio && ratio < high && ratio < 1.0);
        let above = estimate.surely_above.expect("there are enough");
        let below = estimate.surely_below.expect("there are enough");
        // The same as the ratio, seen in the worse direction.
        assert!(above < 1.0 - ratio && 1.0 - ratio < below);
        assert_eq!(estimate.finding == Finding::Slower, above > 0.0025);
        assert!(estimate.smallest_detectable_effect.expect("enough") > 0.0025);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn bounds_hold_the_estimate_between_them_and_a_slower_candidate_is_never_cleared(
            ratios in prop::collection::vec(-0.05..0.05_f64, 40),
            by in 0.0..0.05_f64,
            throughput in any::<bool>(),
        ) {
            let metric = if throughput { Metric::Throughput } else { Metric::P50 };
            static DESIGN: LazyLock<Design> = LazyLock::new(|| Design::of_rounds(40));
            let mut series = around(metric, 0.0, 40);
            let mut with = |by: f64| {
                series.log_ratios = ratios.iter().map(|r| Some(r + metric.worse(by))).collect();
                judge(std::slice::from_ref(&series), &DESIGN, 40)
            };
            let (before, after) = (with(0.0), with(by));
            for look in [&before, &after] {
                let estimate = &look.estimates[0];
                let effect = metric.relative_effect(metric.worse(estimate.ratio.expect("some").ln()));
                prop_assert!(estimate.surely_above.expect("some") <= effect + 1e-12);
                prop_assert!(estimate.surely_below.expect("some") >= effect - 1e-12);
            }
            let fails = |look: &Look| matches!(look.decision, Decision::Fail { .. });
            prop_assert!(!fails(&before) || fails(&after));
            prop_assert!(after.decision != Decision::Pass || before.decision == Decision::Pass);
        }
    }
}
