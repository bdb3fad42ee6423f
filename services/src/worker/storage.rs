//! The worker's file: how every connection to it is opened, and its tables.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Row};

use crate::contract::{Task, TaskState};
use crate::postgres::PostgresError;
use crate::private_file;

/// The failures that are possible between the worker and where it keeps its tasks.
#[derive(Debug, thiserror::Error)]
pub(super) enum StorageError {
    #[error("could not open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{} can't keep tasks safe: {pragma} is {found} where {WANTED_JOURNAL_MODE} with \
         synchronous {WANTED_SYNCHRONOUS} is needed; give --file a file on a local disk",
        path.display()
    )]
    Unsafe {
        path: PathBuf,
        pragma: &'static str,
        found: String,
    },
    #[error("the transaction failed")]
    Transaction(#[source] tokio_rusqlite::Error),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl StorageError {
    /// True when the storage is away or busy, and may well answer later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            StorageError::Postgres(error) => error.is_passing(),
            _ => false,
        }
    }
}

const WANTED_JOURNAL_MODE: &str = "wal";
/// SQLite's number for FULL: a commit returns after its fsync.
const WANTED_SYNCHRONOUS: u8 = 2;

/// Opens one connection. There is no other way to the file, since SQLite keeps
/// `synchronous` for each connection on its own, and what is acknowledged has to
/// survive a power cut whichever connection wrote it.
pub(super) fn open(path: &Path) -> Result<Connection, StorageError> {
    let opening = |source| StorageError::Open {
        path: path.to_owned(),
        source,
    };
    private_file::make(path).map_err(opening)?;
    let connection = Connection::open(path).map_err(opening)?;
    // First of all, because the statements below may already meet another connection.
    connection
        .busy_timeout(Duration::from_secs(5))
        .map_err(opening)?;
    connection
        .pragma_update(None, "journal_mode", WANTED_JOURNAL_MODE)
        .and_then(|()| connection.pragma_update(None, "synchronous", WANTED_SYNCHRONOUS))
        .map_err(opening)?;
    // A pragma that can't be had is no error to SQLite, so look.
    let (journal_mode, synchronous) = pragmas(&connection).map_err(opening)?;
    let unsafe_with = |pragma, found| StorageError::Unsafe {
        path: path.to_owned(),
        pragma,
        found,
    };
    if journal_mode != WANTED_JOURNAL_MODE {
        return Err(unsafe_with("journal_mode", journal_mode));
    }
    if synchronous != WANTED_SYNCHRONOUS {
        return Err(unsafe_with("synchronous", synchronous.to_string()));
    }
    connection.execute_batch(TABLES).map_err(opening)?;
    Ok(connection)
}

fn pragmas(connection: &Connection) -> Result<(String, u8), rusqlite::Error> {
    Ok((
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        connection.pragma_query_value(None, "synchronous", |row| row.get(0))?,
    ))
}

/// Reads the columns `id, task, state, attempts, result`.
pub(super) fn read_task(row: &Row<'_>) -> Result<Task, rusqlite::Error> {
    let state: String = row.get(2)?;
    Ok(Task {
        id: row.get(0)?,
        task: row.get(1)?,
        state: state_called(&state),
        attempts: row.get(3)?,
        result: row.get(4)?,
    })
}

/// The state of this name.
pub(super) fn state_called(name: &str) -> TaskState {
    TaskState::ALL
        .into_iter()
        .find(|known| known.as_str() == name)
        .expect("the table allows no other state")
}

/// `tasks.due` is when a task may be claimed: a queued one, when its turn comes; a
/// running one, when the lease of who runs it ends. Times are in milliseconds since
/// the epoch.
///
/// `effects` is what tasks did to the world. It has no uniqueness of its own, so that
/// a task done twice would show.
///
/// `outbox` has tasks that a broker hasn't confirmed, and since when they wait for somebody
/// to publish them; `again` those that it had confirmed before it lost them.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        idempotency_key TEXT,
        task TEXT NOT NULL,
        body BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL,
        claim TEXT CHECK ((claim IS NOT NULL) = (state = 'running')),
        result TEXT,
        UNIQUE (owner, idempotency_key)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS tasks_by_due ON tasks (due, id)
        WHERE state IN ('queued', 'running');
    CREATE INDEX IF NOT EXISTS tasks_by_state ON tasks (state);
    CREATE TABLE IF NOT EXISTS effects (
        sequence INTEGER PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES tasks,
        result TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS outbox (
        task_id TEXT PRIMARY KEY REFERENCES tasks,
        since INTEGER NOT NULL,
        again INTEGER NOT NULL
    ) STRICT;";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_writes_ahead_and_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tasks.sqlite");
        let connections: Vec<_> = (0..3).map(|_| open(&file).expect("opens")).collect();
        for connection in &connections {
            let (journal_mode, synchronous) = pragmas(connection).expect("reads");
            assert_eq!((journal_mode.as_str(), synchronous), ("wal", 2));
        }
    }

    #[test]
    fn what_cannot_be_made_durable_is_refused() {
        let error = open(Path::new(":memory:")).expect_err("memory is no disk");
        assert!(
            error.to_string().contains("journal_mode is memory"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = open(Path::new("/nowhere/tasks.sqlite")).expect_err("no such folder");
        assert!(
            error.to_string().contains("/nowhere/tasks.sqlite"),
            "{error}"
        );
    }
}
