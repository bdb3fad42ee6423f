//! Tasks in PostgreSQL: what [`TaskStore`] and [`Outbox`] promise, each transition as one
//! statement. Executors that ask for work at the same time don't wait for one another: a row
//! that somebody is taking is passed over.

use async_trait::async_trait;
use bytes::Bytes;
use tokio_postgres::Row;
use tracing::error;
use uuid::Uuid;

use super::census::Census;
use super::moment::Moment;
use super::storage::{StorageError, state_called};
use super::store::{
    ABANDONED, Acceptance, Begin, Claim, Count, HandedOut, Hold, Letter, Next, Outbox, Room, Rules,
    Submission, TaskStore,
};
use crate::contract::Task;
use crate::metrics::Metrics;
use crate::postgres::{OpenError, Postgres, PostgresError, StoreConfig, Values};
use crate::secret_url::SecretUrl;

pub(crate) mod sql;

/// Tasks in PostgreSQL. Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct PostgresTasks {
    postgres: Postgres,
    rules: Rules,
}

impl PostgresTasks {
    pub(super) async fn open(
        url: &SecretUrl,
        config: &StoreConfig,
        rules: Rules,
    ) -> Result<Self, OpenError> {
        let postgres = Postgres::open(url, config, &sql::SCHEMA).await?;
        Ok(PostgresTasks { postgres, rules })
    }

    async fn row(&self, statement: &str, values: Values<'_>) -> Result<Option<Row>, StorageError> {
        Ok(self.postgres.row(statement, values).await?)
    }

    /// A fenced update, which answers with the row that it changed.
    async fn held(&self, statement: &str, values: Values<'_>) -> Result<Hold, StorageError> {
        let changed = self.postgres.rows(statement, values).await?;
        Ok(Hold::of_rows(changed.len()))
    }

    async fn count(&self) -> Result<Count, PostgresError> {
        let row = self.postgres.row(sql::COUNT, &[]).await?.expect("one row");
        let [unconfirmed, queued, running, done, dead, effects] =
            std::array::from_fn(|column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0));
        Ok(Count {
            // Queued is what somebody was told so.
            tasks: [queued - unconfirmed, running, done, dead],
            effects,
            unconfirmed,
        })
    }
}

#[async_trait]
impl TaskStore for PostgresTasks {
    async fn accept(
        &self,
        submission: Submission,
        room: Room,
        now: Moment,
    ) -> Result<Acceptance, StorageError> {
        let Submission {
            owner,
            idempotency_key,
            body,
            ..
        } = &submission;
        if room == Room::ForNewTasks {
            let task = submission.to_task();
            let by_a_broker = self.rules.handed_out == HandedOut::ByABroker;
            let values: Values<'_> = &[
                &task.id,
                owner,
                idempotency_key,
                &task.task,
                &body.as_ref(),
                &now.0,
                &by_a_broker,
            ];
            if self.row(sql::KEEP, values).await?.is_some() {
                return Ok(Acceptance::New(task));
            }
        }
        let Some(row) = self.row(sql::REPEATED, &[owner, idempotency_key]).await? else {
            return Ok(Acceptance::NoRoom);
        };
        Ok(match (row.get::<_, &[u8]>(5), row.get(6)) {
            (kept, _) if kept != body.as_ref() => Acceptance::KeyReused,
            (_, true) => Acceptance::Unconfirmed(task(&row)),
            (_, false) => Acceptance::Repeated(task(&row)),
        })
    }

    async fn find(&self, id: String, owner: Option<String>) -> Result<Option<Task>, StorageError> {
        let found = self.row(sql::FIND, &[&id, &owner]).await?;
        Ok(found.as_ref().map(task))
    }

    async fn claim(&self, now: Moment) -> Result<Next, StorageError> {
        let token = Uuid::new_v4().to_string();
        let due = (now + self.rules.lease).0;
        let most = signed(self.rules.max_attempts);
        let values: Values<'_> = &[&now.0, &most, &ABANDONED, &token, &due];
        if let Some(row) = self.row(sql::CLAIM, values).await? {
            return Ok(Next::Run(Claim {
                id: row.get(0),
                body: row.get(1),
                attempt: attempts(&row, 2),
                token,
            }));
        }
        let next = self.row(sql::NEXT_DUE, &[]).await?;
        let due: Option<i64> = next.and_then(|row| row.get(0));
        Ok(Next::Wait(due.map(Moment)))
    }

    async fn renew(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        let due = (now + self.rules.lease).0;
        self.held(sql::RENEW, &[&claim.id, &claim.token, &due])
            .await
    }

    async fn finish(&self, claim: &Claim, result: String) -> Result<Hold, StorageError> {
        self.held(sql::FINISH, &[&claim.id, &claim.token, &result])
            .await
    }

    async fn fail(&self, claim: &Claim, reason: String, now: Moment) -> Result<Hold, StorageError> {
        let due = (now + self.rules.delay_after(claim.attempt)).0;
        let (state, result) = self.rules.after_failure(claim.attempt, reason);
        let state = state.as_str();
        self.held(sql::FAIL, &[&claim.id, &claim.token, &state, &result, &due])
            .await
    }

    async fn release(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        self.held(sql::RELEASE, &[&claim.id, &claim.token, &now.0])
            .await
    }

    fn show(&self, metrics: &Metrics) {
        let tasks = self.clone();
        Census::show(metrics, self.rules.handed_out, move || {
            let tasks = tasks.clone();
            async move {
                let count = tasks.count().await.inspect_err(|error| {
                    error!(
                        error = error as &dyn std::error::Error,
                        "could not count the tasks"
                    );
                });
                count.ok()
            }
        });
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.postgres.close();
        Ok(())
    }
}

#[async_trait]
impl Outbox for PostgresTasks {
    async fn confirm(&self, id: &str) -> Result<bool, StorageError> {
        let taken_out = self.row(sql::CONFIRM, &[&id]).await?;
        Ok(taken_out.is_some_and(|row| !row.get::<_, bool>(0)))
    }

    async fn unconfirmed(
        &self,
        before: Moment,
        limit: u32,
        now: Moment,
    ) -> Result<Vec<Letter>, StorageError> {
        let limit = i64::from(limit);
        let values: Values<'_> = &[&before.0, &limit, &now.0];
        let rows = self.postgres.rows(sql::UNCONFIRMED, values).await?;
        let letter = |row: &Row| Letter {
            id: row.get(0),
            body: Bytes::from(row.get::<_, Vec<u8>>(1)),
        };
        Ok(rows.iter().map(letter).collect())
    }

    async fn publish_again(&self) -> Result<u64, StorageError> {
        let put_back = self.row(sql::PUBLISH_AGAIN, &[]).await?.expect("one row");
        Ok(u64::try_from(put_back.get::<_, i64>(0)).unwrap_or(0))
    }

    async fn begin(&self, id: &str, attempt: u32, now: Moment) -> Result<Begin, StorageError> {
        let token = Uuid::new_v4().to_string();
        let due = (now + self.rules.lease).0;
        let values: Values<'_> = &[&id, &signed(attempt), &token, &due];
        if let Some(row) = self.row(sql::BEGIN, values).await? {
            return Ok(Begin::Run(Claim {
                id: id.to_owned(),
                body: row.get(0),
                attempt,
                token,
            }));
        }
        let ended = self.row(sql::IS_DONE, &[&id]).await?;
        Ok(Begin::ended(ended.map(|row| row.get(0))))
    }

    async fn bury(&self, id: &str) -> Result<(), StorageError> {
        self.row(sql::BURY, &[&id, &ABANDONED]).await.map(drop)
    }
}

/// Reads the columns `id, task, state, attempts, result`.
fn task(row: &Row) -> Task {
    Task {
        id: row.get(0),
        task: row.get(1),
        state: state_called(row.get(2)),
        attempts: attempts(row, 3),
        result: row.get(4),
    }
}

fn attempts(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or(0)
}

/// A number of attempts, which the database has no unsigned type for.
fn signed(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}
