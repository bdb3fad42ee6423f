//! Connections of users, phase by phase, and the bytes that went over them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Times;
use crate::client::ConnectionSettings;
use crate::samples::WireSamples;

/// The connections of a run: of all of it, since most of them are opened before anything is
/// judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionsRecord {
    /// The way in which users were to connect.
    pub settings: ConnectionSettings,
    /// Connections that came about, by the version of HTTP that was agreed on, such as
    /// `HTTP/2`.
    pub opened: BTreeMap<String, u64>,
    /// Requests for each connection, on average; none where no connection came about.
    pub requests_per_connection: Option<f64>,
    /// Times from the server's name to a connection.
    pub connect: Option<Times>,
    /// Times of TLS handshakes, whole and resumed ones.
    pub handshake: Option<Times>,
    /// Whole handshakes.
    pub full_handshakes: u64,
    /// Handshakes that resumed a session.
    pub resumed_handshakes: u64,
    /// Requests that waited for a stream, of a connection that had none left.
    pub stream_waits: u64,
    /// The waits of these; they are part of response and service times.
    pub stream_wait: Option<Times>,
    /// Bytes sent over the stages that are no warm-up, with what TLS and HTTP add.
    pub bytes_sent: u64,
    /// Bytes received, likewise.
    pub bytes_received: u64,
}

impl ConnectionsRecord {
    /// The connections of a run that sent this number of requests.
    pub fn new(
        settings: &ConnectionSettings,
        all: &WireSamples,
        judged: &WireSamples,
        requests: u64,
    ) -> Self {
        let opened: u64 = all.opened.values().sum();
        ConnectionsRecord {
            settings: settings.clone(),
            opened: all
                .opened
                .iter()
                .map(|(protocol, count)| (protocol.to_string(), *count))
                .collect(),
            requests_per_connection: (opened > 0).then(|| requests as f64 / opened as f64),
            connect: Times::of(&all.connect),
            handshake: Times::of(&all.handshake),
            full_handshakes: all.handshake.len() - all.resumed,
            resumed_handshakes: all.resumed,
            stream_waits: all.stream_wait.len(),
            stream_wait: Times::of(&all.stream_wait),
            bytes_sent: judged.sent,
            bytes_received: judged.received,
        }
    }

    /// The number of connections that came about.
    pub fn count(&self) -> u64 {
        self.opened.values().sum()
    }

    /// The versions of HTTP in words, such as `HTTP/2 over TLS`; `None` where no connection
    /// came about.
    pub fn language(&self) -> Option<String> {
        let names: Vec<&str> = self.opened.keys().map(String::as_str).collect();
        let over = if self.handshake.is_some() {
            " over TLS"
        } else {
            ""
        };
        (!names.is_empty()).then(|| format!("{}{over}", names.join(" and ")))
    }
}
