//! What a gate looks like in a terminal, in a CI job's summary and as JUnit XML.

mod junit;
mod markdown;
mod summary;

use std::path::Path;

use crate::gate::record::{GateRecord, MetricOutcome, MetricRecord};
use crate::record::{RecordError, write_whole};

pub use junit::junit;
pub use markdown::markdown;
pub use summary::summary;

/// Writes what a gate looks like beside its record: `summary.md` and `junit.xml`.
pub fn write_summaries(record: &GateRecord, folder: &Path) -> Result<(), RecordError> {
    let path = folder.join("junit.xml");
    let junit = junit(record).map_err(|error| RecordError::Write {
        path: path.clone(),
        source: std::io::Error::other(error),
    })?;
    write_whole(&path, junit.as_bytes())?;
    write_whole(&folder.join("summary.md"), markdown(record).as_bytes())
}

/// A metric's outcome, for people.
pub(super) fn outcome(metric: &MetricRecord) -> &'static str {
    match metric.outcome {
        MetricOutcome::NotSlower => "not slower",
        MetricOutcome::Slower => "slower",
        MetricOutcome::Unclear => "can't tell",
        MetricOutcome::ReportOnly => "too coarse",
    }
}

/// How far a ratio is from 1: `+5.4 %`.
fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    // No −0.0 for what rounds to nothing.
    let percent = if percent.abs() < 0.05 { 0.0 } else { percent };
    format!("{percent:+.1} %").replace('-', "−")
}

/// A share: `3.0 %`.
fn share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn interval(metric: &MetricRecord) -> Option<String> {
    let interval = metric.interval?;
    Some(format!(
        "{} to {}",
        change(interval.lower),
        change(interval.upper)
    ))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
