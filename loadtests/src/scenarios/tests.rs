//! Users against a system that answers wrongly: each wrong answer is noticed, and
//! called by its name.

use std::collections::BTreeMap;
use std::time::Duration;

use services::contract::seeded_value;
use skein::trial::Trial;
use skein::{Fault, Plan, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::intruders::BAD_TOKEN;
use super::task_submitters::Fates;
use super::{Intruders, Processors, Readers, SubmittedTasks, TaskSubmitters, Writers};

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

fn plan() -> Plan {
    let plan = crate::program().parse_plan("one-item.toml", PLAN);
    plan.expect("valid")
}

/// Takes a turn against a system that answers each route so.
async fn turn<S: Scenario>(answers: &[(&str, &str, ResponseTemplate)]) -> Trial {
    let server = MockServer::start().await;
    for (verb, path, answer) in answers {
        Mock::given(method(*verb))
            .and(path_regex(*path))
            .respond_with(answer.clone())
            .mount(&server)
            .await;
    }
    let mut trial = Trial::new(&plan(), &server.uri());
    trial.turn(S::NAME).await;
    trial
}

fn fates(trial: &Trial) -> Fates {
    let tasks = trial.shared::<SubmittedTasks>();
    tasks.expect("the laboratory has tasks").fates()
}

fn open(fates: &Fates) -> u64 {
    fates.accepted - fates.done - fates.dead - fates.gone
}

fn admitted(got: u16) -> Fault {
    Fault::Forbidden {
        what: BAD_TOKEN,
        expected: 401,
        got,
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
    let turn = turn::<Readers>(&[("GET", "^/data/item%2D0$|^/data/item-0$", answer)]).await;
    assert_eq!(turn.faults(), []);
    assert_eq!(
        turn.served_by(),
        BTreeMap::from([("api-gateway-2".to_owned(), 1)])
    );
    assert_eq!(turn.outcomes(), BTreeMap::from([("hit", 1)]));
}

#[tokio::test]
async fn the_time_goes_on_to_the_last_byte_of_a_slow_answer() {
    let slow = ok(seeded_value(0)).set_delay(Duration::from_millis(50));
    let turn = turn::<Readers>(&[("GET", "/data/.*", slow)]).await;
    assert!(
        turn.longest() >= Duration::from_millis(50),
        "{:?}",
        turn.longest()
    );
}

#[tokio::test]
async fn a_wrong_value_is_a_failure_although_the_status_is_right() {
    let turn = turn::<Readers>(&[("GET", "/data/.*", ok(seeded_value(1)))]).await;
    assert_eq!(
        turn.faults(),
        [Fault::Content("the value is not the seeded one")]
    );
}

#[tokio::test]
async fn a_wrong_status_is_told_with_the_right_one() {
    let broken = ResponseTemplate::new(503);
    let turn = turn::<Readers>(&[("GET", "/data/.*", broken)]).await;
    let (expected, got) = (200, 503);
    assert_eq!(turn.faults(), [Fault::Status { expected, got }]);
    assert_eq!(turn.statuses(), BTreeMap::from([(503, 1)]));
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
    let turn = turn::<Writers>(&answers).await;
    assert_eq!(
        turn.faults(),
        [Fault::Content("the value is not the one written before")]
    );
}

#[tokio::test]
async fn a_write_whose_versions_disagree_is_noticed() {
    let answer = ok(r#"{"version":7}"#).insert_header("x-version", "8");
    let turn = turn::<Writers>(&[("PUT", "/data/.*", answer)]).await;
    let disagree = "the write's version is not that of its header";
    assert_eq!(turn.faults(), [Fault::Content(disagree)]);
}

#[tokio::test]
async fn an_intruder_who_is_let_in_is_noticed_and_so_is_a_refusal_without_a_challenge() {
    let welcome = turn::<Intruders>(&[("GET", "/data/.*", ok("come in"))]).await;
    assert_eq!(welcome.faults(), [admitted(200)]);
    let curt = ResponseTemplate::new(401);
    let curt = turn::<Intruders>(&[("GET", "/data/.*", curt)]).await;
    assert_eq!(
        curt.faults(),
        [Fault::Content("the refusal has no challenge")]
    );
    let polite = ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer");
    let polite = turn::<Intruders>(&[("GET", "/data/.*", polite)]).await;
    assert_eq!(polite.faults(), []);
}

#[tokio::test]
async fn a_wrong_digest_is_noticed() {
    let wrong = r#"{"input_bytes":0,"iterations":1,"digest":"00"}"#;
    let answers = [
        ("GET", "/process", ok(wrong)),
        ("POST", "/process", ok(wrong)),
    ];
    let turn = turn::<Processors>(&answers).await;
    assert!(
        matches!(turn.faults()[..], [Fault::Content(_)]),
        "{:?}",
        turn.faults()
    );
}

#[tokio::test]
async fn a_task_is_followed_until_it_is_done() {
    let answers = [
        ("POST", "^/longtask$", task(202, "a", "queued")),
        ("GET", "^/longtask/a$", task(200, "a", "done")),
    ];
    let turn = turn::<TaskSubmitters>(&answers).await;
    assert_eq!(turn.faults(), []);
    let fates = fates(&turn);
    assert_eq!((fates.accepted, fates.done), (1, 1));
    // Handed in, handed in again, looked at.
    assert_eq!(turn.requests(), 3);
}

#[tokio::test]
async fn a_task_that_is_given_up_is_dead_and_not_looked_at_again() {
    let answers = [
        ("POST", "^/longtask$", task(202, "a", "queued")),
        ("GET", "^/longtask/a$", task(200, "a", "dead")),
    ];
    let mut turn = turn::<TaskSubmitters>(&answers).await;
    let looks = turn.requests();
    turn.follow_up(Duration::from_millis(20)).await;
    assert_eq!(turn.requests(), looks);
    let fates = fates(&turn);
    assert_eq!((fates.accepted, fates.done, fates.dead), (1, 0, 1));
}

#[tokio::test]
async fn a_task_that_the_worker_forgot_is_gone_and_one_that_cant_be_seen_is_open() {
    for (status, gone, open) in [(404, 1, 0), (503, 0, 1)] {
        let answers = [
            ("POST", "^/longtask$", task(202, "a", "queued")),
            ("GET", "^/longtask/a$", ResponseTemplate::new(status)),
        ];
        let turn = turn::<TaskSubmitters>(&answers).await;
        let fates = fates(&turn);
        assert_eq!((fates.gone, self::open(&fates)), (gone, open), "{status}");
        let (expected, got) = (200, status);
        assert_eq!(turn.faults(), [Fault::Status { expected, got }]);
    }
}

#[tokio::test]
async fn an_intruder_who_meets_a_broken_system_is_not_let_in() {
    for got in [413, 431, 502, 503] {
        let broken = ResponseTemplate::new(got);
        let turn = turn::<Intruders>(&[("GET", "/data/.*", broken)]).await;
        let expected = 401;
        assert_eq!(turn.faults(), [Fault::Status { expected, got }]);
    }
    let missing = ResponseTemplate::new(404);
    let turn = turn::<Intruders>(&[("GET", "/data/.*", missing)]).await;
    assert_eq!(turn.faults(), [admitted(404)]);
}

/// A server that promises ten bytes and sends three; then it hangs up, or is silent.
async fn turn_with_a_broken_answer(hangs_up: bool) -> Trial {
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
    let url = format!("http://{address}");
    let mut trial = Trial::new(&plan(), &url).patient_for(Duration::from_millis(300));
    trial.turn(Readers::NAME).await;
    server.abort();
    trial
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_from_one_that_takes_too_long_and_both_keep_their_status()
{
    for (hangs_up, fault) in [(true, Fault::CutOff), (false, Fault::TimedOut)] {
        let turn = turn_with_a_broken_answer(hangs_up).await;
        assert_eq!(turn.faults(), [fault]);
        assert_eq!(turn.statuses(), BTreeMap::from([(200, 1)]));
    }
}

#[tokio::test]
async fn nobody_listening_is_told_from_no_answer() {
    // Port 1 is reserved for a service that nobody runs any more.
    let mut trial = Trial::new(&plan(), "http://127.0.0.1:1");
    trial.turn(Readers::NAME).await;
    assert_eq!(trial.faults(), [Fault::NotConnected]);
}
