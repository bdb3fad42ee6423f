//! The statistics of a PostgreSQL server, of the database that is connected to.
//!
//! Statements are those of the extension `pg_stat_statements`, which counts a statement when
//! it ends. What the server counts by itself for tables and transactions, it shows up to ten
//! seconds later.

use std::str::FromStr;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::Counters;

/// A comment by which our own statements are known.
const OURS: &str = "/* counters of Skein */";

/// The counters of the server at `url`.
pub(super) async fn ask(url: &str) -> Result<Counters, Box<dyn std::error::Error + Send + Sync>> {
    // What the parser says may repeat a part of the password.
    let mut config = Config::from_str(url).map_err(|_| "its URL is none of PostgreSQL")?;
    config.application_name("skein counters");
    let (client, connection) = config.connect(NoTls).await?;
    // The connection moves on with whoever waits, and ends with this call.
    tokio::pin!(connection);
    let answer = counters(&client);
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => Ok(answer?),
        ended = &mut connection => {
            ended?;
            Ok(answer.await?)
        }
    }
}

async fn counters(client: &Client) -> Result<Counters, Error> {
    let whole = format!(
        "SELECT {OURS} current_setting('server_version'), xact_commit, xact_rollback,
            (SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
             WHERE extname = 'pg_stat_statements')
         FROM pg_stat_database WHERE datname = current_database()"
    );
    let row = client.query_one(&whole, &[]).await?;
    let mut counters = Counters::default();
    let version: &str = row.get(0);
    counters.gauge("postgresql_build_info", &[("version", version)], 1.0);
    for (column, outcome) in [(1, "committed"), (2, "rolled_back")] {
        let count: i64 = row.get(column);
        let outcome = [("outcome", outcome)];
        counters.count("postgresql_transactions_total", &outcome, count as f64);
    }
    let extension: Option<&str> = row.get(3);
    if let Some(schema) = extension {
        statements(client, schema, &mut counters).await?;
    }
    Ok(counters)
}

/// Adds the statements that the extension in `schema` has counted.
async fn statements(client: &Client, schema: &str, counters: &mut Counters) -> Result<(), Error> {
    let all = format!(
        "SELECT {OURS} query, sum(calls)::float8, sum(rows)::float8
         FROM {schema}.pg_stat_statements JOIN pg_database d ON d.oid = dbid
         WHERE datname = current_database() AND query NOT LIKE '%{OURS}%'
             AND query <> '<insufficient privilege>'
         GROUP BY query"
    );
    match client.query(&all, &[]).await {
        Ok(rows) => {
            for row in rows {
                let query = [("query", row.get(0))];
                counters.count("postgresql_statements_total", &query, row.get(1));
                counters.count("postgresql_rows_total", &query, row.get(2));
            }
            Ok(())
        }
        // It is in the database, and the server didn't load it.
        Err(error) if error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => Ok(()),
        Err(error) => Err(error),
    }
}
