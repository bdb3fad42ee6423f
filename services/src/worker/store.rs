//! The home of tasks: each transition in a task's life, as one transaction, wherever
//! tasks are kept.
//!
//! ```text
//!   accept → queued ─ claim → running ─ finish → done
//!              ↑ ↑              │ │ └── fail (the last attempt) → dead
//!              │ └─ fail, release ┘
//!              └─ (the lease ends; claimed again, or dead after the last attempt)
//! ```
//!
//! A claim has a token of its own. Who ends or renews a claim proves by the token that
//! nobody has claimed the task since, so an executor that was asleep for longer than
//! its lease changes nothing. Leases are all there is to recovery after a crash: no
//! worker needs to know whether another one is alive, and several may share a store.
//!
//! Where a broker hands tasks out, [`Outbox`] has the transitions instead of claims and
//! leases: a delivery is the right to begin, and the token is as good there.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use super::moment::Moment;
use super::storage::StorageError;
use crate::contract::{Task, TaskState};
use crate::metrics::Metrics;

/// Tasks and their states.
#[async_trait]
pub(super) trait TaskStore: Debug + Send + Sync {
    /// Keeps a task, unless it is kept already. What it returns is on the disk.
    async fn accept(
        &self,
        submission: Submission,
        room: Room,
        now: Moment,
    ) -> Result<Acceptance, StorageError>;

    /// A task, if it is `owner`'s; anybody's when no owner is given.
    async fn find(&self, id: String, owner: Option<String>) -> Result<Option<Task>, StorageError>;

    /// Takes the task that has been due for longest, if one is due. The attempt counts
    /// from now on, so that a task that crashes its worker is not begun for ever; one
    /// whose attempts are used up is given up here, since whoever had the last is gone.
    async fn claim(&self, now: Moment) -> Result<Next, StorageError>;

    /// Lets the claim last for a whole lease from now on.
    async fn renew(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError>;

    /// Ends the task and has its effect, both or neither.
    async fn finish(&self, claim: &Claim, result: String) -> Result<Hold, StorageError>;

    /// Puts the task back for another attempt, or gives it up if this was the last.
    async fn fail(&self, claim: &Claim, reason: String, now: Moment) -> Result<Hold, StorageError>;

    /// Puts the task back as if it had not been begun.
    async fn release(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError>;

    /// Shows what is kept, counted when somebody asks.
    fn show(&self, metrics: &Metrics);

    /// The terms of every claim.
    fn rules(&self) -> Rules;

    /// Closes the connections, after what was asked of them before.
    async fn close(&self) -> Result<(), StorageError>;
}

/// The transitions that a broker needs beside those. A task is in the outbox until the broker has confirmed
/// that it has it.
#[async_trait]
pub(super) trait Outbox: TaskStore {
    /// Notes that the broker has the task. True when it wasn't known before, so that the
    /// task is accepted only now.
    async fn confirm(&self, id: &str) -> Result<bool, StorageError>;

    /// Tasks in the outbox that nobody has tried to publish since `before`, at most `limit`
    /// of them, and as if they were tried `now`.
    async fn unconfirmed(
        &self,
        before: Moment,
        limit: u32,
        now: Moment,
    ) -> Result<Vec<Letter>, StorageError>;

    /// Puts all tasks that haven't ended back into the outbox: the broker has lost them.
    async fn publish_again(&self) -> Result<u64, StorageError>;

    /// Begins the attempt of this number, whoever had the task before.
    async fn begin(&self, id: &str, attempt: u32, now: Moment) -> Result<Begin, StorageError>;

    /// Gives up a task that the broker has given up, unless it has ended.
    async fn bury(&self, id: &str) -> Result<(), StorageError>;
}

/// The length of claims, and the number of times that a task is begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) lease: Duration,
    pub(super) max_attempts: u32,
    /// Before the second attempt; it doubles with each further one.
    pub(super) retry_delay: Duration,
    pub(super) handed_out: HandedOut,
}

/// The party that hands tasks out to executors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandedOut {
    ByTheStore,
    ByABroker,
}

impl Rules {
    pub(super) fn delay_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.retry_delay.saturating_mul(1 << doublings)
    }

    /// The state of a task after this attempt has failed, and what is then told of it.
    pub(super) fn after_failure(
        &self,
        attempt: u32,
        reason: String,
    ) -> (TaskState, Option<String>) {
        if attempt < self.max_attempts {
            (TaskState::Queued, None)
        } else {
            (TaskState::Dead, Some(reason))
        }
    }
}

/// A task as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    /// Empty when nobody was authenticated.
    pub(super) owner: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) task: String,
    pub(super) body: Bytes,
}

impl Submission {
    /// The task that it becomes.
    pub(super) fn to_task(&self) -> Task {
        Task {
            id: Uuid::now_v7().to_string(),
            task: self.task.clone(),
            state: TaskState::Queued,
            attempts: 0,
            result: None,
        }
    }
}

/// The tasks that are taken: new ones, or only repeats of those that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    ForNewTasks,
    ForRepeatsOnly,
}

impl<E> From<Result<(), E>> for Room {
    fn from(way: Result<(), E>) -> Self {
        match way {
            Ok(()) => Room::ForNewTasks,
            Err(_) => Room::ForRepeatsOnly,
        }
    }
}

/// The fate of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// The task is on the disk.
    New(Task),
    /// The task was accepted before, from the same owner with the same key and body.
    Repeated(Task),
    /// The task is on the disk since it was sent before, and the broker hasn't confirmed it.
    Unconfirmed(Task),
    /// The owner has used the key for another body.
    KeyReused,
    /// It would have been a new task, and there was no room for any.
    NoRoom,
}

/// The right to run a task, for as long as the lease is renewed.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    /// 1 for the first.
    pub(super) attempt: u32,
    pub(super) token: String,
}

/// The next thing to do.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Run(Claim),
    /// Nothing before this moment, or before something changes.
    Wait(Option<Moment>),
}

/// The state of a claim when it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Held,
    /// The lease had ended and somebody else has the task; nothing was changed.
    Lost,
}

impl Hold {
    /// A fenced update changes the row of a claim that is held, and no row otherwise.
    pub(super) fn of_rows(rows_changed: usize) -> Self {
        if rows_changed == 0 {
            Hold::Lost
        } else {
            Hold::Held
        }
    }

    /// The outcome of an attempt that ended so, unless its claim was lost.
    pub(super) fn or_lost(self, outcome: &'static str) -> &'static str {
        match self {
            Hold::Held => outcome,
            Hold::Lost => "lost",
        }
    }
}

/// A task for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// The thing to do about a delivery.
#[derive(Clone, Debug)]
pub(super) enum Begin {
    Run(Claim),
    /// Nothing: its effect is there.
    Done,
    /// Nothing: it was given up.
    Dead,
    /// Nothing: no such task is kept here.
    Unknown,
}

impl Begin {
    /// The thing to do about a task that isn't open, told whether it is done, if it is kept.
    pub(super) fn ended(is_done: Option<bool>) -> Self {
        match is_done {
            Some(true) => Begin::Done,
            Some(false) => Begin::Dead,
            None => Begin::Unknown,
        }
    }
}

/// The store at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// As [`TaskState::ALL`] orders them.
    pub(super) tasks: [u64; TaskState::ALL.len()],
    pub(super) effects: u64,
    /// Tasks that nobody was told are accepted; they are not among the queued ones.
    pub(super) unconfirmed: u64,
}

/// The error of a task when its last attempt ended without a word.
pub(super) const ABANDONED: &str = "its last attempt was never heard of again";
