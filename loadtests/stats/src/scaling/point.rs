//! A number of replicas and the capacity that was measured with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// A number of replicas and the capacity that was measured with them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// The number of replicas, or whatever else grows: above 0.
    pub replicas: f64,
    /// The capacity, above 0.
    pub capacity: f64,
    /// The ends of its interval, of the confidence that the fit is told.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// The standard deviation of the logarithm of its capacity, by its interval.
    pub(super) fn log_deviation(&self, confidence: f64) -> Option<f64> {
        let (low, high) = self.interval?;
        let half = (high / low).ln() / 2.0;
        Some(half / normal_quantile(f64::midpoint(1.0, confidence)))
    }
}

pub(super) fn normal_quantile(at: f64) -> f64 {
    Normal::standard().inverse_cdf(at)
}
