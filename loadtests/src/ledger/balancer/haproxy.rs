//! HAProxy as the balancer. Its counters tell each attempt, but count one that was followed by
//! another once or twice, so that failures have bounds where ours are known one by one.

use services::contract::Service;
use skein::{Line, NodeCounts};

use super::super::{ARRIVED, Books, Generator, TRIED};
use super::{ENDED, saw};
use crate::kinds::HaProxy;

pub(super) fn lines(generator: &Generator, books: &Books<'_>) -> Vec<Line> {
    let haproxy = HaProxy(books.nodes);
    let mut lines = vec![arrived(generator, &haproxy), answered(generator, &haproxy)];
    lines.extend(tried(&haproxy, books));
    let gateways = books.of(Service::ApiGateway);
    lines.extend(gateways.map(|gateway| seen_by(gateway, &haproxy, books)));
    lines
}

pub(super) fn given_up(books: &Books<'_>) -> u64 {
    HaProxy(books.nodes).given_up()
}

fn arrived(generator: &Generator, haproxy: &HaProxy<'_>) -> Line {
    Line::of(ARRIVED, "sent by the generator", generator.sent)
        .is("taken in by HAProxy", taken_in(haproxy))
        .but_for("could not connect", generator.not_connected)
        .but_for_up_to("malformed or broken off", haproxy.broken())
        .but_for_up_to("without an answer, fate unknown", generator.unanswered)
}

fn answered(generator: &Generator, haproxy: &HaProxy<'_>) -> Line {
    Line::of(
        "HAProxy answered what it took in.",
        "taken in by HAProxy",
        haproxy.requests(),
    )
    .is("answered by HAProxy", haproxy.answers())
    .but_for_up_to("without an answer, fate unknown", generator.unanswered)
}

/// Whole requests, since HAProxy also counts a connection on which there was none.
fn taken_in(haproxy: &HaProxy<'_>) -> u64 {
    haproxy.requests().saturating_sub(haproxy.broken())
}

fn tried(haproxy: &HaProxy<'_>, books: &Books<'_>) -> [Line; 3] {
    let attempts = haproxy.attempts(None);
    let refused = haproxy.of_gateways("haproxy_backend_connection_errors_total");
    [
        Line::of(TRIED, "taken in by HAProxy", taken_in(haproxy))
            .is("given to gateways", haproxy.given())
            .but_for_up_to("answered without trying any", refused)
            .but_for_up_to(books.given_up_by, books.given_up),
        Line::of(
            "Each request given to a gateway was an attempt, and another for each retry.",
            "attempts at gateways",
            attempts,
        )
        .is("given to gateways", haproxy.given())
        .but_for_up_to("retries", haproxy.again_at_most()),
        Line::of(ENDED, "attempts at gateways", attempts)
            .is("answers of gateways", haproxy.answers_of(None))
            .but_for_up_to("failed attempts", haproxy.failed_at_most(None))
            .but_for_up_to(books.given_up_by, books.given_up),
    ]
}

fn seen_by(gateway: &NodeCounts, haproxy: &HaProxy<'_>, books: &Books<'_>) -> Line {
    let name = gateway.name.as_str();
    let attempts = haproxy.attempts(Some(name));
    Line::of(saw(name), "attempts by the balancer", attempts)
        .is("seen by the gateway", gateway.count("requests_total", &[]))
        .but_for_up_to("failed attempts", haproxy.failed_at_most(Some(name)))
        .but_for_up_to(books.given_up_by, books.given_up)
}
