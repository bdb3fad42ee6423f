//! The caches: each saw what gateways asked of it.

use services::contract::Service;
use skein::{Line, NodeCounts};

use super::Books;
use crate::kinds::Redis;

/// The lines of every cache.
pub(super) fn lines(books: &Books<'_>) -> Vec<Line> {
    let lines = |node: &NodeCounts| match Redis::of(node) {
        Some(redis) => in_redis(node, &redis, books),
        None => own(node, books),
    };
    books.of(Service::Cache).flat_map(lines).collect()
}

fn own(node: &NodeCounts, books: &Books<'_>) -> [Line; 3] {
    /// The deeds that are done to a cache: the cache's counter, the gateways', and the
    /// outcomes of the latter that mean an answer.
    const DEEDS: [(&str, &str, &str, &[&str]); 3] = [
        (
            "lookups",
            "cache_lookups_total",
            "cache_lookups_total",
            &["hit", "miss"],
        ),
        (
            "fills",
            "cache_stores_total",
            "cache_fills_total",
            &["stored", "refused"],
        ),
        (
            "invalidations",
            "cache_deletes_total",
            "cache_invalidations_total",
            &["done"],
        ),
    ];
    let name = node.name.as_str();
    DEEDS.map(|(deed, seen, made, answered)| {
        let made_with = |outcome: &str| {
            let labels = [("cache", name), ("outcome", outcome)];
            books.sum(Service::ApiGateway, made, &labels)
        };
        Line::of(
            format!("{name} saw the {deed} that gateways made."),
            format!("{deed} seen by {name}"),
            node.count(seen, &[]),
        )
        .is(
            format!("{deed} by gateways"),
            answered.iter().map(|outcome| made_with(outcome)).sum(),
        )
        .but_for_up_to("not answered in time", made_with("failed"))
        .give_or_take(books.given_up_by, books.given_up)
    })
}

/// The same of a Redis server, which counts commands: fills and invalidations are scripts
/// alike, so they share a line.
fn in_redis(node: &NodeCounts, redis: &Redis<'_>, books: &Books<'_>) -> [Line; 3] {
    let name = node.name.as_str();
    let by_gateways = |counter: &str, outcome: &str| {
        let labels = [("cache", name), ("outcome", outcome)];
        books.sum(Service::ApiGateway, counter, &labels)
    };
    let lookups = |outcome| by_gateways("cache_lookups_total", outcome);
    let fills = |outcome| by_gateways("cache_fills_total", outcome);
    let invalidations = |outcome| by_gateways("cache_invalidations_total", outcome);
    [
        Line::of(
            format!("{name} saw the lookups that gateways made."),
            format!("lookups seen by {name}"),
            redis.lookups(),
        )
        .is("lookups by gateways", lookups("hit") + lookups("miss"))
        .but_for_up_to("not answered in time", lookups("failed"))
        .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            format!("{name} stored the values that gateways filled it with."),
            format!("values and versions stored by {name}"),
            redis.sets(),
        )
        .is("fills by gateways", fills("stored"))
        .is("versions of revoked values", redis.revocations())
        .but_for_up_to("not answered in time", fills("failed"))
        .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            format!("{name} saw the fills and invalidations that gateways made."),
            format!("scripts and revocations seen by {name}"),
            redis.changes(),
        )
        .is("fills by gateways", fills("stored") + fills("refused"))
        .is("invalidations by gateways", invalidations("done"))
        .but_for_up_to(
            "not answered in time",
            fills("failed") + invalidations("failed"),
        )
        .give_or_take(books.given_up_by, books.given_up),
    ]
}
