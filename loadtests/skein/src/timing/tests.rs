use harness::Topology;
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// The hops of a small system: a front, who calls back ends, who call a store.
fn hops() -> Hops {
    let topology = Topology::from_toml(
        r#"
        [node.front]
        run = ["front", "{back.urls}"]
        entry = true
        [node.back]
        run = ["back", "{shelf.urls}", "{store.url}"]
        replicas = 2
        [node.shelf]
        run = ["shelf"]
        replicas = 2
        [node.store]
        run = ["store"]
        "#,
    );
    Hops::of(&topology.expect("a topology"))
}

const FRONT: HopPlace = 1;
const BACK: HopPlace = 2;
const SHELF: HopPlace = 3;
const STORE: HopPlace = 4;

fn place() -> impl Strategy<Value = HopPlace> {
    prop::sample::select(vec![FRONT, BACK, SHELF, STORE])
}

proptest! {
    #[test]
    fn shares_add_up_to_the_whole_when_hops_are_nested(
        // Leaves, and what each hop around them adds.
        leaves in prop::collection::btree_map(prop::sample::select(vec![SHELF, STORE]), 1u64..10_000, 0..3),
        back in 1u64..10_000, front in 1u64..10_000, generator in 1u64..10_000,
    ) {
        let inner: u64 = leaves.values().sum();
        let micros = Duration::from_micros;
        let mut told: Vec<_> = leaves.iter().map(|(hop, time)| (*hop, micros(*time))).collect();
        told.push((BACK, micros(inner + back)));
        told.push((FRONT, micros(inner + back + front)));
        let whole = micros(inner + back + front + generator);
        let shares = shares(&hops(), whole, &told);
        prop_assert_eq!(shares.values().sum::<Duration>(), whole);
        prop_assert_eq!(shares[&BACK], micros(back));
        prop_assert_eq!(shares[&GENERATOR], micros(generator));
    }

    #[test]
    fn no_share_is_longer_than_what_was_told(
        told in prop::collection::vec((place(), 0u64..10_000), 0..6), whole in 0u64..10_000
    ) {
        let told: Vec<_> =
            told.into_iter().map(|(hop, t)| (hop, Duration::from_micros(t))).collect();
        let shares = shares(&hops(), Duration::from_micros(whole), &told);
        for (hop, share) in shares.iter().filter(|(hop, _)| **hop != GENERATOR) {
            let sum: Duration =
                told.iter().filter(|(other, _)| other == hop).map(|(_, t)| *t).sum();
            prop_assert!(*share <= sum);
        }
    }
}

/// Entries that were written to be misread, and others.
fn entry() -> impl Strategy<Value = String> {
    let name = prop_oneof!["(store|shelf-[0-9]{1,3}|front|back-1)", "[!-~]{0,5}"];
    let time = prop_oneof![
        any::<f64>().prop_map(|time| format!("{time:e}")),
        any::<u128>().prop_map(|time| time.to_string()),
        "(1\\.8e22|1e308|inf|NaN|-0|\\+1|1e-400|[0-9.e-]{0,9})",
    ];
    (name, time, "[ -~]{0,3}").prop_map(|(name, time, more)| format!("{name};dur={time}{more}"))
}

proptest! {
    #[test]
    fn nothing_that_an_answer_tells_breaks_the_account(
        entries in prop::collection::vec(entry(), 0..80),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        service in 0_u64..100_000_000,
    ) {
        let mut headers = HeaderMap::new();
        for field in entries.chunks(9).map(|entries| entries.join(", ").into_bytes()).chain([bytes]) {
            headers.extend(HeaderValue::from_bytes(&field).ok().map(|field| (SERVER_TIMING, field)));
        }
        let timings = Timings::new(hops());
        let service = Duration::from_micros(service);
        for _ in 0..3 {
            timings.record(Some(0), Route::new("GET", "/"), service, &headers);
        }
        for route in timings.sum_up(|_| true) {
            for hop in route.hops {
                prop_assert!(hop.mean.is_finite());
            }
        }
        let most = service.max(LONGEST * MOST_ENTRIES as u32);
        let shares = shares(&hops(), service, &told(&hops(), &headers));
        prop_assert!(shares.values().all(|share| *share <= most));
    }
}

#[test]
fn times_that_add_up_to_more_than_a_duration_are_no_panic() {
    let mut headers = HeaderMap::new();
    let field = HeaderValue::from_static("store;dur=1.8e22, store;dur=1.8e22");
    headers.append(SERVER_TIMING, field);
    let shares = shares(&hops(), Duration::from_millis(1), &told(&hops(), &headers));
    assert_eq!(shares[&STORE], LONGEST * 2);
    assert_eq!(shares[&GENERATOR], Duration::ZERO);
}

#[test]
fn what_hops_tell_is_read_and_the_rest_left_out() {
    let mut headers = HeaderMap::new();
    for entry in [
        "shelf-7;dur=0.250",
        "back-2;desc=\"x\";dur=1.5, front;dur=2",
        "store;dur=soon",
        "store;dur=-1",
        "shelved;dur=3",
        "cdn;dur=9",
        "shelf-1",
    ] {
        headers.append(SERVER_TIMING, HeaderValue::from_static(entry));
    }
    let micros = |hop, micros| (hop, Duration::from_micros(micros));
    assert_eq!(
        told(&hops(), &headers),
        [micros(SHELF, 250), micros(BACK, 1500), micros(FRONT, 2000)]
    );
}

#[test]
fn means_of_hops_add_up_to_the_mean_of_the_requests() {
    let timings = Timings::new(hops());
    let route = Route::new("GET", "/items/{key}");
    let mut headers = HeaderMap::new();
    headers.append(SERVER_TIMING, HeaderValue::from_static("back-1;dur=1"));
    timings.record(Some(0), route, Duration::from_millis(2), &headers);
    headers.append(SERVER_TIMING, HeaderValue::from_static("store;dur=0.5"));
    timings.record(Some(0), route, Duration::from_millis(4), &headers);
    timings.record(Some(0), route, Duration::from_millis(9), &HeaderMap::new());
    timings.record(None, route, Duration::from_millis(9), &headers);
    let summed = timings.sum_up(|stage| stage.is_some());
    assert_eq!(summed[0].samples, 2);
    let mean: f64 = summed[0].hops.iter().map(|hop| hop.mean).sum();
    assert!((mean - 3000.0).abs() < 3.0, "{mean}");
    assert_eq!(
        summed[0].hops.last().map(|hop| (hop.hop.name(), hop.met)),
        Some(("store", 1))
    );
}
