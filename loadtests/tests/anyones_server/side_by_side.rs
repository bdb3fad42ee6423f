//! A server whose users of two kinds come at rates of their own, the second ones later.

use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::frame::{Told, TooBusy};
use crate::{busy, only_record, run};

const PLAN: &str = r#"
name = "side-by-side"
thresholds = ["error-rate<=0% for GET /items", "rps>=15 for POST /orders", "unsent<=2%"]
[[stage]]
name = "steady"
duration = "2s"
scenario."GET /items" = { rate = "100/s" }
scenario."POST /orders" = { rate = "20/s", begins = "1s", duration = "500ms" }
[[request]]
path = "/items"
[[request]]
method = "POST"
path = "/orders"
"#;

pub(crate) fn scenarios_have_rates_of_their_own_and_begin_when_they_say() -> Told {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(scenarios_have_rates_of_their_own())
}

async fn scenarios_have_rates_of_their_own() -> Told {
    let server = MockServer::start().await;
    for name in ["GET", "POST"] {
        let mock = Mock::given(method(name));
        mock.respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("side-by-side.toml");
    std::fs::write(&plan, PLAN).expect("written");
    let plan = plan.display().to_string();
    let events = folder.path().join("events").display().to_string();
    let target = server.uri();
    let output = run(
        folder.path(),
        &["--plan", &plan, "--target", &target, "--events", &events],
    );
    let record = only_record(folder.path(), &output);
    if let (Some(3), Some(excuse)) = (output.status.code(), busy::excuse(&record)) {
        return Err(TooBusy(excuse));
    }
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let received = server.received_requests().await.expect("recorded");
    let orders = received.iter().filter(|request| request.method == "POST");
    let stage = &record["stages"][0];
    let of = |place: usize, pointer: &str| stage["scenarios"][place].pointer(pointer).cloned();
    assert_eq!(of(0, "/open/planned"), Some(Value::from(200)));
    assert_eq!(of(1, "/open/planned"), Some(Value::from(10)));
    assert_eq!(of(1, "/requests/count"), Some(Value::from(orders.count())));
    assert_eq!(of(1, "/open/requested_per_second"), Some(Value::from(20.0)));
    assert_eq!(of(1, "/begins_seconds"), Some(Value::from(1.0)));
    assert!(stage.get("open").is_none());

    let events = std::fs::read_to_string(events).expect("a stream");
    let events = events.lines().map(serde_json::from_str::<Value>);
    let events: Vec<Value> = events.collect::<Result<_, _>>().expect("JSON");
    let began = |scenario: &str| {
        let mut of = events.iter().filter(|event| event["scenario"] == scenario);
        let at = of.next().expect("it began")["at_ms"].as_u64();
        Duration::from_millis(at.expect("a moment"))
    };
    let later = began("POST /orders").saturating_sub(began("GET /items"));
    assert!(later > Duration::from_millis(800), "{later:?}");
    Ok(())
}
