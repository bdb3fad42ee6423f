use proptest::prelude::*;

use super::*;
use crate::gate::record::RecordedDoubt;
use crate::gate::record::example::example;
use crate::report::testing::{EVIL, changed, changes, environment, visible};

fn fixed() -> GateRecord {
    GateRecord {
        environment: environment(),
        ..example()
    }
}

#[test]
fn a_page_tells_the_verdict_and_all_that_it_rests_on() {
    insta::assert_snapshot!(visible(gate_page(&fixed())));
}

#[test]
fn only_a_pass_is_green_and_only_a_fail_is_red() {
    for (verdict, colour) in [
        (Verdict::Pass, "verdict good"),
        (Verdict::Fail, "verdict bad"),
        (Verdict::Inconclusive, "verdict doubt"),
        (Verdict::Invalid, "verdict doubt"),
    ] {
        let mut record = fixed();
        record.judgement.verdict = verdict;
        let page = gate_page(&record).into_string();
        assert!(page.contains(&format!("class=\"{colour}\"")), "{verdict:?}");
        assert!(page.contains(headline(verdict)));
    }
}

#[test]
fn an_inconclusive_gate_says_that_it_is_no_pass() {
    let mut record = fixed();
    record.judgement.verdict = Verdict::Inconclusive;
    assert!(visible(gate_page(&record)).contains("This is no pass"));
}

#[test]
fn a_slowdown_that_was_not_seen_again_says_so() {
    let mut record = fixed();
    let second = record.confirmation.as_mut().expect("there is one");
    second.metrics = vec!["p50".to_owned()];
    assert!(visible(gate_page(&record)).contains("slower not again in the repetition"));
}

#[test]
fn what_comes_from_outside_is_shown_as_text() {
    let mut record = fixed();
    for build in [&mut record.baseline, &mut record.candidate] {
        build.asked = Some(EVIL.to_owned());
        build.commit = Some(EVIL.to_owned());
    }
    record.plan = EVIL.to_owned();
    record.plan_source = EVIL.to_owned();
    record.judgement.sentence = EVIL.to_owned();
    record.doubts = vec![RecordedDoubt::Sentence(EVIL.to_owned())];
    record.metrics[0].name = EVIL.to_owned();
    record.metrics[0].unit = EVIL.to_owned();
    record.metrics[2].excuse = Some(EVIL.to_owned());
    record.services[0].service = EVIL.to_owned();
    record.failures[0].route = EVIL.to_owned();
    record.looks[0].outcome = EVIL.to_owned();
    let page = gate_page(&record).into_string();
    assert!(!page.contains("<script"), "a script got into the page");
}

proptest! {
    #[test]
    fn any_gate_can_be_shown(changes in changes()) {
        let page = gate_page(&changed(&fixed(), &changes)).into_string();
        prop_assert!(!page.contains("<script") && !page.contains("NaN"));
    }
}
