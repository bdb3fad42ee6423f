//! Faults: the ways in which a request can fail, each with its name.

use std::fmt;

use crate::client::{Http2Fault, Spoken, TlsProblem};

/// The reason why a request counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No connection came about, so the request reached nobody.
    NotConnected,
    /// The server closed the connection, in order and without a word of an answer, while
    /// the request was on its way; nobody here knows whether the server had seen it.
    Closed,
    /// No TLS connection came about with a server that is there, or not with the version of
    /// HTTP that the plan asks for.
    Tls(TlsProblem),
    /// The server ended a stream of HTTP/2, or the connection under it.
    Http2(Http2Fault),
    /// The server speaks something else than HTTP/1.1.
    NotHttp(Spoken),
    /// The connection broke before an answer began; nobody here knows how far the
    /// request got.
    NoAnswer,
    /// No whole answer within the time limit; nobody here knows how far the request got.
    TimedOut,
    /// The answer began and broke off.
    CutOff,
    /// The answer has another status than it should.
    Status {
        /// The status that is right.
        expected: u16,
        /// The status that came.
        got: u16,
    },
    /// The answer has a status that is none of several that are right.
    Statuses {
        /// Those that are right, as a sentence names them.
        expected: &'static str,
        /// The status that came.
        got: u16,
    },
    /// The answer's head is larger than a plan lets it be, so that nothing of it is known.
    HeadTooLarge,
    /// The answer's body is larger than a plan lets it be, and was not read to its end.
    BodyTooLarge,
    /// The answer's content is wrong: the sentence says how.
    Content(&'static str),
    /// The answer's status shows that a request was treated as it must not be.
    Forbidden {
        /// The request, as a sentence names it.
        what: &'static str,
        /// The status that is right.
        expected: u16,
        /// The status that came.
        got: u16,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotConnected => f.write_str("could not connect"),
            Fault::Closed => {
                f.write_str("the server closed the connection while the request was on its way")
            }
            Fault::Tls(problem) => problem.fmt(f),
            Fault::Http2(fault) => fault.fmt(f),
            Fault::NotHttp(spoken) => spoken.fmt(f),
            Fault::NoAnswer => f.write_str("the connection broke before an answer"),
            Fault::TimedOut => f.write_str("no whole answer in time"),
            Fault::CutOff => f.write_str("the answer broke off"),
            Fault::Status {
                expected,
                got: OTHER_STATUS,
            } => write!(f, "one of many other statuses where {expected} was right"),
            Fault::Status { expected, got } => {
                write!(f, "status {got} where {expected} was right")
            }
            Fault::Statuses { expected, got } => {
                write!(f, "status {got} where {expected} was right")
            }
            Fault::HeadTooLarge => f.write_str("the answer's head is beyond a limit"),
            Fault::BodyTooLarge => f.write_str("the answer's body is beyond its limit"),
            Fault::Content(what) => f.write_str(what),
            Fault::Forbidden {
                what,
                expected,
                got,
            } => write!(f, "{what} was answered with {got}, not {expected}"),
        }
    }
}

impl Fault {
    /// True when it shows that somebody was reached, by a connection at least.
    pub fn was_somebody_reached(self) -> bool {
        self != Fault::NotConnected
    }

    /// True when nobody here knows how far the request got.
    pub fn is_in_the_dark(self) -> bool {
        matches!(
            self,
            Fault::Closed
                | Fault::NotHttp(_)
                | Fault::NoAnswer
                | Fault::TimedOut
                | Fault::Http2(Http2Fault::GoneAway | Http2Fault::Reset | Http2Fault::Broken)
        )
    }
}

/// How often something failed in one way, and what it looked like the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCount {
    /// How often.
    pub count: u64,
    /// The first one's particulars.
    pub example: String,
}

impl FaultCount {
    /// The first of its kind.
    pub(super) fn first(example: &str) -> Self {
        FaultCount {
            count: 1,
            example: example.to_owned(),
        }
    }
}

/// Stands for all wrong statuses of a run beyond the first few: a target that makes up new
/// ones must not have a histogram for each.
pub const OTHER_STATUS: u16 = 0;
