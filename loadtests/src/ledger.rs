//! The ledger's lines, from what the generator and the nodes counted, one file for each hop.

mod balancer;
mod caches;
mod gateways;
mod storage;
mod tasks;
#[cfg(test)]
mod tests;

use services::contract::Service;
use skein::{Counts, Ledger, Line, NodeCounts, Over, Seen};

use crate::kinds::Balancer;
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
    /// Answers that no gateway named itself in.
    pub(crate) unsigned: u64,
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
        unsigned: seen
            .answers()
            .saturating_sub(seen.served_by().values().sum()),
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
    let books = Books::of_nodes(nodes, generator);
    let mut ledger = balancer::lines(generator, &books);
    ledger.extend(gateways::let_in(generator, &books));
    ledger.extend(gateways::reads(&books));
    ledger.extend(caches::lines(&books));
    ledger.extend(gateways::writes(&books));
    ledger.extend(storage::items(&books));
    ledger.push(gateways::computed(&books));
    ledger.extend(tasks::lines(generator, &books));
    ledger.extend(storage::tasks(&books));
    ledger.extend(tasks::carried(&books));
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
/// The same of a balancer that doesn't tell which of its requests it gave up by itself.
const GIVEN_UP_SOMEHOW: &str = "given up by the client or the balancer";
/// Routes of the gateways that read.
const READ_ROUTES: [&str; 2] = ["GET /data", "GET /data/{key}"];
/// Their route that writes.
const WRITE_ROUTE: &str = "PUT /data/{key}";

/// The counts of all nodes, by service.
struct Books<'a> {
    nodes: Counts<'a>,
    balancer: Balancer,
    /// The reason why requests may have vanished somewhere.
    given_up_by: &'static str,
    /// The most of them.
    given_up: u64,
}

impl<'a> Books<'a> {
    fn of_nodes(nodes: Counts<'a>, generator: &Generator) -> Self {
        let balancer = Balancer::of(nodes);
        let mut books = Books {
            nodes,
            balancer,
            given_up_by: match balancer {
                Balancer::Own => GIVEN_UP,
                Balancer::Nginx | Balancer::HaProxy => GIVEN_UP_SOMEHOW,
            },
            given_up: 0,
        };
        books.given_up = balancer::given_up(generator, &books);
        books
    }

    fn of(&self, service: Service) -> impl Iterator<Item = &'a NodeCounts> {
        self.nodes.nodes(service.as_str())
    }

    /// A counter's sum over the nodes of a service and over the labels not given.
    fn sum(&self, service: Service, counter: &str, labels: &[(&str, &str)]) -> u64 {
        self.nodes.sum(service.as_str(), counter, labels)
    }

    /// Answers of gateways that say that they could not.
    fn errors_of_gateways(&self) -> u64 {
        let gateway = Service::ApiGateway.as_str();
        let by_status = self.nodes.by_label(gateway, "requests_total", "status");
        let errors = by_status
            .iter()
            .filter(|(status, _)| status.starts_with('5'));
        errors.map(|(_, count)| count).sum()
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
