//! PostgreSQL as services use it: a pool of connections with bounds and time limits, and
//! statements that are prepared once for each connection.
//!
//! Each operation is one statement, so that it is one transaction and one round trip, and
//! nothing is held while anybody thinks. [`schema`] says which tables there are.

mod error;
mod schema;

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

pub(crate) use self::error::{OpenError, PostgresError};
pub(crate) use self::schema::Schema;
use crate::secret_url::SecretUrl;
use crate::setting;

/// A store elsewhere, in place of a file.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreConfig {
    /// PostgreSQL in place of --file: postgres://USER:PASSWORD@HOST:PORT/DATABASE, without
    /// TLS. Every user of the machine sees the flag, and not the variable.
    #[arg(long, env = "SKEIN_STORE", value_name = "URL", hide_env_values = true)]
    pub store: Option<SecretUrl>,

    /// The most connections to --store.
    #[arg(long, env = "SKEIN_STORE_CONNECTIONS", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub store_connections: u16,

    /// The longest wait for a connection to --store, and then for an answer; beyond, the
    /// request is 503.
    #[arg(long, env = "SKEIN_STORE_TIMEOUT", value_name = "DURATION", default_value = "2s", value_parser = setting::positive_duration)]
    pub store_timeout: Duration,
}

/// A database of PostgreSQL. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    limit: Duration,
}

/// The values of a statement's parameters.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The oldest major version that is supported by its makers.
const OLDEST: i32 = 13;

impl Postgres {
    /// Connects, and sees to it that the tables are those of `schema`.
    pub(crate) async fn open(
        url: &SecretUrl,
        config: &StoreConfig,
        schema: &Schema,
    ) -> Result<Self, OpenError> {
        let limit = config.store_timeout;
        let server = server(url, limit)?;
        let place = place(&server);
        let user = server.get_user().unwrap_or_default().to_owned();
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(server, NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(config.store_connections.into())
            .build()
            .expect("a pool without time limits of its own needs no runtime");
        let postgres = Postgres { pool, limit };
        let opening = |error| OpenError::connecting(error, &place, &user);
        let mut client = postgres.client().await.map_err(opening)?;
        // Tables may be large, and other nodes may be at the same work.
        let limit = limit.max(Duration::from_secs(20));
        timeout(limit, schema.prepare(&mut client, &place))
            .await
            .map_err(|_| opening(PostgresError::Silent))??;
        Ok(postgres)
    }

    /// The rows that a statement answers with.
    pub(crate) async fn rows(
        &self,
        statement: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, PostgresError> {
        let client = self.client().await?;
        let answer = timeout(self.limit, async {
            let statement = client.prepare_cached(statement).await?;
            client.query(&statement, values).await
        });
        match answer.await {
            Ok(rows) => rows.map_err(PostgresError::Statement),
            Err(_) => {
                // What it is waiting for would be in the way of whoever has it next.
                drop(Object::take(client));
                Err(PostgresError::Silent)
            }
        }
    }

    /// The only row that a statement answers with, if there is one.
    pub(crate) async fn row(
        &self,
        statement: &str,
        values: Values<'_>,
    ) -> Result<Option<Row>, PostgresError> {
        Ok(self.rows(statement, values).await?.pop())
    }

    /// Closes the connections that are idle, and the others after their use.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    async fn client(&self) -> Result<Object, PostgresError> {
        timeout(self.limit, self.pool.get())
            .await
            .map_err(|_| PostgresError::Busy)?
            .map_err(PostgresError::from)
    }
}

/// The server that a URL names, with our limits.
fn server(url: &SecretUrl, limit: Duration) -> Result<Config, OpenError> {
    let url = url.reveal();
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(OpenError::Url);
    }
    // What the parser says may repeat a part of the password.
    let mut server: Config = url.parse().map_err(|_| OpenError::Url)?;
    if server.get_ssl_mode() == SslMode::Require {
        return Err(OpenError::Tls);
    }
    if server.get_hosts().is_empty() {
        return Err(OpenError::Url);
    }
    // The server gives up what we have given up.
    let ours = format!("-c statement_timeout={}", limit.as_millis().max(1));
    let options = match server.get_options() {
        Some(theirs) => format!("{theirs} {ours}"),
        None => ours,
    };
    server
        .options(options)
        .ssl_mode(SslMode::Disable)
        .connect_timeout(limit);
    if server.get_application_name().is_none() {
        server.application_name("skein");
    }
    Ok(server)
}

/// The place of a server as messages name it, without who asks and how.
fn place(server: &Config) -> String {
    let host = match server.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match server.get_dbname() {
        Some(database) => format!("{host}:{port}/{database}"),
        None => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Config, OpenError> {
        let url = url.parse().expect("any text");
        server(&url, Duration::from_millis(1500))
    }

    #[test]
    fn a_url_names_a_server_and_gets_our_limits() {
        let server =
            read("postgres://ann:p%40ss@db:5433/shop?options=-c%20geqo%3Doff").expect("fine");
        assert_eq!(place(&server), "db:5433/shop");
        assert_eq!(
            server.get_options(),
            Some("-c geqo=off -c statement_timeout=1500")
        );
        assert!(read("postgresql://db").is_ok());
    }

    #[test]
    fn what_is_no_url_of_postgres_is_refused_without_being_repeated() {
        for url in [
            "",
            "db",
            "host=db password=hidden",
            "mysql://ann:hidden@db/shop",
            "postgres://ann:hidden@db:port/shop",
            "postgres://ann:hidden@db/shop?hidden=1",
            "postgres:///shop",
        ] {
            let error = read(url).expect_err(url);
            assert!(!format!("{error:?} {error}").contains("hidden"), "{error}");
        }
        let error = read("postgres://db/shop?sslmode=require").expect_err("no TLS");
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
