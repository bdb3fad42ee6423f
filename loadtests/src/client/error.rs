//! Why an exchange came to no whole answer.

use std::error::Error;
use std::time::Duration;

use bytesize::ByteSize;

use super::limits::AnswerLimits;
use super::request::Unsendable;
use super::target::InvalidTarget;
use crate::samples::Fault;

/// Why an exchange came to no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The request is none that can be sent.
    #[error("this is no request that can be sent")]
    Request(#[from] Unsendable),
    /// The server is none that can be spoken to.
    #[error("this is no server that can be spoken to")]
    Target(#[from] InvalidTarget),
    /// No connection came about.
    #[error("could not connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// No connection came about within the time limit.
    #[error("no connection within {0:?}")]
    ConnectTimedOut(Duration),
    /// The connection broke before an answer began.
    #[error("the connection broke before an answer")]
    NoAnswer(#[source] hyper::Error),
    /// No whole answer within the time limit.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    /// The answer began and broke off.
    #[error("the answer broke off")]
    CutOff(#[source] hyper::Error),
    /// The answer's head is larger than it may be. The parser doesn't tell in what way.
    #[error(
        "the answer's head has more than {fields} header fields or {}; allow more with `fields` or `head` in [answer], or --max-fields or --max-head",
        ByteSize(*bytes)
    )]
    HeadTooLarge {
        /// The most header fields.
        fields: usize,
        /// The most bytes.
        bytes: u64,
    },
    /// The answer's body has more bytes than it may have.
    #[error(
        "the answer's body has more than {}; allow more with `body` in [answer], or --max-body",
        ByteSize(*.0)
    )]
    BodyTooLarge(u64),
}

impl ExchangeError {
    /// The error of an exchange in which no head came within `limits`.
    pub(super) fn of_head(error: hyper::Error, limits: &AnswerLimits) -> Self {
        if error.is_parse_too_large() {
            return ExchangeError::HeadTooLarge {
                fields: limits.fields,
                bytes: limits.head,
            };
        }
        ExchangeError::NoAnswer(error)
    }

    /// What it counts as.
    pub fn fault(&self) -> Fault {
        match self {
            // In none of these has anything of the request left.
            ExchangeError::Request(_)
            | ExchangeError::Target(_)
            | ExchangeError::Connect(_)
            | ExchangeError::ConnectTimedOut(_) => Fault::NotConnected,
            ExchangeError::NoAnswer(_) => Fault::NoAnswer,
            ExchangeError::TimedOut(_) => Fault::TimedOut,
            ExchangeError::CutOff(_) => Fault::CutOff,
            ExchangeError::HeadTooLarge { .. } => Fault::HeadTooLarge,
            ExchangeError::BodyTooLarge(_) => Fault::BodyTooLarge,
        }
    }

    /// The error and the chain of its causes, in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
