//! Whom vectors are sent to: a proxy before a recording backend, or a node that
//! answers for itself; and what became of each vector there.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use services::contract::Service;

use super::exchange::{End, Seen, exchange};
use super::recorder::Recorder;
use super::vector::Vector;
use crate::support::TOKEN;

/// Connections that one subject serves at a time.
const AT_ONCE: usize = 64;

/// The length of the request that vectors try to smuggle, which their own lengths and
/// chunk sizes (`200`) rely on.
const SMUGGLED: usize = 512;

/// Somebody who answers vectors.
pub(crate) struct Subject {
    name: String,
    address: SocketAddr,
    dialect: Dialect,
    recorder: Option<Recorder>,
    is_control: bool,
}

/// The words in which a subject is asked.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    /// The beginning of a target that may be read.
    read: &'static str,
    /// The method and the beginning of a target that takes a body.
    write: (&'static str, &'static str),
    needs_token: bool,
}

/// What became of all vectors at one subject, in their order.
pub(crate) struct Column {
    /// The subject's name.
    pub(crate) name: String,
    /// One for each vector; `None` for a rule that doesn't bind a control.
    pub(crate) cells: Vec<Option<Cell>>,
    /// Requests at the backend that were no vector's.
    pub(crate) strangers: Vec<String>,
}

/// What became of one vector.
pub(crate) struct Cell {
    /// The bytes that came back.
    pub(crate) seen: Seen,
    /// What was wrong about it; nothing when all was right.
    pub(crate) faults: Vec<String>,
    /// True when a head of it has arrived at the backend.
    pub(crate) arrived: bool,
}

impl Subject {
    /// A node that answers for itself.
    pub(crate) fn node(service: Service, name: &str, address: SocketAddr) -> Subject {
        let (read, write) = match service {
            Service::LoadBalancer => ("/", ("POST", "/")),
            Service::ApiGateway | Service::Microservice => ("/process?", ("POST", "/process?")),
            Service::Cache => ("/cache/item?", ("PUT", "/cache/item?")),
            Service::Database => ("/db?", ("PUT", "/db/item?")),
            Service::Worker => ("/longtask/none?", ("POST", "/longtask?")),
        };
        Subject {
            name: name.to_owned(),
            address,
            dialect: Dialect {
                read,
                write,
                needs_token: service == Service::ApiGateway,
            },
            recorder: None,
            is_control: false,
        }
    }

    /// A proxy before a backend.
    pub(crate) fn proxy(name: &str, address: SocketAddr, recorder: Recorder) -> Subject {
        Subject {
            recorder: Some(recorder),
            ..Subject::node(Service::LoadBalancer, name, address)
        }
    }

    /// The same as a control.
    pub(crate) fn control(mut self) -> Subject {
        self.is_control = true;
        self
    }

    /// Sends every vector, many at a time, and judges what became of them.
    pub(crate) async fn answer(self, vectors: Arc<[Vector]>) -> Column {
        let sent = stream::iter(vectors.iter().enumerate()).map(async |(number, vector)| {
            if self.is_control && vector.is_policy {
                return (number, None);
            }
            let octets = self.dialect.octets(&self.host(), vector, number);
            let seen = exchange(self.address, &octets, vector.is_head).await;
            (number, Some(seen))
        });
        // One that isn't answered holds up none of the others.
        let mut seen: Vec<(usize, Option<Seen>)> = sent.buffer_unordered(AT_ONCE).collect().await;
        seen.sort_by_key(|(number, _)| *number);
        // A request that arrived was recorded before it was answered.
        let arrivals = self.recorder.as_ref().map(Recorder::arrivals);
        let cells = vectors.iter().zip(seen).map(|(vector, (number, seen))| {
            let seen = seen?;
            let way = vector.right.way_of(&seen);
            let mut faults = Vec::new();
            if way.is_none() && !self.may_refuse(vector, &seen) {
                faults.push(match seen.end {
                    End::Open => "not answered in time".to_owned(),
                    End::Closed => "answered wrongly".to_owned(),
                });
            }
            if let (Some(arrivals), Some(way)) = (&arrivals, way) {
                faults.extend(arrivals.faults(number, way.served(), &vector.arrival));
            }
            let arrived = arrivals.as_ref().is_some_and(|a| a.any_of(number));
            Some(Cell {
                seen,
                faults,
                arrived,
            })
        });
        Column {
            cells: cells.collect(),
            strangers: arrivals.map_or_else(Vec::new, |arrivals| arrivals.strangers()),
            name: self.name,
        }
    }

    /// The host that it is asked for. Nodes behind the gateway may want it to be theirs.
    fn host(&self) -> String {
        match self.recorder {
            Some(_) => "localhost".to_owned(),
            None => self.address.to_string(),
        }
    }

    /// True when a node that serves its own machine only, as all do behind the gateway,
    /// has refused a foreign host: 403, or 421 (RFC 9110 §15.5.20).
    fn may_refuse(&self, vector: &Vector, seen: &Seen) -> bool {
        let is_inner = self.recorder.is_none() && !self.dialect.needs_token;
        let refused = seen
            .answers
            .first()
            .is_some_and(|status| [403, 421].contains(status));
        is_inner && vector.is_for_a_foreign_host && refused && seen.end == End::Closed
    }
}

impl Cell {
    /// True when all was as it should be.
    pub(crate) fn is_right(&self) -> bool {
        self.faults.is_empty()
    }

    /// True when it was refused, with any status, or cut off.
    pub(crate) fn is_refused(&self) -> bool {
        let refusal = |status: &u16| matches!(status, 400..=499 | 501 | 505);
        self.seen.end == End::Closed && self.seen.answers.first().is_none_or(refusal)
    }
}

impl Dialect {
    /// A vector in the subject's own words, with a plain request right behind it.
    fn octets(self, host: &str, vector: &Vector, number: usize) -> Vec<u8> {
        let Dialect { read, write, .. } = self;
        let extras = match self.needs_token {
            true => format!("Authorization: {TOKEN}\r\n"),
            false => String::new(),
        };
        let words = [
            ("{get}", format!("GET {read}vector-{number}")),
            ("{post}", format!("{} {}vector-{number}", write.0, write.1)),
            ("{target}", format!("{read}vector-{number}")),
            (
                "{smuggled}",
                smuggled(&format!("{read}smuggled-{number}"), host, &extras),
            ),
            ("{fields}", format!("Host: {host}\r\n{extras}")),
            ("{extras}", extras.clone()),
            ("{number}", number.to_string()),
        ];
        let own = spoken(&vector.raw, &words);
        let after = format!(
            "GET {read}after-{number} HTTP/1.1\r\nHost: {host}\r\n{extras}Connection: close\r\n\r\n"
        );
        [own, after.into_bytes()].concat()
    }
}

/// A whole request of [`SMUGGLED`] octets.
fn smuggled(target: &str, host: &str, extras: &str) -> String {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{extras}X-Fill: ");
    let fill = SMUGGLED - head.len() - "\r\n\r\n".len();
    format!("{head}{}\r\n\r\n", "a".repeat(fill))
}

/// The octets with what each word means in its place.
fn spoken(octets: &[u8], words: &[(&str, String)]) -> Vec<u8> {
    let mut result = Vec::with_capacity(octets.len() + 256);
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|octet| *octet == b'{') {
        result.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let word = words
            .iter()
            .find(|(word, _)| rest.starts_with(word.as_bytes()));
        let (meaning, length) = word.map_or((&b"{"[..], 1), |(word, meaning)| {
            (meaning.as_bytes(), word.len())
        });
        result.extend_from_slice(meaning);
        rest = &rest[length..];
    }
    result.extend_from_slice(rest);
    result
}
