//! The balancer by itself, before upstreams that behave in ways that real gateways
//! shouldn't: it repeats nothing that might do harm, tells failures apart, and
//! relays bodies as they come. Told over ours in `balancer_alone`, and over those of others in
//! files named after them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use integration::Topology;
use integration::wait::wait_for;
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use services::contract::{PROXY_STATUS, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::balancers::{BALANCER, Balancer};
use crate::rude_upstream::{Answer, NobodyThere, RudeUpstream};
use crate::support::{Lab, PATIENCE};

/// Tells each of these stories over one kind of balancer.
macro_rules! alone {
    ($balancer:ident) => {
        $crate::balancer_alone_stories::alone! { $balancer:
            an_error_of_the_gateway_is_passed_on_as_it_is,
            the_gateway_learns_whom_the_balancer_speaks_for,
            fields_for_one_hop_do_not_reach_the_gateway,
            fields_for_one_hop_do_not_reach_the_client,
            a_slow_gateway_is_504_within_the_first_byte_limit,
            a_gateway_that_hangs_up_on_a_request_is_502,
            a_gateway_that_hangs_up_at_once_is_502,
            an_answer_that_is_no_http_is_502,
            a_gateway_that_is_not_there_is_502_until_checks_find_nobody,
            a_truncated_body_is_truncated_for_the_client_too,
            a_post_that_was_sent_is_never_repeated,
            a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered,
            a_post_goes_elsewhere_when_nothing_of_it_was_sent,
            retries_stop_when_the_budget_is_spent,
            a_failing_gateway_is_ejected_and_returns_through_one_probation_request,
            bodies_are_relayed_piece_by_piece_in_both_directions,
            a_body_that_stalls_is_given_up,
            a_client_that_does_not_read_is_given_up,
            a_request_that_is_too_large_is_413_before_it_is_sent,
        }
    };
    ($balancer:ident: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::balancer_alone_stories::$story::<$crate::balancers::$balancer>().await;
        })*
    };
}
pub(crate) use alone;

pub(crate) async fn an_error_of_the_gateway_is_passed_on_as_it_is<B: Balancer>() {
    let (gateway, lab) =
        with_gateway::<B>(ResponseTemplate::new(500).set_body_string("as it is")).await;
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

pub(crate) async fn the_gateway_learns_whom_the_balancer_speaks_for<B: Balancer>() {
    let (gateway, lab) = with_gateway::<B>(ResponseTemplate::new(200)).await;
    let request = lab
        .request(Method::GET, "/data?x=1")
        .header("x-forwarded-for", "192.0.2.1");
    request.send().await.expect("an answer");
    let [seen] = received(&gateway).await.try_into().expect("one request");
    let field = |name: &str| field(&seen, name);
    assert_eq!(seen.url.query(), Some("x=1"));
    for (name, value) in [
        ("via", "1.1 load-balancer"),
        ("x-forwarded-for", "192.0.2.1, 127.0.0.1"),
        ("x-forwarded-proto", "http"),
    ] {
        assert_eq!(field(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(field("x-forwarded-host"), field("host"));
    if B::EXPLAINS_ITSELF {
        assert!(field("traceparent").is_some_and(|trace| trace.len() == 55));
    }
}

pub(crate) async fn fields_for_one_hop_do_not_reach_the_gateway<B: Balancer>() {
    let (gateway, lab) = with_gateway::<B>(ResponseTemplate::new(200)).await;
    let request = lab
        .request(Method::GET, "/data")
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .header("te", "trailers");
    request.send().await.expect("an answer");
    let [seen] = received(&gateway).await.try_into().expect("one request");
    for name in ["x-secret", "te", "connection"] {
        assert_eq!(field(&seen, name), None, "{name}");
    }
}

pub(crate) async fn fields_for_one_hop_do_not_reach_the_client<B: Balancer>() {
    let template = ResponseTemplate::new(200)
        .insert_header("connection", "x-hop")
        .insert_header("x-hop", "1")
        .insert_header("keep-alive", "timeout=5")
        .insert_header("x-kept", "2");
    let (_gateway, lab) = with_gateway::<B>(template).await;
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

pub(crate) async fn a_slow_gateway_is_504_within_the_first_byte_limit<B: Balancer>() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    let gateway = answering(slow).await;
    let topology =
        before::<B>(&[gateway.uri()]).with(Service::LoadBalancer, "first-byte-timeout", "100ms");
    let lab = Lab::start(topology).await;
    fails_with::<B>(lab.get("/data").await, 504, "http_response_timeout").await;
}

pub(crate) async fn a_gateway_that_hangs_up_on_a_request_is_502<B: Balancer>() {
    is_502::<B>(Answer::Close, "connection_terminated").await;
}

pub(crate) async fn a_gateway_that_hangs_up_at_once_is_502<B: Balancer>() {
    is_502::<B>(Answer::CloseAtOnce, "connection_terminated").await;
}

pub(crate) async fn an_answer_that_is_no_http_is_502<B: Balancer>() {
    is_502::<B>(Answer::Malformed, "http_protocol_error").await;
}

async fn is_502<B: Balancer>(answer: Answer, error: &str) {
    let gateway = RudeUpstream::start(answer).await;
    let lab = Lab::start(before::<B>(&[gateway.url()])).await;
    fails_with::<B>(post(&lab).await, 502, error).await;
}

pub(crate) async fn a_gateway_that_is_not_there_is_502_until_checks_find_nobody<B: Balancer>() {
    let nobody = NobodyThere::new();
    let topology =
        before::<B>(&[nobody.url()]).with(Service::LoadBalancer, "health-interval", "50ms");
    let lab = Lab::start(topology).await;
    let answer = wait_for("nobody to be in rotation", PATIENCE, async || {
        let answer = lab.get("/data").await;
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => Ok(answer),
            StatusCode::BAD_GATEWAY => {
                Err(fails_with::<B>(answer, 502, "connection_refused").await)
            }
            status => panic!("unexpected {status}"),
        }
    });
    let answer = answer.await.unwrap_or_else(|overdue| panic!("{overdue}"));
    assert_eq!(answer.headers()["retry-after"], "1");
    fails_with::<B>(answer, 503, "destination_unavailable").await;
}

pub(crate) async fn a_truncated_body_is_truncated_for_the_client_too<B: Balancer>() {
    let gateway = RudeUpstream::start(Answer::Truncated {
        content_length: 1000,
        sent: 10,
    })
    .await;
    let lab = Lab::start(before::<B>(&[gateway.url()])).await;
    let request = lab.request(Method::GET, "/data");
    let whole = async { request.send().await?.bytes().await };
    let taken = whole.await;
    assert!(
        taken.is_err(),
        "a client must not take {taken:?} for the whole body"
    );
}

pub(crate) async fn a_post_that_was_sent_is_never_repeated<B: Balancer>() {
    let rude = [
        RudeUpstream::start(Answer::Close).await,
        RudeUpstream::start(Answer::Close).await,
    ];
    let lab = Lab::start(before::<B>(&[rude[0].url(), rude[1].url()])).await;
    for posted in 1..=4 {
        match longtask(&lab).send().await {
            Ok(answer) => assert_eq!(answer.status(), 502),
            // Some close a kept connection in place of an answer.
            Err(error) => assert!(!B::EXPLAINS_ITSELF, "{error:?}"),
        }
        let read: usize = rude.iter().map(RudeUpstream::requests).sum();
        assert_eq!(read, posted, "each request was read once");
    }
}

pub(crate) async fn a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered<B: Balancer>() {
    let rude = RudeUpstream::start(Answer::Close).await;
    let (kind, lab) = with_gateway_and::<B>(&rude, ResponseTemplate::new(200)).await;
    for _ in 0..10 {
        assert_eq!(lab.get("/data").await.status(), 200);
    }
    assert_eq!(received(&kind).await.len(), 10);
    assert!(rude.requests() > 0, "the other one was tried");
    if B::EXPLAINS_ITSELF {
        let retries = lab.counter(BALANCER, "upstream_retries_total", &[]).await;
        assert_eq!(retries, rude.requests() as f64);
    }
}

pub(crate) async fn a_post_goes_elsewhere_when_nothing_of_it_was_sent<B: Balancer>() {
    let nobody = NobodyThere::new();
    let kind = answering(ResponseTemplate::new(202)).await;
    let lab = Lab::start(before::<B>(&[nobody.url(), kind.uri()])).await;
    for _ in 0..4 {
        assert_eq!(post(&lab).await.status(), 202);
    }
    assert_eq!(received(&kind).await.len(), 4);
}

pub(crate) async fn retries_stop_when_the_budget_is_spent<B: Balancer>() {
    let rude = RudeUpstream::start(Answer::Close).await;
    let kind = answering(ResponseTemplate::new(200)).await;
    let topology = before::<B>(&[rude.url(), kind.uri()])
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

pub(crate) async fn a_failing_gateway_is_ejected_and_returns_through_one_probation_request<
    B: Balancer,
>() {
    let gateway = RudeUpstream::start(Answer::Close).await;
    let kind = answering(ResponseTemplate::new(200)).await;
    let topology = before::<B>(&[gateway.url(), kind.uri()]).with(
        Service::LoadBalancer,
        "ejection-time",
        "1s",
    );
    let lab = Lab::start(topology).await;
    let ejections = async || {
        let labels = [("upstream", "api-gateway-1")];
        let ejections = "upstream_ejections_total";
        lab.counter(BALANCER, ejections, &labels).await
    };
    // Every other of six requests fails on it, three in a row as it counts.
    for _ in 0..12 {
        assert_eq!(lab.get("/data").await.status(), 200);
    }
    let met = gateway.requests();
    assert_eq!(met, 3, "it was asked on");
    if B::EXPLAINS_ITSELF {
        assert_eq!(ejections().await, 1.0);
    }

    gateway.change(Answer::Respond(Bytes::from_static(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    )));
    wait_for("the probation request", PATIENCE, async || {
        assert_eq!(lab.get("/data").await.status(), 200);
        match gateway.requests() - met {
            0 => Err("none"),
            _ => Ok(()),
        }
    })
    .await
    .unwrap_or_else(|overdue| panic!("{overdue}"));
    assert_eq!(gateway.requests(), met + 1);
    // One request was enough: it has its turns again.
    for _ in 0..6 {
        assert_eq!(lab.get("/data").await.status(), 200);
    }
    assert_eq!(gateway.requests(), met + 4);
    if B::EXPLAINS_ITSELF {
        assert_eq!(ejections().await, 1.0, "it was not ejected again");
    }
}

pub(crate) async fn bodies_are_relayed_piece_by_piece_in_both_directions<B: Balancer>() {
    let gateway = RudeUpstream::start(Answer::Echo).await;
    let lab = Lab::start(before::<B>(&[gateway.url()])).await;
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

pub(crate) async fn a_body_that_stalls_is_given_up<B: Balancer>() {
    let gateway = RudeUpstream::start(Answer::Stall {
        content_length: 1000,
        sent: 10,
    })
    .await;
    // Those of others have one limit to both.
    let topology = before::<B>(&[gateway.url()])
        .with(Service::LoadBalancer, "first-byte-timeout", "100ms")
        .with(Service::LoadBalancer, "idle-timeout", "100ms");
    let lab = Lab::start(topology).await;
    let answer = lab.get("/data").await;
    assert!(answer.bytes().await.is_err(), "half a body is no body");
}

pub(crate) async fn a_client_that_does_not_read_is_given_up<B: Balancer>() {
    const LENGTH: usize = 32 << 20;
    let large = ResponseTemplate::new(200).set_body_bytes(vec![b'a'; LENGTH]);
    let gateway = answering(large).await;
    let topology =
        before::<B>(&[gateway.uri()]).with(Service::LoadBalancer, "write-timeout", "100ms");
    let lab = Lab::start(topology).await;
    wait_for(
        "a response that was cut off",
        PATIENCE,
        async || match read_after_a_pause(lab.address_of(BALANCER)).await {
            read if read < LENGTH => Ok(()),
            read => Err(format!("all {read} bytes")),
        },
    )
    .await
    .unwrap_or_else(|overdue| panic!("{overdue}"));
}

/// The bytes that are left for a client that asks for something and reads late.
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

pub(crate) async fn a_request_that_is_too_large_is_413_before_it_is_sent<B: Balancer>() {
    let (gateway, lab) = with_gateway::<B>(ResponseTemplate::new(200)).await;
    let large = lab
        .request(Method::POST, "/data")
        .body(vec![b'a'; (1 << 20) + 1]);
    let answer = large.send().await.expect("an answer");
    fails_with::<B>(answer, 413, "http_request_error").await;
    assert_eq!(received(&gateway).await.len(), 0);
}

/// A balancer alone before these upstreams, whose checks never come round.
fn before<B: Balancer>(urls: &[String]) -> Topology {
    B::before(Topology::balancer_before(urls)).with(Service::LoadBalancer, "health-interval", "1h")
}

/// A gateway that is healthy, and answers everything else alike.
async fn answering(answer: ResponseTemplate) -> MockServer {
    let gateway = crate::upstreams::answering(answer).await;
    let healthy = Mock::given(path("/health")).respond_with(ResponseTemplate::new(200));
    healthy.with_priority(1).mount(&gateway).await;
    gateway
}

async fn with_gateway<B: Balancer>(answer: ResponseTemplate) -> (MockServer, Lab) {
    let gateway = answering(answer).await;
    let lab = Lab::start(before::<B>(&[gateway.uri()])).await;
    (gateway, lab)
}

async fn with_gateway_and<B: Balancer>(
    rude: &RudeUpstream,
    answer: ResponseTemplate,
) -> (MockServer, Lab) {
    let kind = answering(answer).await;
    let lab = Lab::start(before::<B>(&[rude.url(), kind.uri()])).await;
    (kind, lab)
}

/// The requests of a gateway, health checks left out.
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
    let answer = longtask(lab).send().await;
    answer.expect("the balancer answers whatever happens")
}

fn longtask(lab: &Lab) -> RequestBuilder {
    let request = lab.request(Method::POST, "/longtask");
    request.body(r#"{"task":"report"}"#)
}

/// The balancer says in its own words what went wrong, if it has any.
async fn fails_with<B: Balancer>(answer: Response, status: u16, error: &str) -> String {
    assert_eq!(answer.status(), status);
    if !B::EXPLAINS_ITSELF {
        return String::new();
    }
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

/// A field of a request as one line, however many it came in.
fn field(request: &Request, name: &str) -> Option<String> {
    let lines = request.headers.get_all(name).into_iter();
    let lines: Vec<&str> = lines.map(|value| value.to_str().expect("text")).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
