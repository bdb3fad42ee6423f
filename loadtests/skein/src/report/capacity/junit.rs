//! A study as JUnit XML: one case, since it has one verdict. What can't be told is skipped,
//! and never a success.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::capacity::record::CapacityRecord;
use crate::report::capacity_page::promise;
use crate::report::junit::{non_success, skipped, xml};
use crate::verdict::Verdict;

/// The study as JUnit XML.
///
/// # Errors
///
/// When the XML can't be written, which for XML in memory means a bug.
pub fn junit(record: &CapacityRecord) -> Result<String, SerializeError> {
    let sentence = &record.judgement.sentence;
    let status = match record.judgement.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => non_success(NonSuccessKind::Failure, sentence),
        Verdict::Invalid => non_success(NonSuccessKind::Error, sentence),
        Verdict::Inconclusive => skipped(sentence),
    };
    let name = match record.at_least {
        Some(rate) => format!("{} is kept at {rate} turns a second", promise(record)),
        None => format!("{} has a capacity", promise(record)),
    };
    let mut case = TestCase::new(xml(&name), status);
    case.set_classname("capacity");
    let mut said = vec![sentence.clone()];
    said.extend(record.doubts.iter().map(ToString::to_string));
    case.set_system_out(xml(&said.join("\n")));
    let mut suite = TestSuite::new("capacity");
    suite.add_test_case(case);
    let mut report = Report::new("skein capacity");
    report.set_time(Duration::try_from_secs_f64(record.seconds).unwrap_or_default());
    report.add_test_suite(suite);
    report.to_string()
}
