//! A gateway by itself, before upstreams that are well: it passes on what came, in the
//! name of the token's user, keeps out what is too large, and says what happened.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, RequestBuilder, Response};
use services::contract::{
    CACHE_STATUS, IDEMPOTENCY_KEY, SERVED_BY, SERVER_TIMING, Service, TRACEPARENT, USER, VERSION,
};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::Lab;
use crate::upstreams::{
    GATEWAY, ITEM, LONG, answering, before, empty_cache, field, header, item, problem, requests,
    text,
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) async fn a_task_and_its_acceptance_pass_as_they_are() {
    let accepted = ResponseTemplate::new(202)
        .insert_header("location", "/longtask/7")
        .insert_header("retry-after", "3")
        .insert_header("x-inner", "1")
        .set_body_raw(r#"{"id":"7"}"#, "application/json");
    let worker = answering(accepted).await;
    let lab = Lab::start(before(&[("worker", worker.uri())])).await;
    let task = r#"{"task":"report"}"#;
    let request = lab.request(Method::POST, "/longtask?urgent=1").body(task);
    let request = request
        .header(IDEMPOTENCY_KEY, "key-1")
        .header(CONTENT_TYPE, "application/json");
    let answer = request.send().await.expect("an answer");

    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()[LOCATION], "/longtask/7");
    assert_eq!(answer.headers()["retry-after"], "3");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(
        answer.headers().get("x-inner"),
        None,
        "no business of a client"
    );
    assert_eq!(answer.headers()[SERVED_BY], GATEWAY);
    assert_eq!(text(answer).await, r#"{"id":"7"}"#);

    let [seen] = &requests(&worker, "POST").await[..] else {
        panic!("the worker was asked once");
    };
    assert_eq!(
        (seen.url.path(), seen.url.query()),
        ("/longtask", Some("urgent=1"))
    );
    assert_eq!(field(seen, IDEMPOTENCY_KEY.as_str()), Some("key-1"));
    assert_eq!(field(seen, "content-type"), Some("application/json"));
    assert_eq!(seen.body, task.as_bytes());
    assert_eq!(
        field(seen, "authorization"),
        None,
        "the token stays at the gateway"
    );
}

pub(crate) async fn the_worker_learns_the_tokens_user_whatever_a_client_claims() {
    let worker = answering(ResponseTemplate::new(202)).await;
    let lab = Lab::start(before(&[("worker", worker.uri())])).await;
    let honest = lab.request(Method::POST, "/longtask");
    let forged = lab
        .request(Method::POST, "/longtask")
        .header(USER, "admin")
        .header(USER, "root");
    for request in [honest, forged] {
        assert_eq!(request.send().await.expect("an answer").status(), 202);
    }
    let seen = requests(&worker, "POST").await;
    assert_eq!(seen.len(), 2);
    for request in &seen {
        let users: Vec<_> = request.headers.get_all(USER).iter().collect();
        assert_eq!(users, ["test_user"]);
    }
}

pub(crate) async fn a_trace_is_passed_on_to_every_upstream() {
    let (upstreams, lab) = among_upstreams().await;
    for request in one_of_each(&lab) {
        let answer = request.header(TRACEPARENT, TRACE).send().await;
        assert!(answer.expect("an answer").status().is_success());
    }
    for upstream in &upstreams {
        let seen = upstream.received_requests().await.expect("recorded");
        assert!(!seen.is_empty(), "everybody was called");
        for request in &seen {
            assert_eq!(
                field(request, TRACEPARENT.as_str()),
                Some(TRACE),
                "{request:?}"
            );
        }
    }
}

pub(crate) async fn a_trace_is_begun_where_there_is_none_or_a_malformed_one() {
    let (upstreams, lab) = among_upstreams().await;
    let mut asked = 0;
    for malformed in [None, Some("00-not-a-trace-01")] {
        for request in one_of_each(&lab) {
            let request = match malformed {
                Some(trace) => request.header(TRACEPARENT, trace),
                None => request,
            };
            assert!(
                request
                    .send()
                    .await
                    .expect("an answer")
                    .status()
                    .is_success()
            );
            asked += 1;
        }
    }
    let mut traces = Vec::new();
    for upstream in &upstreams {
        for request in upstream.received_requests().await.expect("recorded") {
            let trace = field(&request, TRACEPARENT.as_str())
                .expect("a trace")
                .to_owned();
            assert_eq!((trace.len(), &trace[..3]), (55, "00-"), "{trace}");
            traces.push(trace);
        }
    }
    traces.sort();
    traces.dedup();
    assert_eq!(
        traces.len(),
        asked,
        "a trace for each request, whomever it reached"
    );
}

pub(crate) async fn a_body_that_is_too_large_is_413_and_reaches_nobody() {
    let (upstreams, lab) = among_upstreams().await;
    let too_large = vec![b' '; (1 << 10) + 1];
    for (verb, path) in [
        (Method::PUT, ITEM),
        (Method::POST, "/process"),
        (Method::POST, "/longtask"),
    ] {
        let announced = Body::from(too_large.clone());
        let pieces = [Ok::<_, std::io::Error>(Bytes::from(too_large.clone()))];
        let unannounced = Body::wrap_stream(stream::iter(pieces));
        for body in [announced, unannounced] {
            let answer = lab.request(verb.clone(), path).body(body).send().await;
            problem(answer.expect("an answer"), 413).await;
        }
    }
    for upstream in &upstreams {
        let seen = upstream.received_requests().await.expect("recorded");
        assert!(seen.is_empty(), "{seen:?}");
    }
}

pub(crate) async fn cache_status_and_server_timing_say_what_happened() {
    let hit = ResponseTemplate::new(200)
        .insert_header(VERSION.as_str(), "3")
        .set_body_string("3");
    let miss = ResponseTemplate::new(404);
    let (stored, refused) = (ResponseTemplate::new(204), ResponseTemplate::new(409));
    for (lookup, fill, status, hops) in [
        (
            hit,
            stored.clone(),
            "cache-1; hit",
            &["cache-1", GATEWAY][..],
        ),
        (
            miss.clone(),
            stored,
            "cache-1; fwd=uri-miss; stored",
            &["cache-1", "database", GATEWAY],
        ),
        // The cache knows of a later write.
        (
            miss,
            refused,
            "cache-1; fwd=uri-miss",
            &["cache-1", "database", GATEWAY],
        ),
    ] {
        let (cache, database) = (MockServer::start().await, answering(item()).await);
        Mock::given(method("GET"))
            .respond_with(lookup)
            .mount(&cache)
            .await;
        Mock::given(method("PUT"))
            .respond_with(fill)
            .mount(&cache)
            .await;
        let upstreams = [("cache-1", cache.uri()), ("database", database.uri())];
        let topology = before(&upstreams).with(Service::ApiGateway, "cache-timeout", LONG);
        let answer = Lab::start(topology).await.get(ITEM).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, CACHE_STATUS.as_str()), status);
        assert_eq!(hops_of(&answer), hops);
    }
}

pub(crate) async fn without_a_cache_there_is_no_cache_status() {
    let database = answering(item()).await;
    let lab = Lab::start(before(&[("database", database.uri())])).await;
    let answer = lab.get(ITEM).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get(CACHE_STATUS), None);
    assert_eq!(hops_of(&answer), ["database", GATEWAY]);
}

pub(crate) async fn readers_who_come_together_share_one_read_and_are_told() {
    let cache = empty_cache().await;
    let database = answering(item().set_delay(Duration::from_secs(1))).await;
    let upstreams = [("cache-1", cache.uri()), ("database", database.uri())];
    let lab = Lab::start(before(&upstreams).with(Service::ApiGateway, "cache-timeout", LONG)).await;
    let answers = join_all((0..3).map(|_| lab.get(ITEM))).await;
    let mut told: Vec<String> = answers
        .iter()
        .map(|a| header(a, CACHE_STATUS.as_str()))
        .collect();
    told.sort();
    let collapsed = "cache-1; fwd=uri-miss; collapsed";
    assert_eq!(
        told,
        [collapsed, collapsed, "cache-1; fwd=uri-miss; stored"]
    );
    assert_eq!(requests(&database, "GET").await.len(), 1);
}

/// A gateway before a cache, a database, a microservice and a worker, all of them well.
async fn among_upstreams() -> ([MockServer; 4], Lab) {
    let upstreams = [
        empty_cache().await,
        answering(item()).await,
        answering(ResponseTemplate::new(200)).await,
        answering(ResponseTemplate::new(202)).await,
    ];
    let names = ["cache-1", "database", "microservice", "worker"];
    let named: Vec<_> = names
        .into_iter()
        .zip(upstreams.iter().map(MockServer::uri))
        .collect();
    let lab = Lab::start(before(&named).with(Service::ApiGateway, "cache-timeout", LONG)).await;
    (upstreams, lab)
}

/// Requests that between them reach every upstream in every way.
fn one_of_each(lab: &Lab) -> [RequestBuilder; 6] {
    [
        lab.request(Method::GET, ITEM),
        lab.request(Method::GET, "/data"),
        lab.request(Method::PUT, ITEM).body("1"),
        lab.request(Method::POST, "/process").body("1"),
        lab.request(Method::POST, "/longtask").body("{}"),
        lab.request(Method::GET, "/longtask/1"),
    ]
}

/// Who says in `Server-Timing` what time it took, in order.
fn hops_of(answer: &Response) -> Vec<String> {
    let entries = answer.headers().get_all(SERVER_TIMING).iter();
    entries
        .map(|entry| {
            let (hop, took) = entry
                .to_str()
                .expect("text")
                .split_once(";dur=")
                .expect("a duration");
            assert!(
                took.parse::<f64>()
                    .is_ok_and(|milliseconds| milliseconds >= 0.0),
                "{took}"
            );
            hop.to_owned()
        })
        .collect()
}
