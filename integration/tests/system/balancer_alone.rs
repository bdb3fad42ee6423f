//! The balancer by itself, before upstreams that behave in ways that real gateways
//! shouldn't: it repeats nothing that might do harm, tells failures apart, and
//! relays bodies as they come.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use integration::Topology;
use integration::wait::wait_for;
use reqwest::{Body, Method, Response, StatusCode};
use serde_json::Value;
use services::contract::{PROXY_STATUS, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::rude_upstream::{Answer, NobodyThere, RudeUpstream};
use crate::support::{Lab, PATIENCE};

pub(crate) async fn an_error_of_the_gateway_is_passed_on_as_it_is() {
    let (gateway, lab) = with_gateway(ResponseTemplate::new(500).set_body_string("as it is")).await;
    let answer = lab.get("/data").await;
    assert_eq!(answer.status(), 500);
    assert_eq!(
        answer.headers().get(PROXY_STATUS),
        None,
        "this is the gateway's own answer"
    );
    assert_eq!(answer.text().await.expect("a body"), "as it is");
    assert_eq!(
        received(&gateway).await.len(),
        1,
        "an answer is an answer, and not tried again"
    );
}

pub(crate) async fn the_gateway_learns_whom_the_balancer_speaks_for() {
    let (gateway, lab) = with_gateway(ResponseTemplate::new(200)).await;
    let request = lab
        .request(Method::GET, "/data?x=1")
        .header("x-forwarded-for", "192.0.2.1");
    let request = request
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .header("te", "trailers");
    request.send().await.expect("an answer");
    let [seen] = received(&gateway).await.try_into().expect("one request");
    let field = |name: &str| {
        seen.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    };
    assert_eq!(seen.url.query(), Some("x=1"));
    assert_eq!(field("via"), Some("1.1 load-balancer"));
    assert_eq!(field("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!(field("x-forwarded-proto"), Some("http"));
    assert_eq!(field("x-forwarded-host"), field("host"));
    assert!(field("traceparent").is_some_and(|trace| trace.len() == 55));
    assert_eq!(
        (field("x-secret"), field("te"), field("connection")),
        (None, None, None)
    );
}

pub(crate) async fn fields_for_one_hop_do_not_reach_the_client() {
    let template = ResponseTemplate::new(200)
        .insert_header("connection", "x-hop")
        .insert_header("x-hop", "1")
        .insert_header("keep-alive", "timeout=5")
        .insert_header("x-kept", "2");
    let (_gateway, lab) = with_gateway(template).await;
    let answer = lab.get("/data").await;
    assert_eq!(answer.headers().get("x-hop"), None);
    assert_eq!(answer.headers().get("keep-alive"), None);
    assert_eq!(answer.headers()["x-kept"], "2");
    let timing = answer.headers()["server-timing"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(timing.starts_with("load-balancer;dur="), "{timing}");
}

pub(crate) async fn a_slow_gateway_is_504_within_the_first_byte_limit() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    let gateway = MockServer::start().await;
    Mock::given(any()).respond_with(slow).mount(&gateway).await;
    let topology =
        before(&[gateway.uri()]).with(Service::LoadBalancer, "first-byte-timeout", "100ms");
    let lab = Lab::start(topology).await;
    fails_with(lab.get("/data").await, 504, "http_response_timeout").await;
}

pub(crate) async fn each_broken_answer_has_its_name() {
    for (answer, status, error) in [
        (Answer::Close, 502, "connection_terminated"),
        (Answer::CloseAtOnce, 502, "connection_terminated"),
        (Answer::Malformed, 502, "http_protocol_error"),
    ] {
        let gateway = RudeUpstream::start(answer).await;
        let lab = Lab::start(before(&[gateway.url()])).await;
        fails_with(post(&lab).await, status, error).await;
    }
}

pub(crate) async fn a_gateway_that_is_not_there_is_502_until_checks_find_nobody() {
    let nobody = NobodyThere::new();
    let topology = before(&[nobody.url()]).with(Service::LoadBalancer, "health-interval", "50ms");
    let lab = Lab::start(topology).await;
    let answer = wait_for("nobody to be in rotation", PATIENCE, async || {
        let answer = lab.get("/data").await;
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => Ok(answer),
            StatusCode::BAD_GATEWAY => Err(fails_with(answer, 502, "connection_refused").await),
            status => panic!("unexpected {status}"),
        }
    });
    let answer = answer.await.unwrap_or_else(|overdue| panic!("{overdue}"));
    assert_eq!(answer.headers()["retry-after"], "1");
    fails_with(answer, 503, "destination_unavailable").await;
}

pub(crate) async fn a_truncated_body_is_truncated_for_the_client_too() {
    let gateway = RudeUpstream::start(Answer::Truncated {
        content_length: 1000,
        sent: 10,
    })
    .await;
    let lab = Lab::start(before(&[gateway.url()])).await;
    let request = lab.request(Method::GET, "/data");
    let whole = async { request.send().await?.bytes().await };
    let taken = whole.await;
    assert!(
        taken.is_err(),
        "a client must not take {taken:?} for the whole body"
    );
}

pub(crate) async fn a_post_that_was_sent_is_never_repeated() {
    let rude = [
        RudeUpstream::start(Answer::Close).await,
        RudeUpstream::start(Answer::Close).await,
    ];
    let lab = Lab::start(before(&[rude[0].url(), rude[1].url()])).await;
    for posted in 1..=4 {
        assert_eq!(post(&lab).await.status(), 502);
        let read: usize = rude.iter().map(RudeUpstream::requests).sum();
        assert_eq!(read, posted, "each request was read once");
    }
}

pub(crate) async fn a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered() {
    let rude = RudeUpstream::start(Answer::Close).await;
    let (kind, lab) = with_gateway_and(&rude, ResponseTemplate::new(200)).await;
    for _ in 0..10 {
        assert_eq!(lab.get("/data").await.status(), 200);
    }
    assert_eq!(received(&kind).await.len(), 10);
    assert!(rude.requests() > 0, "the other one was tried");
    assert_eq!(
        lab.counter("load-balancer", "upstream_retries_total", &[])
            .await,
        rude.requests() as f64
    );
}

pub(crate) async fn a_post_goes_elsewhere_when_nothing_of_it_was_sent() {
    let nobody = NobodyThere::new();
    let kind = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(202))
        .mount(&kind)
        .await;
    let lab = Lab::start(before(&[nobody.url(), kind.uri()])).await;
    for _ in 0..4 {
        assert_eq!(post(&lab).await.status(), 202);
    }
    assert_eq!(received(&kind).await.len(), 4);
}

pub(crate) async fn retries_stop_when_the_budget_is_spent() {
    let rude = RudeUpstream::start(Answer::Close).await;
    let kind = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&kind)
        .await;
    let topology = before(&[rude.url(), kind.uri()])
        .with(Service::LoadBalancer, "retry-percent", 0)
        .with(Service::LoadBalancer, "retry-floor", 0)
        .with(Service::LoadBalancer, "eject-after", 1000);
    let lab = Lab::start(topology).await;
    let mut failed = 0;
    for _ in 0..10 {
        failed += u32::from(lab.get("/data").await.status() == 502);
    }
    assert_eq!(
        failed, 5,
        "every other request meets the rude gateway, and none is tried again"
    );
}

pub(crate) async fn a_failing_gateway_is_ejected_and_returns_through_one_probation_request() {
    let gateway = RudeUpstream::start(Answer::Close).await;
    let kind = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&kind)
        .await;
    let topology =
        before(&[gateway.url(), kind.uri()]).with(Service::LoadBalancer, "ejection-time", "300ms");
    let lab = Lab::start(topology).await;
    let ejections = async || {
        lab.counter(
            "load-balancer",
            "upstream_ejections_total",
            &[("upstream", "gateway-1")],
        )
        .await
    };
    // Every other of six requests fails on it, three in a row as it counts.
    for _ in 0..6 {
        lab.get("/data").await;
    }
    assert_eq!(ejections().await, 1.0);
    let met = gateway.requests();

    gateway.change(Answer::Respond(Bytes::from_static(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    )));
    wait_for("the probation request", PATIENCE, async || {
        assert_eq!(lab.get("/data").await.status(), 200);
        let healthy = [("upstream", "gateway-1")];
        match lab
            .counter("load-balancer", "upstream_healthy", &healthy)
            .await
        {
            1.0 => Ok(()),
            seen => Err(seen),
        }
    })
    .await
    .unwrap_or_else(|overdue| panic!("{overdue}"));
    assert_eq!(ejections().await, 1.0, "it was not ejected again");
    assert_eq!(gateway.requests(), met + 1, "one request was enough");
}

pub(crate) async fn bodies_are_relayed_piece_by_piece_in_both_directions() {
    let gateway = RudeUpstream::start(Answer::Echo).await;
    let lab = Lab::start(before(&[gateway.url()])).await;
    let (pieces, mut body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Body::wrap_stream(stream::poll_fn(move |cx| body.poll_recv(cx)));
    let request = lab.request(Method::POST, "/data").body(body);
    let piece = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    pieces
        .send(piece("first"))
        .await
        .expect("the request is under way");

    let answer = request
        .send()
        .await
        .expect("an answer before the body has ended");
    let mut echoed = answer.bytes_stream();
    assert_eq!(
        echoed.next().await.expect("a piece").expect("whole"),
        "first"
    );
    pieces
        .send(piece("second"))
        .await
        .expect("the request is under way");
    assert_eq!(
        echoed.next().await.expect("a piece").expect("whole"),
        "second"
    );
    drop(pieces);
    assert!(
        echoed.next().await.is_none(),
        "the end of the one body is the end of the other"
    );
}

pub(crate) async fn a_body_that_stalls_is_given_up() {
    let gateway = RudeUpstream::start(Answer::Stall {
        content_length: 1000,
        sent: 10,
    })
    .await;
    let topology = before(&[gateway.url()]).with(Service::LoadBalancer, "idle-timeout", "100ms");
    let lab = Lab::start(topology).await;
    let answer = lab.get("/data").await;
    assert!(answer.bytes().await.is_err(), "half a body is no body");
}

pub(crate) async fn a_client_that_does_not_read_is_given_up() {
    const LENGTH: usize = 32 << 20;
    let large = ResponseTemplate::new(200).set_body_bytes(vec![b'a'; LENGTH]);
    let gateway = MockServer::start().await;
    Mock::given(any()).respond_with(large).mount(&gateway).await;
    let topology = before(&[gateway.uri()]).with(Service::LoadBalancer, "write-timeout", "100ms");
    let lab = Lab::start(topology).await;
    wait_for(
        "a response that was cut off",
        PATIENCE,
        async || match read_after_a_pause(lab.address_of("load-balancer")).await {
            read if read < LENGTH => Ok(()),
            read => Err(format!("all {read} bytes")),
        },
    )
    .await
    .unwrap_or_else(|overdue| panic!("{overdue}"));
}

/// How many bytes are left for a client that asks for something and reads late.
async fn read_after_a_pause(balancer: SocketAddr) -> usize {
    let mut client = TcpStream::connect(balancer).await.expect("it listens");
    let request = b"GET /data HTTP/1.1\r\nhost: skein\r\nconnection: close\r\n\r\n";
    client.write_all(request).await.expect("a short request");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut read = Vec::new();
    // An error is an end like any other here.
    let _ = client.read_to_end(&mut read).await;
    read.len()
}

pub(crate) async fn a_request_that_is_too_large_is_413_before_it_is_sent() {
    let (gateway, lab) = with_gateway(ResponseTemplate::new(200)).await;
    let large = lab
        .request(Method::POST, "/data")
        .body(vec![b'a'; (1 << 20) + 1]);
    let answer = large.send().await.expect("an answer");
    fails_with(answer, 413, "http_request_error").await;
    assert_eq!(received(&gateway).await.len(), 0);
}

/// A balancer alone before these upstreams, whose checks never come round.
fn before(urls: &[String]) -> Topology {
    (1..).zip(urls).fold(
        Topology::single(Service::LoadBalancer).with(
            Service::LoadBalancer,
            "health-interval",
            "1h",
        ),
        |topology, (number, url)| {
            topology.with(
                Service::LoadBalancer,
                "gateway",
                format!("gateway-{number}={url}"),
            )
        },
    )
}

async fn with_gateway(answer: ResponseTemplate) -> (MockServer, Lab) {
    let gateway = MockServer::start().await;
    Mock::given(any())
        .respond_with(answer)
        .mount(&gateway)
        .await;
    let lab = Lab::start(before(&[gateway.uri()])).await;
    (gateway, lab)
}

async fn with_gateway_and(rude: &RudeUpstream, answer: ResponseTemplate) -> (MockServer, Lab) {
    let kind = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&kind).await;
    let lab = Lab::start(before(&[rude.url(), kind.uri()])).await;
    (kind, lab)
}

/// What a gateway was asked, health checks left out.
async fn received(gateway: &MockServer) -> Vec<Request> {
    let requests = gateway
        .received_requests()
        .await
        .expect("wiremock records requests");
    requests
        .into_iter()
        .filter(|request| request.url.path() != "/health")
        .collect()
}

async fn post(lab: &Lab) -> Response {
    let request = lab
        .request(Method::POST, "/longtask")
        .body(r#"{"task":"report"}"#);
    request
        .send()
        .await
        .expect("the balancer answers whatever happens")
}

/// The balancer says in its own words what went wrong.
async fn fails_with(answer: Response, status: u16, error: &str) -> String {
    assert_eq!(answer.status(), status);
    let proxy_status = answer.headers()[PROXY_STATUS]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        proxy_status.starts_with(&format!("load-balancer; error={error}")),
        "{proxy_status}"
    );
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    proxy_status
}
