//! Latency as a curve over all its percentiles.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Percentiles at even steps of a logarithmic scale: the value at `i` is that of the
/// quantile 1 − 10^(−i/10), in microseconds. So every tenth adds a nine: the values at
/// 10, 20 and 30 are the 90th, 99th and 99.9th percentile. It goes as far as there are
/// requests enough to tell, and at most to the 99.999th.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Curve(Vec<u64>);

/// The steps between a nine and the next.
const STEPS: f64 = 10.0;
/// The last step, at five nines.
const LAST: u32 = 50;

impl Curve {
    /// The percentiles of a histogram of microseconds.
    pub fn of(times: &Histogram<u64>) -> Self {
        // A quantile says something when at least one request is beyond it.
        let told = |quantile: f64| times.len() as f64 * (1.0 - quantile) >= 1.0 - 1e-6;
        let quantiles = (0..=LAST).map(quantile_at).take_while(|q| told(*q));
        Curve(quantiles.map(|q| times.value_at_quantile(q)).collect())
    }

    /// Quantiles from 0 to below 1 with their values in microseconds, both rising.
    pub fn points(&self) -> impl Iterator<Item = (f64, u64)> {
        let quantiles = (0..).map(quantile_at);
        quantiles.zip(self.0.iter().copied())
    }

    /// The value of the quantile of so many nines, if there were requests enough.
    pub fn at_nines(&self, nines: u32) -> Option<u64> {
        self.0.get(nines as usize * STEPS as usize).copied()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn quantile_at(step: u32) -> f64 {
    1.0 - 10_f64.powf(-f64::from(step) / STEPS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_curve_rises_and_goes_as_far_as_there_are_requests(
            times in prop::collection::vec(1u64..1_000_000, 0..3000),
        ) {
            let mut histogram = Histogram::new(3).expect("3 digits are allowed");
            for time in &times {
                histogram.record(*time).expect("it grows");
            }
            let curve = Curve::of(&histogram);
            let points: Vec<_> = curve.points().collect();
            prop_assert!(points.is_sorted());
            prop_assert_eq!(curve.is_empty(), times.is_empty());
            prop_assert_eq!(curve.at_nines(2).is_some(), times.len() >= 100);
            prop_assert_eq!(curve.at_nines(3).is_some(), times.len() >= 1000);
            if let Some(p99) = curve.at_nines(2) {
                prop_assert_eq!(p99, histogram.value_at_quantile(0.99));
            }
        }
    }
}
