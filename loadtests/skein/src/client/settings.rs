//! Settings of connections: the version of HTTP, whom to trust, what to remember of TLS
//! sessions, and how many users share a connection.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The way in which users connect: `[connection]` in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionSettings {
    /// The version of HTTP.
    pub http: Http,
    /// The TLS sessions that may be resumed.
    pub sessions: Sessions,
    /// The users that share a connection, each with a stream of its own; more than one only
    /// in HTTP/2.
    pub users: usize,
    /// The certificates of those whose signature is trusted, in place of the system's.
    pub cacert: Option<PathBuf>,
    /// The users' own certificate, with those that it rests on.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// True when any certificate of a server will do.
    pub insecure: bool,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        ConnectionSettings {
            http: Http::One,
            sessions: Sessions::PerUser,
            users: 1,
            cacert: None,
            cert: None,
            key: None,
            insecure: false,
        }
    }
}

/// The version of HTTP that users speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Http {
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    One,
    /// HTTP/2: over TLS by agreement, else by knowing beforehand. A server that doesn't
    /// speak it fails requests.
    #[serde(rename = "2")]
    Two,
    /// The one that the server prefers of both, over TLS; without it HTTP/1.1.
    #[serde(rename = "auto")]
    Auto,
}

/// The users who may resume a TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sessions {
    /// The one who began it, as if each had a device of their own.
    PerUser,
    /// Nobody: every handshake is a full one.
    None,
    /// Everybody, as behind a proxy: only the first handshakes are full ones.
    Shared,
}

/// The version of HTTP that is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Http {
    /// The names of versions that a server is offered over TLS (RFC 7301), the best first.
    /// Where a plan wants HTTP/2, nothing else is offered that it could fall back to.
    pub(super) fn offered(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Http::One => &[b"http/1.1"],
            Http::Two => &[b"h2"],
            Http::Auto => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Http::One => "1.1",
            Http::Two => "2",
            Http::Auto => "auto",
        })
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sessions::PerUser => "per-user",
            Sessions::None => "none",
            Sessions::Shared => "shared",
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Http1 => "HTTP/1.1",
            Protocol::Http2 => "HTTP/2",
        })
    }
}
