//! Failures of the broker, in a sentence with a way out.

use std::io;

use lapin::ErrorKind;
use lapin::uri::AMQPUri;

use super::super::storage::StorageError;

/// The reason why a broker can't be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::worker) enum BrokerError {
    #[error(
        "the URL of RabbitMQ has to be amqp://USER:PASSWORD@HOST:PORT/VHOST, with a name or an \
         IPv4 address as HOST, and with %40 for an @ in a name or password"
    )]
    Url,
    #[error(
        "the URL of RabbitMQ asks for TLS, which is not spoken here: write amqp:// where the \
         way to the broker is private"
    )]
    Tls,
    #[error("no RabbitMQ can be reached at {place}; is it running there?")]
    Unreachable {
        place: String,
        #[source]
        source: io::Error,
    },
    #[error("RabbitMQ at {place} does not answer in time; is it running there, and is it well?")]
    Silent { place: String },
    #[error("what answers at {place} does not speak AMQP 0-9-1; is it the broker's port?")]
    NotAmqp { place: String },
    #[error(
        "{found} at {place} is too old: RabbitMQ {} or newer is needed: name another one",
        super::greeting::OLDEST
    )]
    Old { place: String, found: String },
    #[error(
        "RabbitMQ at {place} does not let {user:?} in: check name and password in \
         its URL"
    )]
    Credentials { place: String, user: String },
    #[error(
        "RabbitMQ at {place} does not open the virtual host {name:?} to {user:?}: create it \
         (rabbitmqctl add_vhost), permit it (rabbitmqctl set_permissions), or name another in \
         its URL"
    )]
    VirtualHost {
        place: String,
        name: String,
        user: String,
    },
    #[error(
        "{name} is in RabbitMQ at {place} with other properties ({message}): delete it there, \
         name another virtual host in its URL, or give the worker the --max-attempts that it \
         was made with"
    )]
    OtherProperties {
        place: String,
        name: String,
        message: String,
    },
    #[error(
        "RabbitMQ at {place} does not permit to {what} {name} ({message}): grant it \
         (rabbitmqctl set_permissions)"
    )]
    Forbidden {
        place: String,
        what: &'static str,
        name: String,
        message: String,
    },
    #[error("could not connect to RabbitMQ at {place}")]
    Connect {
        place: String,
        #[source]
        source: Box<lapin::Error>,
    },
    #[error("could not {what} {name} in RabbitMQ at {place}")]
    Declare {
        place: String,
        what: &'static str,
        name: String,
        #[source]
        source: Box<lapin::Error>,
    },
    #[error("could not bring the outbox up to date")]
    Store(#[source] StorageError),
}

pub(super) const NOT_FOUND: u16 = 404;
const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;
/// The text that a broker sends instead of NOT_ALLOWED while it is about to start a virtual host.
const INTERNAL_ERROR: u16 = 541;

impl BrokerError {
    pub(super) fn connecting(source: lapin::Error, uri: &AMQPUri, place: &str) -> Self {
        let place = place.to_owned();
        let user = uri.authority.userinfo.username.clone();
        match (code(&source), source.kind()) {
            (Some(ACCESS_REFUSED), _) => BrokerError::Credentials { place, user },
            (Some(NOT_ALLOWED | INTERNAL_ERROR), _) => BrokerError::VirtualHost {
                place,
                name: uri.vhost.clone(),
                user,
            },
            (_, ErrorKind::IOError(error)) => BrokerError::Unreachable {
                place,
                source: io::Error::new(error.kind(), error.to_string()),
            },
            _ => BrokerError::Connect {
                place,
                source: Box::new(source),
            },
        }
    }

    pub(super) fn declaring(
        what: &'static str,
        name: &str,
        source: lapin::Error,
        place: &str,
    ) -> Self {
        let (place, name) = (place.to_owned(), name.to_owned());
        let message = match source.kind() {
            ErrorKind::ProtocolError(error) => error.get_message().to_string(),
            _ => String::new(),
        };
        match code(&source) {
            Some(PRECONDITION_FAILED) => BrokerError::OtherProperties {
                place,
                name,
                message,
            },
            Some(ACCESS_REFUSED) => BrokerError::Forbidden {
                place,
                what,
                name,
                message,
            },
            _ => BrokerError::Declare {
                place,
                what,
                name,
                source: Box::new(source),
            },
        }
    }
}

/// The code by which the broker refuses something.
pub(super) fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
