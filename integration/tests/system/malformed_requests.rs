//! Requests that no node serves: each is refused at once, with its own status, by every
//! node, and reaches nobody behind it.

use std::time::Duration;

use integration::Topology;
use services::contract::Service;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::raw::{answer_to, called_by_any_name, head, token};
use crate::support::Lab;
use crate::traffic::laboratory;

/// Longer than any refusal takes, and much shorter than any time limit of a node.
const SILENCE: Duration = Duration::from_secs(10);

/// A target that the node serves.
const NODES: [(&str, &str); 6] = [
    ("load-balancer", "/process"),
    ("api-gateway-1", "/process"),
    ("cache-1", "/cache/a"),
    ("database", "/db"),
    ("microservice", "/process"),
    ("worker", "/longtask"),
];

/// Requests for the target `PATH` that are refused, and with which status.
const REFUSED: [(&str, u16); 46] = [
    // RFC 9112 §6.1: one coding, known, at the end, and no length beside it.
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: cow, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        501,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: abc\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: abc\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n1",
        400,
    ),
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
        400,
    ),
    // RFC 9112 §3.2: one host that is one.
    ("GET PATH HTTP/1.1\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    ("GET PATH HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost:\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: x/y\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: u:p@x\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: \u{e9}\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: a:99999\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: a:b\r\n\r\n", 400),
    ("GET PATH HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
    // RFC 9112 §3.2 and RFC 9110 §9.3.6: a path or an http URL.
    ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 405),
    ("TRACE PATH HTTP/1.1\r\nhost: a\r\n\r\n", 405),
    ("GET javascript:alert(1) HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET http://u:p@a/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET https://a/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("OPTIONS ** HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET PATH#x HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET PATH\\x HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET PATH%zz HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET PATH/\u{e9} HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    // RFC 9110 §10.1.1.
    (
        "POST PATH HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\ncontent-length: 1\r\n\r\n",
        417,
    ),
    // RFC 9112 §7.1, where a node reads the body.
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\nxx\r\n",
        400,
    ),
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\n1\n1\n0\n\n",
        400,
    ),
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\n1\r\n12\r\n",
        400,
    ),
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\n0\r\nx: 1\n\n",
        400,
    ),
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\n0\r\n\n",
        400,
    ),
    (
        "PUT PATH HTTP/1.1\r\nhost: a\r\nTOKENtransfer-encoding: chunked\r\n\r\n1;x\n1\r\n0\r\n\r\n",
        400,
    ),
];

pub(crate) async fn what_no_node_serves_is_refused_at_once_by_each_and_reaches_nobody() {
    let lab = Lab::start(called_by_any_name(laboratory())).await;
    let upstream = MockServer::start().await;
    let answer = Mock::given(any()).respond_with(ResponseTemplate::new(200));
    answer.mount(&upstream).await;
    let alone = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("gateway-1={}", upstream.uri()),
        );
    let alone = Lab::start(alone).await;

    for (request, status) in REFUSED {
        let of = |path: &str| {
            let request = request.replace("PATH", path).replace("TOKEN", &token());
            match path {
                // The targets where each node reads a body.
                "/process" => request.replace("PUT", "POST"),
                "/longtask" => request.replace("PUT", "POST"),
                "/db" => request.replace("PUT /db ", "PUT /db/a "),
                _ => request,
            }
        };
        for (node, path) in NODES {
            let request = of(path);
            let answer = answer_to(lab.address_of(node), request.as_bytes(), SILENCE).await;
            assert_eq!(answer.status(), status, "{request:?} at {node}: {answer:?}");
            assert!(
                answer.closed,
                "{request:?} left its connection to {node} open"
            );
        }
        let request = of("/process");
        let answer = answer_to(
            alone.address_of("load-balancer"),
            request.as_bytes(),
            SILENCE,
        )
        .await;
        assert_eq!(answer.status(), status, "{request:?}: {answer:?}");
    }
    let mut received = upstream.received_requests().await.expect("recorded");
    // A body that turns out malformed may have been begun to be sent, and is never whole.
    received.retain(|request| request.url.path() != "/health");
    assert!(received.is_empty(), "{received:?}");
}

pub(crate) async fn what_is_well_formed_is_served_by_each() {
    let lab = Lab::start(called_by_any_name(laboratory())).await;
    for (node, path) in NODES {
        let method = if path == "/longtask" { "GET" } else { "POST" };
        for (target, fields) in [
            (format!("http://skein.example:81{path}"), "host: other\r\n"),
            (path.to_owned(), "host: [::1]:80\r\n"),
            (format!("{path}?a=b%20c&d"), "host: 127.0.0.1\r\n"),
        ] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\n{fields}connection: close\r\n{}content-length: 0\r\n\r\n",
                token()
            );
            let answer = answer_to(lab.address_of(node), request.as_bytes(), SILENCE).await;
            assert!(
                ![0, 400].contains(&answer.status()),
                "{request:?} at {node}: {answer:?}"
            );
        }
        let old = format!("GET {path} HTTP/1.0\r\n{}\r\n", token());
        let answer = answer_to(lab.address_of(node), old.as_bytes(), SILENCE).await;
        assert_ne!(answer.status(), 400, "{old:?} at {node}: {answer:?}");
    }
    let chunked = head(
        "POST /process",
        &format!(
            "{}connection: close\r\ntransfer-encoding: Chunked\r\n",
            token()
        ),
    ) + "1;a=b\r\n1\r\n02\r\n22\r\n1\r\n3\r\n0\r\nx-trailer: 1\r\n\r\n";
    for node in ["load-balancer", "api-gateway-1", "microservice"] {
        let answer = answer_to(lab.address_of(node), chunked.as_bytes(), SILENCE).await;
        assert!(
            answer.text().contains("\"input_bytes\":4"),
            "{node}: {answer:?}"
        );
    }
}

pub(crate) async fn a_declared_body_that_is_too_large_is_413_without_being_asked_for() {
    let lab = Lab::start(called_by_any_name(laboratory())).await;
    let fields = format!(
        "{}expect: 100-continue\r\ncontent-length: 1000000000\r\n",
        token()
    );
    for (node, target) in [
        ("load-balancer", "POST /process"),
        ("api-gateway-1", "POST /process"),
        ("cache-1", "PUT /cache/a"),
        ("database", "PUT /db/a"),
        ("microservice", "POST /process"),
        ("worker", "POST /longtask"),
    ] {
        let request = head(target, &fields);
        let answer = answer_to(lab.address_of(node), request.as_bytes(), SILENCE).await;
        assert_eq!(answer.status(), 413, "{target} at {node}: {answer:?}");
        assert!(
            !answer.text().contains("100 Continue"),
            "{target} at {node}: {answer:?}"
        );
        assert!(answer.took < SILENCE / 2, "{answer:?}");
    }
}

pub(crate) async fn a_target_in_absolute_form_names_the_host() {
    let upstream = MockServer::start().await;
    let answer = Mock::given(any()).respond_with(ResponseTemplate::new(200));
    answer.mount(&upstream).await;
    let topology = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("gateway-1={}", upstream.uri()),
        );
    let lab = Lab::start(topology).await;
    let request =
        "GET http://skein.example:81?x=1 HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n";
    let answer = answer_to(lab.address_of("load-balancer"), request.as_bytes(), SILENCE).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let received = upstream.received_requests().await.expect("recorded");
    let seen = received
        .iter()
        .find(|request| request.url.path() != "/health")
        .expect("one");
    assert_eq!(seen.url.query(), Some("x=1"));
    assert_eq!(seen.headers["host"], "skein.example:81");
    assert_eq!(seen.headers["x-forwarded-host"], "skein.example:81");
}
