//! Answers that clients may see when RabbitMQ is killed, full, or without its queue, and the
//! end of tasks that nobody can do.

use std::time::{Duration, Instant};

use integration::Topology;
use integration::wait::wait_for;
use reqwest::StatusCode;
use serde_json::Value;
use services::contract::{Service, Task, TaskState};

use crate::rabbit_server::{RabbitServer, USER, VirtualHost};
use crate::support::{Lab, PATIENCE};
use crate::task_stories::{
    Census, TaskHome, WORKER, accepted, nothing_left_to_do, submit, task_that_is, told,
};

/// The queue of tasks, and that of dead letters.
const TASKS: &str = "skein.tasks";
const DEAD: &str = "skein.tasks.dead";

/// The time that no answer may exceed while the broker is ill: far more than the second that it has
/// for a confirmation, for machines that are busy with something else.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn while_rabbitmq_is_short_of_memory_tasks_are_503_in_bounded_time() {
    let server = RabbitServer::start(1).await;
    let lab = Lab::start(quick(&server.virtual_host())).await;
    let before = accepted(&lab, "before", REPORT).await;
    server.control(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    let began = Instant::now();
    let answer = until_a_task_is(StatusCode::SERVICE_UNAVAILABLE, &lab).await;
    assert!(began.elapsed() < PATIENCE);
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], 503);
    for number in 0..10 {
        let began = Instant::now();
        let refused = submit(&lab, &format!("refused-{number}"), REPORT).await;
        assert_eq!(refused.expect("an answer").status(), 503);
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    }
    // Nothing that is known is refused, and what was accepted is done meanwhile.
    assert_eq!(accepted(&lab, "before", REPORT).await, before);
    task_that_is(&lab, &before, TaskState::Done).await;

    server.control(&["set_vm_memory_high_watermark", "0.6"]);
    until_a_task_is(StatusCode::ACCEPTED, &lab).await;
    let census = nothing_left_to_do(&lab).await;
    assert_eq!((census.done, census.effects), (census.total, census.total));
    every_message_has_its_end(&lab).await;
}

pub(crate) async fn a_task_without_a_queue_is_503_and_published_when_the_queue_is_back() {
    let broker = VirtualHost::fresh().await;
    let lab = Lab::start(quick(&broker)).await;
    accepted(&lab, "before", REPORT).await;
    nothing_left_to_do(&lab).await;
    // The worker may not make the queue again.
    let permit = |configure| {
        let words = [
            "set_permissions",
            "-p",
            &broker.name,
            USER,
            configure,
            ".*",
            ".*",
        ];
        broker.server.control(&words);
    };
    permit("^$");
    let delete = ["delete_queue", "-p", &broker.name, TASKS];
    broker.server.control(&delete);
    let began = Instant::now();
    let refused = submit(&lab, "unroutable", REPORT).await.expect("an answer");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(refused.status(), 503);
    let problem: Value = refused.json().await.expect("problem details");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("no queue"), "{detail}");
    let returned = messages(&lab, "returned").await;
    assert!(returned >= 1.0, "{returned} were returned");
    assert_eq!(Census::of(&lab).await.total, 1);

    permit(".*");
    let id = wait_for("the queue to be back", PATIENCE, async || {
        let answer = submit(&lab, "unroutable", REPORT).await.expect("an answer");
        match answer.status() {
            StatusCode::ACCEPTED => Ok(answer.json::<Task>().await.expect("a task").id),
            status => Err(status),
        }
    });
    let id = id.await.expect("it comes back");
    task_that_is(&lab, &id, TaskState::Done).await;
    assert_eq!(Census::of(&lab).await.effects, 2);
}

pub(crate) async fn what_a_broker_lost_with_its_queue_is_done_all_the_same() {
    let broker = VirtualHost::fresh().await;
    let topology = broker
        .beneath(Topology::laboratory())
        .with(Service::Worker, "executors", 1)
        .with(Service::Worker, "task-duration", "100ms");
    let lab = Lab::start(topology).await;
    for number in 0..20 {
        accepted(&lab, &format!("{number}"), REPORT).await;
    }
    broker.delete(TASKS).await;
    let census = nothing_left_to_do(&lab).await;
    assert_eq!((census.done, census.effects, census.dead), (20, 20, 0));
}

pub(crate) async fn a_task_that_keeps_failing_is_among_the_dead_letters() {
    let broker = VirtualHost::fresh().await;
    let topology = broker
        .beneath(Topology::laboratory())
        .with(Service::Worker, "task-duration", "1ms")
        .with(Service::Worker, "retry-delay", "1ms")
        .with(Service::Worker, "max-attempts", 3);
    let lab = Lab::start(topology).await;
    let poison = accepted(&lab, "a", r#"{"task":"report","fail_attempts":99}"#).await;
    let well = accepted(&lab, "b", REPORT).await;
    task_that_is(&lab, &well, TaskState::Done).await;
    let dead = task_that_is(&lab, &poison, TaskState::Dead).await;
    assert_eq!(dead.attempts, 3);
    assert_eq!(
        dead.result.as_deref(),
        Some("attempt 3 failed, as the task asked")
    );
    until_messages(&lab, "dead_lettered", 1.0).await;
    assert_eq!(
        broker.messages_in(DEAD).await,
        1,
        "it stays to be looked at"
    );
    assert_eq!(broker.messages_in(TASKS).await, 0);
    every_message_has_its_end(&lab).await;
    let counts = [
        "published",
        "delivered",
        "redelivered",
        "acknowledged",
        "requeued",
    ];
    let mut found = Vec::new();
    for outcome in counts {
        found.push(messages(&lab, outcome).await);
    }
    assert_eq!(found, [2.0, 4.0, 2.0, 1.0, 3.0], "{counts:?}");
}

pub(crate) async fn a_task_that_kills_every_worker_is_dead_after_its_last_attempt() {
    const ATTEMPTS: u32 = 3;
    let broker = VirtualHost::fresh().await;
    let topology = broker
        .beneath(Topology::laboratory())
        .with(Service::Worker, "task-duration", "1h")
        .with(Service::Worker, "max-attempts", ATTEMPTS);
    let lab = Lab::start(topology).await;
    let poison = accepted(&lab, "a", REPORT).await;
    for attempt in 1..=ATTEMPTS {
        let begun = async || match told(&lab, &poison).await {
            Some(task) if task.attempts == attempt => Ok(()),
            other => Err(format!("{other:?}")),
        };
        wait_for("the next attempt", PATIENCE, begun)
            .await
            .expect("it is begun");
        lab.kill(WORKER).expect("it runs");
        lab.restart(WORKER).await.expect("it returns");
    }
    let dead = task_that_is(&lab, &poison, TaskState::Dead).await;
    assert_eq!(dead.attempts, ATTEMPTS);
    let reason = dead.result.expect("it says why");
    assert!(reason.contains("never heard of again"), "{reason}");
    assert_eq!(
        broker.messages_in(DEAD).await,
        1,
        "it stays to be looked at"
    );
    assert_eq!(Census::of(&lab).await.effects, 0);
}

pub(crate) async fn a_worker_that_stops_gives_its_tasks_back_at_once() {
    let broker = VirtualHost::fresh().await;
    let topology = broker
        .beneath(Topology::laboratory())
        .with(Service::Worker, "task-duration", "1h")
        .with(Service::Worker, "drain-deadline", "100ms");
    let lab = Lab::start(topology).await;
    let id = accepted(&lab, "a", REPORT).await;
    task_that_is(&lab, &id, TaskState::Running).await;
    // Which tells it to stop first.
    lab.restart(WORKER).await.expect("it returns");
    let begun = async || match told(&lab, &id).await {
        Some(task) if task.attempts == 2 && task.state == TaskState::Running => Ok(()),
        other => Err(format!("{other:?}")),
    };
    wait_for("the next attempt", PATIENCE, begun)
        .await
        .expect("it is begun");
}

const REPORT: &str = r#"{"task":"report"}"#;

/// A laboratory whose worker is on this broker, is quick, and doesn't wait for long.
fn quick(broker: &VirtualHost<'_>) -> Topology {
    Topology::laboratory()
        .with(Service::Worker, "queue", broker.url())
        .with(Service::Worker, "queue-timeout", "1s")
        .with(Service::Worker, "task-duration", "20ms")
        // Connections that break use deliveries up.
        .with(Service::Worker, "max-attempts", 10)
}

/// Submits tasks until one is answered so.
pub(crate) async fn until_a_task_is(status: StatusCode, lab: &Lab) -> reqwest::Response {
    let mut number = 0;
    // A broker that was killed is about for a while before its queues are.
    let patience = PATIENCE * 3;
    let answered = wait_for(format!("a task to be {status}"), patience, async || {
        number += 1;
        let key = format!("until-{}-{number}", status.as_u16());
        match submit(lab, &key, REPORT).await {
            Ok(answer) if answer.status() == status => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    });
    answered.await.expect("it comes true")
}

async fn messages(lab: &Lab, outcome: &str) -> f64 {
    let labels = [("outcome", outcome)];
    lab.counter(WORKER, "queue_messages_total", &labels).await
}

async fn until_messages(lab: &Lab, outcome: &str, wanted: f64) {
    let look = async || match messages(lab, outcome).await {
        found if found == wanted => Ok(()),
        found => Err(found),
    };
    wait_for(format!("{wanted} messages to be {outcome}"), PATIENCE, look)
        .await
        .expect("it comes true");
}

/// Every task that a worker, never restarted, published or was handed has been settled.
async fn every_message_has_its_end(lab: &Lab) {
    const ENDS_OF_PUBLISHED: [&str; 4] = ["confirmed", "returned", "refused", "lost"];
    const ENDS_OF_DELIVERED: [&str; 4] = ["acknowledged", "requeued", "rejected", "taken_back"];
    let look = async || {
        let counters = lab.counters(WORKER).await;
        let counters = counters.expect("a node shows its counters");
        let counts = counters.by_label("queue_messages_total", "outcome");
        let count = |outcome: &str| counts.get(outcome).copied().unwrap_or(0.0);
        let ended = |ends: [&str; 4]| ends.map(count).iter().sum::<f64>();
        let even = count("published") == ended(ENDS_OF_PUBLISHED)
            && count("delivered") == ended(ENDS_OF_DELIVERED);
        if even {
            Ok(())
        } else {
            Err(format!("{counts:?}"))
        }
    };
    wait_for("the end of every message", PATIENCE, look)
        .await
        .expect("it comes to its end");
}
