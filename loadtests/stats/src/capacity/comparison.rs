//! Two searches compared: the ratio of their capacities, by round.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::estimate::interval;
use super::finding::Finished;

/// The ratio of two capacities and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityRatio {
    /// The second capacity ÷ the first.
    pub ratio: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// The capacity of `to` ÷ that of `from`; `None` when either isn't an estimate.
///
/// Rounds with the same number are taken for a pair that was played one after the other, so
/// that a slow minute, which both had, cancels. If they weren't it costs nothing but that.
pub fn compare(from: &Finished, to: &Finished) -> Option<CapacityRatio> {
    let side = |finished: &Finished| {
        let clause = finished.clauses.get(finished.breaks_first?)?;
        let rate = finished.capacity.estimate()?.rate;
        Some((rate, clause.influences.clone()))
    };
    let (from_rate, from_rounds) = side(from)?;
    let (to_rate, to_rounds) = side(to)?;
    let rounds = from_rounds.len().max(to_rounds.len());
    let of = |rounds: &[f64], round: usize| rounds.get(round).copied().unwrap_or(0.0);
    let differences: Vec<f64> = (0..rounds)
        .map(|round| of(&to_rounds, round) - of(&from_rounds, round))
        .collect();
    let half = interval(&differences, from.confidence.max(to.confidence))?;
    let ratio = to_rate / from_rate;
    Some(CapacityRatio {
        ratio,
        low: ratio * (-half).exp(),
        high: ratio * half.exp(),
    })
}
