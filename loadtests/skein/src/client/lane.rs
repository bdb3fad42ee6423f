//! Everything that a user needs to connect, or several users who share their connection: the TLS
//! sessions that they remember, the connection if it is one of HTTP/2, and the bytes that
//! went over it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::http1::Http1;
use super::http2::Http2;
use super::journey::{Opened, Tally};
use super::settings::{Http, Protocol};
use super::wire::{Counted, FirstBytes, Wire};
use super::{AnswerLimits, ExchangeError, Target};

/// A way to one server.
pub(super) struct Lane {
    tls: Option<TlsConnector>,
    /// The connection, if it is one of HTTP/2.
    shared: tokio::sync::Mutex<Option<Http2>>,
    tally: Arc<Tally>,
}

/// The lanes of all users of a target.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<Vec<Arc<Lane>>>);

impl Lanes {
    /// The lane of the user on `seat`, where `users` share each.
    pub(super) fn of(&self, seat: usize, users: usize, target: &Target) -> Arc<Lane> {
        let index = seat / users;
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while lanes.len() <= index {
            lanes.push(Arc::new(Lane::to(target)));
        }
        Arc::clone(&lanes[index])
    }
}

impl Lane {
    pub(super) fn to(target: &Target) -> Self {
        Lane {
            tls: target.tls().map(super::tls::Tls::connector),
            shared: tokio::sync::Mutex::default(),
            tally: Arc::default(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The connection that users share, or a new one, which is told in `opened`. The second
    /// value is true when it was there before.
    pub(super) async fn connection(
        &self,
        target: &Target,
        limits: &AnswerLimits,
        opened: &mut Vec<Opened>,
    ) -> Result<(Connection, bool), ExchangeError> {
        if target.http() == Http::One {
            return Ok((self.connect(target, limits, opened).await?, false));
        }
        // Who comes while another connects waits, and shares what comes of it.
        let mut shared = self.shared.lock().await;
        if let Some(there) = shared.as_ref().filter(|shared| shared.is_usable()) {
            return Ok((Connection::Http2(there.clone(), None), true));
        }
        let connection = self.connect(target, limits, opened).await?;
        *shared = match &connection {
            Connection::Http1(_) => None,
            Connection::Http2(new, _) => Some(new.clone()),
        };
        Ok((connection, false))
    }

    /// Connects, and agrees on keys and on a version of HTTP; each phase is timed.
    async fn connect(
        &self,
        target: &Target,
        limits: &AnswerLimits,
        opened: &mut Vec<Opened>,
    ) -> Result<Connection, ExchangeError> {
        let began = Instant::now();
        let stream = target.open().await?;
        let connect = began.elapsed();
        let stream = Counted::new(stream, Arc::clone(&self.tally));
        let first = Arc::<FirstBytes>::default();
        let (wire, handshake, protocol) = match target.tls().zip(self.tls.as_ref()) {
            None => match target.http() {
                Http::One | Http::Auto => (Wire::Plain(stream), None, Protocol::Http1),
                Http::Two => {
                    let stream = stream.keeping_first(Arc::clone(&first));
                    (Wire::Plain(stream), None, Protocol::Http2)
                }
            },
            Some((tls, connector)) => {
                let agreed = tls.shake_hands(connector, stream).await;
                let (stream, handshake, protocol) = agreed.map_err(ExchangeError::of_handshake)?;
                (Wire::Tls(Box::new(stream)), Some(handshake), protocol)
            }
        };
        let connection = match protocol {
            Protocol::Http1 => Http1::over(wire, &limits.of_connection())
                .await
                .map(Connection::Http1),
            Protocol::Http2 => Http2::over(wire, first, &limits.of_streams())
                .await
                .map(|new| Connection::Http2(new, None)),
        };
        opened.push(Opened {
            connect,
            handshake,
            protocol,
        });
        connection.map_err(|error| ExchangeError::of_connecting(error, target.address()))
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
