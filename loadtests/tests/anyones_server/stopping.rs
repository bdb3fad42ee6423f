//! A server that fails a run long before its plan is over.

use std::time::{Duration, Instant};

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::frame::{Told, TooBusy};
use crate::{busy, only_record, run};

pub(crate) fn a_run_is_stopped_as_soon_as_a_rule_is_surely_lost() -> Told {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(a_run_is_stopped())
}

async fn a_run_is_stopped() -> Told {
    let server = MockServer::start().await;
    let broken = Mock::given(method("GET")).respond_with(ResponseTemplate::new(500));
    broken.mount(&server).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = server.uri();
    let began = Instant::now();
    let output = run(
        folder.path(),
        &[
            "--target",
            &target,
            "--get",
            "/",
            "--rate",
            "50",
            "--duration",
            "40s",
            "--threshold",
            "error-rate<1%",
            "--threshold",
            "p99<10s",
            "--stop-early",
        ],
    );
    assert!(began.elapsed() < Duration::from_secs(30), "{output:?}");
    let record = only_record(folder.path(), &output);
    let stopped = &record["stopped_early"];
    assert_eq!(stopped["rules"], serde_json::json!(["error-rate<1%"]));
    let after = stopped["after_seconds"].as_f64().expect("a moment");
    assert!(after < 20.0, "{after}");
    let state = |rule: &str| {
        let rules = record["thresholds"].as_array().expect("rules").iter();
        let mut of = rules.filter(|judged| judged["rule"] == rule);
        of.next().expect("judged")["state"].clone()
    };
    assert_eq!(state("error-rate<1%"), Value::from("failed"));
    assert_eq!(state("p99<10s"), Value::from("not_judged"));
    // 1 % of 2,000 requests, and no more than came until the next look.
    let count = record["stages"][1]["requests"]["count"].as_u64();
    assert!((20..1_000).contains(&count.expect("a count")), "{count:?}");
    match (output.status.code(), busy::excuse(&record)) {
        (Some(1), _) => Ok(()),
        (Some(3), Some(excuse)) => Err(TooBusy(excuse)),
        _ => panic!("{output:?} {}", record["judgement"]),
    }
}
