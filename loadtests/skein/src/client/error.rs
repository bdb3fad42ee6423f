//! Why an exchange came to no whole answer.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;

use super::limits::AnswerLimits;
use super::near_side::Shortage;
use super::request::Unsendable;
use super::spoken::Spoken;
use super::target::InvalidTarget;
use super::tls::Disagreement;
use super::tls_problem::TlsProblem;
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
    /// No TLS connection came about with a server that is there.
    #[error("{problem}")]
    Tls {
        /// The problem.
        problem: TlsProblem,
        /// The error that was said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server ended the stream, or the connection under it, in HTTP/2's own words.
    #[error("{fault}")]
    Http2 {
        /// The deed.
        fault: Http2Fault,
        /// Its words.
        #[source]
        source: hyper::Error,
    },
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

/// A fault that HTTP/2 has a name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Http2Fault {
    /// GOAWAY: the server gave the connection up while the request was on its way.
    GoneAway,
    /// RST_STREAM with REFUSED_STREAM: the server didn't process the request.
    Refused,
    /// RST_STREAM: the server ended the stream before the whole answer.
    Reset,
    /// An error of the server's: what it sent breaks the rules of HTTP/2.
    Broken,
}

impl fmt::Display for Http2Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Http2Fault::GoneAway => {
                "the server gave up the connection (GOAWAY) while the request was on its way"
            }
            Http2Fault::Refused => "the server refused the stream (REFUSED_STREAM)",
            Http2Fault::Reset => "the server reset the stream (RST_STREAM) before a whole answer",
            Http2Fault::Broken => "what came breaks the rules of HTTP/2",
        })
    }
}

impl Http2Fault {
    /// The fault that an error comes from, if HTTP/2 has a name for it.
    pub(super) fn behind(error: &hyper::Error) -> Option<Self> {
        let http2 = error_of_http2(error)?;
        match http2.reason() {
            _ if http2.is_io() => None,
            _ if !http2.is_remote() => Some(Http2Fault::Broken),
            Some(h2::Reason::REFUSED_STREAM) => Some(Http2Fault::Refused),
            _ if http2.is_go_away() => Some(Http2Fault::GoneAway),
            _ => Some(Http2Fault::Reset),
        }
    }

    /// True when the server gave up the connection in good order, and says that it has not
    /// processed the request, which may then be sent again (RFC 9113, section 6.8).
    pub(super) fn left_it_undone(error: &hyper::Error) -> bool {
        error_of_http2(error).is_some_and(|http2| {
            let is_in_order = http2.reason() == Some(h2::Reason::NO_ERROR);
            is_in_order && http2.is_go_away() && http2.is_remote()
        })
    }
}

/// The error of HTTP/2 that an error comes from, if it comes from one.
fn error_of_http2(error: &hyper::Error) -> Option<&h2::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(http2) = error.downcast_ref() {
            return Some(http2);
        }
        cause = error.source();
    }
    None
}

impl ExchangeError {
    /// Server and generator agreed on no TLS connection.
    pub(super) fn of_handshake(disagreement: Disagreement) -> Self {
        let Disagreement { problem, error } = disagreement;
        let source = error.into();
        match problem {
            Some(problem) => ExchangeError::Tls { problem, source },
            None => Self::of_connecting(source, None),
        }
    }

    /// A server that was spoken to in HTTP/2 answered in another version.
    pub(super) fn of_falling_back(error: hyper::Error) -> Self {
        ExchangeError::Tls {
            problem: TlsProblem::FellBack,
            source: error.into(),
        }
    }

    /// An answer began, and ended before it was whole.
    pub(super) fn in_an_answer(error: hyper::Error) -> Self {
        match Http2Fault::behind(&error) {
            Some(fault) => ExchangeError::Http2 {
                fault,
                source: error,
            },
            None => ExchangeError::CutOff(error),
        }
    }

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
    /// meanwhile, and is no answer, or HTTP/2 has a name for how it ended.
    pub(super) fn before_an_answer(
        error: hyper::Error,
        (unread, ended_by): (&[u8], Option<Http2Fault>),
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
        // Since TLS 1.3 a server looks at a client's certificate after its own handshake.
        if let Some(problem) = TlsProblem::behind(&error) {
            let source = error.into();
            return ExchangeError::Tls { problem, source };
        }
        if let Some(fault) = Http2Fault::behind(&error).or(ended_by) {
            return ExchangeError::Http2 {
                fault,
                source: error,
            };
        }
        if let Some(spoken) = Spoken::by_first_bytes(unread) {
            let excerpt = Spoken::excerpt(unread);
            return ExchangeError::NotHttp { spoken, excerpt };
        }
        // A reset, which is what a crash leaves, is neither.
        let said_goodbye = error.is_incomplete_message() || error.is_canceled();
        match said_goodbye || was_closed(&error) {
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
            ExchangeError::Tls { problem, .. } => Fault::Tls(*problem),
            ExchangeError::Http2 { fault, .. } => Fault::Http2(*fault),
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

/// True when the other side was gone, or hung up on TLS without the goodbye that it has.
fn was_closed(error: &hyper::Error) -> bool {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|io| {
        [io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof].contains(&io.kind())
    })
}
