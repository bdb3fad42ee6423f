//! The statements that services ask of PostgreSQL, by the text in which its statistics have
//! them: the server's own count of them can be held against the services'.

use crate::database::items::postgres as items;
use crate::worker::postgres::sql as tasks;

/// A statement that changes or reads what a service counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A read of one item by the database.
    GetItem,
    /// A read of the listing by the database.
    ListItems,
    /// A write of an item by the database.
    PutItem,
    /// A task that the worker was given; it answers with a row when that is a new one.
    KeepTask,
    /// The end of a task that the worker has done; it answers with a row when that counts.
    FinishTask,
}

/// A service that keeps what it has in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The database.
    Database,
    /// The worker.
    Worker,
}

impl Statement {
    /// Every statement.
    pub const ALL: [Statement; 5] = [
        Statement::GetItem,
        Statement::ListItems,
        Statement::PutItem,
        Statement::KeepTask,
        Statement::FinishTask,
    ];

    /// The statement that a text of `pg_stat_statements` is of, which has a placeholder where
    /// the statement may have had a constant.
    pub fn of(text: &str) -> Option<Self> {
        let text = normal(text);
        let mut all = Self::ALL.into_iter();
        all.find(|statement| normal(statement.text()) == text)
    }

    fn text(self) -> &'static str {
        match self {
            Statement::GetItem => items::GET,
            Statement::ListItems => items::LIST,
            Statement::PutItem => items::PUT,
            Statement::KeepTask => tasks::KEEP,
            Statement::FinishTask => tasks::FINISH,
        }
    }
}

impl Owner {
    /// The service whose tables a text of `pg_stat_statements` is about.
    pub fn of(text: &str) -> Option<Self> {
        if text.contains("skein_database.") {
            Some(Owner::Database)
        } else if text.contains("skein_worker.") {
            Some(Owner::Worker)
        } else {
            None
        }
    }
}

/// A statement without what the server's statistics write in their own way: the same space
/// between words, and one sign for placeholders and constants.
fn normal(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
        let end = match first {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let word = &rest[..end];
        let is_value = word.starts_with(|c: char| matches!(c, '\'' | '$') || c.is_ascii_digit())
            || ["true", "false", "null"].contains(&word.to_ascii_lowercase().as_str());
        words.push(if is_value { "?" } else { word });
        rest = rest[end..].trim_start();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_are_known_by_the_text_that_statistics_have() {
        for statement in Statement::ALL {
            assert_eq!(Statement::of(statement.text()), Some(statement));
        }
        // As PostgreSQL 15 shows it.
        let keep = "WITH kept AS (
        INSERT INTO skein_worker.tasks (id, owner, idempotency_key, task, body, state, due)
        VALUES ($1, $2, $3, $4, $5, $8, $6)
        ON CONFLICT (owner, idempotency_key) DO NOTHING
        RETURNING id
    ), put AS (
        INSERT INTO skein_worker.outbox (task_id, since, again)
        SELECT id, $6, $9 FROM kept WHERE $7
    )
    SELECT id FROM kept";
        assert_eq!(Statement::of(keep), Some(Statement::KeepTask));
        assert_eq!(Owner::of(keep), Some(Owner::Worker));
        let finish = "WITH ended AS (
        UPDATE skein_worker.tasks SET state = $4, claim = $5, result = $3
        WHERE id = $1 AND claim = $2
        RETURNING id
    ), effect AS (
        INSERT INTO skein_worker.effects (task_id, result) SELECT id, $3 FROM ended
    )
    SELECT id FROM ended";
        assert_eq!(Statement::of(finish), Some(Statement::FinishTask));
        let put = "WITH write AS (
        UPDATE skein_database.last_write SET version = version + $3 RETURNING version
    )
    INSERT INTO skein_database.items (key, value, version)
    SELECT $1, $2, version FROM write
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version
    RETURNING version";
        assert_eq!(Statement::of(put), Some(Statement::PutItem));
        let get = "SELECT value, version FROM skein_database.items WHERE key = $1";
        assert_eq!(Statement::of(get), Some(Statement::GetItem));
        assert_eq!(Owner::of(get), Some(Owner::Database));
        assert_eq!(Statement::of("SELECT $1"), None);
        assert_eq!(Owner::of("SELECT $1"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in r"[a-z'$1é (]{0,20}") {
            prop_assert_eq!(Statement::of(&text), None);
        }
    }
}
