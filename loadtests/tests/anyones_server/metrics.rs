//! A run whose figures are scraped while it goes on.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::frame::Told;
use crate::program;

pub(crate) fn figures_are_served_while_the_load_goes_on() -> Told {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(figures_are_served())
}

async fn figures_are_served() -> Told {
    let server = MockServer::start().await;
    let fine = Mock::given(method("GET")).respond_with(ResponseTemplate::new(200));
    fine.mount(&server).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let events = folder.path().join("events");
    let target = server.uri();
    let told = events.display().to_string();
    let mut run = program(
        folder.path(),
        &[
            "--target",
            &target,
            "--get",
            "/items",
            "--rate",
            "50",
            "--duration",
            "60s",
            "--metrics",
            "127.0.0.1:0",
            "--events",
            &told,
        ],
    );
    let mut run = run.stdout(Stdio::null()).spawn().expect("the program runs");
    let page = scraped(&events).await;
    let _ = run.kill();
    let _ = run.wait();
    for has in [
        "skein_run_info{plan=",
        "skein_requests_total{stage=\"warm-up\",scenario=\"plain_requests\",route=\"GET /items\",outcome=\"ok\"}",
        "skein_response_time_seconds_bucket{le=\"0.1\"",
        "skein_turns_planned_total{stage=",
        "# EOF",
    ] {
        assert!(page.contains(has), "{has}: {page}");
    }
    Ok(())
}

/// The page, once some request is in it.
async fn scraped(events: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(50);
    let mut last = String::new();
    while Instant::now() < deadline {
        if let Some(url) = url(events)
            && let Ok(answer) = reqwest::get(&url).await
            && let Ok(page) = answer.text().await
        {
            if page.contains("outcome=\"ok\"") {
                return page;
            }
            last = page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no page with requests: {last}")
}

/// The place that the run told.
fn url(events: &Path) -> Option<String> {
    let lines = std::fs::read_to_string(events).ok()?;
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut served = lines.filter(|line| line["event"] == "metrics_served");
    Some(served.next()?["url"].as_str()?.to_owned())
}
