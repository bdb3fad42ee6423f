//! The tasks: each one that was accepted is somewhere, and what a broker carries arrives.

use services::contract::{Service, TaskState};
use skein::Line;

use super::{Books, Generator, TASKS};
use crate::kinds::RABBITMQ;

/// The worker's lines.
pub(super) fn lines(generator: &Generator, books: &Books<'_>) -> [Line; 3] {
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
        .give_or_take(books.given_up_by, books.given_up),
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

/// The lines of RabbitMQ, where it is there.
pub(super) fn carried(books: &Books<'_>) -> Vec<Line> {
    if books.nodes.nodes(RABBITMQ).next().is_none() {
        return Vec::new();
    }
    let worker = |outcome| {
        let labels = [("outcome", outcome)];
        books.sum(Service::Worker, "queue_messages_total", &labels)
    };
    let broker = |what: &str| {
        let counter = format!("rabbitmq_global_messages_{what}_total");
        books.nodes.sum(RABBITMQ, &counter, &[])
    };
    let settled = ["acknowledged", "requeued", "rejected", "taken_back"];
    let settled = settled.iter().map(|outcome| worker(outcome)).sum();
    let under_way = worker("delivered").saturating_sub(settled);
    let given_back = worker("requeued") + worker("taken_back");
    let [delivered, again] = ["delivered", "redelivered"].map(broker);
    vec![
        Line::of(
            "RabbitMQ received what the worker published.",
            "published by the worker",
            worker("published"),
        )
        .is("received by RabbitMQ", broker("received_confirm"))
        .but_for_up_to("lost with a connection", worker("lost")),
        // One that was dropped, since nobody wanted it back, has no account here.
        Line::of(
            "What RabbitMQ received went into a queue, or back.",
            "received by RabbitMQ",
            broker("received"),
        )
        .is("put into queues", broker("routed"))
        .is("returned", broker("unroutable_returned")),
        Line::of(
            "The worker knows of what RabbitMQ confirmed.",
            "confirmed by RabbitMQ",
            broker("confirmed"),
        )
        .is("confirmed to the worker", worker("confirmed"))
        .is("returned to the worker", worker("returned"))
        .but_for_up_to("lost with a connection", worker("lost")),
        Line::of(
            "The worker saw what RabbitMQ delivered.",
            "delivered by RabbitMQ",
            delivered,
        )
        .is("tasks seen by the worker", worker("delivered"))
        .is("notices of dead letters", worker("dead_lettered"))
        .but_for_up_to(
            "delivered again with a new connection",
            again.saturating_sub(worker("requeued")),
        ),
        Line::of(
            "Each delivery was acknowledged, came again, or became a dead letter.",
            "delivered by RabbitMQ",
            delivered,
        )
        .is("acknowledged", broker("acknowledged"))
        .is("delivered again", again)
        .is(
            "dead after too many deliveries",
            broker("dead_lettered_delivery_limit"),
        )
        .is("dead since rejected", broker("dead_lettered_rejected"))
        .but_for_up_to("under way", under_way)
        .but_for_up_to(
            "given back, and not delivered again yet",
            given_back.saturating_sub(again),
        ),
    ]
}
