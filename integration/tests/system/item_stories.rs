//! The promises of the database, wherever it keeps items: told over its own SQLite in
//! `items`, and over a real PostgreSQL in `items_over_postgres`.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use integration::Topology;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use services::contract::{Service, VERSION, seeded_value};

pub(crate) use crate::keys::{
    any_bytes_in_a_key_come_back_as_they_went_in, keys_that_look_alike_are_told_apart,
};
use crate::support::Lab;
pub(crate) use crate::values::{
    a_value_that_a_client_could_not_read_is_refused_in_one_sentence,
    large_values_make_no_listing_that_is_too_large_to_cache,
};

/// A home of items.
pub(crate) trait ItemHome: Sized {
    /// A home in which nothing is yet.
    async fn fresh() -> Self;

    /// The topology with its database on this home.
    fn beneath(&self, topology: Topology) -> Topology;
}

/// Tells each of these stories over one kind of home.
macro_rules! items_over {
    ($home:ty) => {
        $crate::item_stories::items_over! { $home:
            an_empty_database_is_seeded_and_one_with_items_is_not,
            writes_are_numbered_one_by_one_however_many_come_at_once,
            a_restarted_database_has_its_items_and_its_counter,
            any_bytes_in_a_key_come_back_as_they_went_in,
            keys_that_look_alike_are_told_apart,
            a_value_that_a_client_could_not_read_is_refused_in_one_sentence,
            large_values_make_no_listing_that_is_too_large_to_cache,
        }
    };
    ($home:ty: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::item_stories::$story::<$home>().await;
        })*
    };
}
pub(crate) use items_over;

const DATABASE: &str = "database";

pub(crate) async fn an_empty_database_is_seeded_and_one_with_items_is_not<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(alone())).await;
    let (read, version) = ask(&lab, Method::GET, "/db/item-7", "").await;
    assert_eq!((read, version), (seeded_value(7), 1));
    let listing = listing(&lab).await;
    assert_eq!(listing["count"], 30);
    // In the order of bytes, `item-10` comes before `item-2`.
    let second: Value = serde_json::from_str(&seeded_value(1)).expect("JSON");
    let third: Value = serde_json::from_str(&seeded_value(10)).expect("JSON");
    assert_eq!(listing["items"][1], second);
    assert_eq!(listing["items"][2], third);

    lab.restart(DATABASE).await.expect("it returns");
    let (_, version) = ask(&lab, Method::GET, "/db", "").await;
    assert_eq!(version, 1, "it was seeded again");
    let missing = lab.request_to(DATABASE, Method::GET, "/db/nobody");
    let missing = missing.send().await.expect("an answer");
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let reads = async |outcome| {
        let labels = [("outcome", outcome)];
        lab.counter(DATABASE, "database_reads_total", &labels).await
    };
    let counted = [
        reads("found").await,
        reads("not_found").await,
        reads("listing").await,
    ];
    assert_eq!(counted, [0.0, 1.0, 1.0]);
}

pub(crate) async fn writes_are_numbered_one_by_one_however_many_come_at_once<H: ItemHome>() {
    const WRITES: u64 = 100;
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(alone())).await;
    let writes = (0..WRITES).map(async |number| {
        let path = format!("/db/key-{}", number % 5);
        let (answer, version) = ask(&lab, Method::PUT, &path, &number.to_string()).await;
        assert_eq!(answer, format!(r#"{{"version":{version}}}"#));
        (version, number % 5, number)
    });
    let mut written = join_all(writes).await;
    written.sort_unstable();
    let versions: BTreeSet<u64> = written.iter().map(|(version, _, _)| *version).collect();
    assert_eq!(versions, (2..WRITES + 2).collect());
    // What is read is what came last.
    for key in 0..5 {
        let last = written.iter().rfind(|(_, of, _)| *of == key);
        let (version, _, value) = last.expect("each key was written");
        let read = ask(&lab, Method::GET, &format!("/db/key-{key}"), "").await;
        assert_eq!(read, (value.to_string(), *version));
    }
    let counted = lab.counter(DATABASE, "database_writes_total", &[]).await;
    assert_eq!(counted, WRITES as f64);
}

pub(crate) async fn a_restarted_database_has_its_items_and_its_counter<H: ItemHome>() {
    let home = H::fresh().await;
    let lab = Lab::start(home.beneath(alone())).await;
    ask(&lab, Method::PUT, "/db/kept", "[1]").await;
    lab.kill(DATABASE).expect("it runs");
    lab.restart(DATABASE).await.expect("it returns");
    let read = ask(&lab, Method::GET, "/db/kept", "").await;
    assert_eq!(read, ("[1]".to_owned(), 2));
    let (_, version) = ask(&lab, Method::PUT, "/db/kept", "[2]").await;
    assert_eq!(version, 3);
}

fn alone() -> Topology {
    Topology::single(Service::Database)
        .with(Service::Database, "storage-latency", "0ms")
        .with(Service::Database, "items", 30)
}

/// The body of an answer that is 200, and the version on it.
async fn ask(lab: &Lab, method: Method, path: &str, body: &str) -> (String, u64) {
    let request = lab.request_to(DATABASE, method, path).body(body.to_owned());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let version = answer.headers()[VERSION].to_str().expect("text").parse();
    let body = answer.text().await.expect("a body");
    (body, version.expect("a number"))
}

async fn listing(lab: &Lab) -> Value {
    let (body, _) = ask(lab, Method::GET, "/db", "").await;
    serde_json::from_str(&body).expect("JSON")
}
