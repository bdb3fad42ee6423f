//! The share of requests that break a clause, over the rate, when every start has its own
//! speed.
//!
//! Within one start the logarithm of the share is a straight line in the logarithm of the
//! rate, near the boundary: the tail of a queue decays exponentially in the spare rate. In an
//! M/M/1 queue with service rate μ the share of answers that take longer than t is
//! exp(−(μ − λ)t) exactly (L. Kleinrock, Queueing Systems I, 1975, §5.12). A start that is
//! faster by u has the same line, moved by u; u is normally distributed.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The share of requests that break a clause, over the rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The share that is allowed.
    pub allowed: f64,
    /// The rate at which a typical start, one whose speed half of the starts have, breaks the
    /// allowed share.
    pub typical: f64,
    /// The slope: percent by which the share grows when the rate grows by one percent.
    pub slope: f64,
    /// The standard deviation of the logarithm of the speed of starts: 0.02 when a third of
    /// them differ by more than 2 % from a typical one.
    pub between_starts: f64,
    /// The mean number of requests that one burst breaks at the allowed share.
    pub burst: f64,
}

impl Curve {
    /// The share that a typical start breaks at `rate`, from 0 to 1.
    pub fn share_of_typical(&self, rate: f64) -> f64 {
        self.share_of_start(rate, 0.0)
    }

    /// The share that all starts together break at `rate`, from 0 to 1.
    pub fn share(&self, rate: f64) -> f64 {
        let starts = normal_grid(POOLED_NODES);
        starts
            .map(|(u, weight)| weight * self.share_of_start(rate, u * self.between_starts))
            .sum()
    }

    /// The capacity: the rate at which all starts together break the allowed share.
    pub fn capacity(&self) -> f64 {
        // Slow starts only take away, and never more than puts nearly all of them below.
        let (mut low, mut high) = (-6.0 * self.between_starts - 1e-9, 1e-9);
        let at = |log: f64| self.typical * log.exp();
        // The convexity of the share is what takes away: without it nothing does.
        if self.share(at(high)) < self.allowed {
            high = 6.0 * self.between_starts + 1e-9;
        }
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if self.share(at(middle)) > self.allowed {
                high = middle;
            } else {
                low = middle;
            }
        }
        at(f64::midpoint(low, high))
    }

    /// The speed of a start that breaks `share` at `rate` beyond that of a typical one, as a
    /// logarithm.
    pub(super) fn speed_of(&self, rate: f64, share: f64) -> f64 {
        (rate / self.typical).ln() - (share / self.allowed).ln() / self.slope
    }

    /// The share that a start breaks at `rate` which is faster by `u`.
    pub(super) fn share_of_start(&self, rate: f64, u: f64) -> f64 {
        let logarithm = self.allowed.ln() + self.slope * ((rate / self.typical).ln() - u);
        logarithm.min(0.0).exp()
    }
}

/// The nodes at which the pooled share is summed up; it has a kink where a start is saturated.
const POOLED_NODES: usize = 241;

/// The standard normal distribution as `nodes` points and their weights.
pub(super) fn normal_grid(nodes: usize) -> impl Iterator<Item = (f64, f64)> {
    const REACH: f64 = 4.5;
    let step = 2.0 * REACH / (nodes - 1) as f64;
    (0..nodes).map(move |node| {
        let u = -REACH + step * node as f64;
        (u, step * (-u * u / 2.0).exp() / (2.0 * PI).sqrt())
    })
}
