//! Bounds of an answer: how long it may take, and how large it may be.

use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;

use super::REQUEST_TIMEOUT;

/// Bounds of an answer. One that is beyond them counts as failed, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// From the send to the last byte; 1 ms to 1 h.
    pub timeout: Duration,
    /// Header fields.
    pub fields: usize,
    /// Bytes of the head: status line and header fields.
    pub head: u64,
    /// Bytes of the body.
    pub body: u64,
}

/// The header fields that hyper takes without an allocation for each answer.
const FIELDS_AT_NO_COST: usize = 100;
/// The bytes that hyper takes of a head if nothing is said.
const USUAL_BUFFER: u64 = 400 << 10;

impl AnswerLimits {
    /// The bounds where bodies are kept and checked as a whole, as the laboratory's are.
    pub const OF_A_MIX: AnswerLimits = AnswerLimits {
        timeout: REQUEST_TIMEOUT,
        fields: FIELDS_AT_NO_COST,
        head: 256 << 10,
        body: 16 << 20,
    };

    /// The bounds where bodies are only looked through: generous, for an answer costs no
    /// more memory than its head.
    pub const OF_PLAIN_REQUESTS: AnswerLimits = AnswerLimits {
        timeout: REQUEST_TIMEOUT,
        fields: 1000,
        head: 256 << 10,
        body: 1 << 30,
    };

    /// The same with another time limit.
    pub fn within(self, timeout: Duration) -> Self {
        AnswerLimits { timeout, ..self }
    }

    /// Limits for hyper: what it is to take of a head in HTTP/2, and how much of bodies before they are
    /// read: enough for a fast and distant server not to wait for leave to go on, where
    /// HTTP/2 begins with 64 KiB.
    pub(super) fn of_streams(&self) -> http2::Builder<TokioExecutor> {
        let mut connection = http2::Builder::new(TokioExecutor::new());
        connection
            .initial_stream_window_size(2 << 20)
            .initial_connection_window_size(16 << 20)
            .max_header_list_size(u32::try_from(self.head).unwrap_or(u32::MAX))
            // Until the server has said how many streams it allows, there is one.
            .initial_max_send_streams(1);
        connection
    }

    /// What hyper is to take of a head.
    pub(super) fn of_connection(&self) -> http1::Builder {
        let mut connection = http1::Builder::new();
        if self.fields != FIELDS_AT_NO_COST {
            connection.max_headers(self.fields);
        }
        let head = usize::try_from(self.head).unwrap_or(usize::MAX);
        connection.max_header_size(head);
        if self.head > USUAL_BUFFER {
            // The head is buffered as a whole, with what has come of the body after it.
            connection.max_buf_size(head.saturating_add(64 << 10));
        }
        connection
    }
}
