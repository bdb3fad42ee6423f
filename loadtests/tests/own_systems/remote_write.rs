//! Figures that a run sends to Prometheus while it goes on.

use std::fs;
use std::process::Output;

use harness::{Launcher, StartOptions, System, Topology};
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Told, kept, loadtests, said};

const PROMETHEUS: &str = r#"
[node.prometheus]
run = ["prometheus", "--config.file={dir}/none.yml", "--storage.tsdb.path={dir}/data",
  "--web.listen-address={address}", "--web.enable-remote-write-receiver"]
ready = { http = "/-/ready" }
unprivileged = true
files."none.yml" = ""
"#;

/// A run's arguments, but for where its figures go.
fn run<'a>(target: &'a str, receiver: &'a str) -> Vec<&'a str> {
    let load = ["--get", "/items", "--rate", "100", "--duration", "4s"];
    let run = ["run", "--target", target];
    let figures = ["--remote-write", receiver, "--remote-write-every", "1s"];
    [&run[..], &load, &figures].concat()
}

pub(crate) fn what_prometheus_was_sent_adds_up_to_what_the_run_counted() -> Told {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = MockServer::start().await;
        let fine = Mock::given(any()).respond_with(ResponseTemplate::new(200));
        fine.mount(&server).await;
        let topology = Topology::from_toml(PROMETHEUS).expect("a topology");
        let folder = tempfile::tempdir().expect("a folder");
        let options = StartOptions {
            launcher: Launcher::program(env!("CARGO_BIN_EXE_loadtests")),
            folder: folder.path().join("prometheus"),
        };
        let system = System::start(&topology, options).await;
        let system = system.expect("Prometheus starts");

        let receiver = format!("{}/api/v1/write", system.url_of("prometheus"));
        let target = server.uri();
        let output = loadtests(folder.path(), &run(&target, &receiver));
        let record = kept(folder.path(), "runs/*/run.json", &output);
        assert!(!said(&output).contains("not kept"), "{}", said(&output));

        let id = record["id"].as_str().expect("an id");
        let query =
            format!("sum(max_over_time(skein_requests_total{{run={id:?},outcome=\"ok\"}}[1h]))");
        let counted = asked(&system, &query).await;
        let requests = server.received_requests().await.expect("kept").len();
        assert_eq!(counted["value"][1], requests.to_string(), "{counted}");
        let looks = format!("count_over_time(skein_users{{run={id:?}}}[1h])");
        let looks = asked(&system, &looks).await["value"][1].clone();
        let looks: u32 = looks
            .as_str()
            .and_then(|looks| looks.parse().ok())
            .expect("a number");
        assert!(looks >= 3, "{looks} looks");
        // The series have ended with the run.
        let now = system.url_of("prometheus") + "/api/v1/query?query=skein_users";
        let now: Value = reqwest::get(now)
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(now["data"]["result"], Value::Array(Vec::new()));
        system.stop().await.expect("it stops");
    });
    Ok(())
}

/// The one result of a query.
async fn asked(system: &System, query: &str) -> Value {
    let url = system.url_of("prometheus") + "/api/v1/query";
    let url = reqwest::Url::parse_with_params(&url, [("query", query)]).expect("a URL");
    let answer = reqwest::get(url).await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let result = &answer["data"]["result"];
    assert_eq!(
        result.as_array().map(Vec::len),
        Some(1),
        "{query}: {answer}"
    );
    result[0].clone()
}

pub(crate) fn a_server_that_takes_no_figures_ends_the_run_before_its_load() -> Told {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = MockServer::start().await;
        let fine = Mock::given(any()).respond_with(ResponseTemplate::new(200));
        fine.mount(&server).await;
        let receiver = MockServer::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let target = server.uri();
        let ended = |receiver: &str| -> Output {
            let output = loadtests(folder.path(), &run(&target, receiver));
            let runs = fs::read_dir(folder.path().join("reports/runs"));
            let kept = runs.map_or(0, Iterator::count);
            assert_eq!(kept, 0, "{}", said(&output));
            output
        };
        // A server of mocks answers 404 to what it doesn't know.
        let output = ended(&receiver.uri());
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        let why = "answered 404 Not Found; Prometheus takes figures at /api/v1/write";
        assert!(said(&output).contains(why), "{}", said(&output));
        let output = ended("ftp://here/");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let asked = server.received_requests().await.expect("kept");
        assert_eq!(asked.len(), 0);
    });
    Ok(())
}
