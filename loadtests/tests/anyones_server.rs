//! The program pointed at a server that isn't the laboratory: what it sends, what it
//! refuses before it sends anything, and what it leaves behind.

#[path = "frame/busy.rs"]
mod busy;
mod frame;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use serde_json::Value;
use wiremock::matchers::{body_string, method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use frame::{Told, TooBusy};

fn main() -> ExitCode {
    frame::run(&frame::stories! {
        stories {
            a_server_gets_the_plans_requests_each_once_and_the_run_leaves_its_files,
            what_makes_no_sense_is_refused_before_anything_is_sent,
        }
    })
}

const PLAN: &str = r#"
name = "shop"
thresholds = ["error-rate<=0%", "max<30s for GET /items/{item}"]
[behaviour]
think_time = "20ms"
[[stage]]
name = "steady"
users = 2
duration = "1s"
[[request]]
path = "/items/{item}"
weight = 2
[[request]]
method = "POST"
path = "/basket"
body = '{"item": "{item}"}'
status = 302
[values.item]
list = ["a b", "<script>"]
"#;

fn a_server_gets_the_plans_requests_each_once_and_the_run_leaves_its_files() -> Told {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(a_server_gets_the_plans_requests())
}

async fn a_server_gets_the_plans_requests() -> Told {
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", "/nowhere");
    let answers = [
        Mock::given(method("GET")).and(path_regex("^/items/(a%20b|%3Cscript%3E)$")),
        Mock::given(method("POST")).and(body_string(r#"{"item": "a b"}"#)),
        Mock::given(method("POST")).and(body_string(r#"{"item": "<script>"}"#)),
    ];
    for (answer, mock) in [ResponseTemplate::new(200), redirect.clone(), redirect]
        .into_iter()
        .zip(answers)
    {
        mock.respond_with(answer).mount(&server).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("shop.toml");
    std::fs::write(&plan, PLAN).expect("written");

    let plan = plan.display().to_string();
    let output = run(folder.path(), &["--plan", &plan, "--target", &server.uri()]);
    let run = folder.path().join("reports/runs");
    let mut runs = std::fs::read_dir(run).expect("a folder of runs");
    let run = runs.next().expect("a run").expect("readable").path();
    let record = std::fs::read(run.join("run.json")).expect("a record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let routes = record["routes"].as_array().expect("routes").iter();
    let sent: BTreeMap<&str, u64> = routes
        .filter_map(|route| {
            Some((
                route["name"].as_str()?,
                route["requests"]["count"].as_u64()?,
            ))
        })
        .collect();
    assert_eq!(
        sent.keys().copied().collect::<Vec<_>>(),
        ["GET /items/{item}", "POST /basket"]
    );
    assert_eq!(record["failures"], Value::Array(Vec::new()));
    // The first request asks whether anybody is there.
    let received = server.received_requests().await.expect("recorded");
    assert_eq!(sent.values().sum::<u64>() + 1, received.len() as u64);

    let junit = std::fs::read_to_string(run.join("junit.xml")).expect("JUnit XML");
    assert!(junit.contains("GET /items/{item}"), "{junit}");
    let summary = std::fs::read_to_string(run.join("summary.md")).expect("Markdown");
    assert!(summary.starts_with("## shop: "), "{summary}");
    // A busy machine makes the run invalid, which is no failure of the server.
    match (output.status.code(), busy::excuse(&record)) {
        (Some(0), _) => Ok(()),
        (Some(3), Some(excuse)) => Err(TooBusy(excuse)),
        _ => panic!("{output:?} {}", record["judgement"]),
    }
}

fn what_makes_no_sense_is_refused_before_anything_is_sent() -> Told {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("shop.toml");
    std::fs::write(&plan, PLAN).expect("written");
    let plan = plan.display().to_string();
    // Port 1 is reserved for a service that nobody runs any more.
    let target = "http://127.0.0.1:1";
    for (arguments, says) in [
        (&["--plan", &plan][..], "name the server with --target"),
        (
            &[
                "--target",
                target,
                "--get",
                "/",
                "--threshold",
                "imbalance<=1",
            ],
            "topology",
        ),
        (&["--get", "/"], "--target"),
        (
            &["--target", target, "--get", "/", "--rate", "fast"],
            "rate",
        ),
    ] {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(says), "{message}");
    }
    let output = run(folder.path(), &["--target", target, "--get", "/"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    // A name that nobody has (RFC 6761, section 6.4) is this machine's affair.
    let nobody = "http://nobody.invalid:80";
    let output = run(folder.path(), &["--target", nobody, "--get", "/"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("could not resolve"), "{message}");
    assert!(message.contains("/etc/resolv.conf"), "{message}");
    Ok(())
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["run", "--quiet", "--reports"])
        .arg(folder.join("reports"))
        .args(arguments)
        .output()
        .expect("the program runs")
}
