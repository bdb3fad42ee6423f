//! A run as JUnit XML, which most CI systems show: a case for the measurement, one
//! for each threshold and one for each line of the ledger.
//!
//! An invalid run has one error, with the reason, and nothing else is judged.

use quick_junit::{
    NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite, XmlString,
};

use super::figures::in_unit;
use crate::ledger::{Balance, Line};
use crate::record::Record;
use crate::text::printable;
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
    let plan = xml(&record.plan.name);
    let mut report = Report::new(format!("skein {plan}"));
    report.set_time(record.duration());
    for (name, cases) in suites.into_iter().filter(|(_, cases)| !cases.is_empty()) {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases.into_iter().map(|mut case| {
            case.set_classname(format!("{plan}.{name}"));
            case
        }));
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// The test case on whether the run can be trusted, with every doubt that there is and what happened to nodes.
fn measurement(record: &Record) -> TestCase {
    let status = match record.judgement.verdict {
        Verdict::Invalid => non_success(NonSuccessKind::Error, &record.judgement.sentence),
        Verdict::Inconclusive => skipped(&record.judgement.sentence),
        Verdict::Pass | Verdict::Fail => TestCaseStatus::success(),
    };
    let mut case = TestCase::new("the measurement can be trusted", status);
    let doubts = record.warnings.iter().map(ToString::to_string);
    let events = record.timeline.events.iter();
    let events = events.map(|event| format!("{:.1} s: {}", event.seconds, event.what));
    let lines: Vec<String> = doubts.chain(events).collect();
    if !lines.is_empty() {
        case.set_system_out(xml(&lines.join("\n")));
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
        (State::NotJudged, _) => skipped("the run was stopped before"),
    };
    TestCase::new(xml(&judged.rule), status)
}

fn line(line: &Line) -> TestCase {
    let status = match line.balance {
        Balance::Even => TestCaseStatus::success(),
        Balance::Off(by) => non_success(
            NonSuccessKind::Failure,
            &format!("off by {by}: {} is {}", line.left.name, line.left.count),
        ),
        Balance::NotObservable => skipped(match &line.reason {
            Some(reason) => reason,
            None => "not observable from where the run stood",
        }),
    };
    TestCase::new(xml(&line.claim), status)
}

/// The text as XML 1.0 can have it (§2.2), without a terminal's control sequences, and with
/// what else a terminal might obey made visible.
pub(super) fn xml(text: &str) -> String {
    printable(&XmlString::new(text)).into_owned()
}

pub(super) fn non_success(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(xml(message));
    status
}

pub(super) fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(message));
    status
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_node_that_ended_is_said_with_the_time() {
        let xml = junit(&example()).expect("written");
        assert!(xml.contains("1.2 s: store ended (signal 9)"), "{xml}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_text_is_xml_1_0(text in any::<String>()) {
            let mut record = example();
            record.plan.name = text.clone();
            record.judgement.verdict = Verdict::Invalid;
            record.judgement.sentence = text.clone();
            record.thresholds[0].rule = text.clone();
            record.ledger[0].claim = text.clone();
            record.warnings = vec![crate::doubt::Doubt::UntidyStop { reason: text }];
            let xml = junit(&record).expect("written");
            let is_allowed = |c: char| {
                matches!(c, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}'
                    | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            };
            prop_assert!(xml.chars().all(is_allowed), "{:?}", xml);
            read_back(&record);
        }
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
