//! The ledger's lines, from what the generator and the nodes counted.

#[cfg(test)]
mod tests;

use services::contract::{Service, TaskState};
use skein::{Counts, Ledger, Line, NodeCounts, Over, Seen};

use crate::scenarios::{SUBMIT, SubmittedTasks};

/// The generator's own counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generator {
    /// Requests sent, those after the load included.
    pub(crate) sent: u64,
    /// Requests that reached nobody, since no connection came about.
    pub(crate) not_connected: u64,
    /// Requests without an answer, so that nobody here knows how far they got.
    pub(crate) unanswered: u64,
    /// Requests answered with 401.
    pub(crate) refused: u64,
    /// Tasks that were answered for with 202, repeats not counted.
    pub(crate) tasks_accepted: u64,
    /// Submissions that failed, one way or another.
    pub(crate) tasks_in_doubt: u64,
}

/// The counters of the ledger that a node of `service` shows from its start. One that
/// doesn't has not counted zero; it can't be read.
pub(crate) fn shown_from_the_start(service: Service) -> &'static [&'static str] {
    match service {
        Service::LoadBalancer => &["requests_abandoned_total", "upstream_retries_total"],
        Service::ApiGateway => &["database_reads_total", "database_writes_total"],
        Service::Cache => &["cache_deletes_total"],
        Service::Database => &["database_writes_total"],
        // It counts by route and status alone.
        Service::Microservice => &[],
        Service::Worker => &["tasks_accepted_total", "tasks_repeated_total", "tasks"],
    }
}

/// The ledger of a run.
pub(crate) fn ledger(seen: &Seen<'_>) -> Ledger {
    let fates = seen.shared::<SubmittedTasks>();
    let generator = Generator {
        sent: seen.sent(),
        not_connected: seen.not_connected(),
        unanswered: seen.unanswered(),
        refused: seen.answers_with(401),
        tasks_accepted: fates.map_or(0, |fates| fates.accepted()),
        tasks_in_doubt: seen.failed(SUBMIT, Over::Run),
    };
    draw_up(&generator, seen.counts(Over::Run))
}

/// The whole ledger; without the nodes' counters, what was sent stands alone.
fn draw_up(generator: &Generator, nodes: Option<Counts<'_>>) -> Ledger {
    let Some(nodes) = nodes else {
        let claims = [
            ARRIVED, TRIED, LET_IN, READS, LOOKUPS, WRITES, COMPUTED, TASKS,
        ];
        return claims.map(Line::out_of_sight).into();
    };
    let books = Books { nodes };
    let mut ledger = vec![arrived(generator, &books)];
    ledger.extend(tried(&books));
    ledger.extend(seen_by_gateways(&books));
    ledger.extend(let_in(generator, &books));
    ledger.extend(reads(&books));
    ledger.extend(caches(&books));
    ledger.extend(writes(&books));
    ledger.push(computed(&books));
    ledger.extend(tasks(generator, &books));
    ledger
}

const ARRIVED: &str = "What the generator sent, the balancer took in.";
const TRIED: &str = "The balancer gave each request to a gateway.";
const LET_IN: &str = "Gateways refused bad tokens and passed on the rest.";
const READS: &str = "Each read ended one way.";
const LOOKUPS: &str = "Caches saw the lookups that gateways made.";
const WRITES: &str = "The database made the writes that gateways were asked for.";
const COMPUTED: &str = "The microservice computed what gateways were asked for.";
const TASKS: &str = "Each accepted task is somewhere.";

/// A client that goes away takes its request along, wherever that is by then.
const GIVEN_UP: &str = "given up by the client";
/// Failures that come before anything was sent (RFC 9209 names).
const NEVER_SENT: [&str; 2] = ["connection_refused", "connection_timeout"];
/// Routes of the gateways that read.
const READ_ROUTES: [&str; 2] = ["GET /data", "GET /data/{key}"];

fn arrived(generator: &Generator, books: &Books<'_>) -> Line {
    Line::of(ARRIVED, "sent by the generator", generator.sent)
        .is("answered by the balancer", books.answered())
        .is("given up by the client before", books.abandoned())
        .but_for("could not connect", generator.not_connected)
        .but_for_up_to("without an answer, fate unknown", generator.unanswered)
}

fn tried(books: &Books<'_>) -> [Line; 2] {
    let [attempts, retries, failures, local] = [
        "upstream_requests_total",
        "upstream_retries_total",
        "upstream_failures_total",
        "local_responses_total",
    ]
    .map(|counter| books.sum(Service::LoadBalancer, counter, &[]));
    let requests = books.answered() + books.abandoned();
    [
        Line::of(TRIED, "requests and their retries", requests + retries)
            .is("attempts at gateways", attempts)
            .but_for_up_to("answered without trying any", local)
            .but_for_up_to(GIVEN_UP, books.abandoned()),
        Line::of(
            "Each attempt at a gateway brought an answer or a failure.",
            "attempts at gateways",
            attempts,
        )
        .is("answers passed on", books.answered().saturating_sub(local))
        .is("failed attempts", failures)
        .but_for_up_to(GIVEN_UP, books.abandoned()),
    ]
}

fn seen_by_gateways(books: &Books<'_>) -> Vec<Line> {
    let failed = |gateway: &str, error: &str| {
        let labels = [("upstream", gateway), ("error", error)];
        books.sum(Service::LoadBalancer, "upstream_failures_total", &labels)
    };
    let line = |node: &NodeCounts| {
        let name = node.name.as_str();
        let upstream = [("upstream", name)];
        let attempts = books.sum(Service::LoadBalancer, "upstream_requests_total", &upstream);
        let failures = books.sum(Service::LoadBalancer, "upstream_failures_total", &upstream);
        let never_sent = NEVER_SENT.map(|error| failed(name, error)).iter().sum();
        Line::of(
            format!("{name} saw the attempts at it."),
            "attempts by the balancer",
            attempts,
        )
        .is("seen by the gateway", node.count("requests_total", &[]))
        .but_for("not connected", never_sent)
        .but_for_up_to("failed on the way", failures.saturating_sub(never_sent))
        .but_for_up_to(GIVEN_UP, books.abandoned())
    };
    books.of(Service::ApiGateway).map(line).collect()
}

fn let_in(generator: &Generator, books: &Books<'_>) -> [Line; 2] {
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
            .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(
            "Every refused client received a 401.",
            "refused tokens",
            rejected,
        )
        .is("401 seen by the generator", generator.refused)
        .but_for_up_to("without an answer, fate unknown", generator.unanswered),
    ]
}

fn reads(books: &Books<'_>) -> [Line; 3] {
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
            .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(
            "Only misses, and reads past the caches, went to the database.",
            "database reads by gateways",
            asked,
        )
        .is("misses", misses)
        .is("past the caches", bypasses)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(
            "The database saw the reads that gateways made.",
            "database reads by gateways",
            asked,
        )
        .is("reads seen by the database", seen)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(GIVEN_UP, books.abandoned()),
    ]
}

fn caches(books: &Books<'_>) -> Vec<Line> {
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
    let line = |node: &NodeCounts, (deed, seen, made, answered): (&str, &str, &str, &[&str])| {
        let name = node.name.as_str();
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
        .give_or_take(GIVEN_UP, books.abandoned())
    };
    books
        .of(Service::Cache)
        .flat_map(|node| DEEDS.map(|deed| line(node, deed)))
        .collect()
}

fn writes(books: &Books<'_>) -> [Line; 3] {
    const ROUTE: &str = "PUT /data/{key}";
    let done = [("route", ROUTE), ("status", "200")];
    let done = books.sum(Service::ApiGateway, "requests_total", &done);
    let failed = books.failed(ROUTE);
    let asked = books.sum(Service::ApiGateway, "database_writes_total", &[]);
    let made = books.sum(Service::Database, "database_writes_total", &[]);
    let caches = books.of(Service::Cache).count() as u64;
    let revoked = books.sum(Service::ApiGateway, "cache_invalidations_total", &[]);
    // The gateway revokes after the database has written, and before it answers.
    [
        Line::of(
            "Gateways asked the database for each write that they let in.",
            "writes let in by gateways",
            books.let_in(ROUTE),
        )
        .is("writes asked of the database", asked)
        .but_for_up_to("ended in an error", failed)
        .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(WRITES, "writes asked of the database", asked)
            .is("writes made by the database", made)
            .but_for_up_to("ended in an error", failed)
            .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(
            "Each write revoked the item and the listing in every cache.",
            "invalidations by gateways",
            revoked,
        )
        .is(format!("writes × 2 × {caches} caches"), done * 2 * caches)
        .but_for_up_to("of writes that ended in an error", failed * 2 * caches)
        .give_or_take(GIVEN_UP, books.abandoned() * 2 * caches),
    ]
}

fn computed(books: &Books<'_>) -> Line {
    let routes = ["GET /process", "POST /process"];
    let let_in = routes.map(|route| books.let_in(route)).iter().sum();
    let failed = routes.map(|route| books.failed(route)).iter().sum();
    Line::of(COMPUTED, "computations let in by gateways", let_in)
        .is(
            "requests to the microservice",
            books.sum(Service::Microservice, "requests_total", &[]),
        )
        .but_for_up_to("ended in an error", failed)
        .give_or_take(GIVEN_UP, books.abandoned())
}

fn tasks(generator: &Generator, books: &Books<'_>) -> [Line; 3] {
    let of_worker = |counter| books.sum(Service::Worker, counter, &[]);
    let [accepted, repeated] = ["tasks_accepted_total", "tasks_repeated_total"].map(of_worker);
    let mut somewhere = Line::of(TASKS, "tasks accepted by the worker", accepted);
    for state in TaskState::ALL {
        let labels = [("state", state.as_str())];
        somewhere = somewhere.is(state.as_str(), books.sum(Service::Worker, "tasks", &labels));
    }
    [
        Line::of(
            "The worker accepted the tasks that gateways passed on.",
            "task submissions let in by gateways",
            books.let_in("POST /longtask"),
        )
        .is("accepted", accepted)
        .is("repeats of accepted ones", repeated)
        .but_for_up_to("ended in an error", books.failed("POST /longtask"))
        .give_or_take(GIVEN_UP, books.abandoned()),
        Line::of(
            "The generator knows of each accepted task.",
            "tasks accepted by the worker",
            accepted,
        )
        .is("accepted in the generator's eyes", generator.tasks_accepted)
        .but_for_up_to("submissions in doubt", generator.tasks_in_doubt),
        somewhere,
    ]
}

/// The counts of all nodes, by service.
struct Books<'a> {
    nodes: Counts<'a>,
}

impl<'a> Books<'a> {
    fn of(&self, service: Service) -> impl Iterator<Item = &'a NodeCounts> {
        self.nodes.nodes(service.as_str())
    }

    /// A counter's sum over the nodes of a service and over the labels not given.
    fn sum(&self, service: Service, counter: &str, labels: &[(&str, &str)]) -> u64 {
        self.nodes.sum(service.as_str(), counter, labels)
    }

    fn answered(&self) -> u64 {
        self.sum(Service::LoadBalancer, "requests_total", &[])
    }

    fn abandoned(&self) -> u64 {
        self.sum(Service::LoadBalancer, "requests_abandoned_total", &[])
    }

    /// Requests of one route that had a valid token.
    fn let_in(&self, route: &str) -> u64 {
        let with = |labels: &[_]| self.sum(Service::ApiGateway, "requests_total", labels);
        with(&[("route", route)]) - with(&[("route", route), ("status", "401")])
    }

    /// Requests of one route that had a valid token and went wrong. That something
    /// isn't there is an answer, and nothing wrong.
    fn failed(&self, route: &str) -> u64 {
        let statuses = ["200", "202", "404"].map(|status| {
            let labels = [("route", route), ("status", status)];
            self.sum(Service::ApiGateway, "requests_total", &labels)
        });
        self.let_in(route) - statuses.iter().sum::<u64>()
    }
}
