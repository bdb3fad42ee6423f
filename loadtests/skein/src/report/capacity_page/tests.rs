use super::*;
use crate::capacity::example::example;
use crate::report::capacity::{junit, markdown, summary};

fn plainly(text: &str) -> String {
    text.replace('\u{202f}', " ")
}

#[test]
fn a_page_has_the_capacity_the_limit_and_every_variant_with_its_figures() {
    let page = plainly(&capacity_page(&example()).into_string());
    for says in [
        "Capacity at p99&lt;50ms: ",
        "What limits it",
        "connections: 42 % of 10",
        "shop: it has no CPU time left.",
        "Load balancing",
        "one-shop",
        "p99 of the response time, by turns a second",
        "Requests that break p99&lt;50ms",
        "Load balancing: over replicas",
        "Calls to each tier for each request, at 250",
        "shop patterns --seed 7",
    ] {
        assert!(page.contains(says), "{says} is missing in {page}");
    }
    assert!(!page.contains("<b>"), "what comes from outside stays text");
}

#[test]
fn a_page_tells_of_starts_that_were_set_aside() {
    let mut record = example();
    record.systems[0].set_aside = record.systems[0].rounds[..2].to_vec();
    let page = capacity_page(&record).into_string();
    assert!(page.contains("and 2 set aside"), "{page}");
}

#[test]
fn an_invalid_study_has_no_figures_to_quote() {
    let mut record = example();
    record.judgement.verdict = Verdict::Invalid;
    let page = capacity_page(&record).into_string();
    assert!(page.contains("None of the figures below may be taken"));
    assert!(!markdown(&record).contains("| as it is |"));
    assert!(!plainly(&summary(&record, std::path::Path::new("x"))).contains("Limit:"));
}

#[test]
fn a_summary_has_a_line_for_each_system_and_the_command_again() {
    let text = summary(&example(), std::path::Path::new("reports/capacity/x"));
    let text = plainly(&console::strip_ansi_codes(&text));
    for says in [
        "PASS  Capacity at p99<50ms: ",
        "as it is",
        "one-shop",
        "Limit: shop used",
        "Again:  shop patterns",
    ] {
        assert!(text.contains(says), "{says} is missing in\n{text}");
    }
    let markdown = markdown(&example());
    assert!(markdown.starts_with("## Capacity at p99"), "{markdown}");
    assert!(markdown.contains("| as it is | "), "{markdown}");
    assert!(markdown.contains("| shop: CPU time |"), "{markdown}");
    assert!(
        markdown.contains("| System | store |\n|---|--:|\n| as it is | 0.12 |"),
        "{markdown}"
    );
}

#[test]
fn a_verdict_is_one_case_of_junit() {
    let counts = |verdict| {
        let mut record = example();
        record.judgement.verdict = verdict;
        let xml = junit(&record).expect("written");
        let report = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
        (report.tests, report.failures, report.errors)
    };
    assert_eq!(counts(Verdict::Pass), (1, 0, 0));
    assert_eq!(counts(Verdict::Fail), (1, 1, 0));
    assert_eq!(counts(Verdict::Invalid), (1, 0, 1));
    assert_eq!(counts(Verdict::Inconclusive), (1, 0, 0));
}
