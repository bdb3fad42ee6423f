//! Items in PostgreSQL.

use super::{First, Item, Listing, Shown};
use crate::contract::{Key, seeded_key, seeded_value};
use crate::postgres::{OpenError, Postgres, PostgresError, Schema, StoreConfig};
use crate::secret_url::SecretUrl;

/// Items in PostgreSQL. Clones share the connections.
#[derive(Clone, Debug)]
pub(in crate::database) struct PostgresItems(Postgres);

/// `last_write` has one row, which whoever writes holds until the commit: writes are numbered
/// in the order in which they can be seen.
const SCHEMA: Schema = Schema {
    name: "skein_database",
    steps: &["
        CREATE TABLE skein_database.items (
            key BYTEA PRIMARY KEY,
            value TEXT NOT NULL,
            version BIGINT NOT NULL
        );
        CREATE TABLE skein_database.last_write (version BIGINT NOT NULL);
        INSERT INTO skein_database.last_write VALUES (0);"],
    statements: &[GET, PUT, LIST, SEED],
};

pub(crate) const GET: &str = "SELECT value, version FROM skein_database.items WHERE key = $1";

pub(crate) const PUT: &str = "
    WITH write AS (
        UPDATE skein_database.last_write SET version = version + 1 RETURNING version
    )
    INSERT INTO skein_database.items (key, value, version)
    SELECT $1, $2, version FROM write
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version
    RETURNING version";

/// One statement, so that all of it tells of the same moment. What is too long by itself
/// is not even sent.
pub(crate) const LIST: &str = "
    SELECT
        ARRAY(
            SELECT CASE WHEN octet_length(value) <= $2 THEN value END
            FROM (SELECT key, value FROM skein_database.items ORDER BY key LIMIT $1) AS first
            ORDER BY key
        ),
        (SELECT count(*) FROM skein_database.items),
        (SELECT version FROM skein_database.last_write)";

/// Nodes that start together wait for one another at the counter, and then look.
const SEED: &str = "
    WITH write AS (
        UPDATE skein_database.last_write SET version = version + 1
        WHERE version = 0 AND NOT EXISTS (SELECT 1 FROM skein_database.items)
        RETURNING version
    )
    INSERT INTO skein_database.items (key, value, version)
    SELECT seed.key, seed.value, write.version
    FROM write, unnest($1::bytea[], $2::text[]) AS seed (key, value)
    ON CONFLICT (key) DO NOTHING";

impl PostgresItems {
    pub(super) async fn open(
        url: &SecretUrl,
        config: &StoreConfig,
        seeds: u32,
    ) -> Result<Self, OpenError> {
        let items = PostgresItems(Postgres::open(url, config, &SCHEMA).await?);
        items.seed(seeds).await.map_err(OpenError::Seeds)?;
        Ok(items)
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, PostgresError> {
        let found = self.0.row(GET, &[&key.as_bytes()]).await?;
        Ok(found.map(|row| Item {
            value: row.get(0),
            version: unsigned(row.get(1)),
        }))
    }

    pub(super) async fn put(&self, key: &Key, value: &str) -> Result<u64, PostgresError> {
        let written = self.0.row(PUT, &[&key.as_bytes(), &value]).await?;
        Ok(unsigned(written.expect("a row for each write").get(0)))
    }

    pub(super) async fn list(&self, shown: Shown) -> Result<Listing, PostgresError> {
        let bytes = i32::try_from(shown.bytes).unwrap_or(i32::MAX);
        let row = self.0.row(LIST, &[&i64::from(shown.items), &bytes]).await?;
        let row = row.expect("one row");
        let mut first = First::default();
        for value in row.get::<_, Vec<Option<&str>>>(0) {
            first.offer(value, shown);
        }
        Ok(Listing {
            first: first.values,
            left_out: first.left_out,
            count: unsigned(row.get(1)),
            version: unsigned(row.get(2)),
        })
    }

    pub(super) fn close(&self) {
        self.0.close();
    }

    async fn seed(&self, seeds: u32) -> Result<(), PostgresError> {
        if seeds == 0 {
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = (0..seeds)
            .map(|index| seeded_key(index).as_bytes().to_vec())
            .collect();
        let values: Vec<String> = (0..seeds).map(seeded_value).collect();
        self.0.rows(SEED, &[&keys, &values]).await.map(drop)
    }
}

/// A count or a version, which the database has no unsigned type for.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
