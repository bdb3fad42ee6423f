//! The gateways: whom they let in, and what they asked of caches, database and microservice.

use services::contract::Service;
use skein::Line;

use super::{Books, COMPUTED, Generator, LET_IN, READ_ROUTES, READS, WRITE_ROUTE, WRITES};

pub(super) fn let_in(generator: &Generator, books: &Books<'_>) -> [Line; 2] {
    let rejected = books.sum(Service::ApiGateway, "tokens_rejected_total", &[]);
    let [listings, reads, writes, gets, posts, submissions, looks] = [
        "GET /data",
        "GET /data/{key}",
        "PUT /data/{key}",
        "GET /process",
        "POST /process",
        "POST /longtask",
        "GET /longtask/{id}",
    ]
    .map(|route| books.let_in(route));
    let seen = books.sum(Service::ApiGateway, "requests_total", &[]);
    let others = books.sum(
        Service::ApiGateway,
        "requests_total",
        &[("route", "GET unmatched")],
    );
    [
        Line::of(LET_IN, "requests to gateways", seen)
            .is("refused tokens", rejected)
            .is("reads", listings + reads)
            .is("writes", writes)
            .is("computations", gets + posts)
            .is("task submissions", submissions)
            .is("looks at tasks", looks)
            .but_for("unknown paths", others)
            .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            "Every refused client received a 401.",
            "refused tokens",
            rejected,
        )
        .is("401 seen by the generator", generator.refused)
        .but_for_up_to("without an answer, fate unknown", generator.unanswered),
    ]
}

pub(super) fn reads(books: &Books<'_>) -> [Line; 3] {
    let [hits, misses, coalesced, bypasses] = ["hit", "miss", "coalesced", "bypass"]
        .map(|o| books.sum(Service::ApiGateway, "reads_total", &[("outcome", o)]));
    let failed = READ_ROUTES.map(|route| books.failed(route)).iter().sum();
    let reads = READ_ROUTES.map(|route| books.let_in(route)).iter().sum();
    let asked = books.sum(Service::ApiGateway, "database_reads_total", &[]);
    let seen = books.sum(Service::Database, "database_reads_total", &[]);
    [
        Line::of(READS, "reads let in by gateways", reads)
            .is("hits", hits)
            .is("misses", misses)
            .is("coalesced", coalesced)
            .is("past the caches", bypasses)
            .but_for("ended in an error", failed)
            .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            "Only misses, and reads past the caches, went to the database.",
            "database reads by gateways",
            asked,
        )
        .is("misses", misses)
        .is("past the caches", bypasses)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            "The database saw the reads that gateways made.",
            "database reads by gateways",
            asked,
        )
        .is("reads seen by the database", seen)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(books.given_up_by, books.given_up),
    ]
}

pub(super) fn writes(books: &Books<'_>) -> [Line; 3] {
    let done = [("route", WRITE_ROUTE), ("status", "200")];
    let done = books.sum(Service::ApiGateway, "requests_total", &done);
    let failed = books.failed(WRITE_ROUTE);
    let asked = books.sum(Service::ApiGateway, "database_writes_total", &[]);
    let made = books.sum(Service::Database, "database_writes_total", &[]);
    let caches = books.of(Service::Cache).count() as u64;
    let revoked = books.sum(Service::ApiGateway, "cache_invalidations_total", &[]);
    // The gateway revokes after the database has written, and before it answers.
    [
        Line::of(
            "Gateways asked the database for each write that they let in.",
            "writes let in by gateways",
            books.let_in(WRITE_ROUTE),
        )
        .is("writes asked of the database", asked)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(books.given_up_by, books.given_up),
        Line::of(WRITES, "writes asked of the database", asked)
            .is("writes made by the database", made)
            .but_for_up_to("ended in an error", failed)
            .give_or_take(books.given_up_by, books.given_up),
        Line::of(
            "Each write revoked the item and the listing in every cache.",
            "invalidations by gateways",
            revoked,
        )
        .is(format!("writes × 2 × {caches} caches"), done * 2 * caches)
        .but_for_up_to("of writes that ended in an error", failed * 2 * caches)
        .give_or_take(books.given_up_by, books.given_up * 2 * caches),
    ]
}

pub(super) fn computed(books: &Books<'_>) -> Line {
    let routes = ["GET /process", "POST /process"];
    let let_in = routes.map(|route| books.let_in(route)).iter().sum();
    let failed = routes.map(|route| books.failed(route)).iter().sum();
    Line::of(COMPUTED, "computations let in by gateways", let_in)
        .is(
            "requests to the microservice",
            books.sum(Service::Microservice, "requests_total", &[]),
        )
        .but_for_up_to("ended in an error", failed)
        .give_or_take(books.given_up_by, books.given_up)
}
