//! Works through the queue: claims tasks, runs some at the same time, keeps their
//! leases while they run, and ends each attempt in the queue.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Deserialize;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use super::moment::Moment;
use super::queue::{Claim, Hold, Next, Queue};
use super::storage::StorageError;
use crate::metrics::Outcome;

/// Runs tasks.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    pub(super) queue: Queue,
    /// Told whenever a task may have become due.
    pub(super) changed: Arc<Notify>,
    /// Simulated length of a task.
    pub(super) task_duration: Duration,
    pub(super) attempts: Family<Outcome, Counter>,
}

/// What a task's body tells of the work.
#[derive(Debug, Deserialize)]
struct Work {
    task: String,
    /// How many attempts fail before one succeeds: a rehearsal for real failures.
    #[serde(default)]
    fail_attempts: u32,
}

impl Executor {
    /// How long a failing disk is left alone, and the longest time without a look at
    /// what other workers put into the file.
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
            match self.queue.claim(Moment::now()).await {
                Ok(Next::Run(claim)) => {
                    let (executor, give_back) = (self.clone(), give_back.clone());
                    running.spawn(async move {
                        executor.attempt(claim, give_back).await;
                        drop(slot);
                    });
                }
                Ok(Next::Wait(until)) => self.wait(until, &stop).await,
                Err(source) => {
                    complain("could not claim a task", &source);
                    self.wait(None, &stop).await;
                }
            }
        }
        running.close();
        if tokio::time::timeout(drain_deadline, running.wait())
            .await
            .is_err()
        {
            warn!(tasks = running.len(), "giving unfinished tasks back");
            give_back.cancel();
            running.wait().await;
        }
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
            result = self.work(&claim) => self.end(&claim, result).await,
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
    }

    /// The work itself: what came of it, or why it failed.
    async fn work(&self, claim: &Claim) -> Result<String, String> {
        let work: Work = serde_json::from_slice(&claim.body)
            .map_err(|error| format!("the task can't be read: {error}"))?;
        tokio::time::sleep(self.task_duration).await;
        if claim.attempt <= work.fail_attempts {
            Err(format!(
                "attempt {} failed, as the task asked",
                claim.attempt
            ))
        } else {
            Ok(format!("{} finished", work.task))
        }
    }

    /// Renews the lease, until it is lost.
    async fn keep(&self, claim: &Claim) {
        loop {
            tokio::time::sleep(self.queue.lease() / 3).await;
            match self.queue.renew(claim, Moment::now()).await {
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
            Ok(result) => ("done", self.queue.finish(claim, result).await?),
            Err(reason) => (
                "failed",
                self.queue.fail(claim, reason, Moment::now()).await?,
            ),
        };
        Ok(match hold {
            Hold::Held => outcome,
            Hold::Lost => "lost",
        })
    }

    async fn give_back(&self, claim: &Claim) -> Result<&'static str, StorageError> {
        Ok(match self.queue.release(claim, Moment::now()).await? {
            Hold::Held => "released",
            Hold::Lost => "lost",
        })
    }
}

fn complain(what: &str, source: &StorageError) {
    error!(error = source as &dyn std::error::Error, "{what}");
}
