//! A whole run, whose clock is set while it goes on.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::report::{junit, run_page};
use crate::testing::parse_file;

const PLAN: &str = r#"
name = "clock"
thresholds = ["error-rate<=0%"]
[[request]]
path = "/"
[behaviour]
think_time = "20ms"
[[stage]]
name = "steady"
users = 2
duration = "1s"
"#;

/// Right when it is read for the first time, and an hour late ever after.
fn set_back() -> Timestamp {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let an_hour = SignedDuration::from_hours(1);
    match READ.fetch_add(1, Ordering::SeqCst) {
        0 => Timestamp::now(),
        _ => Timestamp::now() - an_hour,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_meanwhile_changes_no_length_and_is_told() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200);
    Mock::given(wiremock::matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let order = Order {
        metrics: None,
        receiver: None,
        plan: parse_file("clock.toml", PLAN).expect("valid"),
        seed: 1,
        target: Some(server.uri()),
        dashboard: None,
        command: "loadtests run".to_owned(),
        samples: None,
        wall: WallClock(set_back),
    };
    let (nobody, never) = (Events::silent(), Interruption::never());
    let run = Box::pin(run(order, folder.path(), &nobody, &never));
    let record = run.await.expect("a run").record;
    let duration = record.duration();
    assert!(duration >= Duration::from_secs(1) && duration < Duration::from_secs(60));
    let between = record.ended.duration_since(record.started);
    assert_eq!(between.as_millis(), duration.as_millis() as i128);
    let set = Doubt::ClockSet { seconds: -3600 };
    assert!(record.warnings.contains(&set), "{:?}", record.warnings);
    assert!(!set.invalidates());
    let says = "clock was set by -3600 s";
    assert!(run_page(&record, false).into_string().contains(says));
    let xml = junit(&record).expect("written");
    assert!(xml.contains(says), "{xml}");
}
