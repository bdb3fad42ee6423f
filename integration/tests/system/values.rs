//! What one user stores, every other user can still read: no value makes the listing too
//! long to be cached, or something that a client can't parse.

use integration::Topology;
use reqwest::{Method, Response};
use serde_json::Value;
use services::contract::CACHE_STATUS;
use services::json::MAX_DEPTH;

use crate::item_stories::ItemHome;
use crate::support::Lab;

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

pub(crate) async fn a_value_that_a_client_could_not_read_is_refused_in_one_sentence<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(Topology::laboratory())).await;
    let surrogate = r#""\ud800""#.to_owned();
    for value in [
        nested(MAX_DEPTH + 1),
        nested(127),
        nested(100_000),
        surrogate,
        "1e999".to_owned(),
    ] {
        let shown: String = value.chars().take(20).collect();
        problem(
            send(&lab, Method::PUT, "/data/a", value.clone()).await,
            &shown,
        )
        .await;
        let task = format!(r#"{{"task":"report","x":{value}}}"#);
        problem(send(&lab, Method::POST, "/longtask", task).await, &shown).await;
    }
    let long = format!(r#"{{"task":"{}"}}"#, "a".repeat(1 << 16));
    problem(
        send(&lab, Method::POST, "/longtask", long).await,
        "a long task",
    )
    .await;
    let deepest = nested(MAX_DEPTH);
    let stored = send(&lab, Method::PUT, "/data/0", deepest).await;
    assert_eq!(stored.status(), 200);
    let listing: Value = lab
        .get("/data")
        .await
        .json()
        .await
        .expect("JSON for any client");
    assert_eq!(listing["count"], 1001);
}

pub(crate) async fn large_values_make_no_listing_that_is_too_large_to_cache<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(Topology::laboratory().caches(1))).await;
    for key in 0..10 {
        // The largest that is taken.
        let value = format!("\"{}\"", "a".repeat((1 << 20) - 2));
        let stored = send(&lab, Method::PUT, &format!("/data/{key}"), value).await;
        assert_eq!(stored.status(), 200);
    }
    let first = lab.get("/data").await;
    assert!(
        cache_status(&first).ends_with("; stored"),
        "{}",
        cache_status(&first)
    );
    let body = first.bytes().await.expect("a body");
    assert!(body.len() < 300_000, "{} bytes", body.len());
    let listing: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (&listing["left_out"], &listing["count"]),
        (&10.into(), &1010.into())
    );
    assert_eq!(cache_status(&lab.get("/data").await), "cache-1; hit");
}

fn cache_status(answer: &Response) -> String {
    let status = &answer.headers()[CACHE_STATUS.as_str()];
    status.to_str().expect("text").to_owned()
}

async fn send(lab: &Lab, method: Method, path: &str, body: String) -> Response {
    let request = lab.request(method, path).body(body);
    request.send().await.expect("an answer")
}

async fn problem(answer: Response, what: &str) {
    assert_eq!(answer.status(), 400, "{what}");
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], 400, "{what}");
    assert!(problem["detail"].is_string(), "{what}: {problem}");
}
