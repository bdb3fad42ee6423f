//! Works through the store: claims tasks, runs some at the same time, keeps their
//! leases while they run, and ends each attempt in the store.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use super::moment::Moment;
use super::storage::StorageError;
use super::store::{Claim, Hold, Next, TaskStore};
use crate::busy::BusyTime;
use crate::contract::TaskRequest;
use crate::metrics::Outcome;

/// Runs tasks.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    pub(super) store: Arc<dyn TaskStore>,
    /// Told whenever a task may have become due.
    pub(super) changed: Arc<Notify>,
    /// Told whenever an attempt has ended.
    pub(super) ended: Arc<Notify>,
    /// Simulated length of a task.
    pub(super) task_duration: Duration,
    pub(super) attempts: Family<Outcome, Counter>,
    pub(super) busy: BusyTime,
}

impl Executor {
    /// The time that a failing disk is left alone, and the longest time without a look at
    /// what other workers put into the store.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Begins tasks, up to `executors` at a time, until `stop`. Then waits for those
    /// that run until the drain deadline, and puts what is not done back.
    pub(super) async fn run(
        self,
        executors: u32,
        stop: CancellationToken,
        drain_deadline: Duration,
    ) {
        let slots = Arc::new(Semaphore::new(executors as usize));
        let running = TaskTracker::new();
        let give_back = CancellationToken::new();
        loop {
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot.expect("nobody closes the slots"),
            };
            match self.store.claim(Moment::now()).await {
                Ok(Next::Run(claim)) => {
                    let (executor, give_back) = (self.clone(), give_back.clone());
                    let busy = self.busy.begin();
                    running.spawn(async move {
                        executor.attempt(claim, give_back).await;
                        drop((busy, slot));
                    });
                }
                Ok(Next::Wait(until)) => self.wait(until, &stop).await,
                Err(source) => {
                    complain("could not claim a task", &source);
                    self.wait(None, &stop).await;
                }
            }
        }
        drain(&running, &give_back, drain_deadline).await;
    }

    async fn wait(&self, until: Option<Moment>, stop: &CancellationToken) {
        let pause = until.map_or(Self::PAUSE, |until| {
            until.since(Moment::now()).min(Self::PAUSE)
        });
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn attempt(&self, claim: Claim, give_back: CancellationToken) {
        let ended = tokio::select! {
            () = self.keep(&claim) => Ok("lost"),
            () = give_back.cancelled() => self.give_back(&claim).await,
            result = work(&claim, self.task_duration) => self.end(&claim, result).await,
        };
        let outcome = ended.unwrap_or_else(|source| {
            // Its lease will end, and it will be begun again.
            complain("could not end an attempt", &source);
            "lost"
        });
        debug!(
            task = claim.id,
            attempt = claim.attempt,
            outcome,
            "attempt ended"
        );
        self.attempts.get_or_create(&Outcome { outcome }).inc();
        self.changed.notify_one();
        self.ended.notify_waiters();
    }

    /// Renews the lease, until it is lost.
    async fn keep(&self, claim: &Claim) {
        loop {
            tokio::time::sleep(self.store.rules().lease / 3).await;
            match self.store.renew(claim, Moment::now()).await {
                Ok(Hold::Held) => {}
                Ok(Hold::Lost) => return,
                Err(source) => complain("could not renew a lease", &source),
            }
        }
    }

    async fn end(
        &self,
        claim: &Claim,
        result: Result<String, String>,
    ) -> Result<&'static str, StorageError> {
        let (outcome, hold) = match result {
            Ok(result) => ("done", self.store.finish(claim, result).await?),
            Err(reason) => (
                "failed",
                self.store.fail(claim, reason, Moment::now()).await?,
            ),
        };
        Ok(hold.or_lost(outcome))
    }

    async fn give_back(&self, claim: &Claim) -> Result<&'static str, StorageError> {
        let hold = self.store.release(claim, Moment::now()).await?;
        Ok(hold.or_lost("released"))
    }
}

/// Waits for attempts that run until the deadline, and has the others given back.
pub(super) async fn drain(
    running: &TaskTracker,
    give_back: &CancellationToken,
    deadline: Duration,
) {
    running.close();
    if timeout(deadline, running.wait()).await.is_err() {
        warn!(tasks = running.len(), "giving unfinished tasks back");
        give_back.cancel();
        running.wait().await;
    }
}

/// The work itself: what came of it, or why it failed.
pub(super) async fn work(claim: &Claim, task_duration: Duration) -> Result<String, String> {
    let work = TaskRequest::parse(&claim.body)
        .map_err(|error| format!("the task can't be read: {error}"))?;
    tokio::time::sleep(task_duration).await;
    if claim.attempt <= work.fail_attempts {
        Err(format!(
            "attempt {} failed, as the task asked",
            claim.attempt
        ))
    } else {
        Ok(format!("{} finished", work.task))
    }
}

pub(super) fn complain(what: &str, source: &StorageError) {
    error!(error = source as &dyn std::error::Error, "{what}");
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tempfile::TempDir;

    use super::super::EXECUTORS;
    use super::super::queue::Queue;
    use super::super::store::{Acceptance, HandedOut, Room, Rules, Submission};
    use super::*;
    use crate::contract::{Task, TaskState};

    const RULES: Rules = Rules {
        lease: Duration::from_secs(10),
        max_attempts: 3,
        retry_delay: Duration::from_millis(5),
        handed_out: HandedOut::ByTheStore,
    };

    struct Lab {
        executor: Executor,
        _folder: TempDir,
    }

    impl Lab {
        fn new(rules: Rules, task_duration: Duration) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let queue = Queue::open(&folder.path().join("tasks.sqlite"), rules);
            let executor = Executor {
                store: Arc::new(queue.expect("opens")),
                ended: Arc::default(),
                changed: Arc::default(),
                task_duration,
                attempts: Family::default(),
                busy: BusyTime::of(EXECUTORS),
            };
            Lab {
                executor,
                _folder: folder,
            }
        }

        async fn accept(&self, body: &'static str) -> String {
            let submission = Submission {
                owner: String::new(),
                idempotency_key: None,
                task: "report".to_owned(),
                body: body.into(),
            };
            let store = &self.executor.store;
            let accepted = store
                .accept(submission, Room::ForNewTasks, Moment::now())
                .await;
            let Acceptance::New(task) = accepted.expect("accepts") else {
                panic!("a submission without a key is new")
            };
            self.executor.changed.notify_one();
            task.id
        }

        async fn task(&self, id: &str) -> Task {
            let found = self.executor.store.find(id.to_owned(), None).await;
            found.expect("reads").expect("is there")
        }

        async fn task_that_is(&self, id: &str, state: TaskState) -> Task {
            let began = Instant::now();
            loop {
                let task = self.task(id).await;
                if task.state == state {
                    return task;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "still {task:?}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }

        /// Runs the executor until the stop is cancelled.
        fn run(&self, stop: &CancellationToken, drain: Duration) -> tokio::task::JoinHandle<()> {
            tokio::spawn(self.executor.clone().run(2, stop.clone(), drain))
        }

        fn ended(&self, outcome: &'static str) -> u64 {
            self.executor
                .attempts
                .get_or_create(&Outcome { outcome })
                .get()
        }
    }

    #[tokio::test]
    async fn failures_are_repeated_until_the_last_attempt() {
        let lab = Lab::new(RULES, Duration::ZERO);
        let stop = CancellationToken::new();
        let running = lab.run(&stop, Duration::ZERO);
        let twice = lab.accept(r#"{"task":"report","fail_attempts":2}"#).await;
        let always = lab.accept(r#"{"task":"report","fail_attempts":3}"#).await;
        let done = lab.task_that_is(&twice, TaskState::Done).await;
        assert_eq!(
            (done.attempts, done.result.as_deref()),
            (3, Some("report finished"))
        );
        assert_eq!(lab.task_that_is(&always, TaskState::Dead).await.attempts, 3);
        stop.cancel();
        running.await.expect("runs to its end");
        assert_eq!((lab.ended("done"), lab.ended("failed")), (1, 5));
    }

    #[tokio::test]
    async fn a_stop_lets_running_tasks_finish_and_begins_no_other() {
        let lab = Lab::new(RULES, Duration::from_millis(50));
        let stop = CancellationToken::new();
        let running = lab.run(&stop, Duration::from_secs(20));
        let first = lab.accept(r#"{"task":"report"}"#).await;
        lab.task_that_is(&first, TaskState::Running).await;
        stop.cancel();
        let second = lab.accept(r#"{"task":"report"}"#).await;
        running.await.expect("runs to its end");
        assert_eq!(lab.task(&first).await.state, TaskState::Done);
        assert_eq!(lab.task(&second).await.state, TaskState::Queued);
    }

    #[tokio::test]
    async fn what_does_not_finish_in_time_is_given_back() {
        let lab = Lab::new(RULES, Duration::from_secs(3600));
        let stop = CancellationToken::new();
        let running = lab.run(&stop, Duration::from_millis(10));
        let id = lab.accept(r#"{"task":"report"}"#).await;
        lab.task_that_is(&id, TaskState::Running).await;
        stop.cancel();
        running.await.expect("runs to its end");
        let task = lab.task(&id).await;
        assert_eq!((task.state, task.attempts), (TaskState::Queued, 0));
        assert_eq!(lab.ended("released"), 1);
    }

    #[tokio::test]
    async fn a_task_that_outlasts_its_lease_keeps_it() {
        let short = Rules {
            lease: Duration::from_millis(1500),
            ..RULES
        };
        let lab = Lab::new(short, Duration::from_millis(2500));
        let stop = CancellationToken::new();
        let running = lab.run(&stop, Duration::ZERO);
        let id = lab.accept(r#"{"task":"report"}"#).await;
        let task = lab.task_that_is(&id, TaskState::Done).await;
        assert_eq!(task.attempts, 1);
        stop.cancel();
        running.await.expect("runs to its end");
    }

    #[tokio::test]
    async fn a_lost_lease_ends_the_attempt() {
        let short = Rules {
            lease: Duration::from_millis(300),
            ..RULES
        };
        let lab = Lab::new(short, Duration::from_secs(3600));
        let stop = CancellationToken::new();
        let running = lab.run(&stop, Duration::ZERO);
        let id = lab.accept(r#"{"task":"report"}"#).await;
        lab.task_that_is(&id, TaskState::Running).await;
        // Somebody whose clock is far ahead takes the task away, and does it.
        let later = Moment::now() + Duration::from_secs(3600);
        let Ok(Next::Run(claim)) = lab.executor.store.claim(later).await else {
            panic!("the lease has ended by then")
        };
        let finished = lab.executor.store.finish(&claim, "theirs".to_owned()).await;
        assert_eq!(finished.expect("finishes"), Hold::Held);
        let began = Instant::now();
        while lab.ended("lost") == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "it still runs");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(lab.task(&id).await.result.as_deref(), Some("theirs"));
        stop.cancel();
        running.await.expect("runs to its end");
    }
}
