//! The balancer: what the generator sent it took in, and what it took in it gave to gateways.

use services::contract::Service;
use skein::{Line, NodeCounts};

use super::{ARRIVED, Books, GIVEN_UP, Generator, TRIED};
use crate::kinds::Balancer;

mod haproxy;
mod nginx;

const ENDED: &str = "Each attempt at a gateway brought an answer or a failure.";
/// Failures that come before anything was sent (RFC 9209 names).
const NEVER_SENT: [&str; 2] = ["connection_refused", "connection_timeout"];

/// The balancer's lines.
pub(super) fn lines(generator: &Generator, books: &Books<'_>) -> Vec<Line> {
    match books.balancer {
        Balancer::Own => {
            let mut lines = vec![arrived(generator, books)];
            lines.extend(tried(books));
            lines.extend(seen_by_gateways(books));
            lines
        }
        Balancer::Nginx => nginx::lines(generator, books),
        Balancer::HaProxy => haproxy::lines(generator, books),
    }
}

/// The requests that may have vanished on their way through the balancer, since somebody
/// gave them up.
pub(super) fn given_up(generator: &Generator, books: &Books<'_>) -> u64 {
    match books.balancer {
        Balancer::Own => abandoned(books),
        Balancer::Nginx => nginx::given_up(generator),
        Balancer::HaProxy => haproxy::given_up(books),
    }
}

/// The claim about the attempts at a gateway.
fn saw(gateway: &str) -> String {
    format!("{gateway} saw the attempts at it.")
}

fn answered(books: &Books<'_>) -> u64 {
    books.sum(Service::LoadBalancer, "requests_total", &[])
}

fn abandoned(books: &Books<'_>) -> u64 {
    books.sum(Service::LoadBalancer, "requests_abandoned_total", &[])
}

fn arrived(generator: &Generator, books: &Books<'_>) -> Line {
    Line::of(ARRIVED, "sent by the generator", generator.sent)
        .is("answered by the balancer", answered(books))
        .is("given up by the client before", abandoned(books))
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
    let requests = answered(books) + abandoned(books);
    [
        Line::of(TRIED, "requests and their retries", requests + retries)
            .is("attempts at gateways", attempts)
            .but_for_up_to("answered without trying any", local)
            .but_for_up_to(GIVEN_UP, abandoned(books)),
        Line::of(ENDED, "attempts at gateways", attempts)
            .is("answers passed on", answered(books).saturating_sub(local))
            .is("failed attempts", failures)
            .but_for_up_to(GIVEN_UP, abandoned(books)),
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
        Line::of(saw(name), "attempts by the balancer", attempts)
            .is("seen by the gateway", node.count("requests_total", &[]))
            .but_for("not connected", never_sent)
            .but_for_up_to("failed on the way", failures.saturating_sub(never_sent))
            .but_for_up_to(GIVEN_UP, abandoned(books))
    };
    books.of(Service::ApiGateway).map(line).collect()
}
