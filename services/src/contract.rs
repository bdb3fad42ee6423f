//! The contract on the wire: names, keys, header fields and bodies that two
//! services, or a service and whoever started it, have to agree on.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_decode_str, percent_encode,
};
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, bad_request};

/// The node that produced a response: `x-served-by: api-gateway-2`.
pub const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
/// Whom the gateway authenticated, as [`UserName`] writes it; set by the gateway alone, on
/// calls to the worker.
pub const USER: HeaderName = HeaderName::from_static("x-authenticated-user");
/// On a question to `/health`, half of the run's nonce (see [`crate::identity`]).
pub const NONCE: HeaderName = HeaderName::from_static("x-nonce");
/// The database's version of a value: a counter that every write advances.
/// On an answer it dates the value; on a cache `PUT` or `DELETE`, the write behind it.
/// On a cache's `404` it says how new a value must be to count as fresh.
pub const VERSION: HeaderName = HeaderName::from_static("x-version");
/// Makes a repeated `POST /longtask` harmless (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The part that a cache had in this response (RFC 9211).
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// The reason why a proxy could not serve a request (RFC 9209).
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// The time that was spent, hop by hop (W3C Server Timing).
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// The trace that a request belongs to (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The six roles of the laboratory, in the order a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the module of the same name")]
pub enum Service {
    LoadBalancer,
    ApiGateway,
    Cache,
    Database,
    Microservice,
    Worker,
}

impl Service {
    /// Every service, in the order a request meets them.
    pub const ALL: [Service; 6] = [
        Service::LoadBalancer,
        Service::ApiGateway,
        Service::Cache,
        Service::Database,
        Service::Microservice,
        Service::Worker,
    ];

    /// The subcommand that runs the service, which is also how its nodes' names begin.
    pub const fn as_str(self) -> &'static str {
        match self {
            Service::LoadBalancer => "load-balancer",
            Service::ApiGateway => "api-gateway",
            Service::Cache => "cache",
            Service::Database => "database",
            Service::Microservice => "microservice",
            Service::Worker => "worker",
        }
    }

    /// The laboratory's ports, one per replica; further replicas have none.
    pub fn laboratory_ports(self) -> &'static [u16] {
        match self {
            Service::LoadBalancer => &[8000],
            Service::ApiGateway => &[5000, 5003, 5006],
            Service::Cache => &[5004, 5007],
            Service::Database => &[5002],
            Service::Microservice => &[5001],
            Service::Worker => &[5005],
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of one running process, such as `api-gateway-2`: lowercase letters,
/// digits and `-`, at most 63 of them, so that it serves as a header token, a
/// metric label and a file name as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no [`NodeName`].
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no node name: use 1 to 63 lowercase letters, digits and `-`")]
pub struct InvalidNodeName(String);

impl FromStr for NodeName {
    type Err = InvalidNodeName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=63).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(NodeName(text.into()))
        } else {
            Err(InvalidNodeName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The first and only line that a node writes to its standard output: where it
/// listens, or why it never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// The node accepts connections.
    Ready {
        /// The node that speaks.
        node: NodeName,
        /// The address that it listens on: the system chose the port if it was asked for port 0.
        address: SocketAddr,
        /// The run's nonce, as the node was given it.
        nonce: String,
    },
    /// The node gives up before it listens.
    Failed {
        /// The node that speaks.
        node: NodeName,
        /// One sentence, without the node's name.
        reason: String,
    },
}

/// The body of `GET /health`. Name and nonce let a probe that knows the nonce tell the
/// node it means from a stranger that took over the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The node that answers.
    pub node: NodeName,
    /// Half of the run's nonce, if the question had the other half ([`NONCE`]); else empty.
    pub nonce: String,
    /// `ok`, or `draining` (with status 503) once the node has been told to stop.
    pub status: HealthStatus,
}

/// The readiness of a node to take new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// The node takes new work.
    Ok,
    /// The node finishes what it has and then stops.
    Draining,
}

/// The key of an item: 1 to [`Key::MAX_BYTES`] bytes of any value, percent-encoded in paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The longest key, in bytes before percent-encoding.
    pub const MAX_BYTES: usize = 1024;

    /// A key of these bytes, or `None` when there are none or too many.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        (1..=Self::MAX_BYTES)
            .contains(&bytes.len())
            .then_some(Key(bytes))
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as one path segment. Dots are encoded too, so that no client
    /// takes the key `..` for a step up (RFC 3986 §5.2.4).
    pub fn to_path_segment(&self) -> String {
        /// Everything but the unreserved characters of RFC 3986 §2.3, less the dot.
        const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
        percent_encode(&self.0, ENCODED).to_string()
    }

    /// The key in a path segment, or `None` when it is empty or too long.
    pub fn from_path_segment(segment: &str) -> Option<Self> {
        Key::new(percent_decode_str(segment).collect::<Vec<u8>>())
    }
}

/// Reads the key from the last path segment. (axum's own extractor insists on UTF-8.)
impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let segment = parts.uri.path().rsplit('/').next().unwrap_or_default();
        Key::from_path_segment(segment)
            .ok_or_else(|| bad_request(format!("a key has 1 to {} bytes", Key::MAX_BYTES)))
    }
}

/// The key of the seeded item number `index`: `item-7`.
pub fn seeded_key(index: u32) -> Key {
    Key(format!("item-{index}").into_bytes().into())
}

/// The value that the database seeds under [`seeded_key`], as JSON.
pub fn seeded_value(index: u32) -> String {
    format!(r#"{{"item":{index},"text":"the seeded value of item {index}"}}"#)
}

/// The name of a user, as a token's claim has it: 1 to [`UserName::MAX_BYTES`] bytes of
/// text without control characters. Names that differ in any byte are different users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserName(String);

impl UserName {
    /// The longest name, in bytes of UTF-8. Encoded it is at most three times as long, which
    /// leaves room in the smallest `--max-head`.
    pub const MAX_BYTES: usize = 1024;
    /// Everything but the unreserved characters of RFC 3986 §2.3.
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');

    /// The user of this name, or `None` when it is empty, too long, or has a control
    /// character, which a log or a terminal might obey.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = (1..=Self::MAX_BYTES).contains(&name.len());
        (fits && !name.chars().any(char::is_control)).then_some(UserName(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in a header field, percent-encoded: a field as such loses blanks at its
    /// ends (RFC 9110 §5.5), and with them the difference between two users.
    pub fn to_field(&self) -> HeaderValue {
        let encoded = Cow::from(percent_encode(self.0.as_bytes(), Self::ENCODED));
        HeaderValue::from_str(&encoded).expect("what is encoded is visible ASCII")
    }

    /// The name in a header field, or `None` unless [`UserName::to_field`] writes it so:
    /// no user has two spellings.
    pub fn from_field(field: &HeaderValue) -> Option<Self> {
        let decoded = percent_decode(field.as_bytes()).decode_utf8().ok()?;
        let name = UserName::new(decoded)?;
        (name.to_field() == field).then_some(name)
    }
}

/// The body of `POST /longtask`, a JSON object. The worker keeps further members, and
/// reads only these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// The work to be done, such as `report`.
    pub task: String,
    /// The number of attempts that fail before one succeeds: a rehearsal for real failures.
    #[serde(default)]
    pub fail_attempts: u32,
}

impl TaskRequest {
    /// The longest `task` that is accepted, in bytes of UTF-8: every look at the task
    /// repeats it.
    pub const MAX_TASK_BYTES: usize = 1024;

    /// Reads a body: what is accepted here can also be done, since the executor
    /// reads it in the same way.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, or a member is missing or of the wrong kind.
    pub fn parse(body: &[u8]) -> serde_json::Result<Self> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)?;
        TaskRequest::deserialize(serde_json::Value::Object(object))
    }
}

/// A task as `POST /longtask` and `GET /longtask/{id}` tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The task's identity, a UUID.
    pub id: String,
    /// The work to be done.
    pub task: String,
    /// The task's present state.
    pub state: TaskState,
    /// The number of times that an executor has begun it.
    pub attempts: u32,
    /// The result, once it is done; the reason why it failed, once it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// The life of a task: queued → running → done, or dead after too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Accepted and waiting for an executor, perhaps again.
    Queued,
    /// Leased to an executor.
    Running,
    /// Its effect is in the database.
    Done,
    /// Given up after the last attempt.
    Dead,
}

impl TaskState {
    /// Every state, in the order of a task's life.
    pub const ALL: [TaskState; 4] = [
        TaskState::Queued,
        TaskState::Running,
        TaskState::Done,
        TaskState::Dead,
    ];

    /// The state as it is written in bodies, metrics and the queue's table.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Queued => "queued",
            TaskState::Running => "running",
            TaskState::Done => "done",
            TaskState::Dead => "dead",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_key_survives_its_path_segment(bytes in prop::collection::vec(any::<u8>(), 1..=64)) {
            let key = Key::new(bytes).expect("within the limits");
            let segment = key.to_path_segment();
            prop_assert!(segment.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'.'));
            prop_assert_eq!(Key::from_path_segment(&segment), Some(key));
        }
    }

    /// Names that are hard to tell apart, beside all others.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ \\t]{0,2}[aA][%+.]?[ \\t\u{a0}\u{3000}]{0,2}",
            "(%[0-9a-fA-F]{2}|a|é|e\u{301}){0,4}",
            r"[\x00-\x20\x7f-\xa0]{0,3}",
            ("[a ]", 1020_usize..1030).prop_map(|(c, n)| c.repeat(n)),
        ]
    }

    /// The user whom the worker makes out when a token has this name, by way of a field
    /// that loses blanks at its ends, as every parser of HTTP takes them away.
    fn on_the_wire(name: &str) -> Option<UserName> {
        let field = UserName::new(name)?.to_field();
        let bytes = field.as_bytes().trim_ascii();
        assert!(bytes.iter().all(u8::is_ascii_graphic), "{field:?}");
        let arrived = HeaderValue::from_bytes(bytes).expect("a field's value");
        Some(UserName::from_field(&arrived).expect("what was written can be read"))
    }

    proptest! {
        #[test]
        fn different_users_stay_different_on_the_wire_and_none_is_lost(one in name(), other in name()) {
            let (at_one, at_other) = (on_the_wire(&one), on_the_wire(&other));
            for (name, user) in [(&one, &at_one), (&other, &at_other)] {
                match user {
                    Some(user) => prop_assert_eq!(user.as_str(), name),
                    None => prop_assert!(
                        name.is_empty() || name.len() > 1024 || name.chars().any(char::is_control)
                    ),
                }
            }
            if one != other && at_one.is_some() {
                prop_assert_ne!(at_one, at_other);
            }
        }

        #[test]
        fn no_user_has_two_spellings(field in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(field) = HeaderValue::from_bytes(&field)
                && let Some(user) = UserName::from_field(&field)
            {
                prop_assert_eq!(user.to_field(), field);
            }
        }
    }

    #[test]
    fn a_plain_name_is_written_as_it_is() {
        let field = |name: &str| UserName::new(name).expect("a name").to_field();
        assert_eq!(field("test_user"), "test_user");
        assert_eq!(field("alice "), "alice%20");
        assert_eq!(field("Zoë"), "Zo%C3%AB");
    }

    #[test]
    fn keys_are_neither_empty_nor_too_long() {
        assert_eq!(Key::new(Vec::new()), None);
        assert_eq!(Key::new(vec![b'a'; Key::MAX_BYTES + 1]), None);
        assert!(Key::new(vec![b'a'; Key::MAX_BYTES]).is_some());
    }

    #[test]
    fn seeded_values_are_json() {
        let value: serde_json::Value = serde_json::from_str(&seeded_value(7)).expect("valid JSON");
        assert_eq!(value["item"], 7);
    }
}
