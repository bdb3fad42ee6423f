//! The worker: accepts long tasks, answers at once, and works through them.
//!
//! What is accepted is done, whatever crashes: a task is in the [`store`] on the disk
//! before the `202` leaves, and an executor begins it again until its effect is
//! there. Its effect happens once, because it is committed together with the task's
//! end, by whoever still holds the task then.
//!
//! Tasks are kept in SQLite ([`queue`]) or in PostgreSQL ([`postgres`]), and handed out to
//! executors by the store itself ([`executor`]) or by RabbitMQ ([`broker`]).

mod broker;
mod census;
mod delivery;
mod executor;
mod moment;
pub(crate) mod postgres;
mod queue;
mod storage;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::broker::{Broker, Confirmed, Consumer, Publisher, QueueConfig, Unconfirmed};
use self::delivery::{Delivery, Way};
use self::executor::Executor;
use self::moment::Moment;
use self::postgres::PostgresTasks;
use self::queue::Queue;
use self::storage::StorageError;
use self::store::{Acceptance, HandedOut, Letter, Outbox, Rules, Submission, TaskStore};
use crate::busy::{BusyTime, PoolMetrics};
use crate::contract::{IDEMPOTENCY_KEY, Task, TaskRequest, TaskState, USER, UserName};
use crate::exposure;
use crate::json;
use crate::postgres::StoreConfig;
use crate::problem::{Problem, bad_request, not_found, problem};
use crate::server::{Node, Payload, ServerConfig};
use crate::setting;

/// The executors, as the page of metrics has them.
const EXECUTORS: PoolMetrics = PoolMetrics {
    places: ("executors", "Tasks that can run at the same time."),
    busy: (
        "executor_busy",
        "Time for which executors were at work, all together",
    ),
};

/// The worker's settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The file that keeps the tasks. Several workers may share it.
    #[arg(
        long,
        env = "SKEIN_FILE",
        value_name = "PATH",
        default_value = "worker.sqlite"
    )]
    pub file: PathBuf,

    /// The store that keeps the tasks in place of the file.
    #[command(flatten)]
    pub store: StoreConfig,

    /// The broker that hands tasks out in place of the store.
    #[command(flatten)]
    pub queue: QueueConfig,

    /// The number of tasks that run at the same time.
    #[arg(long, env = "SKEIN_EXECUTORS", value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub executors: u32,

    /// Simulated length of a task.
    #[arg(long, env = "SKEIN_TASK_DURATION", value_name = "DURATION", default_value = "100ms", value_parser = setting::duration)]
    pub task_duration: Duration,

    /// Answer a task that was accepted only when it is over, as a service without a queue would:
    /// whoever asked waits for the work itself.
    #[arg(long, env = "SKEIN_WITHIN_REQUEST")]
    pub within_request: bool,

    /// The time that a task stays with a worker that has fallen silent, before it is begun
    /// again; at least 30ms.
    #[arg(long, env = "SKEIN_LEASE", value_name = "DURATION", default_value = "10s", value_parser = at_least_30_ms)]
    pub lease: Duration,

    /// The number of times that a task is begun before it is given up.
    #[arg(long, env = "SKEIN_MAX_ATTEMPTS", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: u32,

    /// The time that a failed task waits for its second attempt; each further wait is twice
    /// as long.
    #[arg(long, env = "SKEIN_RETRY_DELAY", value_name = "DURATION", default_value = "100ms", value_parser = setting::duration)]
    pub retry_delay: Duration,
}

/// A lease is renewed three times in its life, by a timer of 1 ms.
fn at_least_30_ms(text: &str) -> Result<Duration, String> {
    let lease = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if lease < Duration::from_millis(30) {
        Err("must be at least 30ms".to_owned())
    } else {
        Ok(lease)
    }
}

/// Serves the worker until the shutdown, and works through tasks meanwhile.
///
/// `POST /longtask` accepts a task, `GET /longtask/{id}` tells where it stands.
/// After the shutdown no task is begun; those that run have until the drain deadline,
/// and then go back into the queue.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    exposure::demand_consent(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        exposure::OPEN,
    )?;
    let rules = Rules {
        lease: config.lease,
        max_attempts: config.max_attempts,
        retry_delay: config.retry_delay,
        handed_out: match config.queue.queue {
            Some(_) => HandedOut::ByABroker,
            None => HandedOut::ByTheStore,
        },
    };
    let store = open_store(&config, rules).await?;
    let node = Node::new(config.server.clone(), shutdown.clone());
    let accepted = node
        .metrics
        .counter("tasks_accepted", "Tasks accepted, repeats not counted.");
    let attempts = node.metrics.counters(
        "task_attempts",
        "Attempts that came to an end, by how; lost ones had outlived their lease.",
    );
    let busy = BusyTime::shown(EXECUTORS, config.executors, &node.metrics);
    let delivery = match &config.queue.queue {
        Some(url) => {
            let broker = Broker::new(url, &config.queue, config.max_attempts, &node.metrics)
                .context("could not use its --queue")?;
            let broker = Arc::new(broker);
            let publisher =
                Publisher::new(Arc::clone(&broker), Arc::clone(&store), accepted.clone());
            let opened = async { publisher.open(broker.prepare(&*store).await?).await };
            opened.await.context("could not use its --queue")?;
            Delivery::ByABroker {
                publisher,
                consumer: Box::new(Consumer {
                    broker,
                    store: Arc::clone(&store),
                    executors: config.executors,
                    prefetch: config.queue.prefetch_for(config.executors),
                    task_duration: config.task_duration,
                    attempts,
                    busy,
                }),
            }
        }
        None => {
            let changed = Arc::new(Notify::new());
            Delivery::ByTheStore {
                executor: Executor {
                    store: Arc::clone(&store) as Arc<dyn TaskStore>,
                    changed: Arc::clone(&changed),
                    ended: Arc::new(Notify::new()),
                    task_duration: config.task_duration,
                    attempts,
                    busy,
                },
                changed,
            }
        }
    };
    store.show(&node.metrics);
    let worker = Worker {
        within_request: config.within_request,
        ended: delivery.ended(),
        store: Arc::clone(&store),
        way: delivery.way(),
        accepted,
        repeated: node.metrics.counter(
            "tasks_repeated",
            "Requests that repeated an accepted one, by their idempotency key.",
        ),
    };
    let routes = Router::new()
        .route("/longtask", post(accept))
        .route("/longtask/{id}", get(tell))
        .with_state(Arc::new(worker));
    let serving = node.serve(listener, routes);
    delivery
        .beside(
            serving,
            config.executors,
            shutdown,
            config.server.drain_deadline,
        )
        .await;
    store.close().await.context("could not close its store")
}

/// Opens where the tasks are kept.
async fn open_store(config: &Config, rules: Rules) -> anyhow::Result<Arc<dyn Outbox>> {
    Ok(match &config.store.store {
        Some(url) => {
            let tasks = PostgresTasks::open(url, &config.store, rules).await;
            Arc::new(tasks.context("could not open its --store")?)
        }
        None => {
            let queue = Queue::open(&config.file, rules);
            Arc::new(queue.context("could not open its --file")?)
        }
    })
}

struct Worker {
    store: Arc<dyn Outbox>,
    within_request: bool,
    /// Told whenever an attempt has ended here.
    ended: Arc<Notify>,
    way: Way,
    accepted: Counter,
    repeated: Counter,
}

async fn accept(
    State(worker): State<Arc<Worker>>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let submission = Submission {
        owner: owner(&headers).map_err(bad_request)?.unwrap_or_default(),
        idempotency_key: idempotency_key(&headers).map_err(bad_request)?,
        task: requested_task(&body).map_err(bad_request)?,
        body,
    };
    let body = submission.body.clone();
    let room = worker.way.room();
    let accepted = worker.store.accept(submission, room.into(), Moment::now());
    match accepted.await.map_err(storage_failed)? {
        Acceptance::New(task) | Acceptance::Unconfirmed(task) => {
            worker.hand_over(&task, body).await.map_err(unconfirmed)?;
            Ok(accepted_response(
                worker.as_it_is_told(task, &headers).await?,
            ))
        }
        Acceptance::Repeated(task) => {
            worker.repeated.inc();
            Ok(accepted_response(
                worker.as_it_is_told(task, &headers).await?,
            ))
        }
        Acceptance::KeyReused => Err(problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("this {IDEMPOTENCY_KEY} came with another body before"),
        )),
        Acceptance::NoRoom => Err(unconfirmed(room.err().unwrap_or(Unconfirmed::Away))),
    }
}

impl Worker {
    /// A task that was accepted, as whoever asked is told of it: at once, or when it is over.
    async fn as_it_is_told(&self, task: Task, headers: &HeaderMap) -> Result<Task, Problem> {
        /// The longest time without a look: others may end a task, too.
        const LOOK: Duration = Duration::from_millis(50);
        let mut task = task;
        while self.within_request && is_open(&task) {
            let ended = self.ended.notified();
            let owner = owner(headers).map_err(bad_request)?;
            let found = self.store.find(task.id.clone(), owner).await;
            let found = found.map_err(storage_failed)?;
            task = found.ok_or_else(|| not_found("no such task"))?;
            if is_open(&task) {
                let _ = tokio::time::timeout(LOOK, ended).await;
            }
        }
        Ok(task)
    }

    /// Hands a task over that is in the store; it is accepted after that.
    async fn hand_over(&self, task: &Task, body: Bytes) -> Result<(), Unconfirmed> {
        match &self.way {
            Way::Store(changed) => {
                self.accepted.inc();
                changed.notify_one();
            }
            Way::Broker(publisher) => {
                let id = task.id.clone();
                // The publisher counts what is accepted, which may be later than the answer.
                if publisher.publish(Letter { id, body }).await? == Confirmed::Already {
                    self.repeated.inc();
                }
            }
        }
        Ok(())
    }
}

/// True while there is still something to do for a task.
fn is_open(task: &Task) -> bool {
    matches!(task.state, TaskState::Queued | TaskState::Running)
}

fn accepted_response(task: Task) -> Response {
    let location = [(header::LOCATION, format!("/longtask/{}", task.id))];
    (StatusCode::ACCEPTED, location, Json(task)).into_response()
}

async fn tell(
    State(worker): State<Arc<Worker>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<Task>, Problem> {
    // Somebody else's task looks like no task, so that ids can't be tried out.
    let no_such_task = || not_found("no such task");
    let Path(id) = id.map_err(|_| no_such_task())?;
    let owner = owner(&headers).map_err(bad_request)?;
    let found = worker.store.find(id, owner).await.map_err(storage_failed)?;
    found.map(Json).ok_or_else(no_such_task)
}

/// Whom the gateway authenticated; `None` when nobody says.
fn owner(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut fields = headers.get_all(USER).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    match UserName::from_field(field) {
        Some(user) if fields.next().is_none() => Ok(Some(user.as_str().to_owned())),
        _ => Err(format!(
            "{USER} has to come once, with a name of 1 to {} bytes, percent-encoded",
            UserName::MAX_BYTES
        )),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let fits =
        (1..=255).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if fits && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(format!(
            "{IDEMPOTENCY_KEY} has to come once, with 1 to 255 visible ASCII characters"
        )),
    }
}

/// The work that the body, a JSON object, asks for.
fn requested_task(body: &[u8]) -> Result<String, String> {
    json::check(body)?;
    match TaskRequest::parse(body) {
        Ok(request) if request.task.len() > TaskRequest::MAX_TASK_BYTES => Err(format!(
            "the name of a task has at most {} bytes",
            TaskRequest::MAX_TASK_BYTES
        )),
        Ok(request) => Ok(request.task),
        Err(error) => Err(format!(
            "the body has to be a JSON object such as {{\"task\":\"report\"}}: {error}"
        )),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn storage_failed(source: StorageError) -> Problem {
    error!(
        error = &source as &dyn std::error::Error,
        "the queue failed"
    );
    if source.is_passing() {
        problem(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the tasks can't be reached at the moment: {source}"),
        )
    } else {
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the queue failed; the node's log says how",
        )
    }
}

/// The task is not accepted. Whether it is done is open where it was sent: who repeats it by
/// its key gets to know.
fn unconfirmed(reason: Unconfirmed) -> Problem {
    warn!(%reason, "a task was not accepted");
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("the task is not accepted: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key_in(values: &[&[u8]]) -> Result<Option<String>, String> {
        let header = |value: &&[u8]| {
            let value = HeaderValue::from_bytes(value).expect("header bytes");
            (IDEMPOTENCY_KEY, value)
        };
        idempotency_key(&values.iter().map(header).collect())
    }

    #[test]
    fn an_idempotency_key_is_optional_and_short_visible_text() {
        assert_eq!(key_in(&[]), Ok(None));
        assert_eq!(key_in(&[b"\"a-1\""]), Ok(Some("\"a-1\"".to_owned())));
        assert!(key_in(&[&[b'k'; 255]]).is_ok());
        let refused: [&[&[u8]]; 5] = [
            &[b""],
            &[&[b'k'; 256]],
            &[b"a b"],
            &[b"\xff"],
            &[b"a", b"a"],
        ];
        for values in refused {
            assert!(key_in(values).is_err(), "{values:?} was taken");
        }
    }

    #[test]
    fn a_request_is_an_object_that_names_its_task() {
        let taken = requested_task(br#"{"priority":3,"task":"report"}"#);
        assert_eq!(taken.as_deref(), Ok("report"));
        for body in [
            "",
            "{}",
            "[\"report\"]",
            "\"report\"",
            r#"{"task":7}"#,
            r#"{"task":"a"} x"#,
            r#"{"task":"a","fail_attempts":-1}"#,
        ] {
            assert!(requested_task(body.as_bytes()).is_err(), "{body} was taken");
        }
    }

    #[test]
    fn a_request_that_others_could_not_read_or_would_have_to_repeat_is_refused() {
        let deep = format!(r#"{{"task":"a","x":{}{}}}"#, "[".repeat(62), "]".repeat(62));
        let long = format!(r#"{{"task":"{}"}}"#, "a".repeat(1025));
        for body in [deep.as_str(), &long, r#"{"task":"a","x":"\ud800"}"#] {
            assert!(requested_task(body.as_bytes()).is_err(), "{body} was taken");
        }
        let fits = format!(r#"{{"task":"{}"}}"#, "a".repeat(1024));
        assert!(requested_task(fits.as_bytes()).is_ok());
    }

    #[test]
    fn an_owner_is_named_once_and_in_one_spelling() {
        let owner_in = |values: &[&str]| {
            let fields = values
                .iter()
                .map(|v| (USER, v.parse().expect("header text")));
            owner(&fields.collect())
        };
        assert_eq!(owner_in(&[]), Ok(None));
        assert_eq!(owner_in(&["alice"]), Ok(Some("alice".to_owned())));
        assert_eq!(owner_in(&["alice%20"]), Ok(Some("alice ".to_owned())));
        for refused in [
            &["alice", "bob"][..],
            &[""],
            &["alice bob"],
            &["%61lice"],
            &["alice%2"],
            &["%e2%82%ac"],
            &["%FF"],
            &["%00"],
        ] {
            assert!(owner_in(refused).is_err(), "{refused:?} was taken");
        }
    }

    #[test]
    fn a_lease_leaves_time_to_renew_it() {
        assert!(at_least_30_ms("29ms").is_err());
        assert_eq!(at_least_30_ms("30ms"), Ok(Duration::from_millis(30)));
    }
}
