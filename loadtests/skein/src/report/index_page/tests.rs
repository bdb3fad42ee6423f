use proptest::prelude::*;

use super::*;
use crate::gate::record::example::example as gate_example;
use crate::record::Record;
use crate::record::example::example;
use crate::report::testing::{EVIL, changed, changes, environment, visible};
use crate::side_by_side::{Comparison, Found};
use crate::verdict::Judgement;

fn entry(kind: Kind, id: &str, line: impl Into<Line>) -> Entry {
    Entry {
        kind,
        id: id.to_owned(),
        line: Ok(line.into()),
    }
}

fn run(id: &str, change: impl FnOnce(&mut Record)) -> Entry {
    let mut record = example();
    record.environment = environment();
    change(&mut record);
    entry(Kind::Run, id, &record)
}

fn unreadable(id: &str) -> Entry {
    Entry {
        kind: Kind::Run,
        id: id.to_owned(),
        line: Err("run.json is damaged: expected a comma".to_owned()),
    }
}

fn judged(verdict: Verdict, sentence: &str) -> Judgement {
    Judgement {
        verdict,
        sentence: sentence.to_owned(),
    }
}

/// One of each kind, and of each verdict.
fn everything() -> Vec<Entry> {
    let (baseline, candidate) = (example(), example());
    let found = |id, record| Found {
        id,
        is_at_home: true,
        record,
    };
    let made = "2026-01-03T12:00:00Z".parse().expect("a time");
    let comparison = Comparison::of(found("a", &baseline), found("b", &candidate), made, "");
    vec![
        run("20260101T000000Z-smoke", |record| {
            record.started = "2026-01-01T00:00:00Z".parse().expect("a time");
        }),
        run("20260102T030405Z-smoke", |record| {
            record.judgement = judged(Verdict::Fail, "1 of 9 thresholds did not hold.");
        }),
        run("20260104T000000Z-default", |record| {
            record.started = "2026-01-04T00:00:00Z".parse().expect("a time");
            record.plan.name = "default".to_owned();
            record.judgement = judged(Verdict::Invalid, "The measurement can't be trusted.");
        }),
        entry(Kind::Gate, "20260102T030405Z-4de0300", &gate_example()),
        entry(Kind::Comparison, "a..b", &comparison),
        unreadable("20260105T000000Z-soak"),
        unreadable("whatever"),
    ]
}

#[test]
fn the_list_has_everything_newest_first() {
    insta::assert_snapshot!(visible(index_page(&mut everything())));
}

#[test]
fn an_invalid_run_has_no_figure_to_quote() {
    let mut entries = vec![run("20260104T000000Z-smoke", |record| {
        record.judgement = judged(Verdict::Invalid, "It can't be trusted.");
    })];
    let page = visible(index_page(&mut entries));
    for figure in ["12 345", "4.21"] {
        assert!(!page.contains(figure), "{page}");
    }
    assert!(page.contains("no figure may be quoted"), "{page}");
}

#[test]
fn what_comes_from_outside_is_shown_as_text() {
    let mut entries = everything();
    entries.push(unreadable(EVIL));
    entries.push(run(EVIL, |record| {
        record.plan.name = format!("{EVIL}\" onclick=\"alert(1)");
        record.judgement = judged(Verdict::Fail, EVIL);
    }));
    let page = index_page(&mut entries).into_string();
    assert_eq!(
        page.matches("<script").count(),
        1,
        "our own is the only one"
    );
    assert!(!page.contains("\" onclick"), "an attribute was left");
}

#[test]
fn a_page_loads_nothing() {
    let page = index_page(&mut everything()).into_string();
    for loading in ["http://", "https://", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(loading), "{loading}");
    }
}

proptest! {
    #[test]
    fn any_run_and_any_gate_can_be_listed(of_run in changes(), of_gate in changes()) {
        let run = changed(&example(), &of_run);
        let gate = changed(&gate_example(), &of_gate);
        let mut entries = [entry(Kind::Run, "x", &run), entry(Kind::Gate, "y", &gate)];
        let page = index_page(&mut entries).into_string();
        prop_assert_eq!(page.matches("<script").count(), 1);
        let seen = page.split("<script").next().unwrap_or_default();
        prop_assert!(!seen.contains("NaN"));
    }
}
