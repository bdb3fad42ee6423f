//! The capacity and its interval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::fit::Fit;
use super::model::Curve;

/// A rate and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The best guess, per second.
    pub rate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Half the width of the interval in proportion to the rate.
    pub fn half_width(&self) -> f64 {
        (self.high / self.low).ln() / 2.0
    }
}

/// Half the width of an interval for a sum of independent influences, one a round, of which
/// `rounds` tell how much they vary.
pub(super) fn interval(influences: &[f64], rounds: usize, confidence: f64) -> Option<f64> {
    let freedom = rounds.checked_sub(2)? as f64;
    let mean = influences.iter().sum::<f64>() / influences.len() as f64;
    let squares: f64 = influences.iter().map(|one| (one - mean).powi(2)).sum();
    let quantile = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()?;
    let quantile = quantile.inverse_cdf(f64::midpoint(1.0, confidence));
    Some(quantile * squares.sqrt())
}

/// A logarithm that was estimated from rounds, with its influences: by how much each round
/// moves it, scaled so that the sum of their squares is the variance of the jackknife
/// (J. W. Tukey, Bias and confidence in not-quite large samples, 1958).
pub(super) struct Jackknife {
    pub(super) rate: f64,
    pub(super) influences: Vec<f64>,
}

impl Jackknife {
    /// The jackknife of what `of` makes of a fitted curve.
    pub(super) fn of(fit: &Fit, of: impl Fn(&Curve) -> f64) -> Self {
        let rate = of(&fit.curve);
        let rounds = fit.without.len() as f64;
        let scale = ((rounds - 1.0) / rounds).sqrt();
        let influence = |without: &Curve| (rate / of(without)).ln() * scale;
        Jackknife {
            rate,
            influences: fit.without.iter().map(influence).collect(),
        }
    }

    /// The estimate with an interval.
    pub(super) fn estimate(&self, confidence: f64) -> Option<Estimate> {
        let half = interval(&self.influences, self.influences.len(), confidence)?;
        Some(Estimate {
            rate: self.rate,
            low: self.rate * (-half).exp(),
            high: self.rate * half.exp(),
        })
    }
}
