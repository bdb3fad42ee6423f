//! nginx as the balancer, which counts what it takes in and nothing of what it does with it.

use services::contract::Service;
use skein::{Line, NodeCounts};

use super::super::{ARRIVED, Books, Generator, TRIED};
use super::{ENDED, saw};
use crate::kinds::taken_in_by_nginx;

pub(super) fn lines(generator: &Generator, books: &Books<'_>) -> Vec<Line> {
    let by_server = |gateway: &NodeCounts| {
        Line::out_of_sight(saw(gateway.name.as_str()))
            .because("nginx doesn’t count attempts by server.")
    };
    [
        arrived(generator, books),
        tried(generator, books),
        Line::out_of_sight(ENDED).because("nginx counts neither attempts nor failures."),
    ]
    .into_iter()
    .chain(books.of(Service::ApiGateway).map(by_server))
    .collect()
}

/// Requests that nobody had an answer to, and those that nginx answered in place of a gateway.
pub(super) fn given_up(generator: &Generator) -> u64 {
    generator.unanswered + generator.unsigned
}

/// All requests, without our looks at the page that counts them.
fn arrived(generator: &Generator, books: &Books<'_>) -> Line {
    Line::of(ARRIVED, "sent by the generator", generator.sent)
        .is("taken in by nginx", taken_in_by_nginx(books.nodes))
        .but_for("could not connect", generator.not_connected)
        .but_for_up_to("without an answer, fate unknown", generator.unanswered)
}

/// The gateways' own count, in place of one of attempts at them.
fn tried(generator: &Generator, books: &Books<'_>) -> Line {
    let seen = books.sum(Service::ApiGateway, "requests_total", &[]);
    let errors = books.errors_of_gateways();
    Line::of(TRIED, "taken in by nginx", taken_in_by_nginx(books.nodes))
        .is("seen by gateways", seen)
        .but_for_up_to("answered by nginx itself", generator.unsigned)
        .give_or_take("tried again after an error of a gateway", errors)
        .give_or_take(books.given_up_by, generator.unanswered)
}
