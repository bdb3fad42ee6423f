//! Connections of users, phase by phase, and the bytes that went over them.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{keep, micros_histogram};
use crate::client::{Journey, Opened, Protocol};

/// Everything that went on below the requests of one stage.
#[derive(Clone, Debug)]
pub struct WireSamples {
    /// Connections that came about, by the version of HTTP.
    pub opened: BTreeMap<Protocol, u64>,
    /// Microseconds from the server's name to a connection, one for each.
    pub connect: Histogram<u64>,
    /// Microseconds of TLS handshakes, whole and resumed ones.
    pub handshake: Histogram<u64>,
    /// The handshakes that resumed a session.
    pub resumed: u64,
    /// Microseconds that requests waited for a stream, of those that had to.
    pub stream_wait: Histogram<u64>,
    /// Bytes sent, with what TLS and HTTP add.
    pub sent: u64,
    /// Bytes received, likewise.
    pub received: u64,
}

impl Default for WireSamples {
    fn default() -> Self {
        WireSamples {
            opened: BTreeMap::new(),
            connect: micros_histogram(),
            handshake: micros_histogram(),
            resumed: 0,
            stream_wait: micros_histogram(),
            sent: 0,
            received: 0,
        }
    }
}

impl WireSamples {
    pub(super) fn record(&mut self, journey: &Journey) {
        self.sent += journey.sent;
        self.received += journey.received;
        if let Some(wait) = journey.stream_wait {
            keep(&mut self.stream_wait, wait);
        }
        for opened in &journey.opened {
            self.record_opened(opened);
        }
    }

    fn record_opened(&mut self, opened: &Opened) {
        *self.opened.entry(opened.protocol).or_default() += 1;
        keep(&mut self.connect, opened.connect);
        if let Some(handshake) = opened.handshake {
            keep(&mut self.handshake, handshake.time);
            self.resumed += u64::from(handshake.is_resumed);
        }
    }

    /// Adds another's samples.
    pub fn add(&mut self, other: &WireSamples) {
        for (protocol, count) in &other.opened {
            *self.opened.entry(*protocol).or_default() += count;
        }
        self.connect += &other.connect;
        self.handshake += &other.handshake;
        self.resumed += other.resumed;
        self.stream_wait += &other.stream_wait;
        self.sent += other.sent;
        self.received += other.received;
    }
}
