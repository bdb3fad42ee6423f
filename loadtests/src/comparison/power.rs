//! What a comparison could have seen: the smallest slowdown that it would find in
//! nineteen of twenty runs.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::design::Design;
use super::location::Walsh;

/// How often an effect is found that counts as detectable.
pub const POWER: f64 = 0.95;

/// How much a signed-rank test needs in place of one round of a t-test, for normal
/// rounds: π / 3 (J. L. Hodges and E. L. Lehmann, The efficiency of some nonparametric
/// competitors of the t-test, 1956).
const RANKS_PER_ROUND: f64 = std::f64::consts::FRAC_PI_3;

/// The smallest effect above `tolerance` that so many rounds will find at `level`, when
/// log-ratios have the standard deviation `sd`. All are logarithms.
///
/// `design_effect` says how many rounds as they are count as one independent one.
pub(super) fn planned(
    tolerance: f64,
    sd: f64,
    rounds: usize,
    level: f64,
    design_effect: f64,
) -> Option<f64> {
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
    let confidence = quantile(rounds.rounds(), (1.0 + Design::CONFIDENCE) / 2.0)?;
    let standard_error = (high - low) / (2.0 * confidence);
    let to_bound = rounds.estimate() - rounds.lower_bound(level)?;
    let chance = quantile(rounds.rounds(), POWER)? * standard_error;
    Some(tolerance + to_bound + chance)
}

/// Of Student's t with a degree of freedom less than there are rounds.
fn quantile(rounds: usize, probability: f64) -> Option<f64> {
    let freedom = rounds.checked_sub(1)? as f64;
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(student.inverse_cdf(probability))
}
