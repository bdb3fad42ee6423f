//! nginx over TLS, with a certificate that is made for the occasion: a server of others that
//! speaks HTTPS in both versions of HTTP, before one that counts what arrives.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::support::{Told, all_passed, ends_with, kept, line, loadtests, said, with_preamble};

const PLAN: &str = r#"
name = "encrypted"
thresholds = ["error-rate<=0%", "handshake-p99<1s", "first-byte-p99<1s", "requests-per-connection>=5"]
stage = [
  { name = "warm-up", users = 4, duration = "500ms", warm_up = true },
  { name = "steady", rate = "40/s", users = 4, duration = "2s" },
]

[connection]
cacert = "ca.pem"

[[request]]
path = "/items/{item}"
contains = "item"

[values]
item = { from = 1, to = 100 }

[node.pages]
run = ["nginx", "-e", "stderr", "-p", "{dir}", "-c", "nginx.conf"]
unprivileged = true
counters = { nginx = "/status" }
files."nginx.conf" = '''
PREAMBLE
  server {
    listen {address};
    location = /status { stub_status; }
    location / { return 200 "an item"; }
  }
}'''

[node.door]
run = ["nginx", "-e", "stderr", "-p", "{dir}", "-c", "nginx.conf"]
unprivileged = true
url = "https://localhost:{port}"
files."nginx.conf" = '''
PREAMBLE
  upstream pages { server {pages.address}; keepalive 8; }
  server {
    listen {address} ssl VERSIONS;
    ssl_certificate FOLDER/door.pem;
    ssl_certificate_key FOLDER/door.key;
    location / { proxy_pass http://pages; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}'''

[[ledger]]
claim = "What was sent encrypted arrived once behind the door."
of = { "sent by the generator, and looks at the counters" = "generator:sent + pages:nginx_status_looks_total" }
is = { "taken in" = "pages:nginx_http_requests_total" }
but_for = { "could not connect" = "generator:not_connected" }
up_to = { "without an answer, fate unknown" = "generator:unanswered" }
"#;

/// The claim of the plan's ledger.
const ARRIVED: &str = "What was sent encrypted arrived once behind the door.";

/// A folder with the plan, an authority, and what it has signed for nginx.
fn folder(versions: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let door = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let door = door.signed_by(&key, &authority).expect("signed");
    let plan = with_preamble(PLAN).replace("VERSIONS", versions);
    let plan = plan.replace("FOLDER", &folder.path().display().to_string());
    for (name, text) in [
        ("ca.pem", pem("CERTIFICATE", authority.der())),
        ("door.pem", pem("CERTIFICATE", door.der())),
        ("door.key", pem("PRIVATE KEY", &key.serialize_der())),
        ("skein.toml", plan),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    // nginx reads them as nobody, who may not look into a folder of somebody else.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

fn pem(what: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

/// A run over `http`, at an nginx that speaks both versions or only the older one.
fn run(versions: &str, http: &str) -> (Output, Value) {
    let folder = folder(versions);
    let arguments = [
        "run",
        "--plan",
        "skein.toml",
        "--seed",
        "7",
        "--quiet",
        "--http",
        http,
    ];
    let output = loadtests(folder.path(), &arguments);
    let record = kept(folder.path(), "runs/*/run.json", &output);
    (output, record)
}

/// Holds what both versions have in common: every request is right, arrived once, and was
/// encrypted over a connection that its user kept.
fn is_right(output: &Output, record: &Value, spoken: &str) {
    assert_eq!(
        record["overall"]["requests"]["failed"],
        0,
        "{}",
        said(output)
    );
    let arrived = line(record, ARRIVED);
    assert_eq!(arrived["balance"], "even", "{arrived}");
    assert!(arrived["left"]["count"].as_u64() > Some(60), "{arrived}");
    let connections = &record["connections"];
    let opened = connections["opened"].as_object().expect("connections");
    let versions: Vec<&str> = opened.keys().map(String::as_str).collect();
    assert_eq!(versions, [spoken]);
    let handshakes = connections["full_handshakes"].as_u64().unwrap_or_default()
        + connections["resumed_handshakes"]
            .as_u64()
            .unwrap_or_default();
    let opened: u64 = opened.values().filter_map(Value::as_u64).sum();
    assert_eq!(handshakes, opened, "{connections}");
    assert!(
        connections["handshake"]["p50"].as_u64() > Some(0),
        "{connections}"
    );
    ends_with(output, record, i32::from(!all_passed(record)));
}

pub(crate) fn a_system_behind_https_is_loaded_over_http_1_and_counted_behind_it() -> Told {
    let (output, record) = run("http2", "1.1");
    is_right(&output, &record, "HTTP/1.1");
    Ok(())
}

pub(crate) fn a_system_behind_https_is_loaded_over_http_2_and_counted_behind_it() -> Told {
    let (output, record) = run("http2", "2");
    is_right(&output, &record, "HTTP/2");
    Ok(())
}

pub(crate) fn a_server_that_falls_back_to_http_1_fails_a_plan_that_asks_for_http_2() -> Told {
    let (output, record) = run("", "2");
    reaches_nobody(&output, &record);
    assert!(said(&output).contains("HTTP/2"), "{}", said(&output));
    Ok(())
}

pub(crate) fn a_certificate_that_nobody_vouches_for_fails_the_run_by_name() -> Told {
    let folder = folder("http2");
    let plan = folder.path().join("skein.toml");
    let text = fs::read_to_string(&plan).expect("the plan");
    fs::write(&plan, text.replace("cacert = \"ca.pem\"", "")).expect("written");
    let output = loadtests(folder.path(), &["run", "--plan", "skein.toml", "--quiet"]);
    let record = kept(folder.path(), "runs/*/run.json", &output);
    reaches_nobody(&output, &record);
    let says = "nobody who is trusted here has signed the server's certificate";
    assert!(said(&output).contains(says), "{}", said(&output));
    Ok(())
}

/// Every request has failed, for want of a connection, which explains that none arrived.
fn reaches_nobody(output: &Output, record: &Value) {
    let requests = &record["overall"]["requests"];
    assert_eq!(requests["failed"], requests["count"], "{}", said(output));
    assert!(requests["failed"].as_u64() > Some(0), "{}", said(output));
    let arrived = line(record, ARRIVED);
    assert_eq!(arrived["balance"], "even", "{arrived}");
    assert_ne!(output.status.code(), Some(0), "{}", said(output));
}
