//! Stub until the next commit.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::server::{Node, ServerConfig};

/// Settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// What every service has.
    #[command(flatten)]
    pub server: ServerConfig,
}

/// Serves until the shutdown.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    Node::new(config.server, shutdown)
        .serve(listener, axum::Router::new())
        .await;
    Ok(())
}
