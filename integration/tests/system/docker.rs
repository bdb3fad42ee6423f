//! A story that needs Docker never passes without it.

use std::env;
use std::process::{Output, Stdio};

use testcontainers::core::client::docker_client_instance;
use tokio::process::Command;

pub(crate) async fn an_engine_answers() {
    let docker = docker_client_instance().await.expect("a client");
    docker.ping().await.expect("an engine that answers");
}

pub(crate) async fn a_story_is_ignored_where_no_engine_answers() {
    let run = tell_without_an_engine("").await;
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.contains("no Docker engine answers"), "{output}");
    assert!(output.contains("0 passed; 0 failed; 1 ignored"), "{output}");
    assert!(run.status.success(), "{}", run.status);
}

pub(crate) async fn a_story_fails_where_an_engine_is_required_and_none_answers() {
    let run = tell_without_an_engine("1").await;
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.contains("0 passed; 1 failed; 0 ignored"), "{output}");
    assert!(!run.status.success(), "{}", run.status);
}

/// Runs the story above where there is no Docker.
async fn tell_without_an_engine(require_docker: &str) -> Output {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "docker::an_engine_answers"])
        .env("DOCKER_HOST", "unix:///no/such/docker.sock")
        .env("SKEIN_REQUIRE_DOCKER", require_docker)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("this program runs once more")
}
