//! Users against a system that answers wrongly: each wrong answer is noticed, and
//! called by its name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use services::contract::seeded_value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Scenario;
use crate::plan::Plan;
use crate::samples::{CacheOutcome, Fault, RouteSamples};
use crate::visitor::Visitor;
use crate::workload::Workload;

/// A plan of one item, so that every read is of the same.
const PLAN: &str = r#"
name = "one-item"
thresholds = []
[[stage]]
name = "only"
users = 1
duration = "60s"
[mix]
readers = 1
[behaviour]
items = 1
listing_share = 0.0
repeat_share = 1.0
poll_interval = "1ms"
"#;

/// What a user made of the answers to one turn.
struct Turn {
    visitor: Visitor,
    total: RouteSamples,
    faults: Vec<Fault>,
}

/// Takes a turn against a system that answers each route so.
async fn turn(scenario: Scenario, answers: &[(&str, &str, ResponseTemplate)]) -> Turn {
    let server = MockServer::start().await;
    for (verb, path, answer) in answers {
        Mock::given(method(*verb))
            .and(path_regex(*path))
            .respond_with(answer.clone())
            .mount(&server)
            .await;
    }
    let plan = Plan::parse("one-item.toml", PLAN).expect("valid");
    let workload = Arc::new(Workload::new(&plan, 1, &server.uri()));
    let mut visitor = Visitor::new(0, Arc::clone(&workload));
    scenario.take_turn(&mut visitor).await;
    let samples = workload.recorder.snapshot();
    Turn {
        visitor,
        total: samples.total(|_| true),
        faults: samples.faults.keys().map(|(_, _, fault)| *fault).collect(),
    }
}

fn ok(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body.into())
}

fn task(status: u16, id: &str, state: &str) -> ResponseTemplate {
    let result = if state == "done" {
        r#","result":"42""#
    } else {
        ""
    };
    let body = format!(r#"{{"id":"{id}","task":"report","state":"{state}","attempts":1{result}}}"#);
    ResponseTemplate::new(status)
        .insert_header("location", format!("/longtask/{id}"))
        .set_body_string(body)
}

#[tokio::test]
async fn a_right_answer_is_recorded_with_who_gave_it_and_what_the_cache_did() {
    let answer = ok(seeded_value(0))
        .insert_header("x-served-by", "api-gateway-2")
        .insert_header("cache-status", "cache-1; hit");
    let turn = turn(
        Scenario::Readers,
        &[("GET", "^/data/item%2D0$|^/data/item-0$", answer)],
    )
    .await;
    assert_eq!(turn.faults, []);
    assert_eq!(
        turn.total.served_by(),
        BTreeMap::from([("api-gateway-2".to_owned(), 1)])
    );
    assert_eq!(turn.total.caches, BTreeMap::from([(CacheOutcome::Hit, 1)]));
}

#[tokio::test]
async fn the_time_goes_on_to_the_last_byte_of_a_slow_answer() {
    let slow = ok(seeded_value(0)).set_delay(Duration::from_millis(50));
    let turn = turn(Scenario::Readers, &[("GET", "/data/.*", slow)]).await;
    assert!(
        turn.total.latency().response().max() >= 50_000,
        "{}",
        turn.total.latency().response().max()
    );
}

#[tokio::test]
async fn a_wrong_value_is_a_failure_although_the_status_is_right() {
    let turn = turn(
        Scenario::Readers,
        &[("GET", "/data/.*", ok(seeded_value(1)))],
    )
    .await;
    assert_eq!(
        turn.faults,
        [Fault::Content("the value is not the seeded one")]
    );
}

#[tokio::test]
async fn a_wrong_status_is_told_with_the_right_one() {
    let broken = ResponseTemplate::new(503);
    let turn = turn(Scenario::Readers, &[("GET", "/data/.*", broken)]).await;
    let (expected, got) = (200, 503);
    assert_eq!(turn.faults, [Fault::Status { expected, got }]);
    assert_eq!(turn.total.statuses, BTreeMap::from([(503, 1)]));
}

#[tokio::test]
async fn a_write_that_is_not_seen_is_noticed() {
    let answers = [
        (
            "PUT",
            "/data/.*",
            ok(r#"{"version":7}"#).insert_header("x-version", "7"),
        ),
        ("GET", "/data/.*", ok("an older value")),
    ];
    let turn = turn(Scenario::Writers, &answers).await;
    assert_eq!(
        turn.faults,
        [Fault::Content("the value is not the one written before")]
    );
}

#[tokio::test]
async fn a_write_whose_versions_disagree_is_noticed() {
    let answer = ok(r#"{"version":7}"#).insert_header("x-version", "8");
    let turn = turn(Scenario::Writers, &[("PUT", "/data/.*", answer)]).await;
    let disagree = "the write's version is not that of its header";
    assert_eq!(turn.faults, [Fault::Content(disagree)]);
}

#[tokio::test]
async fn an_intruder_who_is_let_in_is_noticed_and_so_is_a_refusal_without_a_challenge() {
    let welcome = turn(Scenario::Intruders, &[("GET", "/data/.*", ok("come in"))]).await;
    assert_eq!(welcome.faults, [Fault::Admitted { got: 200 }]);
    let curt = ResponseTemplate::new(401);
    let curt = turn(Scenario::Intruders, &[("GET", "/data/.*", curt)]).await;
    assert_eq!(
        curt.faults,
        [Fault::Content("the refusal has no challenge")]
    );
    let polite = ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer");
    let polite = turn(Scenario::Intruders, &[("GET", "/data/.*", polite)]).await;
    assert_eq!(polite.faults, []);
}

#[tokio::test]
async fn a_wrong_digest_is_noticed() {
    let wrong = r#"{"input_bytes":0,"iterations":1,"digest":"00"}"#;
    let answers = [
        ("GET", "/process", ok(wrong)),
        ("POST", "/process", ok(wrong)),
    ];
    let turn = turn(Scenario::Processors, &answers).await;
    assert!(
        matches!(turn.faults[..], [Fault::Content(_)]),
        "{:?}",
        turn.faults
    );
}

#[tokio::test]
async fn a_task_is_followed_until_it_is_done() {
    let answers = [
        ("POST", "^/longtask$", task(202, "a", "queued")),
        ("GET", "^/longtask/a$", task(200, "a", "done")),
    ];
    let turn = turn(Scenario::TaskSubmitters, &answers).await;
    assert_eq!(turn.faults, []);
    assert_eq!(
        (turn.visitor.tasks.accepted, turn.visitor.tasks.done),
        (1, 1)
    );
    // Handed in, handed in again, looked at.
    assert_eq!(turn.total.count(), 3);
}

#[tokio::test]
async fn a_task_that_is_given_up_is_dead_and_not_looked_at_again() {
    let answers = [
        ("POST", "^/longtask$", task(202, "a", "queued")),
        ("GET", "^/longtask/a$", task(200, "a", "dead")),
    ];
    let mut turn = turn(Scenario::TaskSubmitters, &answers).await;
    super::follow_up(
        &mut turn.visitor,
        Instant::now() + Duration::from_millis(20),
    )
    .await;
    let tasks = &turn.visitor.tasks;
    assert_eq!((tasks.accepted, tasks.done, tasks.dead), (1, 0, 1));
    assert!(tasks.open.is_empty(), "{:?}", tasks.open);
}

#[tokio::test]
async fn a_task_that_the_worker_forgot_is_gone_and_one_that_cant_be_seen_is_open() {
    for (status, gone, open) in [(404, 1, 0), (503, 0, 1)] {
        let answers = [
            ("POST", "^/longtask$", task(202, "a", "queued")),
            ("GET", "^/longtask/a$", ResponseTemplate::new(status)),
        ];
        let turn = turn(Scenario::TaskSubmitters, &answers).await;
        let tasks = &turn.visitor.tasks;
        assert_eq!((tasks.gone, tasks.open.len()), (gone, open), "{status}");
        let (expected, got) = (200, status);
        assert_eq!(turn.faults, [Fault::Status { expected, got }]);
    }
}

#[tokio::test]
async fn an_intruder_who_meets_a_broken_system_is_not_let_in() {
    for got in [413, 431, 502, 503] {
        let broken = ResponseTemplate::new(got);
        let turn = turn(Scenario::Intruders, &[("GET", "/data/.*", broken)]).await;
        let expected = 401;
        assert_eq!(turn.faults, [Fault::Status { expected, got }]);
    }
    let missing = ResponseTemplate::new(404);
    let turn = turn(Scenario::Intruders, &[("GET", "/data/.*", missing)]).await;
    assert_eq!(turn.faults, [Fault::Admitted { got: 404 }]);
}

/// A server that promises ten bytes and sends three; then it hangs up, or is silent.
async fn turn_with_a_broken_answer(hangs_up: bool) -> (RouteSamples, Vec<Fault>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a request");
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.expect("readable");
        let answer = b"HTTP/1.1 200 OK
content-length: 10

abc";
        stream.write_all(answer).await.expect("writable");
        if !hangs_up {
            std::future::pending::<()>().await;
        }
    });
    let plan = Plan::parse("one-item.toml", PLAN).expect("valid");
    let workload = Arc::new(Workload::new(&plan, 1, &format!("http://{address}")));
    let mut visitor = Visitor::new(0, Arc::clone(&workload));
    visitor.be_patient_for(Duration::from_millis(300));
    Scenario::Readers.take_turn(&mut visitor).await;
    server.abort();
    let samples = workload.recorder.snapshot();
    let faults = samples.faults.keys().map(|(_, _, fault)| *fault).collect();
    (samples.total(|_| true), faults)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_from_one_that_takes_too_long_and_both_keep_their_status()
{
    for (hangs_up, fault) in [(true, Fault::CutOff), (false, Fault::TimedOut)] {
        let (total, faults) = turn_with_a_broken_answer(hangs_up).await;
        assert_eq!(faults, [fault]);
        assert_eq!(total.statuses, BTreeMap::from([(200, 1)]));
    }
}

#[tokio::test]
async fn nobody_listening_is_told_from_no_answer() {
    let plan = Plan::parse("one-item.toml", PLAN).expect("valid");
    // Port 1 is reserved for a service that nobody runs any more.
    let workload = Arc::new(Workload::new(&plan, 1, "http://127.0.0.1:1"));
    let mut visitor = Visitor::new(0, Arc::clone(&workload));
    Scenario::Readers.take_turn(&mut visitor).await;
    let samples = workload.recorder.snapshot();
    assert_eq!(samples.faults(|fault| fault == Fault::NotConnected), 1);
}
