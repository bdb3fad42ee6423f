//! The database: items in SQLite or PostgreSQL, behind a simulated storage, over HTTP.
//! What is stored, and how writes are numbered, is in `items`.

pub(crate) mod items;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::items::{Items, Shown, StorageError};
use self::storage::{Storage, StorageConfig};
use crate::contract::{Key, VERSION};
use crate::exposure;
use crate::json;
use crate::metrics::Outcome;
use crate::postgres::StoreConfig;
use crate::problem::{Problem, bad_request, not_found, problem};
use crate::server::{Node, Payload, ServerConfig};

/// The database's settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The file that keeps the items; `:memory:` keeps them until the node stops.
    #[arg(
        long,
        env = "SKEIN_FILE",
        value_name = "PATH",
        default_value = ":memory:"
    )]
    pub file: PathBuf,

    /// The store that keeps the items in place of the file.
    #[command(flatten)]
    pub store: StoreConfig,

    /// The number of items that an empty database is seeded with.
    #[arg(long, env = "SKEIN_ITEMS", value_name = "N", default_value_t = 1000)]
    pub items: u32,

    /// The simulated storage.
    #[command(flatten)]
    pub storage: StorageConfig,
}

/// The body of an answer to `PUT /db/{key}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The number of the write, as `x-version` says it too.
    pub version: u64,
}

/// The part of the items that the listing shows: small enough for any cache.
const SHOWN: Shown = Shown {
    items: 10,
    bytes: 256 << 10,
};

/// Serves the database until the shutdown.
///
/// `GET` and `PUT /db/{key}` read and write one item; `GET /db` lists the first
/// ones and counts all. Of those first ones, the listing leaves out what would make it
/// longer than 256 KiB, and says of how many (`left_out`).
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    exposure::demand_consent(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        exposure::OPEN,
    )?;
    let items = match &config.store.store {
        Some(url) => Items::at(url, &config.store, config.items)
            .await
            .context("could not open its --store")?,
        None => Items::open(&config.file, config.items)
            .await
            .with_context(|| format!("could not open --file {}", config.file.display()))?,
    };
    let node = Node::new(config.server, shutdown);
    let database = Database {
        items: items.clone(),
        storage: Storage::of(&config.storage, &node.metrics),
        reads: node
            .metrics
            .counters("database_reads", "Reads, by what they found."),
        writes: node.metrics.counter("database_writes", "Items written."),
    };
    let routes = Router::new()
        .route("/db", get(list))
        .route("/db/{key}", get(read).put(write))
        .with_state(Arc::new(database));
    node.serve(listener, routes).await;
    items
        .close()
        .await
        .with_context(|| format!("could not close --file {}", config.file.display()))
}

struct Database {
    items: Items,
    storage: Storage,
    reads: Family<Outcome, Counter>,
    writes: Counter,
}

impl Database {
    fn count_read(&self, outcome: &'static str) {
        self.reads.get_or_create(&Outcome { outcome }).inc();
    }
}

async fn read(State(database): State<Arc<Database>>, key: Key) -> Result<Response, Problem> {
    database.storage.work().await;
    let found = database.items.get(key).await.map_err(storage_failed)?;
    database.count_read(if found.is_some() {
        "found"
    } else {
        "not_found"
    });
    let item = found.ok_or_else(|| not_found("no item has this key"))?;
    Ok(dated_json(item.version, item.value.into()))
}

async fn list(State(database): State<Arc<Database>>) -> Result<Response, Problem> {
    database.storage.work().await;
    let listing = database.items.list(SHOWN).await.map_err(storage_failed)?;
    database.count_read("listing");
    let left_out = match listing.left_out {
        0 => String::new(),
        number => format!(r#","left_out":{number}"#),
    };
    let body = format!(
        r#"{{"items":[{}],"count":{}{left_out}}}"#,
        listing.first.join(","),
        listing.count
    );
    Ok(dated_json(listing.version, body.into()))
}

async fn write(
    State(database): State<Arc<Database>>,
    key: Key,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let value = json::check(&body).map_err(bad_request)?.to_owned();
    database.storage.work().await;
    let version = database
        .items
        .put(key, value)
        .await
        .map_err(storage_failed)?;
    database.writes.inc();
    let dated = [(VERSION, version.to_string())];
    Ok((dated, Json(Written { version })).into_response())
}

fn dated_json(version: u64, body: Bytes) -> Response {
    let dated = [(VERSION, version.to_string())];
    let json = [(header::CONTENT_TYPE, "application/json")];
    (dated, json, body).into_response()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn storage_failed(source: StorageError) -> Problem {
    error!(
        error = &source as &dyn std::error::Error,
        "the storage failed"
    );
    if source.is_passing() {
        problem(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the storage can't be used at the moment: {source}"),
        )
    } else {
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the storage failed; the node's log says how",
        )
    }
}
