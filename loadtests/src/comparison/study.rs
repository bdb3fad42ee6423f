//! Plays many comparisons to their end, and counts what they came to, so that the
//! rates of error are known and not only promised.

use serde::{Deserialize, Serialize};

use super::design::Design;
use super::judge::{Decision, Finding, Look, Series, judge};
use super::metric::Metric;
use super::rate::Rate;

/// What many comparisons came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Of all, those that failed.
    pub fail: Rate,
    /// Of all, those that passed.
    pub pass: Rate,
    /// Of all, those that couldn't tell.
    pub inconclusive: Rate,
    /// Rounds that were needed, repetitions included, of all those comparisons together.
    pub rounds: u64,
    /// By metric.
    pub metrics: Vec<MetricOutcomes>,
}

/// What many comparisons said of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricOutcomes {
    /// The metric.
    pub metric: Metric,
    /// Of all, those that found it slower, before a repetition.
    pub slower: Rate,
    /// Of those that have an interval, the ones that hold the truth.
    pub covered: Rate,
}

/// What a fail comes to that a `look` saw: it stands when one of the metrics that failed
/// does so again, of which only those are judged, in as many rounds as the `design` has,
/// which are then drawn; else nobody can tell. Other decisions stand as they are.
pub(super) fn repeat(mut look: Look, design: &Design, draw: impl FnOnce() -> Vec<Series>) -> Look {
    let Decision::Fail { metrics } = &look.decision else {
        return look;
    };
    let mut again = draw();
    for series in &mut again {
        let has_failed = metrics.contains(&series.rule.metric);
        series.role = series.role.when_repeated(has_failed);
    }
    let second = play(&again, design);
    look.rounds += second.as_ref().map_or(0, |second| second.rounds);
    let stands = second.is_some_and(|second| matches!(second.decision, Decision::Fail { .. }));
    if !stands {
        look.decision = Decision::Inconclusive;
    }
    look
}

/// Looks at a comparison's rounds one look after the other, until one decides. `None`
/// when the design has no looks.
pub(super) fn play(series: &[Series], design: &Design) -> Option<Look> {
    let mut last = None;
    for rounds in design.looks() {
        let look = judge(series, design, rounds);
        let goes_on = look.decision == Decision::Continue;
        last = Some(look);
        if !goes_on {
            break;
        }
    }
    last
}

impl Outcomes {
    /// What `looks` came to, each the last of a comparison. `truths` are the true
    /// log-ratios candidate ÷ baseline, in the order of the series.
    pub fn of(looks: impl Iterator<Item = Look>, truths: &[f64]) -> Self {
        let mut outcomes = Outcomes::default();
        for look in looks {
            outcomes.count(&look, truths);
        }
        outcomes
    }

    fn count(&mut self, look: &Look, truths: &[f64]) {
        self.fail
            .count(matches!(look.decision, Decision::Fail { .. }));
        self.pass.count(look.decision == Decision::Pass);
        self.inconclusive
            .count(look.decision == Decision::Inconclusive);
        self.rounds += look.rounds as u64;
        if self.metrics.is_empty() {
            let none = |metric| MetricOutcomes {
                metric,
                slower: Rate::default(),
                covered: Rate::default(),
            };
            let metrics = look
                .estimates
                .iter()
                .map(|estimate| none(estimate.rule.metric));
            self.metrics = metrics.collect();
        }
        let pairs = look.estimates.iter().zip(truths);
        for (outcomes, (estimate, truth)) in self.metrics.iter_mut().zip(pairs) {
            outcomes.slower.count(estimate.finding == Finding::Slower);
            if let Some((low, high)) = estimate.interval {
                outcomes.covered.count((low..=high).contains(&truth.exp()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Error rates on rounds whose truth is known, as small as a unit test allows; each
    //! seed is fixed.

    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution, StandardNormal, StudentT};

    use super::*;
    use crate::comparison::judge::Role;
    use crate::comparison::metric::Rule;

    /// The scatter that margins are made for: see [`Rule::within`].
    const SPREADS: [f64; 5] = [0.025, 0.025, 0.03, 0.06, 0.1];

    fn rule(metric: Metric, minutes: u64) -> Rule {
        Rule::within(metric, Duration::from_secs(60 * minutes))
    }

    /// What `runs` comparisons under `rules` come to, of metrics whose log-ratios are
    /// `truths` on average, and vary as `noise` says times their spread.
    fn outcomes(
        runs: usize,
        rounds: usize,
        rules: &[Rule],
        truths: &[f64],
        noise: impl Distribution<f64>,
    ) -> Outcomes {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(rounds as u64);
        let design = Design::of_rounds(rounds);
        let looks = (0..runs).filter_map(|_| {
            let metrics = rules.iter().zip(truths).zip(SPREADS);
            let series = metrics.map(|((rule, truth), spread)| Series {
                rule: *rule,
                role: Role::Judged,
                log_ratios: (0..rounds)
                    .map(|_| Some(truth + spread * noise.sample(&mut rng)))
                    .collect(),
            });
            play(&series.collect::<Vec<_>>(), &design)
        });
        Outcomes::of(looks, truths)
    }

    /// All metrics, the first slower by `effect`.
    fn planted(runs: usize, rounds: usize, minutes: u64, effect: f64) -> Outcomes {
        let rules = Metric::ALL.map(|metric| rule(metric, minutes));
        let mut truths = [0.0; 5];
        truths[0] = Metric::CpuPerRequest.log_effect(effect);
        outcomes(runs, rounds, &rules, &truths, StandardNormal)
    }

    #[test]
    fn identical_builds_pass() {
        let two_minutes = planted(1000, 20, 2, 0.0);
        assert!(two_minutes.fail.at_most() < 0.01, "{two_minutes:?}");
        assert!(two_minutes.inconclusive.at_most() < 0.05, "{two_minutes:?}");
        let six_minutes = planted(500, 60, 6, 0.0);
        assert!(six_minutes.fail.at_most() < 0.01, "{six_minutes:?}");
        assert!(six_minutes.inconclusive.at_most() < 0.05, "{six_minutes:?}");
        let mean_rounds = six_minutes.rounds as f64 / 500.0;
        assert!(mean_rounds < 40.0, "{six_minutes:?}");
    }

    #[test]
    fn slowdowns_are_found_within_their_budget() {
        for (rounds, minutes, effect, power) in [
            (20, 2, 0.05, 0.99),
            (40, 4, 0.03, 0.95),
            (60, 6, 0.02, 0.95),
        ] {
            let found = planted(500, rounds, minutes, effect).fail;
            assert!(
                found.share() >= power,
                "{effect} in {minutes} min: {found:?}"
            );
        }
    }

    #[test]
    fn all_metrics_at_their_tolerance_are_the_worst_that_may_fail_once_in_a_hundred() {
        let rules = Metric::ALL.map(|metric| rule(metric, 6));
        let truths = rules.map(|rule| rule.metric.worse(rule.metric.log_effect(rule.tolerance)));
        let heavy = StudentT::new(3.0).expect("a shape");
        let normal = outcomes(1500, 40, &rules, &truths, StandardNormal).fail;
        let heavy = outcomes(1500, 40, &rules, &truths, heavy).fail;
        for fail in [normal, heavy] {
            assert!(fail.at_least() < Design::FALSE_FAIL, "{fail:?}");
            assert!(fail.share() > 0.002, "it could find nothing: {fail:?}");
        }
    }

    #[test]
    fn a_metric_as_bad_as_its_margin_hardly_passes() {
        let rule = Rule {
            // It may not end by failing.
            tolerance: 0.02,
            ..rule(Metric::CpuPerRequest, 6)
        };
        let truth = [rule.metric.log_effect(rule.margin)];
        let pass = outcomes(3000, 40, &[rule], &truth, StandardNormal).pass;
        assert!(pass.at_least() < Design::FALSE_PASS, "{pass:?}");
        assert!(pass.share() > Design::FALSE_PASS / 2.0, "{pass:?}");
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        for (rounds, minutes, effect) in [(20, 2, 0.05), (60, 6, 0.0), (60, 6, 0.02)] {
            let outcomes = planted(1000, rounds, minutes, effect);
            let covered = outcomes.metrics[0].covered;
            assert!((0.93..=0.97).contains(&covered.share()), "{covered:?}");
        }
    }

    #[test]
    fn a_fail_has_to_stand_its_repetition() {
        let series = |metric, slower_by: f64| Series {
            rule: rule(metric, 2),
            role: Role::Judged,
            log_ratios: (0..20)
                .map(|round| Some(metric.worse(slower_by) + 0.001 * f64::from(round % 5 - 2)))
                .collect(),
        };
        let both =
            |cpu: f64, p50: f64| vec![series(Metric::CpuPerRequest, cpu), series(Metric::P50, p50)];
        let design = Design::of_rounds(20);
        let first = |cpu, p50| play(&both(cpu, p50), &design).expect("there are looks");
        let slower = first(0.1, 0.0);
        let after = |cpu, p50| repeat(slower.clone(), &design, || both(cpu, p50)).decision;
        let metrics = vec![Metric::CpuPerRequest];
        assert_eq!(after(0.1, 0.0), Decision::Fail { metrics });
        assert_eq!(after(0.0, 0.0), Decision::Inconclusive);
        // What only the repetition sees is no repetition.
        assert_eq!(after(0.0, 0.1), Decision::Inconclusive);
        let passed = first(0.0, 0.0);
        let stays = repeat(passed.clone(), &design, || unreachable!("it did not fail"));
        assert_eq!(stays, passed);
    }

    #[test]
    fn the_smallest_detectable_effect_is_found_as_often_as_it_says() {
        for rounds in [14, 20, 60] {
            let rule = Rule {
                // It may not end by passing.
                margin: 0.0025,
                ..rule(Metric::CpuPerRequest, 6)
            };
            let smallest = Design::of_rounds(rounds)
                .smallest_detectable_effect(rule, SPREADS[0], 1, 1.0)
                .expect("there are rounds");
            let truth = [rule.metric.log_effect(smallest)];
            let found = outcomes(2000, rounds, &[rule], &truth, StandardNormal).fail;
            assert!((0.92..0.98).contains(&found.share()), "{rounds}: {found:?}");
        }
    }
}
