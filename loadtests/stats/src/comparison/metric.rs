//! The metrics that are compared: which direction is worse, and how much of it is too much.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure that is compared between candidate and baseline.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// CPU time of all services per request. It can't see sleeps, locks and I/O.
    CpuPerRequest,
    /// Requests per second in closed load, at saturation.
    Throughput,
    /// The median response time in open load.
    P50,
    /// The 95th percentile of the response time in open load.
    P95,
    /// The 99th percentile of the response time in open load.
    P99,
}

/// The tolerance and the margin of a metric. Both are relative and about the worse
/// direction: 0.02 means 2 % more time, or 2 % less throughput.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The metric.
    pub metric: Metric,
    /// The effect that is not worth a red build, from 0: the metric fails when it is surely worse
    /// than this. Addresses and link order alone make some tenths of a percent (T.
    /// Mytkowicz et al., Producing wrong data without doing anything obviously wrong,
    /// 2009), and no number of rounds averages them away.
    pub tolerance: f64,
    /// The effect that must not go unseen, above the tolerance and below 1: the metric passes when
    /// it is surely not as bad as this.
    pub margin: f64,
}

impl Metric {
    /// Every metric, in the order in which they are shown.
    pub const ALL: [Metric; 5] = [
        Metric::CpuPerRequest,
        Metric::Throughput,
        Metric::P50,
        Metric::P95,
        Metric::P99,
    ];

    /// The name in plans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Metric::CpuPerRequest => "cpu-per-request",
            Metric::Throughput => "throughput",
            Metric::P50 => "p50",
            Metric::P95 => "p95",
            Metric::P99 => "p99",
        }
    }

    /// True for a percentile of the response time in open load.
    pub fn is_response_time(self) -> bool {
        matches!(self, Metric::P50 | Metric::P95 | Metric::P99)
    }

    /// True when a larger value is the worse one.
    pub fn is_worse_when_larger(self) -> bool {
        self != Metric::Throughput
    }

    /// The logarithm of candidate ÷ baseline, turned so that more is worse. It is its own
    /// inverse.
    pub fn worse(self, log_ratio: f64) -> f64 {
        if self.is_worse_when_larger() {
            log_ratio
        } else {
            -log_ratio
        }
    }

    /// A relative effect in the worse direction, as the logarithm that rounds are in:
    /// 2 % more time is ln 1.02, 2 % less throughput −ln 0.98.
    pub fn log_effect(self, relative: f64) -> f64 {
        if self.is_worse_when_larger() {
            relative.ln_1p()
        } else {
            -(-relative).ln_1p()
        }
    }

    /// The inverse of [`Metric::log_effect`].
    pub fn relative_effect(self, log_effect: f64) -> f64 {
        if self.is_worse_when_larger() {
            log_effect.exp_m1()
        } else {
            -(-log_effect).exp_m1()
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Rule {
    /// The rule that suits a time budget. What can't be seen in two minutes is no
    /// margin for two minutes: each is an effect that rounds with a standard deviation
    /// of 2.5 % (percentiles: p50 3 %, p95 6 %, p99 10 %) find in at least 95 % of runs.
    pub fn within(metric: Metric, budget: Duration) -> Self {
        let column = match budget.as_secs() {
            0..240 => 0,
            240..300 => 1,
            300..1200 => 2,
            _ => 3,
        };
        let (tolerance, margins) = match metric {
            Metric::CpuPerRequest | Metric::Throughput => (0.0025, [0.05, 0.03, 0.02, 0.015]),
            Metric::P50 => (0.005, [0.05, 0.04, 0.03, 0.02]),
            Metric::P95 => (0.01, [0.1, 0.08, 0.06, 0.04]),
            Metric::P99 => (0.02, [0.2, 0.15, 0.1, 0.06]),
        };
        Rule {
            metric,
            tolerance,
            margin: margins[column],
        }
    }
}
