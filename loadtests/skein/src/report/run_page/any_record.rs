//! Whatever a record holds, it has a page: records that are changed at random, and
//! large ones; and what the drawings of an ordinary one look like.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::{latency, ledger, run_page, sections, timeline, topology};
use crate::record::example::{example, open_load_example};
use crate::record::{CoresRecord, Record, RouteRecord, TickRecord};
use crate::report::testing::{changed, changes};
use crate::report::tones::Tones;
use crate::report::{junit, markdown, summary};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_record_that_can_be_read_has_a_page(
        is_open in any::<bool>(),
        changes in changes(),
    ) {
        let mut record = example();
        if is_open {
            record.stages[0].open = Some(open_load_example());
        }
        let record = changed(&record, &changes);
        let page = run_page(&record, is_open).into_string();
        prop_assert_eq!(page.matches("<script").count(), 1, "a script got in");
        prop_assert!(!page.contains("NaN") && !page.contains(">inf"), "no number shows");
        summary(&record, Path::new("x"));
        markdown(&record);
        let _ = junit(&record);
    }
}

#[test]
fn a_record_of_an_old_program_has_a_page() {
    let mut old = serde_json::to_value(example()).expect("JSON");
    let fields = old.as_object_mut().expect("an object");
    for new in [
        "overall",
        "timeline",
        "traffic",
        "usage",
        "timing",
        "evidence",
        "figures",
        "sections",
        "in_short",
        "answered_by",
    ] {
        fields.remove(new).expect(new);
    }
    for (pointer, new) in [("/routes/0", "curve"), ("/failures/0", "judged")] {
        let object = old.pointer_mut(pointer).and_then(Value::as_object_mut);
        object.expect(pointer).remove(new).expect(new);
    }
    let record: Record = serde_json::from_value(old).expect("still a record");
    let page = run_page(&record, false).into_string();
    assert!(
        page.contains("12\u{202f}345") && page.contains("GET /items/{key}"),
        "{page}"
    );
    assert!(
        !page.contains("id=\"timeline\""),
        "there is nothing to draw"
    );
}

#[test]
fn zeros_that_stood_for_nothing_in_old_records_are_read_and_null_comes_back_as_null() {
    let mut old = serde_json::to_value(example()).expect("JSON");
    let zeros = serde_json::json!({ "count": 0, "p50": 0, "p99": 0 });
    old["evidence"]["stages"][0]["requests"] = 0.into();
    old["evidence"]["stages"][0]["mean_service_micros"] = 0.0.into();
    old["evidence"]["stages"][0]["tenths"] = vec![zeros; 10].into();
    let record: Record = serde_json::from_value(old).expect("still a record");
    assert_eq!(record.evidence.stages[0].mean_service(), None);
    assert_eq!(crate::evidence::doubts(&record.evidence), []);
    run_page(&record, false);

    let mut empty = example();
    empty.evidence.stages[0].mean_service_micros = None;
    empty.routes[0].requests.per_second = None;
    empty.processes[0].cpu_micros_per_request = None;
    let written = serde_json::to_value(&empty).expect("JSON");
    let null = &written["routes"][0]["requests"]["per_second"];
    assert_eq!(null, &Value::Null);
    let back: Record = serde_json::from_value(written).expect("a record");
    let page = run_page(&back, false).into_string();
    assert!(!page.contains("NaN"), "{page}");
    assert!(markdown(&back).contains("–"));
}

#[test]
fn the_page_of_a_large_record_stays_below_half_a_megabyte() {
    let mut record = example();
    let tick = TickRecord {
        requests: 123_456,
        bands: (0..48).map(|band| band * 7919 % 2003).collect(),
        ..record.timeline.ticks[0].clone()
    };
    record.timeline.ticks = (0..130)
        .map(|number| TickRecord {
            failed: number % 3,
            bands: tick
                .bands
                .iter()
                .map(|count| count * (number + 1) % 977)
                .collect(),
            ..tick.clone()
        })
        .collect();
    record.timeline.bands = (0..49).map(|band| 1 << band).collect();
    record.timeline.cores = (0..24)
        .map(|node| CoresRecord {
            name: format!("shop-{node}"),
            cores: (0..130)
                .map(|tick| Some(f64::from(tick * node) / 1000.0))
                .collect(),
        })
        .collect();
    record.routes = (0..20)
        .map(|number| RouteRecord {
            name: format!("GET /a/rather/long/path/{number}/{{key}}"),
            ..record.routes[0].clone()
        })
        .collect();
    record.sections = vec![record.sections[0].clone(); 16];
    record.ledger = vec![record.ledger[0].clone(); 60];
    record.usage = vec![record.usage[0].clone(); 12];
    for stage in &mut record.usage {
        stage.processes = vec![stage.processes[0].clone(); 24];
    }
    let size = run_page(&record, true).into_string().len();
    assert!(size < 500_000, "{size} bytes");
    let json = serde_json::to_vec_pretty(&record).expect("JSON").len();
    assert!(json < 500_000, "{json} bytes of JSON");
}

/// A drawing with a line for each element, so that a change shows where it is.
fn lines(markup: &maud::Markup) -> String {
    markup.0.replace('<', "\n<").replace('\u{202f}', " ")
}

#[test]
fn the_drawings_look_as_before() {
    let record = example();
    let tones = Tones::of(&record);
    for (name, drawing) in [
        ("topology", topology::topology(&record, &tones)),
        ("timeline", timeline::timeline(&record, &tones)),
        ("latency", latency::latency(&record)),
        ("sections", sections::sections(&record.sections)),
        ("ledger", ledger::ledger(&record)),
    ] {
        insta::assert_snapshot!(name, lines(&drawing));
    }
}
