//! A gate as JUnit XML: a case for the measurement, one for each metric. What can't be
//! told is skipped, and never a success.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{change, interval, or_dash, remark, share};
use crate::gate::record::{GateRecord, MetricOutcome, MetricRecord};
use crate::report::junit::{non_success, skipped, xml};
use crate::verdict::Verdict;

/// The gate as JUnit XML.
///
/// # Errors
///
/// When the XML can't be written, which for XML in memory means a bug.
pub fn junit(record: &GateRecord) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new("gate");
    let verdict = verdict(record);
    let metrics = record.metrics.iter().map(|metric| case(record, metric));
    suite.add_test_cases(std::iter::once(verdict).chain(metrics).map(|mut case| {
        case.set_classname("gate");
        case
    }));
    let mut report = Report::new("skein gate");
    report.set_time(Duration::try_from_secs_f64(record.seconds).unwrap_or_default());
    report.add_test_suite(suite);
    report.to_string()
}

/// The gate as a whole, for a fail may have other reasons than a metric.
fn verdict(record: &GateRecord) -> TestCase {
    let sentence = &record.judgement.sentence;
    let status = match record.judgement.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => non_success(NonSuccessKind::Failure, sentence),
        Verdict::Invalid => non_success(NonSuccessKind::Error, sentence),
        Verdict::Inconclusive => skipped(sentence),
    };
    let mut case = TestCase::new("the candidate is not slower than the baseline", status);
    if !record.doubts.is_empty() {
        let doubts: Vec<String> = record.doubts.iter().map(ToString::to_string).collect();
        case.set_system_out(xml(&doubts.join("\n")));
    }
    case
}

fn case(record: &GateRecord, metric: &MetricRecord) -> TestCase {
    let figures = format!(
        "{} ({}), margin {}",
        or_dash(metric.ratio.map(change)),
        or_dash(interval(metric)),
        share(metric.margin)
    );
    let status = match (record.judgement.verdict, metric.outcome) {
        (Verdict::Invalid, _) => skipped("the gate is invalid"),
        (_, MetricOutcome::NotSlower) => TestCaseStatus::success(),
        // A slowdown that wasn't seen again is no failure.
        (Verdict::Fail, MetricOutcome::Slower) if remark(record, metric).is_none() => {
            non_success(NonSuccessKind::Failure, &figures)
        }
        (_, MetricOutcome::Slower) => {
            skipped(&format!("slower at first, and not again: {figures}"))
        }
        (_, MetricOutcome::Unclear) => skipped(&format!("can't tell: {figures}")),
        (_, MetricOutcome::TooCoarse) => skipped(&format!("too coarse: {figures}")),
        (_, MetricOutcome::Diluted) => skipped(&format!("diluted: {figures}")),
    };
    TestCase::new(xml(&metric.key), status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::example;

    fn counts(record: &GateRecord) -> (usize, usize, usize) {
        let xml = junit(record).expect("written");
        let report = Report::deserialize_from_str(&xml).expect("JUnit XML");
        (report.tests, report.failures, report.errors)
    }

    #[test]
    fn a_fail_is_a_failure_of_the_gate_and_of_the_metric() {
        assert_eq!(counts(&example()), (4, 2, 0));
    }

    #[test]
    fn a_metric_that_was_not_slower_again_is_no_failure() {
        let mut record = example();
        let second = record.confirmation.as_mut().expect("there is one");
        second.metrics = vec!["p50".to_owned()];
        assert_eq!(counts(&record), (4, 1, 0));
        let xml = junit(&record).expect("written");
        assert!(xml.contains("slower at first, and not again: "), "{xml}");
        record.confirmation = None;
        assert_eq!(counts(&record), (4, 2, 0));
    }

    #[test]
    fn an_invalid_gate_is_one_error_and_an_inconclusive_one_neither() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        assert_eq!(counts(&record), (4, 0, 1));
        record.judgement.verdict = Verdict::Inconclusive;
        assert_eq!(counts(&record), (4, 0, 0));
    }
}
