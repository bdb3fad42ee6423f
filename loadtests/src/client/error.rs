//! Why an exchange came to no whole answer.

use std::error::Error;
use std::time::Duration;

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
}

impl ExchangeError {
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
