//! A run as JUnit XML, which most CI systems show: a case for the measurement, one
//! for each threshold and one for each line of the ledger.
//!
//! An invalid run has one error, with the reason, and nothing else is judged.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::figures::in_unit;
use crate::ledger::{Balance, Line};
use crate::record::Record;
use crate::threshold::{Judged, State};
use crate::verdict::Verdict;

/// The run as JUnit XML. Figures are as people read them, in the threshold's unit.
///
/// # Errors
///
/// When the XML can't be written, which for XML in memory means a bug.
pub fn junit(record: &Record) -> Result<String, SerializeError> {
    let suites = [
        ("measurement", vec![measurement(record)]),
        ("thresholds", all(record, &record.thresholds, threshold)),
        ("ledger", all(record, &record.ledger, line)),
    ];
    let mut report = Report::new(format!("skein {}", record.plan.name));
    report.set_time(record.duration());
    for (name, cases) in suites.into_iter().filter(|(_, cases)| !cases.is_empty()) {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases.into_iter().map(|mut case| {
            case.set_classname(format!("{}.{name}", record.plan.name));
            case
        }));
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// Whether the run can be trusted, with every doubt that there is.
fn measurement(record: &Record) -> TestCase {
    let status = match record.judgement.verdict {
        Verdict::Invalid => non_success(NonSuccessKind::Error, &record.judgement.sentence),
        Verdict::Inconclusive => skipped(&record.judgement.sentence),
        Verdict::Pass | Verdict::Fail => TestCaseStatus::success(),
    };
    let mut case = TestCase::new("the measurement can be trusted", status);
    if !record.warnings.is_empty() {
        let warnings = record.warnings.iter().map(ToString::to_string);
        case.set_system_out(warnings.collect::<Vec<_>>().join("\n"));
    }
    case
}

/// A case for each of `things`; none of them is judged in an invalid run.
fn all<T>(record: &Record, things: &[T], case: fn(&T) -> TestCase) -> Vec<TestCase> {
    let cases = things.iter().map(|thing| {
        let mut case = case(thing);
        if record.judgement.verdict == Verdict::Invalid {
            case.status = skipped("the run is invalid");
        }
        case
    });
    cases.collect()
}

fn threshold(judged: &Judged) -> TestCase {
    let status = match (judged.state, judged.value) {
        (State::Passed, _) => TestCaseStatus::success(),
        (State::Failed, Some(value)) => non_success(
            NonSuccessKind::Failure,
            &format!("the value is {}", in_unit(value, judged.unit)),
        ),
        (State::Failed, None) => non_success(NonSuccessKind::Failure, "there were no samples"),
        (State::NotObservable, _) => skipped("not observable from where the run stood"),
    };
    TestCase::new(judged.rule.as_str(), status)
}

fn line(line: &Line) -> TestCase {
    let status = match line.balance {
        Balance::Even => TestCaseStatus::success(),
        Balance::Off(by) => non_success(
            NonSuccessKind::Failure,
            &format!("off by {by}: {} is {}", line.left.name, line.left.count),
        ),
        Balance::NotObservable => skipped("not observable from where the run stood"),
    };
    TestCase::new(line.claim.as_str(), status)
}

pub(super) fn non_success(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status
}

pub(super) fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    fn read_back(record: &Record) -> Report {
        let xml = junit(record).expect("written");
        Report::deserialize_from_str(&xml).expect("JUnit XML")
    }

    #[test]
    fn a_run_has_a_case_for_each_threshold_and_ledger_line() {
        let mut record = example();
        record.thresholds = vec![record.thresholds[0].clone(); 3];
        record.thresholds[1].state = State::Failed;
        record.thresholds[2].state = State::NotObservable;
        record.ledger[0].balance = Balance::Off(-3);
        let report = read_back(&record);
        assert_eq!(
            report.tests,
            1 + record.thresholds.len() + record.ledger.len()
        );
        assert_eq!((report.failures, report.errors), (2, 0));
    }

    #[test]
    fn an_invalid_run_is_one_error_and_judges_nothing() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        record.thresholds[0].state = State::Failed;
        let report = read_back(&record);
        assert_eq!((report.failures, report.errors), (0, 1));
        let xml = junit(&record).expect("written");
        assert!(!xml.contains("the value is"), "{xml}");
    }

    #[test]
    fn what_comes_from_outside_stays_text() {
        let evil = "<script>|]]>&\"\u{1b}[31m";
        let mut record = example();
        record.plan.name = evil.to_owned();
        record.judgement.verdict = Verdict::Invalid;
        record.judgement.sentence = evil.to_owned();
        record.thresholds[0].rule = evil.to_owned();
        record.ledger[0].claim = evil.to_owned();
        let xml = junit(&record).expect("written");
        assert!(!xml.contains("<script"), "{xml}");
        let report = read_back(&record);
        // A terminal's control sequences are no XML, and left out.
        let kept = report.test_suites[1].test_cases[0].name.as_str().to_owned();
        assert_eq!(kept, "<script>|]]>&\"");
    }
}
