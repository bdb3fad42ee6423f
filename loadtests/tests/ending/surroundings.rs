//! What a run doesn't need can't fail it.

use std::process::Stdio;

use crate::run::{Place, code_of, warnings};
use crate::server::{Manner, Server};

#[test]
fn a_machine_without_certificates_of_authorities_is_good_enough_and_quiet_is_quiet() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    let output = place
        .in_shell("", "--quiet")
        .env("SSL_CERT_FILE", "/nowhere")
        .env("SSL_CERT_DIR", "/nowhere")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "");
    let record = place.record();
    assert_eq!(output.status.code(), Some(code_of(&record)), "{record}");
    assert!(record["routes"][0]["requests"]["count"].as_u64() > Some(2));
}

#[test]
fn a_low_limit_of_open_files_is_called_by_its_name() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    let output = place
        .in_shell("ulimit -n 40", "")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let record = place.record();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(warnings(&record).contains(&"too_few_files"), "{record}");

    let output = place
        .in_shell("ulimit -n 5", "")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("ulimit -n"), "{said}");
}
