//! Any bytes in a key come back as they went in, through every hop.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use integration::Topology;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use services::client::{Client, Upstream};
use services::contract::{Key, Service};

use crate::item_stories::ItemHome;
use crate::support::{Lab, PATIENCE, TOKEN};

pub(crate) async fn any_bytes_in_a_key_come_back_as_they_went_in<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(laboratory())).await;
    let api = Api::of(&lab);
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(150)
    });
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&(awkward_key(), any::<u64>()), |(key, value)| {
            let value = format!(r#"{{"value":{value}}}"#);
            let written = runtime.block_on(api.call(Method::PUT, &key, &value));
            prop_assert_eq!(written.status(), StatusCode::OK);
            // Once from the database, once from the cache, or both from either.
            for _ in 0..2 {
                let read = runtime.block_on(api.call(Method::GET, &key, ""));
                prop_assert_eq!(read.status(), StatusCode::OK);
                prop_assert_eq!(read.body(), &value);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}\n{runner}"));
}

pub(crate) async fn keys_that_look_alike_are_told_apart<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(laboratory())).await;
    let api = Api::of(&lab);
    let alike: [&[u8]; 12] = [
        b"a/b",
        b"a%2Fb",
        b"a%2fb",
        b"a b",
        b"a+b",
        b"A/B",
        b".",
        b"..",
        b"a/../b",
        b"listing",
        b"item:listing",
        b"a\0b",
    ];
    for (number, key) in alike.iter().enumerate() {
        let written = api
            .call(Method::PUT, &key_of(key), &number.to_string())
            .await;
        assert_eq!(written.status(), StatusCode::OK);
    }
    for (number, key) in alike.iter().enumerate() {
        let read = api.call(Method::GET, &key_of(key), "").await;
        assert_eq!(
            *read.body(),
            number.to_string(),
            "{:?}",
            String::from_utf8_lossy(key)
        );
    }
}

pub(crate) async fn a_key_that_is_too_long_is_refused_in_one_sentence() {
    let lab = Lab::start(laboratory()).await;
    let answer = Api::of(&lab)
        .call(Method::GET, &key_of(&[b'a'; Key::MAX_BYTES]), "")
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let problem: serde_json::Value =
        serde_json::from_slice(answer.body()).expect("problem details");
    assert_eq!(problem["detail"], "an item's key has 1 to 1019 bytes");
}

/// Keys with much of what paths, URLs and encodings give a meaning to.
fn awkward_key() -> impl Strategy<Value = Key> {
    let awkward = prop::sample::select(b"/.%?#&+;=:\\ \0\r\n\"{}aZ9~".as_slice());
    let byte = prop_oneof![any::<u8>(), awkward];
    prop::collection::vec(byte, 1..24).prop_map(|bytes| key_of(&bytes))
}

fn key_of(bytes: &[u8]) -> Key {
    Key::new(bytes).expect("neither empty nor too long")
}

fn laboratory() -> Topology {
    Topology::laboratory().with(Service::Database, "storage-latency", "0ms")
}

/// The API by a client that sends paths as they are.
struct Api {
    client: Client,
    balancer: Upstream,
}

impl Api {
    fn of(lab: &Lab) -> Self {
        let balancer = format!("load-balancer={}", lab.url());
        Api {
            client: Client::new(),
            balancer: balancer.parse().expect("a name and a URL"),
        }
    }

    async fn call(&self, method: Method, key: &Key, body: &str) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(TOKEN));
        let path = format!("/data/{}", key.to_path_segment());
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = self
            .client
            .call(&self.balancer, method, &path, headers, body, PATIENCE)
            .await;
        answer.expect("the balancer answers")
    }
}
