//! Answers of a gateway whose head and body disagree: the balancer passes on what can be
//! understood, whole, and says 502 where nobody could.

use std::time::Duration;

use bytes::Bytes;
use integration::Topology;
use reqwest::{Method, Response};
use services::contract::{PROXY_STATUS, Service};

use crate::raw::{answer_to, head};
use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::Lab;

pub(crate) async fn a_length_beside_chunks_is_dropped_and_the_body_whole() {
    let (_gateway, lab) = behind(
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
         5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    )
    .await;
    let answer = lab.get("/data").await;
    assert_eq!(answer.headers().get("content-length"), None);
    assert_eq!(answer.text().await.expect("whole"), "hello world");
}

pub(crate) async fn an_answer_that_can_not_be_understood_is_502() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ] {
        let (_gateway, lab) = behind(answer).await;
        is_protocol_error(&lab.get("/data").await, answer);
    }
}

pub(crate) async fn an_answer_without_a_body_has_none_whatever_it_says() {
    let (gateway, lab) = behind("").await;
    for (status, body) in [(204, "abc"), (304, "abc"), (204, ""), (304, "")] {
        gateway.change(Answer::Respond(
            format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 3\r\n\r\n{body}").into(),
        ));
        let request = head("GET /data", "connection: close\r\n");
        let answer = answer_to(lab.address_of("load-balancer"), request.as_bytes(), SILENCE).await;
        assert_eq!(answer.status(), status);
        let text = answer.text();
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        assert!(status == 304 || !text.contains("content-length"), "{text}");
        // What came too much is nobody's answer.
        gateway.change(Answer::Respond(Bytes::from_static(
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext",
        )));
        assert_eq!(lab.get("/data").await.text().await.expect("whole"), "next");
    }
}

pub(crate) async fn malformed_chunks_are_a_truncated_body() {
    for chunks in ["5\r\nhello\r\nxx\r\n", "5\r\nhelloworld", "5\nhello\n0\n\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let (_gateway, lab) = behind(&answer).await;
        let request = lab.request(Method::GET, "/data");
        let whole = async { request.send().await?.bytes().await };
        let taken = whole.await;
        assert!(
            taken.is_err(),
            "{chunks:?} was taken for a whole body: {taken:?}"
        );
    }
}

pub(crate) async fn interim_answers_are_passed_over_and_end_with_the_limit() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000);
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (gateway, lab) = behind(&format!("{interim}{last}")).await;
    assert_eq!(lab.get("/data").await.text().await.expect("whole"), "ok");
    gateway.change(Answer::Respond(interim.into()));
    let answer = lab.get("/data").await;
    assert_eq!(answer.status(), 504);
}

/// Much longer than any answer takes.
const SILENCE: Duration = Duration::from_secs(20);

/// A balancer before a gateway that answers so.
async fn behind(answer: &str) -> (RudeUpstream, Lab) {
    let gateway = RudeUpstream::start(Answer::Respond(answer.to_owned().into())).await;
    let topology = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(Service::LoadBalancer, "first-byte-timeout", "5s")
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("gateway-1={}", gateway.url()),
        );
    (gateway, Lab::start(topology).await)
}

fn is_protocol_error(answer: &Response, sent: &str) {
    assert_eq!(answer.status(), 502, "{sent:?}");
    let status = answer.headers()[PROXY_STATUS].to_str().expect("text");
    assert!(
        status.contains("error=http_protocol_error"),
        "{sent:?}: {status}"
    );
}
