//! Nobody passes without a valid token, and who doesn't pass reaches nothing.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use integration::Topology;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use services::contract::Service;

use crate::support::{Lab, TOKEN, client};

/// One request for each thing that the API can do.
const REQUESTS: [(Method, &str); 7] = [
    (Method::GET, "/data"),
    (Method::GET, "/data/item-1"),
    (Method::PUT, "/data/item-1"),
    (Method::GET, "/process"),
    (Method::POST, "/process"),
    (Method::POST, "/longtask"),
    (
        Method::GET,
        "/longtask/01890a5d-ac96-774b-bcce-b302099a8057",
    ),
];

pub(crate) async fn the_laboratorys_token_passes_raw_and_as_bearer() {
    let lab = Lab::start(Topology::laboratory()).await;
    for token in [
        TOKEN.to_owned(),
        format!("Bearer {TOKEN}"),
        format!("bearer {TOKEN}"),
    ] {
        let answer = send(&lab, Method::GET, "/data/item-1", &[&token]).await;
        assert_eq!(answer.status(), 200, "{token}");
    }
}

pub(crate) async fn each_kind_of_bad_token_is_refused_and_counted_by_its_name() {
    let lab = Lab::start(Topology::laboratory()).await;
    for (reason, fields) in bad_tokens() {
        let before = rejected(&lab, reason).await;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let answer = send(&lab, Method::GET, "/data/item-1", &fields).await;
        assert_eq!(answer.status(), 401, "{reason}");
        let challenge = answer.headers()[WWW_AUTHENTICATE]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            challenge.starts_with("Bearer realm="),
            "{reason}: {challenge}"
        );
        let named = challenge.contains(r#"error="invalid_token""#);
        assert_eq!(named, reason != "missing", "{reason}: {challenge}");
        let problem: Value = answer.json().await.expect("problem details");
        assert_eq!(problem["status"], 401, "{reason}");
        assert_eq!(rejected(&lab, reason).await, before + 1.0, "{reason}");
    }
}

pub(crate) async fn a_refused_request_reaches_nothing_behind_the_gateway() {
    let lab = Lab::start(Topology::laboratory()).await;
    let before = work_done(&lab).await;
    for (_, fields) in bad_tokens() {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        for (method, path) in REQUESTS {
            assert_eq!(send(&lab, method, path, &fields).await.status(), 401);
        }
    }
    assert_eq!(work_done(&lab).await, before);
    // The same requests do reach something, so the counters would have told.
    for (method, path) in REQUESTS {
        send(&lab, method, path, &[TOKEN]).await;
    }
    let after = work_done(&lab).await;
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| after.1 > before.1),
        "{after:?}"
    );
}

pub(crate) async fn users_whose_names_look_alike_share_neither_tasks_nor_keys() {
    let lab = Lab::start(Topology::laboratory()).await;
    let names = [
        "alice",
        "alice ",
        " alice",
        "alice%20",
        "Alice",
        "alice\u{a0}",
        "al\u{ed}ce",
        "ali\u{301}ce",
    ];
    let mut ids = Vec::new();
    for name in names {
        let token = hs256("secret", &json!({ "user": name }));
        let request = lab
            .request_to("load-balancer", Method::POST, "/longtask")
            .header(AUTHORIZATION, &token)
            .header("idempotency-key", "the-same-for-all")
            .body(r#"{"task":"report"}"#);
        let answer = request.send().await.expect("the balancer answers");
        assert_eq!(answer.status(), 202, "{name:?}");
        let task: Value = answer.json().await.expect("a task");
        ids.push((token, task["id"].as_str().expect("an id").to_owned()));
    }
    for (asker, (token, _)) in ids.iter().enumerate() {
        for (owner, (_, id)) in ids.iter().enumerate() {
            let path = format!("/longtask/{id}");
            let answer = send(&lab, Method::GET, &path, &[token]).await;
            let expected = if asker == owner { 200 } else { 404 };
            let who = (names[asker], names[owner]);
            assert_eq!(answer.status(), expected, "{who:?}");
        }
    }
    for name in [
        "",
        "\talice",
        "alice\u{0}",
        "alice\u{85}",
        &"a".repeat(1025),
    ] {
        let token = hs256("secret", &json!({ "user": name }));
        let answer = send(&lab, Method::GET, "/data/item-1", &[&token]).await;
        assert_eq!(answer.status(), 401, "{name:?}");
    }
}

pub(crate) async fn an_expiry_can_be_demanded() {
    let topology = Topology::laboratory().with_switch(Service::ApiGateway, "require-exp");
    let lab = Lab::start(topology).await;
    assert_eq!(
        send(&lab, Method::GET, "/data/item-1", &[TOKEN])
            .await
            .status(),
        401
    );
    let lasting = hs256("secret", &json!({ "user": "test_user", "exp": now() + 60 }));
    assert_eq!(
        send(&lab, Method::GET, "/data/item-1", &[&lasting])
            .await
            .status(),
        200
    );
}

pub(crate) async fn no_change_to_a_token_is_accepted_or_breaks_anything() {
    let lab = Lab::start(Topology::laboratory()).await;
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(300)
    });
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&mutation(), |token| {
            let answer = runtime.block_on(send_bytes(&lab, &token));
            prop_assert_eq!(
                answer.status().as_u16(),
                401,
                "{:?}",
                String::from_utf8_lossy(&token)
            );
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}\n{runner}"));
}

/// The valid token with bytes replaced, inserted, removed or swapped, such that a
/// header field can still carry it and that it differs after trimming.
fn mutation() -> impl Strategy<Value = Vec<u8>> {
    let valid = TOKEN.as_bytes();
    let at = 0..valid.len();
    let byte = prop_oneof![33_u8..=126, 128_u8..=255];
    let change = prop_oneof![
        (at.clone(), byte.clone()).prop_map(|(at, byte)| {
            let mut token = valid.to_vec();
            token[at] = byte;
            token
        }),
        (at.clone(), byte).prop_map(|(at, byte)| {
            let mut token = valid.to_vec();
            token.insert(at, byte);
            token
        }),
        (at.clone(), 1_usize..40).prop_map(|(at, length)| {
            let end = (at + length).min(valid.len());
            [&valid[..at], &valid[end..]].concat()
        }),
        (at.clone(), at).prop_map(|(one, other)| {
            let mut token = valid.to_vec();
            token.swap(one, other);
            token
        }),
    ];
    change.prop_filter("it is still the valid token", |token| {
        token != TOKEN.as_bytes()
    })
}

/// What a client might send in place of a valid token, and what the gateway calls it.
fn bad_tokens() -> Vec<(&'static str, Vec<String>)> {
    let user = json!({ "user": "test_user" });
    let with = |claim: &str, value: Value| {
        let mut claims = user.clone();
        claims[claim] = value;
        hs256("secret", &claims)
    };
    let unsigned = |algorithm: &str| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.",
            part(json!({ "alg": algorithm, "typ": "JWT" })),
            part(user.clone())
        )
    };
    let hs512 = encode(
        &Header::new(Algorithm::HS512),
        &user,
        &EncodingKey::from_secret(b"secret"),
    );
    let mut tokens = vec![
        ("missing", vec![]),
        ("missing", vec![String::new()]),
        ("malformed", vec!["gibberish".to_owned()]),
        ("malformed", vec![TOKEN.replace('.', "")]),
        ("malformed", vec![format!("Basic {TOKEN}")]),
        ("signature", vec![hs256("another key", &user)]),
        ("algorithm", vec![hs512.expect("claims are JSON")]),
        ("expired", vec![with("exp", json!(now() - 3600))]),
        ("not_yet_valid", vec![with("nbf", json!(now() + 3600))]),
        ("claims", vec![with("exp", json!("never"))]),
        (
            "claims",
            vec![hs256("secret", &json!({ "name": "nobody" }))],
        ),
        (
            "extension",
            vec![signed(r#"{"alg":"HS256","crit":["x"],"x":1}"#, &user)],
        ),
        (
            "extension",
            vec![signed(r#"{"alg":"HS256","crit":[]}"#, &user)],
        ),
        (
            "extension",
            vec![signed(
                r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
                &user,
            )],
        ),
        (
            "algorithm",
            vec![signed(r#"{"alg":{"HS256":null},"typ":"JWT"}"#, &user)],
        ),
        (
            "malformed",
            vec![signed(r#"{"alg":"HS256","alg":"HS256"}"#, &user)],
        ),
        (
            "malformed",
            vec![signed(r#"{"alg":"HS256","typ":7}"#, &user)],
        ),
        (
            "claims",
            vec![signed(r#"{"alg":"HS256"}"#, r#"{"user":"a","user":"b"}"#)],
        ),
        ("claims", vec![with("iat", json!("today"))]),
        ("oversized", vec!["a".repeat(8000)]),
        ("duplicated", vec![TOKEN.to_owned(), TOKEN.to_owned()]),
    ];
    tokens.extend(["none", "None", "NONE", "nOnE"].map(|none| ("algorithm", vec![unsigned(none)])));
    tokens
}

fn hs256(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).expect("claims are JSON")
}

/// A token of this header and these claims, signed with the laboratory's key.
fn signed(header: &str, claims: &(impl ToString + ?Sized)) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(&claims.to_string()));
    let key = EncodingKey::from_secret(b"secret");
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signature.expect("a text can be signed"))
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs()
}

/// Sends a request with these `Authorization` fields.
async fn send(lab: &Lab, method: Method, path: &str, fields: &[&str]) -> Response {
    let mut request = client().request(method.clone(), format!("{}{path}", lab.url()));
    for field in fields {
        request = request.header(AUTHORIZATION, *field);
    }
    if matches!(method, Method::PUT | Method::POST) {
        request = request
            .header("content-type", "application/json")
            .body(r#"{"task":"report"}"#);
    }
    request.send().await.expect("the balancer answers")
}

async fn send_bytes(lab: &Lab, token: &[u8]) -> Response {
    let request = lab.request_to("load-balancer", Method::GET, "/data/item-1");
    request
        .header(AUTHORIZATION, token)
        .send()
        .await
        .expect("the balancer answers")
}

async fn rejected(lab: &Lab, reason: &str) -> f64 {
    let counters = lab.all_counters().await.expect("counters");
    counters
        .values()
        .map(|node| node.get("tokens_rejected_total", &[("reason", reason)]))
        .sum()
}

/// What each node behind the gateways has been asked.
async fn work_done(lab: &Lab) -> Vec<(&'static str, f64)> {
    let behind = ["cache-1", "cache-2", "database", "microservice", "worker"];
    let mut work = Vec::new();
    for node in behind {
        work.push((node, lab.counter(node, "requests_total", &[]).await));
    }
    work
}
