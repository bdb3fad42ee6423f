//! Connections to one gateway: made when needed, lent for one exchange at a time,
//! kept open in between. Whoever borrows a connection also drives it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::Authority;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpStream;

use super::Limits;
use super::failure::Failure;
use super::request_body::RequestBody;
use crate::connection;

/// One connection to a gateway.
pub(super) type Connection = connection::Connection<RequestBody>;

/// An exchange that brought no response.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// The whole request, if nothing of it was sent.
    pub(super) unsent: Option<Request<RequestBody>>,
}

/// Sends a request and waits for the head of its response.
pub(super) async fn send(
    connection: &mut Connection,
    request: Request<RequestBody>,
) -> Result<Response<Incoming>, Broken> {
    connection.send(request).await.map_err(|mut error| {
        let unsent = error.take_message();
        Broken {
            failure: Failure::from(error.error()),
            unsent,
        }
    })
}

async fn open(authority: &Authority) -> Result<Connection, Failure> {
    let stream = TcpStream::connect(authority.as_str())
        .await
        .map_err(|error| Failure::from(&error))?;
    stream
        .set_nodelay(true)
        .map_err(|error| Failure::from(&error))?;
    Connection::over(stream)
        .await
        .map_err(|error| Failure::from(&error))
}

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
    pub(super) fn take_idle(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.idle().pop()?;
            if since.elapsed() < Self::IDLE_TIMEOUT && connection.is_usable() {
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        tokio::time::timeout(self.connect_timeout, open(&self.authority))
            .await
            .unwrap_or(Err(Failure::ConnectionTimeout))
    }

    /// Closes connections that the gateway has closed or that were idle for too long.
    pub(super) fn forget_stale(&self) {
        self.idle().retain_mut(|(connection, since)| {
            since.elapsed() < Self::IDLE_TIMEOUT && connection.is_usable()
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
    pub(super) home: Arc<Connections>,
}

impl Loan {
    /// Keeps the connection for the next exchange.
    pub(super) fn give_back(self) {
        self.home.idle().push((self.connection, Instant::now()));
    }
}
