//! A gateway by itself, before upstreams that fail in every way: what it can't do
//! without is 503 or 504, a cache is never missed, and what it passes on is what
//! came, in the name of the token's user.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use integration::Topology;
use integration::error::StartError;
use integration::wait::wait_for;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, Response};
use serde_json::Value;
use services::contract::{
    CACHE_STATUS, IDEMPOTENCY_KEY, SERVED_BY, SERVER_TIMING, Service, TRACEPARENT, USER, VERSION,
};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::rude_upstream::{Answer, NobodyThere, RudeUpstream};
use crate::support::{Lab, PATIENCE, RunFolder, fails_to_start, options};

const GATEWAY: &str = "api-gateway-1";
const ITEM: &str = "/data/item-1";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// A limit for what is meant to run into it.
const SHORT: &str = "300ms";
/// A limit that nothing runs into, however busy the machine is.
const LONG: &str = "60s";

pub(crate) async fn a_database_that_fails_is_503_and_nothing_is_cached() {
    let cache = empty_cache().await;
    let database = RudeUpstream::start(Answer::Close).await;
    let topology = before(&[("cache-1", cache.uri()), ("database", database.url())]).with(
        Service::ApiGateway,
        "upstream-timeout",
        LONG,
    );
    let lab = Lab::start(topology).await;
    for (asked, answer) in (1..).zip(broken_answers()) {
        database.change(answer.clone());
        for path in [ITEM, "/data"] {
            let detail = problem(lab.get(path).await, 503).await;
            assert!(detail.contains("database"), "{answer:?}: {detail}");
        }
        assert_eq!(requests(&cache, "GET").await.len(), 2 * asked);
    }
    assert_eq!(requests(&cache, "PUT").await.len(), 0, "nothing to keep");
}

pub(crate) async fn a_write_that_the_database_does_not_confirm_is_503() {
    let database = RudeUpstream::start(Answer::Close).await;
    let lab = Lab::start(before(&[("database", database.url())])).await;
    let unconfirmed = [
        Answer::Close,
        Answer::CloseAtOnce,
        Answer::Malformed,
        Answer::Truncated {
            content_length: 100,
            sent: 10,
        },
    ];
    for answer in unconfirmed {
        database.change(answer);
        let write = lab.request(Method::PUT, ITEM).body("1").send().await;
        let detail = problem(write.expect("an answer"), 503).await;
        assert!(detail.contains("database"), "{detail}");
    }
}

pub(crate) async fn a_database_that_is_not_there_is_503() {
    let nobody = NobodyThere::new();
    let lab = Lab::start(before(&[("database", nobody.url())])).await;
    let detail = problem(lab.get(ITEM).await, 503).await;
    assert!(detail.contains("database"), "{detail}");
    let write = lab.request(Method::PUT, ITEM).body("1").send().await;
    problem(write.expect("an answer"), 503).await;
}

pub(crate) async fn a_database_that_is_slow_is_504_and_nothing_is_cached() {
    let cache = empty_cache().await;
    let database = RudeUpstream::start(Answer::Silence).await;
    let topology = before(&[("cache-1", cache.uri()), ("database", database.url())])
        .with(Service::ApiGateway, "cache-timeout", LONG)
        .with(Service::ApiGateway, "upstream-timeout", SHORT);
    let lab = Lab::start(topology).await;
    for answer in slow_answers() {
        database.change(answer);
        problem(lab.get(ITEM).await, 504).await;
        let write = lab.request(Method::PUT, ITEM).body("1").send().await;
        problem(write.expect("an answer"), 504).await;
    }
    assert_eq!(requests(&cache, "PUT").await.len(), 0);
}

pub(crate) async fn a_database_that_recovers_is_read_again_and_cached() {
    let cache = empty_cache().await;
    let database = RudeUpstream::start(Answer::Close).await;
    let upstreams = [("cache-1", cache.uri()), ("database", database.url())];
    let lab = Lab::start(before(&upstreams).with(Service::ApiGateway, "cache-timeout", LONG)).await;
    problem(lab.get(ITEM).await, 503).await;
    database.change(respond("200 OK", "x-version: 4\r\n", "4"));
    let answer = lab.get(ITEM).await;
    assert_eq!(
        (answer.status().as_u16(), text(answer).await),
        (200, "4".to_owned())
    );
    let [kept] = &requests(&cache, "PUT").await[..] else {
        panic!("the value is kept once");
    };
    assert_eq!(
        (field(kept, VERSION.as_str()), &kept.body[..]),
        (Some("4"), &b"4"[..])
    );
}

pub(crate) async fn a_cache_that_fails_is_passed_by_and_left_alone() {
    let mut answers = broken_answers();
    answers.push(respond("200 OK", "", "a hit without a version"));
    let lookups = answers.into_iter().map(async |answer| {
        let cache = RudeUpstream::start(answer.clone()).await;
        let database = answering(item()).await;
        let topology = before(&[("cache-1", cache.url()), ("database", database.uri())])
            .with(Service::ApiGateway, "cache-timeout", LONG)
            .with(Service::ApiGateway, "cache-rest", "1h");
        let lab = Lab::start(topology).await;
        passes_by(&lab, &format!("{answer:?}")).await;
        let asked = cache.requests();
        passes_by(&lab, "a cache that rests").await;
        assert_eq!(cache.requests(), asked, "a cache that failed is left alone");
        counted_as_failed(&lab, 2.0).await;
    });
    join_all(lookups).await;
}

pub(crate) async fn a_cache_that_is_not_there_is_passed_by() {
    let nobody = NobodyThere::new();
    let database = answering(item()).await;
    let upstreams = [("cache-1", nobody.url()), ("database", database.uri())];
    let lab = Lab::start(before(&upstreams)).await;
    passes_by(&lab, "nobody").await;
    counted_as_failed(&lab, 1.0).await;
}

pub(crate) async fn a_slow_cache_costs_its_timeout_once_and_nothing_while_it_rests() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let lookups = slow_answers().into_iter().map(async |answer| {
        let cache = RudeUpstream::start(answer).await;
        let database = answering(item()).await;
        let topology = before(&[("cache-1", cache.url()), ("database", database.uri())])
            .with(Service::ApiGateway, "cache-timeout", "2s")
            .with(Service::ApiGateway, "cache-rest", "1h");
        let lab = Lab::start(topology).await;
        let first = passes_by(&lab, "a slow cache").await;
        assert!((TIMEOUT..TIMEOUT * 2).contains(&first), "{first:?}");
        let second = passes_by(&lab, "a cache that rests").await;
        assert!(second < TIMEOUT, "{second:?}");
        assert_eq!(cache.requests(), 1, "a cache that was slow is left alone");
        counted_as_failed(&lab, 2.0).await;
    });
    join_all(lookups).await;
}

pub(crate) async fn a_cache_is_asked_again_after_its_rest() {
    let cache = RudeUpstream::start(Answer::Close).await;
    let database = answering(item()).await;
    let topology = before(&[("cache-1", cache.url()), ("database", database.uri())])
        .with(Service::ApiGateway, "cache-timeout", LONG)
        .with(Service::ApiGateway, "cache-rest", "100ms");
    let lab = Lab::start(topology).await;
    passes_by(&lab, "a cache that closes").await;
    cache.change(respond("200 OK", "x-version: 9\r\n", "\"cached\""));
    let hit = async || {
        let answer = lab.get(ITEM).await;
        assert_eq!(answer.status(), 200);
        match header(&answer, CACHE_STATUS.as_str()) {
            status if status == "cache-1; hit" => Ok(answer),
            status => Err(status),
        }
    };
    let answer = wait_for("a hit", PATIENCE, hit).await.expect("it is asked");
    assert_eq!(text(answer).await, "\"cached\"");
}

pub(crate) async fn a_write_is_answered_after_every_cache_has_forgotten() {
    let caches = [empty_cache().await, empty_cache().await];
    let database = answering(ResponseTemplate::new(200).insert_header(VERSION.as_str(), "7")).await;
    let [one, two] = [caches[0].uri(), caches[1].uri()];
    let upstreams = [
        ("cache-1", one),
        ("cache-2", two),
        ("database", database.uri()),
    ];
    let lab = Lab::start(before(&upstreams).with(Service::ApiGateway, "cache-timeout", LONG)).await;
    let write = lab.request(Method::PUT, ITEM).body("1").send().await;
    assert_eq!(write.expect("an answer").headers()[VERSION], "7");
    for cache in &caches {
        let mut revoked: Vec<_> = requests(cache, "DELETE")
            .await
            .iter()
            .map(|request| {
                (
                    request.url.path().to_owned(),
                    field(request, VERSION.as_str()).map(str::to_owned),
                )
            })
            .collect();
        revoked.sort();
        let paths: Vec<&str> = revoked.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/cache/item%3Aitem-1", "/cache/listing"]);
        assert!(
            revoked
                .iter()
                .all(|(_, version)| version.as_deref() == Some("7"))
        );
    }
}

pub(crate) async fn a_write_that_a_cache_does_not_learn_of_is_counted() {
    let cache = RudeUpstream::start(Answer::Close).await;
    let database = answering(ResponseTemplate::new(200).insert_header(VERSION.as_str(), "7")).await;
    let upstreams = [("cache-1", cache.url()), ("database", database.uri())];
    let lab = Lab::start(before(&upstreams)).await;
    let write = lab.request(Method::PUT, ITEM).body("1").send().await;
    assert_eq!(write.expect("an answer").status(), 200);
    let failed = [("cache", "cache-1"), ("outcome", "failed")];
    // The item and the listing that may show it.
    assert_eq!(
        lab.counter(GATEWAY, "cache_invalidations_total", &failed)
            .await,
        2.0
    );
}

pub(crate) async fn a_microservice_or_worker_that_fails_is_503() {
    let nobody = NobodyThere::new();
    let rude = RudeUpstream::start(Answer::Close).await;
    let lab = Lab::start(before(&[
        ("microservice", rude.url()),
        ("worker", nobody.url()),
    ]))
    .await;
    let broken = [
        Answer::Close,
        Answer::CloseAtOnce,
        Answer::Malformed,
        Answer::Truncated {
            content_length: 100,
            sent: 10,
        },
    ];
    for answer in broken {
        rude.change(answer);
        for verb in [Method::GET, Method::POST] {
            let answer = lab.request(verb, "/process").send().await;
            let detail = problem(answer.expect("an answer"), 503).await;
            assert!(detail.contains("microservice"), "{detail}");
        }
    }
    for answer in [post_task(&lab).await, lab.get("/longtask/1").await] {
        let detail = problem(answer, 503).await;
        assert!(detail.contains("worker"), "{detail}");
    }
}

pub(crate) async fn a_microservice_or_worker_that_is_slow_is_504() {
    let rude = RudeUpstream::start(Answer::Silence).await;
    let topology = before(&[("microservice", rude.url()), ("worker", rude.url())]).with(
        Service::ApiGateway,
        "upstream-timeout",
        SHORT,
    );
    let lab = Lab::start(topology).await;
    for answer in slow_answers() {
        rude.change(answer);
        problem(lab.get("/process").await, 504).await;
        problem(post_task(&lab).await, 504).await;
    }
}

pub(crate) async fn a_task_that_was_sent_is_never_sent_again() {
    let worker = RudeUpstream::start(respond("202 Accepted", "", "{}")).await;
    let lab = Lab::start(before(&[("worker", worker.url())])).await;
    for (posted, answer, status) in [
        // The second goes over the connection that the first one left open.
        (1, respond("202 Accepted", "", "{}"), 202),
        (2, Answer::Close, 503),
        (3, Answer::Close, 503),
    ] {
        worker.change(answer);
        assert_eq!(post_task(&lab).await.status(), status);
        assert_eq!(worker.requests(), posted);
    }
}

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

pub(crate) async fn the_development_secret_is_refused_beyond_loopback() {
    let folder = RunFolder::new();
    let topology =
        Topology::single(Service::ApiGateway).with(Service::ApiGateway, "listen", "0.0.0.0:0");
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.starts_with("api-gateway-1 would listen on 0.0.0.0, beyond loopback"),
        "{message}"
    );
    assert!(message.contains("--jwt-secret"), "{message}");
}

/// A gateway alone before these upstreams, each with its name.
fn before(upstreams: &[(&str, String)]) -> Topology {
    let alone = Topology::single(Service::ApiGateway).with(Service::ApiGateway, "max-body", "1KiB");
    upstreams.iter().fold(alone, |topology, (name, url)| {
        let flag = name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
        topology.with(Service::ApiGateway, flag, format!("{name}={url}"))
    })
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
fn one_of_each(lab: &Lab) -> [reqwest::RequestBuilder; 6] {
    [
        lab.request(Method::GET, ITEM),
        lab.request(Method::GET, "/data"),
        lab.request(Method::PUT, ITEM).body("1"),
        lab.request(Method::POST, "/process").body("1"),
        lab.request(Method::POST, "/longtask").body("{}"),
        lab.request(Method::GET, "/longtask/1"),
    ]
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let upstream = MockServer::start().await;
    Mock::given(any())
        .respond_with(answer)
        .mount(&upstream)
        .await;
    upstream
}

async fn empty_cache() -> MockServer {
    let cache = answering(ResponseTemplate::new(204)).await;
    let miss = Mock::given(method("GET")).respond_with(ResponseTemplate::new(404));
    miss.with_priority(1).mount(&cache).await;
    cache
}

/// What a database answers that has the item.
fn item() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header(VERSION.as_str(), "3")
        .insert_header(SERVER_TIMING.as_str(), "database;dur=5.000")
        .set_body_string("3")
}

/// Answers of a database, or of a cache, that are none.
fn broken_answers() -> Vec<Answer> {
    vec![
        respond("500 Internal Server Error", "", "no"),
        respond("302 Found", "location: /elsewhere\r\n", ""),
        Answer::Truncated {
            content_length: 100,
            sent: 10,
        },
        Answer::Malformed,
        Answer::Close,
        Answer::CloseAtOnce,
    ]
}

fn slow_answers() -> Vec<Answer> {
    vec![
        Answer::Silence,
        Answer::Stall {
            content_length: 100,
            sent: 10,
        },
        Answer::SlowBody {
            content_length: 1000,
            pause: Duration::from_millis(50),
        },
    ]
}

/// A response of this status, with these header lines and this body.
fn respond(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    Answer::Respond(response.into())
}

/// Reads the item from the database, because the cache is not to be had, and tells
/// how long that took.
async fn passes_by(lab: &Lab, cache: &str) -> Duration {
    let began = Instant::now();
    let answer = lab.get(ITEM).await;
    let took = began.elapsed();
    assert_eq!(answer.status(), 200, "{cache}");
    let status = header(&answer, CACHE_STATUS.as_str());
    assert_eq!(status, "cache-1; fwd=bypass; detail=unavailable", "{cache}");
    assert_eq!(text(answer).await, "3");
    took
}

async fn counted_as_failed(lab: &Lab, lookups: f64) {
    let counters = lab.counters(GATEWAY).await.expect("it shows them");
    let failed = [("cache", "cache-1"), ("outcome", "failed")];
    assert_eq!(counters.get("cache_lookups_total", &failed), lookups);
    assert_eq!(
        counters.get("reads_total", &[("outcome", "bypass")]),
        lookups
    );
    assert_eq!(
        counters.get("cache_fills_total", &[]),
        0.0,
        "nor is it filled"
    );
}

async fn post_task(lab: &Lab) -> Response {
    let request = lab
        .request(Method::POST, "/longtask")
        .body(r#"{"task":"report"}"#);
    request.send().await.expect("an answer")
}

/// The requests of one method that an upstream has received.
async fn requests(upstream: &MockServer, method: &str) -> Vec<Request> {
    let mut requests = upstream.received_requests().await.expect("recorded");
    requests.retain(|request| request.method.as_str() == method);
    requests
}

fn field<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request
        .headers
        .get(name)
        .map(|value| value.to_str().expect("text"))
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("text"));
    value.unwrap_or_default().to_owned()
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

async fn text(answer: Response) -> String {
    answer.text().await.expect("a whole body")
}

/// Checks that an answer is problem details of this status, and returns the detail.
async fn problem(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.headers()[SERVED_BY], GATEWAY);
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().expect("a detail").to_owned()
}
