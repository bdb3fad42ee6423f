//! The conclusions of many gates, counted, so that the rates of error are known and not only
//! promised.

use serde::{Deserialize, Serialize};

use super::proportion::Proportion;
use crate::comparison::{Finding, Metric};
use crate::sequence::{Conclusion, Finished};

/// The conclusions of many gates, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Of all, those that failed.
    pub fail: Proportion,
    /// Of all, those that passed.
    pub pass: Proportion,
    /// Of all, those that couldn't tell.
    pub inconclusive: Proportion,
    /// Rounds that were needed, repetitions included, of all of them together.
    pub rounds: u64,
    /// By metric.
    pub metrics: Vec<MetricOutcomes>,
}

/// The findings of many gates about one metric, counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricOutcomes {
    /// The metric.
    pub metric: Metric,
    /// Of all, those that found it slower at the last look before a repetition.
    pub slower: Proportion,
    /// Of those that have an interval, the ones that hold the truth.
    pub covered: Proportion,
}

impl Outcomes {
    /// The conclusions of `gates`. `truths` are the true log-ratios candidate ÷ baseline, in
    /// the order of the metrics.
    pub fn of(gates: impl Iterator<Item = Finished>, truths: &[f64]) -> Self {
        let mut outcomes = Outcomes::default();
        for gate in gates {
            outcomes.count(&gate, truths);
        }
        outcomes
    }

    fn count(&mut self, gate: &Finished, truths: &[f64]) {
        let conclusion = gate.conclusion();
        self.fail.count(matches!(conclusion, Conclusion::Fail(_)));
        self.pass.count(conclusion == Conclusion::Pass);
        self.inconclusive.count(matches!(
            conclusion,
            Conclusion::Inconclusive | Conclusion::Unconfirmed(_)
        ));
        self.rounds += gate.rounds() as u64;
        let look = gate.first.last_look();
        if self.metrics.is_empty() {
            let none = |metric| MetricOutcomes {
                metric,
                slower: Proportion::default(),
                covered: Proportion::default(),
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
    use crate::comparison::{
        Design, FALSE_FAIL, FALSE_PASS, Role, Rule, smallest_detectable_effect,
    };
    use crate::sequence::Rules;
    use crate::trial::simulate;

    /// The scatter that margins are made for: see [`Rule::within`].
    const SPREADS: [f64; 5] = [0.025, 0.025, 0.03, 0.06, 0.1];

    fn rule(metric: Metric, minutes: u64) -> Rule {
        Rule::within(metric, Duration::from_secs(60 * minutes))
    }

    /// The outcomes of `runs` gates without repetitions, under `rules`, of metrics whose
    /// log-ratios are `truths` on average, and vary as `noise` says times their spread.
    fn outcomes(
        runs: usize,
        rounds: usize,
        rules: &[Rule],
        truths: &[f64],
        noise: impl Distribution<f64>,
    ) -> Outcomes {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(rounds as u64);
        let held_by = Rules {
            metrics: rules.iter().map(|rule| (*rule, Role::Judged)).collect(),
            design: Design::of_rounds(rounds),
            ends_early: true,
            repeats: false,
            time: None,
        };
        let gates = (0..runs).map(|_| {
            let metrics = truths.iter().zip(SPREADS).map(|(truth, spread)| {
                let figure = |_| Some(truth + spread * noise.sample(&mut rng));
                (0..rounds).map(figure).collect::<Vec<_>>()
            });
            let metrics: Vec<Vec<Option<f64>>> = metrics.collect();
            let round = |round| metrics.iter().map(|figures| figures[round]).collect();
            simulate(&held_by, || (0..rounds).map(round).collect())
        });
        Outcomes::of(gates, truths)
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
            assert!(fail.at_least() < FALSE_FAIL, "{fail:?}");
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
        assert!(pass.at_least() < FALSE_PASS, "{pass:?}");
        assert!(pass.share() > FALSE_PASS / 2.0, "{pass:?}");
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
    fn the_smallest_detectable_effect_is_found_as_often_as_it_says() {
        for rounds in [14, 20, 60] {
            let rule = Rule {
                // It may not end by passing.
                margin: 0.0025,
                ..rule(Metric::CpuPerRequest, 6)
            };
            let design = Design::of_rounds(rounds);
            let smallest = smallest_detectable_effect(&design, rule, SPREADS[0], 1, 1.0);
            let smallest = smallest.expect("there are rounds");
            let truth = [rule.metric.log_effect(smallest)];
            let found = outcomes(2000, rounds, &[rule], &truth, StandardNormal).fail;
            assert!((0.92..0.98).contains(&found.share()), "{rounds}: {found:?}");
        }
    }
}
