//! A server whose users are members: they log in, use later what answers had, and keep secrets.

use std::path::{Path, PathBuf};

use wiremock::matchers::{body_string, header, method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::frame::{Told, TooBusy};
use crate::{busy, only_record, program};

const STORY: &str = r#"
name = "members"
thresholds = ["checks>=100% for mine", "error-rate<=50%"]
[behaviour]
think_time = "20ms"
[[stage]]
name = "steady"
users = 2
duration = "1s"
[[setup]]
method = "POST"
path = "/reset"
headers = { Authorization = "Bearer {env.SKEIN_TEST_SECRET}" }
capture = { run = { header = "X-Run" } }
[[scenario]]
name = "members"
[[scenario.once]]
method = "POST"
path = "/login"
form = { name = "{users.name}", run = "{run}" }
capture = { token = { json = "/token" } }
[[scenario.step]]
path = "/orders"
headers = { Authorization = "Bearer {token}" }
check = [{ json = "/of", equals = "{users.name}", name = "mine" }]
[[scenario.step]]
path = "/broken"
headers = { X-Key = "{env.SKEIN_TEST_SECRET}" }
[data.users]
file = "users.csv"
order = "per-user"
"#;

/// A secret that is in no file of a run which knows it.
const SECRET: &str = "s3cr3t-of-the-environment";

pub(crate) fn users_log_in_once_use_what_answers_had_and_keep_secrets_out_of_every_file() -> Told {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(users_log_in_once())
}

async fn users_log_in_once() -> Told {
    let server = MockServer::start().await;
    let bearer = |token: &str| header("Authorization", format!("Bearer {token}"));
    let reset = Mock::given(method("POST")).and(path_regex("^/reset$"));
    reset
        .and(bearer(SECRET))
        .respond_with(ResponseTemplate::new(200).insert_header("X-Run", "r1"))
        .mount(&server)
        .await;
    for name in ["ann", "bob"] {
        let login = Mock::given(method("POST")).and(path_regex("^/login$"));
        let token = format!(r#"{{"token": "t-{name}"}}"#);
        let cookie = format!("sid={name}; Path=/");
        login
            .and(body_string(format!("name={name}&run=r1")))
            .respond_with(
                ResponseTemplate::new(200)
                    .insert_header("Set-Cookie", cookie)
                    .set_body_string(token),
            )
            .mount(&server)
            .await;
        let orders = Mock::given(method("GET")).and(path_regex("^/orders$"));
        orders
            .and(bearer(&format!("t-{name}")))
            .and(header("Cookie", format!("sid={name}")))
            .respond_with(
                ResponseTemplate::new(200).set_body_string(format!(r#"{{"of": "{name}"}}"#)),
            )
            .mount(&server)
            .await;
    }
    // A server that says in its answer what it was told.
    Mock::given(method("GET"))
        .and(path_regex("^/broken$"))
        .and(header("X-Key", SECRET))
        .respond_with(ResponseTemplate::new(500).set_body_string(format!("no key {SECRET}!")))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("members.toml"), STORY).expect("written");
    std::fs::write(folder.path().join("users.csv"), "name\nann\nbob\n").expect("written");

    let plan = folder.path().join("members.toml").display().to_string();
    let mut command = program(folder.path(), &["--plan", &plan]);
    command.args(["--target", &server.uri()]);
    let output = command.env("SKEIN_TEST_SECRET", SECRET).output();
    let output = output.expect("it runs");
    let record = only_record(folder.path(), &output);
    let received = server.received_requests().await.expect("recorded");
    let asked = |path: &str| received.iter().filter(|r| r.url.path() == path).count() as u64;
    assert_eq!((asked("/reset"), asked("/login")), (1, 2), "{output:?}");
    let failures = record["failures"].as_array().expect("failures");
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert_eq!(failures[0]["route"], "GET /broken");
    assert_eq!(failures[0]["count"], asked("/broken"));
    let example = failures[0]["example"].as_str().expect("an example");
    assert!(example.ends_with("no key ***!"), "{example}");
    for file in files_below(folder.path()) {
        let content = std::fs::read(&file).expect("readable");
        let content = String::from_utf8_lossy(&content);
        assert!(!content.contains(SECRET), "{} has it", file.display());
    }
    match (output.status.code(), busy::excuse(&record)) {
        (Some(0), _) => Ok(()),
        (Some(3), Some(excuse)) => Err(TooBusy(excuse)),
        _ => panic!("{output:?} {}", record["judgement"]),
    }
}

/// Every file in a folder and those within it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let files = paths.map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    });
    files.flatten().collect()
}
