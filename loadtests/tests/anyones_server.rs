//! The program pointed at a server that isn't the laboratory: what it sends, what it
//! refuses before it sends anything, and what it leaves behind.

#[path = "frame/busy.rs"]
mod busy;
mod frame;
#[path = "anyones_server/members.rs"]
mod members;
#[path = "anyones_server/metrics.rs"]
mod metrics;
#[path = "anyones_server/side_by_side.rs"]
mod side_by_side;
#[path = "anyones_server/stopping.rs"]
mod stopping;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::{body_string, method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use frame::{Told, TooBusy};
use members::users_log_in_once_use_what_answers_had_and_keep_secrets_out_of_every_file;
use metrics::figures_are_served_while_the_load_goes_on;
use side_by_side::scenarios_have_rates_of_their_own_and_begin_when_they_say;
use stopping::a_run_is_stopped_as_soon_as_a_rule_is_surely_lost;

fn main() -> ExitCode {
    frame::run(&frame::stories! {
        stories {
            a_server_gets_the_plans_requests_each_once_and_the_run_leaves_its_files,
            users_log_in_once_use_what_answers_had_and_keep_secrets_out_of_every_file,
            scenarios_have_rates_of_their_own_and_begin_when_they_say,
            a_run_is_stopped_as_soon_as_a_rule_is_surely_lost,
            figures_are_served_while_the_load_goes_on,
            what_makes_no_sense_is_refused_before_anything_is_sent,
            a_server_that_answers_nothing_else_gets_what_was_written_from_the_first_byte_on,
            bytes_that_belong_to_no_answer_and_bodies_that_are_encoded_are_said_to_be_that,
            answers_with_many_header_fields_are_taken_up_to_a_limit_that_is_named,
            large_bodies_that_nobody_checks_are_not_kept,
            a_load_of_a_number_of_turns_ends_with_the_last_of_them,
            a_plan_may_pause_and_have_stages_that_are_shorter_than_a_second,
            a_dashboard_whose_port_is_taken_is_refused_before_anything_is_sent,
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
    let received = server.received_requests().await.expect("recorded");
    assert_eq!(sent.values().sum::<u64>(), received.len() as u64);

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
            "--rate fast: ",
        ),
        (
            &["--target", target, "--get", "/{itme}"],
            "--get '/{itme}': nobody says",
        ),
        (
            &["--target", target, "--get", "/", "--timeout", "2h"],
            "between 1ms and 1h",
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

/// What a server was sent, request by request, to the byte.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that answers each request as it is told, hangs up where there is nothing to
/// say, and keeps what it was sent.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let seen = Seen::default();
    let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, kept) = (stream.expect("a connection"), Arc::clone(&kept));
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut requests = BufReader::new(&stream);
                while let Some(request) = read_request(&mut requests) {
                    let text = answer(&request);
                    kept.lock().expect("not poisoned").push(request);
                    if text.is_empty() || (&stream).write_all(&text).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, seen)
}

fn read_request(requests: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if requests.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    let length = request.to_ascii_lowercase();
    let length = length.split("\r\ncontent-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    requests
        .take(length.unwrap_or(0))
        .read_to_string(&mut request)
        .ok()?;
    Some(request)
}

fn respond(fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Runs half a second of load on one request, and gives the record.
fn record_of(url: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let short = ["--target", url, "--users", "2", "--duration", "500ms"];
    let arguments: Vec<_> = short.iter().chain(arguments).copied().collect();
    let output = run(folder.path(), &arguments);
    only_record(folder.path(), &output)
}

fn only_record(folder: &Path, output: &Output) -> Value {
    let runs = folder.join("reports/runs");
    let mut runs = std::fs::read_dir(runs).unwrap_or_else(|_| panic!("{output:?}"));
    let run = runs.next().expect("a run").expect("readable").path();
    let record = std::fs::read(run.join("run.json")).expect("a record");
    serde_json::from_slice(&record).expect("JSON")
}

/// The kinds of doubts and remarks in a record.
fn warnings(record: &Value) -> Vec<&str> {
    let warnings = record["warnings"].as_array().expect("warnings").iter();
    warnings
        .filter_map(|warning| warning["kind"].as_str())
        .collect()
}

fn a_server_that_answers_nothing_else_gets_what_was_written_from_the_first_byte_on() -> Told {
    let (url, seen) = serve(|request| match request.starts_with("POST /api ") {
        true => respond("", "ok"),
        false => Vec::new(),
    });
    let written = ["Cookie: a", "X-Blank:  b ", "cookie: c"];
    let headers = written.iter().flat_map(|field| ["--header", field]);
    let arguments: Vec<_> = ["--post", "/api"].into_iter().chain(headers).collect();
    let record = record_of(&url, &arguments);
    let host = url.trim_start_matches("http://");
    let expected = format!(
        "POST /api HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\nuser-agent: skein/{}\r\n\
         Cookie: a\r\ncookie: c\r\nX-Blank:  b \r\ncontent-length: 0\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let seen = seen.lock().expect("not poisoned");
    for request in seen.iter() {
        assert_eq!(*request, expected);
    }
    let stages = record["stages"].as_array().expect("stages").iter();
    let counts = stages.filter_map(|stage| stage["requests"]["count"].as_u64());
    assert_eq!(counts.sum::<u64>(), seen.len() as u64);
    assert_eq!(record["failures"], Value::Array(Vec::new()));
    let again = record["command"].as_str().expect("a command");
    let flags = "--header 'Cookie: a' --header 'X-Blank:  b ' --header 'cookie: c'";
    assert!(again.contains(flags), "{again}");
    Ok(())
}

fn bytes_that_belong_to_no_answer_and_bodies_that_are_encoded_are_said_to_be_that() -> Told {
    let (url, _) = serve(|_| [respond("", "ok"), b"more".to_vec()].concat());
    let record = record_of(&url, &["--get", "/"]);
    assert!(warnings(&record).contains(&"unasked_bytes"), "{record:#}");
    assert_eq!(record["failures"], Value::Array(Vec::new()));
    let (url, _) = serve(|_| respond("Content-Encoding: gzip\r\n", "\u{1f}"));
    let record = record_of(&url, &["--get", "/", "--contains", "ok"]);
    let failure = &record["failures"][0];
    let reason = failure["reason"].as_str().expect("a reason");
    assert!(reason.contains("encoded"), "{failure}");
    let example = failure["example"].as_str().expect("an example");
    assert!(example.contains("gzip"), "{failure}");
    Ok(())
}

fn answers_with_many_header_fields_are_taken_up_to_a_limit_that_is_named() -> Told {
    let (url, _) = serve(|_| respond(&"X-Field: a\r\n".repeat(120), "ok"));
    let record = record_of(&url, &["--get", "/"]);
    assert_eq!(record["failures"], Value::Array(Vec::new()));
    let record = record_of(&url, &["--get", "/", "--max-fields", "110"]);
    let failure = &record["failures"][0];
    let example = failure["example"].as_str().expect("an example");
    assert!(example.contains("more than 110 header fields"), "{failure}");
    Ok(())
}

fn large_bodies_that_nobody_checks_are_not_kept() -> Told {
    const BODY: usize = 64 << 20;
    let answer = Arc::new(respond("", &"a".repeat(BODY)));
    let (url, _) = serve(move |_| answer.to_vec());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["run", "--quiet", "--get", "/", "--users", "4"])
        .args(["--duration", "500ms", "--target", &url, "--reports"])
        .arg(folder.path().join("reports"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().expect("it can be waited for").is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = status.split("VmHWM:").nth(1);
        let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
        most = most.max(peak.unwrap_or(0));
        thread::sleep(Duration::from_millis(20));
    }
    assert!(most > 0, "its memory was seen");
    assert!(
        most < BODY >> 10,
        "{most} KiB of memory for bodies that nobody checks"
    );
    Ok(())
}

fn a_load_of_a_number_of_turns_ends_with_the_last_of_them() -> Told {
    let (url, seen) = serve(|_| respond("", "ok"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("turns.toml");
    let source = "name = \"turns\"\nthresholds = []\n[[stage]]\nname = \"at once\"\nusers = 8\n\
                  turns = 20\nduration = \"100s\"\n[[request]]\npath = \"/\"\n";
    std::fs::write(&plan, source).expect("written");
    let plan = plan.display().to_string();
    let output = run(folder.path(), &["--plan", &plan, "--target", &url]);
    let record = only_record(folder.path(), &output);
    let stage = &record["stages"][0];
    assert_eq!(stage["requests"]["count"], 20, "{output:?}");
    let seconds = stage["seconds"].as_f64().expect("a length");
    // It would be a hundred if only time could end it.
    assert!((0.0..50.0).contains(&seconds), "{seconds}");
    assert!(!warnings(&record).contains(&"turns_left"));
    let sent = seen.lock().expect("no panic").len();
    assert!(sent >= 20, "{sent}");
    Ok(())
}

fn a_plan_may_pause_and_have_stages_that_are_shorter_than_a_second() -> Told {
    let (url, _) = serve(|_| respond("", "ok"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("pausing.toml");
    let stages = [
        "users = 2\nduration = \"300ms\"",
        "users = 0\nduration = \"200ms\"",
        "rate = \"0/s\"\nduration = \"200ms\"",
        "rate = \"100/s\"\nduration = \"500ms\"",
    ];
    let stages = stages.iter().enumerate();
    let stages: String = stages
        .map(|(number, stage)| format!("[[stage]]\nname = \"{number}\"\n{stage}\n"))
        .collect();
    let source = format!(
        "name = \"pausing\"\nthresholds = [\"error-rate<=0%\"]\n{stages}[[request]]\npath = \"/\"\nstatus = [200, 404]\n"
    );
    std::fs::write(&plan, source).expect("written");
    let plan = plan.display().to_string();
    let output = run(folder.path(), &["--plan", &plan, "--target", &url]);
    let record = only_record(folder.path(), &output);
    let stages = record["stages"].as_array().expect("stages").iter();
    let counts: Vec<_> = stages.map(|s| s["requests"]["count"].as_u64()).collect();
    assert_eq!((counts[1], counts[2]), (Some(0), Some(0)), "{counts:?}");
    assert!(counts[0] > Some(0) && counts[3] > Some(0), "{counts:?}");
    assert!(!warnings(&record).contains(&"nothing_sent"), "{record:#}");
    let sentence = record["judgement"]["sentence"]
        .as_str()
        .expect("a sentence");
    assert!(!sentence.contains("all 1"), "{sentence}");
    Ok(())
}

fn a_dashboard_whose_port_is_taken_is_refused_before_anything_is_sent() -> Told {
    let (url, seen) = serve(|_| respond("", "ok"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it listens").port().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments = ["--target", &url, "--get", "/", "--dashboard", &port];
    let output = run(folder.path(), &arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("--dashboard"), "{message}");
    assert!(seen.lock().expect("not poisoned").is_empty());
    assert!(!folder.path().join("reports").exists());
    Ok(())
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, arguments)
        .output()
        .expect("the program runs")
}

/// A run that keeps its record in a folder.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtests"));
    command.args(["run", "--quiet", "--reports"]);
    command.arg(folder.join("reports")).args(arguments);
    command
}
