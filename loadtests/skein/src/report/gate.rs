//! What a gate looks like in a terminal, in a CI job's summary and as JUnit XML.

mod junit;
mod markdown;
mod summary;

use crate::gate::record::{GateRecord, MetricOutcome, MetricRecord};

pub use junit::junit;
pub use markdown::markdown;
pub use summary::summary;

/// A metric's outcome, for people.
pub(super) fn outcome(metric: &MetricRecord) -> &'static str {
    match metric.outcome {
        MetricOutcome::NotSlower => "not slower",
        MetricOutcome::Slower => "slower",
        MetricOutcome::Unclear => "can't tell",
        MetricOutcome::TooCoarse => "too coarse",
        MetricOutcome::Diluted => "diluted",
    }
}

/// The rounds that the first verdict rests on, of the most that were planned, and those beside
/// them that were to confirm it.
pub(super) fn played(record: &GateRecord) -> (usize, usize) {
    let rounds = record.rounds.iter();
    let confirming = rounds.filter(|round| round.confirmation).count();
    (record.rounds.len() - confirming, confirming)
}

/// The same in words.
fn rounds(record: &GateRecord) -> String {
    let (rounds, confirming) = played(record);
    let most = record.most_rounds;
    match confirming {
        0 => format!("{rounds} of at most {most} rounds"),
        _ => format!("{rounds} of at most {most} rounds and {confirming} to confirm"),
    }
}

/// What the repetition says against a metric's outcome: that a slowdown was not seen again.
pub(super) fn remark(record: &GateRecord, metric: &MetricRecord) -> Option<&'static str> {
    let second = record.confirmation.as_ref()?;
    // One that came to the same and names no metric has judged none.
    let has_judged = !second.confirmed || !second.metrics.is_empty();
    let is_not_again = metric.outcome == MetricOutcome::Slower
        && has_judged
        && !second.metrics.contains(&metric.key);
    is_not_again.then_some("not again in the repetition")
}

/// A metric's outcome, with the repetition's remark.
fn comes_to(record: &GateRecord, metric: &MetricRecord) -> String {
    let outcome = outcome(metric);
    match remark(record, metric) {
        Some(remark) => format!("{outcome}, {remark}"),
        None => outcome.to_owned(),
    }
}

/// How far a ratio is from 1: `+5.4 %`.
fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    // No −0.0 for what rounds to nothing.
    let percent = if percent.abs() < 0.05 { 0.0 } else { percent };
    format!("{percent:+.1} %").replace('-', "−")
}

/// How far `after` is from `before`; a dash when that was nothing, or either isn't known.
fn change_from(before: Option<f64>, after: Option<f64>) -> String {
    let both = before.filter(|before| *before > 0.0).zip(after);
    or_dash(both.map(|(before, after)| change(after / before)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::example;

    #[test]
    fn a_slowdown_was_not_seen_again_where_the_repetition_says_so_and_nowhere_else() {
        let says = |confirmed: bool, metrics: &[&str]| {
            let mut record = example();
            let second = record.confirmation.as_mut().expect("there is one");
            second.confirmed = confirmed;
            second.metrics = metrics.iter().map(ToString::to_string).collect();
            let not_slower = comes_to(&record, &record.metrics[1]);
            assert_eq!(not_slower, "not slower");
            comes_to(&record, &record.metrics[0])
        };
        assert_eq!(says(true, &["p50", "cpu-per-request"]), "slower");
        let not_again = "slower, not again in the repetition";
        assert_eq!(says(true, &["p50"]), not_again);
        assert_eq!(says(false, &[]), not_again);
        // What came to the same was no metric, or the record is older.
        assert_eq!(says(true, &[]), "slower");
        let mut record = example();
        record.confirmation = None;
        assert_eq!(comes_to(&record, &record.metrics[0]), "slower");
    }
}
