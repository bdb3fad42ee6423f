//! One figure of two runs, with its ratio, and an interval where one can be said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Curve;
use crate::gate::record::Interval;
use crate::threshold::Unit;

/// The confidence of every interval of a comparison.
const CONFIDENCE: f64 = 0.95;
/// The standard normal distribution's quantile at the end of such an interval.
const SPREADS: f64 = 1.959_964;

/// One figure of two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it is called.
    pub name: String,
    /// What both values are in.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// The baseline's, if it has one.
    pub baseline: Option<f64>,
    /// The candidate's, if it has one.
    pub candidate: Option<f64>,
    /// Candidate ÷ baseline, where both are above zero.
    pub ratio: Option<f64>,
    /// Where the ratio is, as far as these two runs can tell: as if every request were
    /// independent of all others, and without the noise between runs.
    pub interval: Option<Interval>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less of it.
    Less,
    /// More of it.
    More,
}

impl Figure {
    /// A figure without an interval, of the baseline and the candidate.
    pub fn new(
        name: &str,
        unit: Unit,
        better: Better,
        (baseline, candidate): (Option<f64>, Option<f64>),
    ) -> Self {
        let ratio = match (baseline, candidate) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => Some(b / a),
            _ => None,
        };
        Figure {
            name: name.to_owned(),
            unit,
            better,
            baseline,
            candidate,
            ratio,
            interval: None,
        }
    }

    /// The response time that a `share` (0 to 1) of requests took at most.
    pub fn quantile(name: &str, share: f64, a: Option<&Curve>, b: Option<&Curve>) -> Self {
        let at = |curve: Option<&Curve>| Some(curve?.at(share));
        let figure = Figure::new(name, Unit::Microseconds, Better::Less, (at(a), at(b)));
        let interval = match (a, b) {
            (Some(a), Some(b)) => interval(a.around(share, SPREADS), b.around(share, SPREADS)),
            _ => None,
        };
        Figure {
            interval: interval.filter(|_| figure.ratio.is_some()),
            ..figure
        }
    }

    /// Whether either run has it.
    pub fn is_known(&self) -> bool {
        self.baseline.is_some() || self.candidate.is_some()
    }

    /// Whether the candidate is the worse one; `None` where both are the same, or where
    /// the figure has no ratio.
    pub fn is_worse(&self) -> Option<bool> {
        let ratio = self.ratio.filter(|ratio| *ratio != 1.0)?;
        Some((ratio > 1.0) == (self.better == Better::Less))
    }
}

/// The interval of the ratio of two values, each given as its lower end, itself and its
/// upper end, all above zero. On the logarithms, the distances of the ends add up as
/// squares (Zou and Donner 2008, "Construction of confidence limits about effect
/// measures").
fn interval(a: Option<[f64; 3]>, b: Option<[f64; 3]>) -> Option<Interval> {
    let (a, b) = (a?, b?);
    if a.iter().chain(&b).any(|value| *value <= 0.0) {
        return None;
    }
    let [a_low, a_mid, a_high] = a.map(f64::ln);
    let [b_low, b_mid, b_high] = b.map(f64::ln);
    let ratio = b_mid - a_mid;
    Some(Interval {
        lower: (ratio - (b_mid - b_low).hypot(a_high - a_mid)).exp(),
        upper: (ratio + (b_high - b_mid).hypot(a_mid - a_low)).exp(),
        confidence: CONFIDENCE,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figure(baseline: f64, candidate: f64, better: Better) -> Figure {
        let both = (Some(baseline), Some(candidate));
        Figure::new("a figure", Unit::Microseconds, better, both)
    }

    #[test]
    fn more_time_is_worse_and_more_throughput_is_better() {
        assert_eq!(figure(10.0, 11.0, Better::Less).is_worse(), Some(true));
        assert_eq!(figure(10.0, 11.0, Better::More).is_worse(), Some(false));
        assert_eq!(figure(10.0, 10.0, Better::More).is_worse(), None);
    }

    #[test]
    fn nothing_is_a_multiple_of_zero() {
        assert_eq!(figure(0.0, 3.0, Better::Less).ratio, None);
        assert_eq!(figure(3.0, 0.0, Better::Less).ratio, None);
    }

    proptest! {
        #[test]
        fn an_interval_is_around_its_ratio_and_wider_than_that_of_either_side_alone(
            a in (1.0..1e6f64, 0.0..1.0f64, 0.0..1.0f64),
            b in (1.0..1e6f64, 0.0..1.0f64, 0.0..1.0f64),
        ) {
            let ends = |(mid, below, above): (f64, f64, f64)| [mid * (1.0 - below * 0.9), mid, mid * (1.0 + above)];
            let (a, b) = (ends(a), ends(b));
            let found = interval(Some(a), Some(b)).expect("all are above zero");
            let ratio = b[1] / a[1];
            prop_assert!(found.lower <= ratio * 1.000_001 && ratio <= found.upper * 1.000_001);
            prop_assert!(found.upper >= b[2] / a[1] * 0.999_999, "{found:?}");
            prop_assert!(found.lower <= b[0] / a[1] * 1.000_001, "{found:?}");
        }
    }
}
