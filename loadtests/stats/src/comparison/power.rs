//! The smallest slowdown that a comparison would find in nineteen of twenty runs.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::design::Design;
use super::location::Walsh;
use super::metric::Rule;
use super::promise::{CONFIDENCE, POWER};

/// The rounds that a signed-rank test needs in place of one of a t-test, for normal
/// rounds: π / 3 (J. L. Hodges and E. L. Lehmann, The efficiency of some nonparametric
/// competitors of the t-test, 1956).
const RANKS_PER_ROUND: f64 = std::f64::consts::FRAC_PI_3;

/// The smallest relative slowdown that the last look of `design` finds in 95 % of runs, when
/// the log-ratios of rounds have the standard deviation `sd` and `metrics` of them are judged
/// together. `design_effect`, 1 or more, is the number of rounds that tell as much as one
/// that is independent of the others (see [`super::dependence`]).
///
/// `None` when no slowdown is found that often.
pub fn smallest_detectable_effect(
    design: &Design,
    rule: Rule,
    sd: f64,
    metrics: usize,
    design_effect: f64,
) -> Option<f64> {
    let last = design.last()?;
    let tolerance = rule.metric.log_effect(rule.tolerance);
    let level = last.fail(metrics);
    planned(tolerance, sd, last.rounds, level, design_effect)
        .map(|effect| rule.metric.relative_effect(effect))
}

/// The smallest effect above `tolerance` that `rounds` will find at `level`, when
/// log-ratios have the standard deviation `sd`. All are logarithms.
///
/// `design_effect` rounds as they are count as one independent one.
fn planned(tolerance: f64, sd: f64, rounds: usize, level: f64, design_effect: f64) -> Option<f64> {
    let needs = quantile(rounds, 1.0 - level)? + quantile(rounds, POWER)?;
    let variance = sd * sd * RANKS_PER_ROUND * design_effect / rounds as f64;
    let smallest = tolerance + needs * variance.sqrt();
    smallest.is_finite().then_some(smallest)
}

/// The smallest effect above `tolerance` that these rounds would have shown: the
/// tolerance, then as far as their estimate is from its bound at `level`, and as far
/// again as chance draws an estimate in one run of twenty.
pub(super) fn shown(tolerance: f64, rounds: &Walsh, level: f64) -> Option<f64> {
    let (low, high) = rounds.interval()?;
    let confidence = quantile(rounds.rounds(), (1.0 + CONFIDENCE) / 2.0)?;
    let standard_error = (high - low) / (2.0 * confidence);
    let to_bound = rounds.estimate() - rounds.lower_bound(level)?;
    let chance = quantile(rounds.rounds(), POWER)? * standard_error;
    Some(tolerance + to_bound + chance)
}

/// A quantile of Student's t with a degree of freedom less than there are rounds.
fn quantile(rounds: usize, probability: f64) -> Option<f64> {
    let freedom = rounds.checked_sub(1)? as f64;
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(student.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Metric;

    #[test]
    fn more_rounds_and_less_noise_show_smaller_effects() {
        let rule = Rule {
            metric: Metric::CpuPerRequest,
            tolerance: 0.0025,
            margin: 0.02,
        };
        let seen = |rounds, sd, design_effect| {
            let design = Design::of_rounds(rounds);
            let smallest = smallest_detectable_effect(&design, rule, sd, 5, design_effect);
            smallest.expect("there are rounds")
        };
        assert!(seen(60, 0.025, 1.0) < seen(40, 0.025, 1.0));
        assert!(seen(60, 0.02, 1.0) < seen(60, 0.025, 1.0));
        assert!(seen(60, 0.02, 1.0) < seen(60, 0.02, 1.5));
        assert!((seen(60, 0.0, 1.0) - rule.tolerance).abs() < 1e-12);
    }
}
