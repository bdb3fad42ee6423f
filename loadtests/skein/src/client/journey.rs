//! The part of an exchange that isn't its answer: connections that it had to open, waits
//! for a stream, the time to the first byte, and the bytes that went either way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::settings::Protocol;

/// The doings of a user's connections since they were asked last.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Connections that came about, mostly none.
    pub opened: Vec<Opened>,
    /// From the send to the head of the answer, if one came.
    pub first_byte: Option<Duration>,
    /// The wait for a stream of a connection that had none left.
    pub stream_wait: Option<Duration>,
    /// Bytes sent, with what TLS and HTTP add.
    pub sent: u64,
    /// Bytes received, likewise.
    pub received: u64,
}

impl Default for Journey {
    fn default() -> Self {
        Journey::NONE
    }
}

impl Journey {
    const NONE: Journey = Journey {
        opened: Vec::new(),
        first_byte: None,
        stream_wait: None,
        sent: 0,
        received: 0,
    };
}

/// No journey, of samples in tests.
#[cfg(test)]
pub static NOWHERE: Journey = Journey::NONE;

/// A connection that came about. Its phases are its own, and not those of a request.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// From the server's name to a connection.
    pub connect: Duration,
    /// The handshake of TLS, where there is one.
    pub handshake: Option<Handshake>,
    /// The version of HTTP that is spoken over it.
    pub protocol: Protocol,
}

/// A handshake of TLS.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// The time that it took.
    pub time: Duration,
    /// True when it resumed an earlier session.
    pub is_resumed: bool,
}

/// Bytes on the wire that nobody has taken into account yet.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The bytes sent and received since the last call.
    pub(super) fn take(&self) -> (u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (take(&self.sent), take(&self.received))
    }
}
