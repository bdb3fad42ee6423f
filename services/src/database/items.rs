//! Items, wherever they are kept. Every write is numbered by a counter of the whole
//! database, in the same transaction, so that versions tell which of two values is newer.

pub(crate) mod postgres;
mod sqlite;

use std::path::Path;

use self::postgres::PostgresItems;
use self::sqlite::SqliteItems;
use crate::contract::Key;
use crate::postgres::{OpenError, PostgresError, StoreConfig};
use crate::secret_url::SecretUrl;

/// The items. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) enum Items {
    Sqlite(SqliteItems),
    Postgres(PostgresItems),
}

/// A value and the write it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) value: String,
    pub(super) version: u64,
}

/// The beginning of the database, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The values of the first items, in the order of their keys' bytes, as far as they
    /// fit.
    pub(super) first: Vec<String>,
    /// The number of the first items that did not fit.
    pub(super) left_out: u32,
    /// The number of all items.
    pub(super) count: u64,
    /// The last write.
    pub(super) version: u64,
}

/// The values of the first items, offered one after another, as far as they fit.
#[derive(Clone, Debug, Default)]
struct First {
    values: Vec<String>,
    left_out: u32,
    /// The length of the values together.
    bytes: usize,
}

impl First {
    /// Takes the next value, or leaves it out; `None` is one that can't fit.
    fn offer(&mut self, value: Option<&str>, shown: Shown) {
        match value {
            Some(value) if self.bytes + value.len() <= shown.bytes => {
                self.bytes += value.len();
                self.values.push(value.to_owned());
            }
            _ => self.left_out += 1,
        }
    }
}

/// The limits of a listing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Most items.
    pub(super) items: u32,
    /// Most bytes of their values together.
    pub(super) bytes: usize,
}

/// The reason why the storage has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum StorageError {
    #[error(transparent)]
    Sqlite(#[from] tokio_rusqlite::Error),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl StorageError {
    /// True when the storage is away or busy, and may well answer later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            StorageError::Sqlite(_) => false,
            StorageError::Postgres(error) => error.is_passing(),
        }
    }
}

impl Items {
    /// Opens `file`, or a private database in memory for `:memory:`. One without
    /// items is seeded with `seeds` of them, as its first write.
    pub(super) async fn open(file: &Path, seeds: u32) -> Result<Self, tokio_rusqlite::Error> {
        SqliteItems::open(file, seeds).await.map(Items::Sqlite)
    }

    /// Connects to the PostgreSQL server at `url`. A database without items is seeded as a
    /// file is.
    pub(super) async fn at(
        url: &SecretUrl,
        config: &StoreConfig,
        seeds: u32,
    ) -> Result<Self, OpenError> {
        PostgresItems::open(url, config, seeds)
            .await
            .map(Items::Postgres)
    }

    /// The item under `key`, if there is one.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, StorageError> {
        Ok(match self {
            Items::Sqlite(items) => items.get(key).await?,
            Items::Postgres(items) => items.get(&key).await?,
        })
    }

    /// Writes one item, and returns the number of the write.
    pub(super) async fn put(&self, key: Key, value: String) -> Result<u64, StorageError> {
        Ok(match self {
            Items::Sqlite(items) => items.put(key, value).await?,
            Items::Postgres(items) => items.put(&key, &value).await?,
        })
    }

    /// The first items, within the limits of `shown`, and the count of all.
    pub(super) async fn list(&self, shown: Shown) -> Result<Listing, StorageError> {
        Ok(match self {
            Items::Sqlite(items) => items.list(shown).await?,
            Items::Postgres(items) => items.list(shown).await?,
        })
    }

    /// Closes the connections, after what was asked of them before.
    pub(super) async fn close(self) -> Result<(), StorageError> {
        match self {
            Items::Sqlite(items) => items.close().await?,
            Items::Postgres(items) => items.close(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_value_that_does_not_fit_may_fit() {
        let shown = Shown {
            items: 10,
            bytes: 1000,
        };
        let values = [400, 601, 599, 1].map(|length| Some("1".repeat(length)));
        let mut first = First::default();
        for value in values.iter().chain([&None]) {
            first.offer(value.as_deref(), shown);
        }
        let lengths: Vec<usize> = first.values.iter().map(String::len).collect();
        assert_eq!((lengths, first.left_out), (vec![400, 599, 1], 2));
    }
}
