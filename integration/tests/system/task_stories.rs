//! An accepted task is done, once in its effect, whatever is repeated and whatever
//! crashes; wherever tasks are kept, and whoever hands them out: told over the embedded
//! queue in `long_tasks`, and over servers of others in files named after it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use integration::Topology;
use integration::wait::wait_for;
use jsonwebtoken::{EncodingKey, Header};
use rand::RngExt;
use reqwest::header::{AUTHORIZATION, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use services::contract::{IDEMPOTENCY_KEY, Service, Task, TaskState};
use tokio::time::sleep;

use crate::dice::Dice;
use crate::support::{Lab, PATIENCE};

/// A home of tasks: where they are kept, and who hands them out.
pub(crate) trait TaskHome: Sized {
    /// A home in which nothing is yet.
    async fn fresh() -> Self;

    /// The topology with its worker on this home.
    fn beneath(&self, topology: Topology) -> Topology;

    /// A laboratory of this topology on this home.
    async fn start(&self, topology: Topology) -> Lab {
        Lab::start(self.beneath(topology)).await
    }
}

/// Tells each of these stories over one kind of home.
macro_rules! tasks_over {
    ($home:ty) => {
        $crate::task_stories::tasks_over! { $home:
            a_task_is_accepted_at_once_and_done_later,
            repeats_of_one_key_are_one_task_and_one_effect,
            a_key_with_another_body_is_refused,
            no_accepted_task_is_lost_when_the_worker_is_killed,
            a_task_that_keeps_failing_is_given_up,
            a_task_is_shown_to_its_owner_only,
        }
    };
    ($home:ty: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::task_stories::$story::<$home>().await;
        })*
    };
}
pub(crate) use tasks_over;

pub(crate) const WORKER: &str = "worker";

pub(crate) async fn a_task_is_accepted_at_once_and_done_later<H: TaskHome>() {
    let home = H::fresh().await;
    let lab = home.start(Topology::laboratory()).await;
    let answer = submit(&lab, "key", r#"{"task":"report","pages":7}"#).await;
    let answer = answer.expect("the system is well");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let location = answer.headers().get(LOCATION).cloned();
    let task: Task = answer.json().await.expect("a task");
    assert_eq!(task.task, "report");
    let location = location.expect("where it is told of");
    assert_eq!(location, format!("/longtask/{}", task.id));

    let done = task_that_is(&lab, &task.id, TaskState::Done).await;
    assert_eq!((done.attempts, done.result.is_some()), (1, true));
}

pub(crate) async fn repeats_of_one_key_are_one_task_and_one_effect<H: TaskHome>() {
    let home = H::fresh().await;
    const KEYS: usize = 20;
    const REPEATS: usize = 6;
    let topology = Topology::laboratory().with(Service::Worker, "task-duration", "20ms");
    let lab = home.start(topology).await;
    // All at the same time, through all gateways.
    let requests = (0..KEYS * REPEATS).map(async |request| {
        let key = request % KEYS;
        let body = json!({ "task": "report", "key": key }).to_string();
        (key, accepted(&lab, &format!("key-{key}"), &body).await)
    });
    let answers: BTreeSet<(usize, String)> = join_all(requests).await.into_iter().collect();
    assert_eq!(answers.len(), KEYS, "a key has more than one task");
    let ids: BTreeSet<String> = answers.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), KEYS, "a task has more than one key");

    for id in &ids {
        task_that_is(&lab, id, TaskState::Done).await;
    }
    let census = Census::of(&lab).await;
    assert_eq!(
        (census.done, census.effects, census.total),
        (KEYS, KEYS, KEYS)
    );
    let counters = lab.counters(WORKER).await.expect("it shows them");
    assert_eq!(counters.get("tasks_accepted_total", &[]), KEYS as f64);
    let repeated = counters.get("tasks_repeated_total", &[]);
    assert_eq!(repeated, (KEYS * (REPEATS - 1)) as f64);
}

pub(crate) async fn a_key_with_another_body_is_refused<H: TaskHome>() {
    let home = H::fresh().await;
    let lab = home.start(Topology::laboratory()).await;
    accepted(&lab, "key", r#"{"task":"report"}"#).await;
    let answer = submit(&lab, "key", r#"{"task":"other"}"#).await;
    let status = answer.expect("the system is well").status();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(Census::of(&lab).await.total, 1);
}

/// The history is judged like that of a queue by Jepsen: what was accepted and isn't
/// done is lost, what is done and wasn't attempted is unexpected.
pub(crate) async fn no_accepted_task_is_lost_when_the_worker_is_killed<H: TaskHome>() {
    let home = H::fresh().await;
    const KILLS: usize = 6;
    let mut dice = Dice::new();
    let topology = Topology::laboratory()
        .with(Service::Worker, "task-duration", "30ms")
        .with(Service::Worker, "lease", "1s")
        // The kills alone must not use a task's attempts up.
        .with(Service::Worker, "max-attempts", KILLS + 2);
    let lab = home.start(topology).await;
    let kill_and_restart = async {
        for _ in 0..KILLS {
            sleep(Duration::from_millis(dice.random_range(20..400))).await;
            lab.kill(WORKER).expect("it runs");
            lab.restart(WORKER).await.expect("it returns");
        }
    };
    let history = submitted_around(&lab, kill_and_restart).await;
    nothing_was_lost(&lab, &history).await;
}

/// The history of tasks that are submitted for as long as something else happens.
pub(crate) async fn submitted_around(lab: &Lab, events: impl Future<Output = ()>) -> History {
    const SUBMITTERS: usize = 4;
    let stop = tokio::sync::watch::Sender::new(false);
    let events = async {
        events.await;
        stop.send_replace(true);
    };
    let submitters = (0..SUBMITTERS).map(async |submitter| {
        let mut history = History::default();
        while !*stop.borrow() {
            let key = format!("{submitter}-{}", history.attempted);
            history.attempted += 1;
            match submit(lab, &key, r#"{"task":"report"}"#).await {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                    let task: Task = answer.json().await.expect("a task");
                    history.accepted.insert(task.id);
                }
                // The worker is away: the task may or may not be kept.
                _ => history.unanswered += 1,
            }
            sleep(Duration::from_millis(2)).await;
        }
        history
    });
    let ((), histories) = tokio::join!(events, join_all(submitters));
    histories
        .into_iter()
        .fold(History::default(), History::with)
}

/// Every task that was accepted is done, and has had its effect once.
pub(crate) async fn nothing_was_lost(lab: &Lab, history: &History) {
    assert!(!history.accepted.is_empty(), "nothing was accepted");
    assert!(history.unanswered > 0, "no request met a node that is away");

    let census = nothing_left_to_do(lab).await;
    let mut lost = Vec::new();
    let mut repeated = 0;
    for id in &history.accepted {
        match told(lab, id).await {
            Some(task) if task.state == TaskState::Done => repeated += task.attempts - 1,
            other => lost.push((id, other)),
        }
    }
    assert!(
        lost.is_empty(),
        "{} lost, such as {:?}",
        lost.len(),
        lost[0]
    );
    assert_eq!((census.dead, census.done), (0, census.total));
    assert_eq!(census.effects, census.done, "an effect for each task");
    assert!(census.done <= history.attempted, "{census:?} {history:?}");
    println!(
        "{} tasks attempted, {} accepted, {} done, {repeated} attempts repeated",
        history.attempted,
        history.accepted.len(),
        census.done
    );
}

pub(crate) async fn a_task_that_keeps_failing_is_given_up<H: TaskHome>() {
    let home = H::fresh().await;
    let topology = Topology::laboratory()
        .with(Service::Worker, "task-duration", "1ms")
        .with(Service::Worker, "retry-delay", "1ms")
        .with(Service::Worker, "max-attempts", 3);
    let lab = home.start(topology).await;
    let twice = accepted(&lab, "a", r#"{"task":"report","fail_attempts":2}"#).await;
    let always = accepted(&lab, "b", r#"{"task":"report","fail_attempts":99}"#).await;

    assert_eq!(
        task_that_is(&lab, &twice, TaskState::Done).await.attempts,
        3
    );
    let dead = task_that_is(&lab, &always, TaskState::Dead).await;
    assert_eq!(dead.attempts, 3);
    assert!(dead.result.is_some(), "it says why");
    assert_eq!(Census::of(&lab).await.effects, 1);
}

pub(crate) async fn a_task_is_shown_to_its_owner_only<H: TaskHome>() {
    let home = H::fresh().await;
    let lab = home.start(Topology::laboratory()).await;
    let id = accepted(&lab, "key", r#"{"task":"report"}"#).await;
    assert!(told(&lab, &id).await.is_some());

    let somebody_else = jsonwebtoken::encode(
        &Header::default(),
        &json!({ "user": "somebody_else" }),
        &EncodingKey::from_secret(b"secret"),
    );
    let answer = lab
        .request_to("load-balancer", Method::GET, &format!("/longtask/{id}"))
        .header(AUTHORIZATION, somebody_else.expect("it is signed"));
    let answer = answer.send().await.expect("the system is well");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

/// The history that one submitter, or all of them, saw.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) attempted: usize,
    pub(crate) unanswered: usize,
    pub(crate) accepted: BTreeSet<String>,
}

impl History {
    fn with(mut self, other: History) -> History {
        self.attempted += other.attempted;
        self.unanswered += other.unanswered;
        self.accepted.extend(other.accepted);
        self
    }
}

/// The numbers of tasks in the worker's store, by state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Census {
    pub(crate) total: usize,
    pub(crate) done: usize,
    pub(crate) dead: usize,
    pub(crate) effects: usize,
}

impl Census {
    pub(crate) async fn of(lab: &Lab) -> Census {
        let counters = lab.counters(WORKER).await.expect("it shows them");
        let tasks = |labels: &[(&str, &str)]| counters.get("tasks", labels) as usize;
        Census {
            total: tasks(&[]),
            done: tasks(&[("state", "done")]),
            dead: tasks(&[("state", "dead")]),
            effects: counters.get("task_effects", &[]) as usize,
        }
    }
}

pub(crate) async fn nothing_left_to_do(lab: &Lab) -> Census {
    let look = async || {
        let census = Census::of(lab).await;
        if census.done + census.dead == census.total {
            Ok(census)
        } else {
            Err(format!("{census:?}"))
        }
    };
    wait_for("the end of every task", PATIENCE, look)
        .await
        .expect("what is accepted comes to an end")
}

pub(crate) async fn submit(lab: &Lab, key: &str, body: &str) -> reqwest::Result<Response> {
    lab.request(Method::POST, "/longtask")
        .header(IDEMPOTENCY_KEY, key)
        .body(body.to_owned())
        .send()
        .await
}

/// Submits a task, and returns its id.
pub(crate) async fn accepted(lab: &Lab, key: &str, body: &str) -> String {
    let answer = submit(lab, key, body).await.expect("the system is well");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    answer.json::<Task>().await.expect("a task").id
}

/// The system's word on a task, if it tells anything.
pub(crate) async fn told(lab: &Lab, id: &str) -> Option<Task> {
    let answer = lab.get(&format!("/longtask/{id}")).await;
    match answer.status() {
        StatusCode::OK => Some(answer.json().await.expect("a task")),
        StatusCode::NOT_FOUND => None,
        other => panic!("{other} in answer to a question about a task"),
    }
}

pub(crate) async fn task_that_is(lab: &Lab, id: &str, state: TaskState) -> Task {
    let look = async || match told(lab, id).await {
        Some(task) if task.state == state => Ok(task),
        other => Err(format!("{other:?}")),
    };
    wait_for(
        format!("task {id} to be {}", state.as_str()),
        PATIENCE,
        look,
    )
    .await
    .expect("it comes to that")
}
