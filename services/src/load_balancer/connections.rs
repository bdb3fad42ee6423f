//! Connections to one gateway: made when needed, lent for one exchange at a time,
//! kept open in between. Whoever borrows a connection also drives it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use http_body::Frame;
use hyper::body::Incoming;
use tokio::net::TcpStream;

use super::Limits;
use super::failure::Failure;
use super::request_body::{Progress, RequestBody};
use crate::connection::{self, Alarm};

/// One connection to a gateway.
#[derive(Debug)]
pub(super) struct Connection {
    http: connection::Connection<RequestBody>,
    /// The moment when the gateway has taken too long to begin its response.
    deadline: Alarm,
}

/// An exchange that brought no response.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// The whole request, if nothing of it was sent.
    pub(super) unsent: Option<Request<RequestBody>>,
}

impl Connection {
    async fn open(authority: &Authority) -> Result<Self, Failure> {
        let stream = TcpStream::connect(authority.as_str())
            .await
            .map_err(|error| Failure::from(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| Failure::from(&error))?;
        let http = connection::Connection::over(stream)
            .await
            .map_err(|error| Failure::from(&error))?;
        Ok(Connection {
            http,
            deadline: Alarm::default(),
        })
    }

    /// Sends a request and waits for the head of its response, for at most `limit`,
    /// which begins anew while the client still sends its body.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        limit: Duration,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Broken> {
        let Connection { http, deadline } = self;
        let mut response = pin!(http.send(request));
        let mut pieces = 0;
        deadline.set(Instant::now() + limit);
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = response.as_mut().poll(cx) {
                return Poll::Ready(outcome.map_err(|mut error| Broken {
                    unsent: error.take_message(),
                    failure: Failure::from(error.error()),
                }));
            }
            while deadline.poll(cx).is_ready() {
                match progress.map(Progress::pieces) {
                    Some(now) if now > pieces => pieces = now,
                    _ => {
                        return Poll::Ready(Err(Broken {
                            failure: Failure::ResponseTimeout,
                            unsent: None,
                        }));
                    }
                }
                deadline.set(Instant::now() + limit);
            }
            Poll::Pending
        })
        .await
    }

    /// Takes the next piece of a response's body, which this connection brings.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.http.poll_frame(body, cx)
    }
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
            if since.elapsed() < Self::IDLE_TIMEOUT && connection.http.is_usable() {
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        tokio::time::timeout(self.connect_timeout, Connection::open(&self.authority))
            .await
            .unwrap_or(Err(Failure::ConnectionTimeout))
    }

    /// Closes connections that the gateway has closed or that were idle for too long.
    pub(super) fn forget_stale(&self) {
        self.idle().retain_mut(|(connection, since)| {
            since.elapsed() < Self::IDLE_TIMEOUT && connection.http.is_usable()
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
    /// Of the request's body, if it has one.
    pub(super) request: Option<Progress>,
}

impl Loan {
    /// Keeps the connection for the next exchange, unless the request is still being
    /// sent: then the response has come early, and the rest of the request is for nobody.
    pub(super) fn give_back(self) {
        if self.request.as_ref().is_none_or(Progress::is_over) {
            self.home.idle().push((self.connection, Instant::now()));
        }
    }
}
