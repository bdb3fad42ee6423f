//! Items in SQLite, in a file or in memory.

use std::path::Path;

use tokio_rusqlite::rusqlite::{self, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio_rusqlite::{Connection, Error};

use super::{First, Item, Listing, Shown};
use crate::contract::{Key, seeded_key, seeded_value};
use crate::private_file;

/// Items in SQLite. Clones share one connection, which has a thread of its own.
#[derive(Clone, Debug)]
pub(in crate::database) struct SqliteItems(Connection);

impl SqliteItems {
    /// Opens `file`, or a private database in memory for `:memory:`. One without
    /// items is seeded with `seeds` of them, as its first write.
    pub(super) async fn open(file: &Path, seeds: u32) -> Result<Self, Error> {
        private_file::make(file).map_err(Error::from)?;
        let connection = Connection::open(file).await?;
        connection
            .call(move |connection| {
                prepare(connection)?;
                seed(connection, seeds)
            })
            .await?;
        Ok(SqliteItems(connection))
    }

    /// The item under `key`, if there is one.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, Error> {
        self.0
            .call(move |connection| {
                connection
                    .prepare_cached("SELECT value, version FROM items WHERE key = ?1")?
                    .query_row([key.as_bytes()], |row| {
                        Ok(Item {
                            value: row.get(0)?,
                            version: row.get(1)?,
                        })
                    })
                    .optional()
            })
            .await
    }

    /// Writes one item, and returns the number of the write.
    pub(super) async fn put(&self, key: Key, value: String) -> Result<u64, Error> {
        self.0
            .call(move |connection| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let version = next_version(&transaction)?;
                write(&transaction, &key, &value, version)?;
                transaction.commit()?;
                Ok(version)
            })
            .await
    }

    /// The first items, within the limits of `shown`, and the count of all.
    pub(super) async fn list(&self, shown: Shown) -> Result<Listing, Error> {
        self.0
            .call(move |connection| {
                // One transaction, so that all three tell of the same moment.
                let transaction = connection.transaction()?;
                let first = first(&transaction, shown)?;
                let count =
                    transaction.query_row("SELECT count(*) FROM items", [], |row| row.get(0))?;
                let version =
                    transaction
                        .query_row("SELECT version FROM last_write", [], |row| row.get(0))?;
                Ok(Listing {
                    first: first.values,
                    left_out: first.left_out,
                    count,
                    version,
                })
            })
            .await
    }

    /// Closes the connection, after what was asked of it before.
    pub(super) async fn close(self) -> Result<(), Error> {
        self.0.close().await
    }
}

fn first(transaction: &Transaction<'_>, shown: Shown) -> Result<First, rusqlite::Error> {
    let mut statement =
        transaction.prepare_cached("SELECT value FROM items ORDER BY key LIMIT ?1")?;
    let mut rows = statement.query([shown.items])?;
    let mut first = First::default();
    while let Some(row) = rows.next()? {
        // Looked at in place: what doesn't fit isn't copied.
        first.offer(Some(row.get_ref(0)?.as_str()?), shown);
    }
    Ok(first)
}

fn prepare(connection: &rusqlite::Connection) -> Result<(), rusqlite::Error> {
    // A database in memory answers `memory`, and needs no log.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS items (
            key BLOB PRIMARY KEY,
            value TEXT NOT NULL,
            version INTEGER NOT NULL
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS last_write (version INTEGER NOT NULL);
         INSERT INTO last_write SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM last_write);",
    )
}

fn seed(connection: &mut rusqlite::Connection, seeds: u32) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seeded: bool =
        transaction.query_row("SELECT EXISTS (SELECT 1 FROM items)", [], |row| row.get(0))?;
    if !seeded && seeds > 0 {
        let version = next_version(&transaction)?;
        for index in 0..seeds {
            write(
                &transaction,
                &seeded_key(index),
                &seeded_value(index),
                version,
            )?;
        }
    }
    transaction.commit()
}

fn next_version(transaction: &Transaction<'_>) -> Result<u64, rusqlite::Error> {
    transaction
        .prepare_cached("UPDATE last_write SET version = version + 1 RETURNING version")?
        .query_row([], |row| row.get(0))
}

fn write(
    transaction: &Transaction<'_>,
    key: &Key,
    value: &str,
    version: u64,
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO items (key, value, version) VALUES (?1, ?2, ?3)")?
        .execute(params![key.as_bytes(), value, version])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn in_memory(seeds: u32) -> SqliteItems {
        SqliteItems::open(Path::new(":memory:"), seeds)
            .await
            .expect("opens")
    }

    fn shown(items: u32) -> Shown {
        Shown { items, bytes: 1000 }
    }

    #[tokio::test]
    async fn the_listing_leaves_out_what_would_make_it_too_long() {
        let items = in_memory(0).await;
        for (index, length) in [(0, 400), (1, 601), (2, 599), (3, 1001), (4, 1)] {
            let written = items.put(seeded_key(index), "1".repeat(length)).await;
            written.expect("writes");
        }
        let listing = items.list(shown(10)).await.expect("reads");
        let lengths: Vec<usize> = listing.first.iter().map(String::len).collect();
        assert_eq!((lengths, listing.left_out), (vec![400, 599, 1], 2));
        assert_eq!(listing.count, 5);
    }

    #[tokio::test]
    async fn a_file_of_items_is_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("items.sqlite");
        let _items = SqliteItems::open(&file, 2).await.expect("opens");
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("its mode").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        }
    }

    #[tokio::test]
    async fn an_empty_database_is_seeded_as_the_contract_says() {
        let items = in_memory(12).await;
        let item = items.get(seeded_key(7)).await.expect("reads");
        let expected = Item {
            value: seeded_value(7),
            version: 1,
        };
        assert_eq!(item, Some(expected));
        assert_eq!(items.get(seeded_key(12)).await.expect("reads"), None);
    }

    #[tokio::test]
    async fn writes_are_numbered_across_all_keys() {
        let items = in_memory(2).await;
        for (index, expected) in [(0, 2), (1, 3), (0, 4), (7, 5)] {
            let version = items.put(seeded_key(index), format!("[{expected}]")).await;
            assert_eq!(version.expect("writes"), expected);
        }
        let item = items.get(seeded_key(0)).await.expect("reads");
        assert_eq!(
            item.map(|item| (item.value, item.version)),
            Some(("[4]".to_owned(), 4))
        );
    }

    #[tokio::test]
    async fn the_listing_shows_the_first_and_counts_all() {
        let items = in_memory(12).await;
        let listing = items.list(shown(3)).await.expect("reads");
        // In the order of bytes, `item-10` comes before `item-2`.
        let first = [0, 1, 10].map(seeded_value).to_vec();
        assert_eq!(
            (listing.first, listing.count, listing.version),
            (first, 12, 1)
        );
        let empty = in_memory(0).await.list(shown(3)).await.expect("reads");
        assert_eq!((empty.first, empty.count, empty.version), (vec![], 0, 0));
    }

    #[tokio::test]
    async fn keys_are_bytes_and_need_not_be_text() {
        let items = in_memory(0).await;
        let key = Key::new(vec![0, 255, b'/', b'.']).expect("within the limits");
        items
            .put(key.clone(), "1".to_owned())
            .await
            .expect("writes");
        assert!(items.get(key).await.expect("reads").is_some());
    }

    #[tokio::test]
    async fn a_file_keeps_items_and_the_counter_and_is_not_seeded_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("items.sqlite");
        let items = SqliteItems::open(&file, 2).await.expect("opens");
        items
            .put(seeded_key(0), "0".to_owned())
            .await
            .expect("writes");
        items.close().await.expect("closes");

        let items = SqliteItems::open(&file, 9).await.expect("opens again");
        assert_eq!(items.list(shown(1)).await.expect("reads").count, 2);
        let version = items.put(seeded_key(1), "1".to_owned()).await;
        assert_eq!(version.expect("writes"), 3);
    }
}
