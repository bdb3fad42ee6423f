//! What a gateway meets when it is alone: the upstreams that a story gives it.

use integration::Topology;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use services::contract::{SERVED_BY, SERVER_TIMING, Service, VERSION};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The gateway's name.
pub(crate) const GATEWAY: &str = "api-gateway-1";
/// The path of an item that exists where one is asked for it.
pub(crate) const ITEM: &str = "/data/item-1";
/// A limit that nothing runs into, however busy the machine is.
pub(crate) const LONG: &str = "60s";

/// A gateway alone before these upstreams, each with its name. It takes bodies of up to
/// 1 KiB.
pub(crate) fn before(upstreams: &[(&str, String)]) -> Topology {
    let alone = Topology::single(Service::ApiGateway).with(Service::ApiGateway, "max-body", "1KiB");
    upstreams.iter().fold(alone, |topology, (name, url)| {
        let flag = name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
        topology.with(Service::ApiGateway, flag, format!("{name}={url}"))
    })
}

/// An upstream that answers everything alike.
pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let upstream = MockServer::start().await;
    Mock::given(any())
        .respond_with(answer)
        .mount(&upstream)
        .await;
    upstream
}

/// A cache that has nothing and takes everything.
pub(crate) async fn empty_cache() -> MockServer {
    let cache = answering(ResponseTemplate::new(204)).await;
    let miss = Mock::given(method("GET")).respond_with(ResponseTemplate::new(404));
    miss.with_priority(1).mount(&cache).await;
    cache
}

/// What a database answers that has the item.
pub(crate) fn item() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header(VERSION.as_str(), "3")
        .insert_header(SERVER_TIMING.as_str(), "database;dur=5.000")
        .set_body_string("3")
}

/// The requests of one method that an upstream has received.
pub(crate) async fn requests(upstream: &MockServer, method: &str) -> Vec<Request> {
    let mut requests = upstream.received_requests().await.expect("recorded");
    requests.retain(|request| request.method.as_str() == method);
    requests
}

/// A field of a request that an upstream has received.
pub(crate) fn field<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request
        .headers
        .get(name)
        .map(|value| value.to_str().expect("text"))
}

/// A field of the gateway's answer, empty when there is none.
pub(crate) fn header(answer: &Response, name: &str) -> String {
    let value = answer
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("text"));
    value.unwrap_or_default().to_owned()
}

/// The whole body of the gateway's answer.
pub(crate) async fn text(answer: Response) -> String {
    answer.text().await.expect("a whole body")
}

/// Checks that an answer is problem details of this status, and returns the detail.
pub(crate) async fn problem(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.headers()[SERVED_BY], GATEWAY);
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().expect("a detail").to_owned()
}
