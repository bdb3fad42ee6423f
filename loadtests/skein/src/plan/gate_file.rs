//! The `[gate]` table of a plan: how rounds are made up, and how much of a slowdown is
//! too much. Percentages are numbers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Deserialize;
use stats::comparison::Metric;
use toml::Spanned;

use super::gate::{GateSettings, Limit};
use super::mistake::{Mistake, within};
use super::span::{Span, lasting};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GateFile {
    users: Option<Spanned<usize>>,
    slot: Option<Spanned<Span>>,
    dropped: Option<Spanned<Span>>,
    warm_up: Option<Spanned<Span>>,
    closed_quads: Option<Spanned<usize>>,
    open_quads: Option<Spanned<usize>>,
    open_share: Option<Spanned<f64>>,
    share_cores: Option<bool>,
    #[serde(default)]
    margin: PerMetric,
    #[serde(default)]
    tolerance: PerMetric,
}

/// A number of percent for some of the metrics.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerMetric {
    cpu_per_request: Option<Spanned<f64>>,
    throughput: Option<Spanned<f64>>,
    p50: Option<Spanned<f64>>,
    p95: Option<Spanned<f64>>,
    p99: Option<Spanned<f64>>,
}

impl GateFile {
    pub(super) fn check(self) -> Result<GateSettings, Mistake> {
        let usual = GateSettings::default();
        let slot = lasting(self.slot, 50..=1000, usual.slot, "a slot")?;
        let most_dropped = slot.as_millis() as u64 / 2;
        let dropped = lasting(
            self.dropped,
            0..=most_dropped,
            usual.dropped.min(slot / 2),
            "what is dropped of a slot",
        )?;
        let quads = |value, usual, what| within(value, 1..=1000, usual, what);
        Ok(GateSettings {
            users: within(self.users, 1..=1000, usual.users, "`users`")?,
            slot,
            dropped,
            warm_up: lasting(self.warm_up, 0..=60_000, usual.warm_up, "the warm-up")?,
            closed_quads: quads(self.closed_quads, usual.closed_quads, "`closed_quads`")?,
            open_quads: quads(self.open_quads, usual.open_quads, "`open_quads`")?,
            open_share: within(
                self.open_share,
                1.0..=90.0,
                usual.open_share,
                "`open_share`",
            )?,
            share_cores: self.share_cores.unwrap_or(usual.share_cores),
            limits: limits(self.margin, self.tolerance)?,
        })
    }
}

fn limits(margin: PerMetric, tolerance: PerMetric) -> Result<BTreeMap<Metric, Limit>, Mistake> {
    let mut limits: BTreeMap<Metric, Limit> = BTreeMap::new();
    for (metric, percent) in margin.by_metric() {
        // Half as fast or twice as slow is nothing that a gate is needed for.
        let checked = share(percent, 0.1..=50.0, "a margin, in percent,")?;
        limits.entry(metric).or_default().margin = Some(checked);
    }
    for (metric, percent) in tolerance.by_metric() {
        let checked = share(percent, 0.0..=50.0, "a tolerance, in percent,")?;
        limits.entry(metric).or_default().tolerance = Some(checked);
    }
    Ok(limits)
}

impl PerMetric {
    fn by_metric(self) -> impl Iterator<Item = (Metric, Spanned<f64>)> {
        [
            (Metric::CpuPerRequest, self.cpu_per_request),
            (Metric::Throughput, self.throughput),
            (Metric::P50, self.p50),
            (Metric::P95, self.p95),
            (Metric::P99, self.p99),
        ]
        .into_iter()
        .filter_map(|(metric, percent)| Some((metric, percent?)))
    }
}

/// A share, from what is written in percent.
fn share(percent: Spanned<f64>, range: RangeInclusive<f64>, what: &str) -> Result<f64, Mistake> {
    Ok(within(Some(percent), range, 0.0, what)? / 100.0)
}
