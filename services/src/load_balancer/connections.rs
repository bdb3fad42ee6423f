//! Connections to one gateway: made when needed, lent for one exchange at a time,
//! kept open in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::Authority;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::debug;

use super::Limits;
use super::body::RequestBody;
use super::failure::Failure;
use super::rotation::Gateway;

/// One end of a connection to a gateway.
pub(super) type Connection = SendRequest<RequestBody>;

/// The connections to one gateway that nobody uses at the moment.
#[derive(Debug)]
pub(super) struct Connections {
    authority: Authority,
    connect_timeout: Duration,
    /// The one used last is lent first, so that the others can expire.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Connections {
    /// Shorter than a gateway's default `--head-timeout`, so that the balancer is
    /// the one who closes an idle connection.
    const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

    pub(super) fn new(authority: Authority, limits: &Limits) -> Self {
        Connections {
            authority,
            connect_timeout: limits.connect_timeout,
            idle: Mutex::default(),
        }
    }

    /// A connection that was used before and seems alive. The gateway may yet close
    /// it at the moment it is used.
    pub(super) async fn take_idle(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.idle().pop()?;
            let fresh = since.elapsed() < Self::IDLE_TIMEOUT;
            if fresh && (connection.is_ready() || connection.ready().await.is_ok()) {
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let connecting = async {
            let stream = TcpStream::connect(self.authority.as_str()).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(stream)
        };
        let stream = tokio::time::timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| Failure::ConnectionTimeout)?
            .map_err(|error| Failure::from(&error))?;
        let (connection, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::from(&error))?;
        let authority = self.authority.clone();
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                debug!(%authority, %error, "connection to the gateway ended early");
            }
        });
        Ok(connection)
    }

    /// Forgets connections that were closed or idle for too long.
    pub(super) fn forget_stale(&self) {
        self.idle().retain(|(connection, since)| {
            !connection.is_closed() && since.elapsed() < Self::IDLE_TIMEOUT
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection while an exchange uses it. It is given back when the response has
/// ended, and otherwise closed.
#[derive(Debug)]
pub(super) struct Loan {
    pub(super) connection: Connection,
    pub(super) gateway: Arc<Gateway>,
}

impl Loan {
    /// Keeps the connection for the next exchange.
    pub(super) fn give_back(self) {
        if !self.connection.is_closed() {
            self.gateway
                .connections
                .idle()
                .push((self.connection, Instant::now()));
        }
    }
}
