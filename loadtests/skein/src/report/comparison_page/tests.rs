use proptest::prelude::*;

use super::*;
use crate::record::Record;
use crate::record::example::example;
use crate::report::testing::{EVIL, changed, changes, environment, visible};
use crate::side_by_side::Found;

fn fixed() -> Record {
    Record {
        environment: environment(),
        ..example()
    }
}

fn compare(baseline: &Record, candidate: &Record) -> Comparison {
    let found = |id, is_at_home, record| Found {
        id,
        is_at_home,
        record,
    };
    let made = "2026-01-03T12:00:00Z".parse().expect("a time");
    let command = "cargo run -p loadtests -- compare smoke~1 smoke";
    Comparison::of(
        found("20260101T000000Z-smoke", true, baseline),
        found("elsewhere", false, candidate),
        made,
        command,
    )
}

/// A candidate that is slower, and another seed.
fn slower() -> Record {
    let mut record = fixed();
    record.seed += 1;
    let cost = &mut record.processes[0].cpu_micros_per_request;
    *cost = cost.map(|micros| micros * 1.25);
    let times = record.routes[0].requests.times.as_mut().expect("some");
    times.p99 += 1000;
    record
}

#[test]
fn a_page_has_both_runs_and_says_that_it_is_no_gate() {
    insta::assert_snapshot!(visible(comparison_page(&compare(&fixed(), &slower()))));
}

#[test]
fn the_terminal_has_the_same_story() {
    let text = comparison_summary(
        &compare(&fixed(), &slower()),
        "reports/x/index.html".as_ref(),
    );
    insta::assert_snapshot!(text.replace('\u{202f}', " "));
}

#[test]
fn what_forbids_a_comparison_comes_before_any_figure() {
    let mut other = fixed();
    other.plan.name = "soak".to_owned();
    let page = visible(comparison_page(&compare(&fixed(), &other)));
    let doubt = page.find("can’t be compared fairly").expect("it is said");
    assert!(doubt < page.find("The whole run").expect("the first figures"));
}

#[test]
fn what_comes_from_outside_is_shown_as_text() {
    let mut record = fixed();
    record.plan.name = EVIL.to_owned();
    record.routes[0].name = EVIL.to_owned();
    record.processes[0].name = EVIL.to_owned();
    let mut comparison = compare(&fixed(), &record);
    comparison.command = EVIL.to_owned();
    comparison.baseline.id = EVIL.to_owned();
    let page = comparison_page(&comparison).into_string();
    assert!(!page.contains("<script"), "a script got into the page");
}

proptest! {
    #[test]
    fn any_comparison_can_be_shown(changes in changes()) {
        let comparison = changed(&compare(&fixed(), &slower()), &changes);
        let page = comparison_page(&comparison).into_string();
        prop_assert!(!page.contains("<script") && !page.contains("NaN"));
        let _ = comparison_summary(&comparison, "x".as_ref());
    }

    #[test]
    fn any_two_runs_can_be_compared(of_baseline in changes(), of_candidate in changes()) {
        let baseline = changed(&fixed(), &of_baseline);
        let candidate = changed(&fixed(), &of_candidate);
        let page = comparison_page(&compare(&baseline, &candidate)).into_string();
        prop_assert!(!page.contains("<script") && !page.contains("NaN"));
    }
}
