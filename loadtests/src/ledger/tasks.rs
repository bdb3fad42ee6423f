//! The tasks: each one that was accepted is somewhere, and what a broker carries arrives.

use services::contract::{Service, TaskState};
use skein::{Line, NodeCounts};

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
        somewhere.and_up_to(
            "given up before it was counted as accepted",
            generator.tasks_in_doubt,
        ),
    ]
}

/// The lines of RabbitMQ, where it is there.
pub(super) fn carried(books: &Books<'_>) -> Vec<Line> {
    let shows = |node: &NodeCounts, counter| node.counters.has(counter);
    let mut workers = books.of(Service::Worker);
    let is_used = workers.any(|worker| shows(worker, "queue_messages_total"));
    let mut brokers = books.nodes.nodes(RABBITMQ);
    let is_seen = brokers.any(|node| shows(node, "rabbitmq_global_messages_received_total"));
    let way = Way(books);
    let lines = published(&way).into_iter().chain(delivered(&way));
    let unseen = |line: Line| {
        Line::out_of_sight(line.claim).because(
            "The URL of a RabbitMQ that runs elsewhere doesn't say where it shows its counters.",
        )
    };
    match (is_seen, is_used) {
        (true, _) => lines.collect(),
        (false, true) => lines.map(unseen).collect(),
        (false, false) => Vec::new(),
    }
}

/// The way of tasks by the broker, as both its ends count.
struct Way<'a>(&'a Books<'a>);

impl Way<'_> {
    fn worker(&self, outcome: &str) -> u64 {
        let labels = [("outcome", outcome)];
        self.0.sum(Service::Worker, "queue_messages_total", &labels)
    }

    fn broker(&self, what: &str) -> u64 {
        let counter = format!("rabbitmq_global_messages_{what}_total");
        self.0.nodes.sum(RABBITMQ, &counter, &[])
    }

    /// Tasks that have not come to their end.
    fn open(&self) -> u64 {
        let open = ["queued", "running"].map(|state| {
            let labels = [("state", state)];
            self.0.sum(Service::Worker, "tasks", &labels)
        });
        open.iter().sum()
    }
}

/// The way of tasks to the broker.
fn published(way: &Way<'_>) -> [Line; 3] {
    [
        Line::of(
            "RabbitMQ received what the worker published.",
            "published by the worker",
            way.worker("published"),
        )
        .is("received by RabbitMQ", way.broker("received_confirm"))
        .but_for_up_to("lost with a connection", way.worker("lost")),
        // One that was dropped, since nobody wanted it back, has no account here.
        Line::of(
            "What RabbitMQ received went into a queue, or back.",
            "received by RabbitMQ",
            way.broker("received"),
        )
        .is("put into queues", way.broker("routed"))
        .is("returned", way.broker("unroutable_returned")),
        Line::of(
            "The worker knows of what RabbitMQ confirmed.",
            "confirmed by RabbitMQ",
            way.broker("confirmed"),
        )
        .is("confirmed to the worker", way.worker("confirmed"))
        .is("returned to the worker", way.worker("returned"))
        .but_for_up_to("lost with a connection", way.worker("lost")),
    ]
}

/// The way of tasks from the broker to executors, and that of their fates back. A dead letter
/// is delivered once more, as a notice to the worker.
fn delivered(way: &Way<'_>) -> [Line; 4] {
    /// A connection that is lost takes deliveries and answers to them along.
    const LOST: &str = "lost with a connection";
    let [delivered, again, too_often, rejected] = [
        "delivered",
        "redelivered",
        "dead_lettered_delivery_limit",
        "dead_lettered_rejected",
    ]
    .map(|what| way.broker(what));
    let [seen, notices, requeued] =
        ["delivered", "dead_lettered", "requeued"].map(|outcome| way.worker(outcome));
    let given_back = requeued + way.worker("taken_back");
    let settled = way.worker("acknowledged") + given_back + way.worker("rejected");
    let lost = again.saturating_sub(requeued);
    let open = way.open();
    [
        Line::of(
            "The worker saw what RabbitMQ delivered.",
            "delivered by RabbitMQ",
            delivered,
        )
        .is("tasks seen by the worker", seen)
        .is("notices of dead letters", notices)
        .but_for_up_to(LOST, lost),
        Line::of(
            "Each delivery was acknowledged, came again, or became a dead letter.",
            "delivered by RabbitMQ",
            delivered,
        )
        .is("acknowledged", way.broker("acknowledged"))
        .is("delivered again", again)
        .is("dead after too many deliveries", too_often)
        .is("dead since rejected", rejected)
        .but_for_up_to("under way", seen.saturating_sub(settled))
        .but_for_up_to("of tasks that are open", open),
        Line::of(
            "RabbitMQ heard of what the worker acknowledged.",
            "acknowledged to RabbitMQ",
            way.broker("acknowledged"),
        )
        .is(
            "tasks acknowledged by the worker",
            way.worker("acknowledged"),
        )
        .is("notices of dead letters", notices)
        .give_or_take(LOST, lost),
        Line::of(
            "What the worker gave back came again, or became a dead letter.",
            "given back by the worker",
            given_back + way.worker("rejected"),
        )
        .is("delivered again", again)
        .is("dead after too many deliveries", too_often)
        .is("dead since rejected", rejected)
        .but_for_up_to("of tasks that are open", open)
        .give_or_take(LOST, delivered.saturating_sub(seen + notices)),
    ]
}
