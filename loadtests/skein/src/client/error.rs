//! Why an exchange came to no whole answer.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;

use super::limits::AnswerLimits;
use super::near_side::Shortage;
use super::request::Unsendable;
use super::spoken::Spoken;
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
    /// This machine lacks something, so that the request could not leave it.
    #[error("nothing could leave this machine, for {}", shortage.cause())]
    NearSide {
        /// What it lacks.
        shortage: Shortage,
        /// What the operating system or the resolver said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No connection came about.
    #[error("could not connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// No connection came about within the time limit.
    #[error("no connection within {0:?}")]
    ConnectTimedOut(Duration),
    /// The server closed the connection in order, without a word of an answer.
    #[error("the server closed the connection while the request was on its way")]
    Closed(#[source] hyper::Error),
    /// The server speaks something else than HTTP/1.1.
    #[error("{spoken}; it said \"{excerpt}\"")]
    NotHttp {
        /// What it speaks.
        spoken: Spoken,
        /// How its words begin.
        excerpt: String,
    },
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
    /// No connection came about with a server at `host`, or at a name.
    pub(super) fn of_connecting(
        error: impl Into<Box<dyn Error + Send + Sync>>,
        host: Option<IpAddr>,
    ) -> Self {
        let source = error.into();
        match Shortage::behind(source.as_ref(), host) {
            Some(shortage) => ExchangeError::NearSide { shortage, source },
            None => ExchangeError::Connect(source),
        }
    }

    /// A connection ended before an answer within `limits` began; `unread` came over it
    /// meanwhile, and is no answer.
    pub(super) fn before_an_answer(
        error: hyper::Error,
        unread: &[u8],
        limits: &AnswerLimits,
    ) -> Self {
        if let Some(shortage) = Shortage::behind(&error, None) {
            let source = error.into();
            return ExchangeError::NearSide { shortage, source };
        }
        if error.is_parse_too_large() {
            return ExchangeError::HeadTooLarge {
                fields: limits.fields,
                bytes: limits.head,
            };
        }
        if let Some(spoken) = Spoken::by_first_bytes(unread) {
            let excerpt = Spoken::excerpt(unread);
            return ExchangeError::NotHttp { spoken, excerpt };
        }
        // A reset, which is what a crash leaves, is neither.
        let said_goodbye = error.is_incomplete_message() || error.is_canceled();
        match said_goodbye || kind(&error) == Some(io::ErrorKind::BrokenPipe) {
            true => ExchangeError::Closed(error),
            false => ExchangeError::NoAnswer(error),
        }
    }

    /// The fault that it counts as, or the shortage of this machine that it is no fault
    /// of the server's for.
    pub fn fault(&self) -> Result<Fault, Shortage> {
        Ok(match self {
            ExchangeError::NearSide { shortage, .. } => return Err(*shortage),
            // In none of these has anything of the request left.
            ExchangeError::Request(_)
            | ExchangeError::Target(_)
            | ExchangeError::Connect(_)
            | ExchangeError::ConnectTimedOut(_) => Fault::NotConnected,
            ExchangeError::Closed(_) => Fault::Closed,
            ExchangeError::NotHttp { spoken, .. } => Fault::NotHttp(*spoken),
            ExchangeError::NoAnswer(_) => Fault::NoAnswer,
            ExchangeError::TimedOut(_) => Fault::TimedOut,
            ExchangeError::CutOff(_) => Fault::CutOff,
            ExchangeError::HeadTooLarge { .. } => Fault::HeadTooLarge,
            ExchangeError::BodyTooLarge(_) => Fault::BodyTooLarge,
        })
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

/// What the operating system's error under an error of the connection is.
fn kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    let io = error.source()?.downcast_ref::<io::Error>()?;
    Some(io.kind())
}
