//! A gateway by itself, before upstreams that fail in every way: what it can't do
//! without is 503 or 504, and a cache is never missed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use integration::Topology;
use integration::error::StartError;
use integration::wait::wait_for;
use reqwest::{Method, Response};
use services::contract::{CACHE_STATUS, Service, VERSION};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::rude_upstream::{Answer, NobodyThere, RudeUpstream};
use crate::support::{Lab, PATIENCE, RunFolder, fails_to_start, options};
use crate::upstreams::{
    GATEWAY, ITEM, LONG, answering, before, empty_cache, field, header, item, problem, requests,
    text,
};

/// A limit for what is meant to run into it.
const SHORT: &str = "300ms";

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

pub(crate) async fn a_write_that_the_database_does_not_confirm_is_503_and_caches_forget() {
    let cache = empty_cache().await;
    let database = RudeUpstream::start(Answer::Close).await;
    let topology = before(&[("cache-1", cache.uri()), ("database", database.url())]);
    let lab = Lab::start(topology.with(Service::ApiGateway, "cache-timeout", LONG)).await;
    let respond = |response: &'static str| Answer::Respond(response.as_bytes().into());
    let unconfirmed = [
        Answer::Close,
        Answer::CloseAtOnce,
        Answer::Malformed,
        Answer::Truncated {
            content_length: 100,
            sent: 10,
        },
        respond("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
        respond("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"),
        respond("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ];
    for (writes, answer) in (1..).zip(unconfirmed) {
        database.change(answer);
        let write = lab.request(Method::PUT, ITEM).body("1").send().await;
        let detail = problem(write.expect("an answer"), 503).await;
        assert!(detail.contains("database"), "{detail}");
        // The item and the listing, whether or not the write was made.
        let forgotten = requests(&cache, "DELETE").await;
        assert_eq!(forgotten.len(), 2 * writes);
        assert!(
            forgotten
                .iter()
                .all(|request| field(request, VERSION.as_str()).is_none())
        );
    }
}

pub(crate) async fn a_value_that_is_too_large_for_a_cache_is_no_fault_of_the_cache() {
    let cache = MockServer::start().await;
    for (method_name, status) in [("GET", 404), ("PUT", 413)] {
        let answer = Mock::given(method(method_name)).respond_with(ResponseTemplate::new(status));
        answer.mount(&cache).await;
    }
    let database = answering(item()).await;
    let topology = before(&[("cache-1", cache.uri()), ("database", database.uri())]);
    let lab = Lab::start(topology.with(Service::ApiGateway, "cache-timeout", LONG)).await;
    for read in 1..=3 {
        let answer = lab.get(ITEM).await;
        assert_eq!(
            header(&answer, CACHE_STATUS.as_str()),
            "cache-1; fwd=uri-miss"
        );
        assert_eq!(
            requests(&cache, "GET").await.len(),
            read,
            "it does not rest"
        );
    }
}

pub(crate) async fn an_item_that_is_missing_is_404_and_says_who_was_asked() {
    let cache = empty_cache().await;
    let database = answering(ResponseTemplate::new(404)).await;
    let lab = Lab::start(before(&[
        ("cache-1", cache.uri()),
        ("database", database.uri()),
    ]))
    .await;
    let answer = lab.get(ITEM).await;
    assert_eq!(
        header(&answer, CACHE_STATUS.as_str()),
        "cache-1; fwd=uri-miss"
    );
    problem(answer, 404).await;
    assert_eq!(requests(&cache, "PUT").await.len(), 0, "nothing to keep");
    problem(lab.get("/nothing/here").await, 404).await;
    let answer = lab.request(Method::DELETE, "/data").send().await;
    problem(answer.expect("an answer"), 405).await;
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
