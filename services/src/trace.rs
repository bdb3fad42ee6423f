//! Fields that follow a request from hop to hop: the trace it belongs to
//! (W3C Trace Context) and where its time went (W3C Server Timing).

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::contract::{NodeName, SERVER_TIMING, TRACEPARENT};

/// Passes on a well-formed `traceparent`, and begins a trace where there is none.
///
/// A forwarder may leave the field as it came (Trace Context §3.4); what isn't
/// well-formed is replaced, as §3.2.2 asks.
pub fn continue_or_begin(headers: &mut HeaderMap) {
    if !headers.get(TRACEPARENT).is_some_and(is_traceparent) {
        headers.insert(TRACEPARENT, begin());
    }
}

/// The trace of a request that came in, for the calls that go out because of it.
#[derive(Clone, Debug)]
pub struct Trace(Option<HeaderValue>);

impl Trace {
    /// Adds the trace to a call's head.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        if let Some(traceparent) = &self.0 {
            headers.insert(TRACEPARENT, traceparent.clone());
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Trace(parts.headers.get(TRACEPARENT).cloned()))
    }
}

/// The trace identity of a request, for its log lines.
pub fn trace_id(headers: &HeaderMap) -> &str {
    headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.get(3..35))
        .unwrap_or("-")
}

/// One entry of `Server-Timing`: `database;dur=5.213` (milliseconds).
pub fn server_timing(node: &NodeName, duration: Duration) -> HeaderValue {
    let microseconds = duration.as_micros();
    let mut entry = String::with_capacity(node.as_str().len() + 16);
    // Whole numbers, because every hop of every request comes through here.
    let _ = write!(
        entry,
        "{node};dur={}.{:03}",
        microseconds / 1000,
        microseconds % 1000
    );
    HeaderValue::try_from(entry).expect("a node name and a number are header text")
}

/// Adds the upstream's `Server-Timing` entries to those of the response under way.
pub fn pass_on_timings(from: &HeaderMap, to: &mut HeaderMap) {
    for entry in from.get_all(SERVER_TIMING) {
        to.append(SERVER_TIMING, entry.clone());
    }
}

/// `00-<32 hex digits, not all 0>-<16 hex digits, not all 0>-<2 hex digits>`, or a
/// later version that begins so.
fn is_traceparent(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let lower_hex = |range: &[u8]| {
        range
            .iter()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    };
    let not_zero = |range: &[u8]| range.iter().any(|b| *b != b'0');
    bytes.len() >= 55
        && (bytes.len() == 55 || (&bytes[..2] != b"00" && bytes[55] == b'-'))
        && [2, 35, 52].iter().all(|dash| bytes[*dash] == b'-')
        && lower_hex(&bytes[..2])
        && &bytes[..2] != b"ff"
        && lower_hex(&bytes[3..35])
        && not_zero(&bytes[3..35])
        && lower_hex(&bytes[36..52])
        && not_zero(&bytes[36..52])
        && lower_hex(&bytes[53..55])
}

/// A new trace, not sampled: nobody collects spans here.
fn begin() -> HeaderValue {
    let trace = rand::random::<u128>().max(1);
    let parent = rand::random::<u64>().max(1);
    HeaderValue::try_from(format!("00-{trace:032x}-{parent:016x}-00"))
        .expect("hex digits are header text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, value.parse().expect("header text"));
        continue_or_begin(&mut headers);
        headers[TRACEPARENT].to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn a_wellformed_traceparent_is_passed_on() {
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(continued(example), example);
        let future = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert_eq!(continued(future), future);
    }

    #[test]
    fn a_malformed_traceparent_is_replaced() {
        for malformed in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            let begun = continued(malformed);
            assert_ne!(begun, malformed);
            assert!(is_traceparent(
                &HeaderValue::try_from(begun).expect("header text")
            ));
        }
    }
}
