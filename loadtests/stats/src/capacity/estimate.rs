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

/// Half the width of an interval for a sum of independent influences, one a round.
///
/// Student's t has as many degrees of freedom as the sum of squares is worth: few when most of
/// it is owed to a few rounds, as it is when starts differ and the slow ones decide
/// (F. E. Satterthwaite, An approximate distribution of estimates of variance components,
/// 1946).
pub(super) fn interval(influences: &[f64], confidence: f64) -> Option<f64> {
    let rounds = influences.len() as f64;
    if rounds < 2.0 {
        return None;
    }
    let mean = influences.iter().sum::<f64>() / rounds;
    let squares = influences.iter().map(|one| (one - mean).powi(2));
    let squares: Vec<f64> = squares.collect();
    let sum: f64 = squares.iter().sum();
    let fourths: f64 = squares.iter().map(|square| square.powi(2)).sum();
    let variance = (fourths - sum.powi(2) / rounds).max(sum.powi(2) * 1e-9);
    let freedom = (2.0 * sum.powi(2) / variance.max(f64::MIN_POSITIVE))
        .min(rounds - 1.0)
        .max(LEAST_FREEDOM);
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let quantile = student.inverse_cdf(f64::midpoint(1.0, confidence));
    Some(WIDENING * quantile * sum.sqrt())
}

/// The factor by which intervals are wider than the theory of large samples has them. Without
/// it those of 150 searches on simulated M/M/1 queues, whose bursts are few and large, held the
/// truth in 90 % instead of 95 %.
const WIDENING: f64 = 1.15;
/// The degrees of freedom that are taken for granted.
const LEAST_FREEDOM: f64 = 4.0;

/// The sum of squares of logarithms up to which it is rounding.
const NOTHING: f64 = 1e-12;

/// A rate that was estimated from rounds, with their influences on its logarithm: by how much
/// each round moves it, scaled so that the sum of their squares is the variance of the
/// jackknife (J. W. Tukey, Bias and confidence in not-quite large samples, 1958), or that by
/// the curvature of the likelihood where it is greater. By chance the rounds of one search may
/// agree better than those of the next, and the slow starts that matter may be missing.
pub(super) struct Jackknife {
    pub(super) rate: f64,
    pub(super) influences: Vec<f64>,
}

impl Jackknife {
    /// The jackknife of what `of` makes of a fitted curve; without influences, and hence without
    /// an interval, when no round moves it.
    pub(super) fn of(fit: &Fit, of: impl Fn(&Curve) -> f64) -> Self {
        let rate = of(&fit.curve);
        let rounds = fit.without.len() as f64;
        let logs = fit.without.iter().map(|without| (rate / of(without)).ln());
        let logs: Vec<f64> = logs.collect();
        let mean = logs.iter().sum::<f64>() / rounds;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        if squares < NOTHING {
            let influences = Vec::new();
            return Jackknife { rate, influences };
        }
        let by_rounds = (squares * (rounds - 1.0) / rounds).sqrt();
        let pairs = fit.beside.iter();
        let by_curvature = pairs.map(|(below, above)| (of(above) / of(below)).ln() / 2.0);
        let by_curvature = by_curvature.map(|half| half.powi(2)).sum::<f64>().sqrt();
        let scale = by_rounds.max(by_curvature) / squares.sqrt();
        Jackknife {
            rate,
            influences: logs.iter().map(|log| (log - mean) * scale).collect(),
        }
    }

    /// The estimate with an interval.
    pub(super) fn estimate(&self, confidence: f64) -> Option<Estimate> {
        let half = interval(&self.influences, confidence)?;
        Some(Estimate {
            rate: self.rate,
            low: self.rate * (-half).exp(),
            high: self.rate * half.exp(),
        })
    }
}
