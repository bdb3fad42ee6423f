//! Failures of PostgreSQL: those of a start, in a sentence with a way out, and those of
//! a statement, which either pass or don't.

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::OLDEST;
use super::schema::Difference;

/// The reason why a store can't be used at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "the URL of PostgreSQL has to be postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %40 \
         for an @ in a name or password"
    )]
    Url,
    #[error(
        "the URL of PostgreSQL asks for TLS, which is not spoken here: leave sslmode out where \
         the way to the server is private"
    )]
    Tls,
    #[error("no PostgreSQL can be reached at {place}; is it running there?")]
    Unreachable {
        place: String,
        #[source]
        source: PostgresError,
    },
    #[error(
        "PostgreSQL at {place} does not let {user:?} in ({message}): check name and password \
         in its URL"
    )]
    Credentials {
        place: String,
        user: String,
        message: String,
    },
    #[error(
        "PostgreSQL refuses {place} ({message}): create the database, or name another in the URL"
    )]
    NoDatabase { place: String, message: String },
    #[error(
        "PostgreSQL at {place} is of version {found}, and {OLDEST} or newer is needed: \
         name another one"
    )]
    Old { place: String, found: String },
    #[error(
        "the database {place} keeps text as {found}, and UTF8 is needed: create it with \
         ENCODING 'UTF8'"
    )]
    Encoding { place: String, found: String },
    #[error(
        "the database {place} has another schema {schema} ({difference}): name another \
         database in the URL, or move that schema out of the way"
    )]
    Schema {
        place: String,
        schema: &'static str,
        difference: Difference,
    },
    #[error(
        "the database {place} doesn't let its user make tables ({message}): permit it (GRANT CREATE \
         ON DATABASE … TO …), or name another database in the URL"
    )]
    NotPermitted { place: String, message: String },
    #[error("could not prepare the tables in the database {place}")]
    Tables {
        place: String,
        #[source]
        source: Error,
    },
    #[error("could not seed the database")]
    Seeds(#[source] PostgresError),
}

impl OpenError {
    /// The reason why the first connection failed.
    pub(super) fn connecting(error: PostgresError, place: &str, user: &str) -> Self {
        let place = place.to_owned();
        let answer = match &error {
            PostgresError::Connection(error) => error.as_db_error(),
            _ => None,
        };
        let Some(answer) = answer else {
            if let Some(message) = lacks_credentials(&error) {
                let user = user.to_owned();
                return OpenError::Credentials {
                    place,
                    user,
                    message,
                };
            }
            return OpenError::Unreachable {
                place,
                source: error,
            };
        };
        let message = answer.message().to_owned();
        let code = answer.code();
        if [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ]
        .contains(code)
        {
            OpenError::Credentials {
                place,
                user: user.to_owned(),
                message,
            }
        } else if [
            SqlState::INVALID_CATALOG_NAME,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ]
        .contains(code)
        {
            OpenError::NoDatabase { place, message }
        } else {
            OpenError::Unreachable {
                place,
                source: error,
            }
        }
    }

    /// The reason why the tables are not as they should be.
    pub(super) fn preparing(error: Error, place: &str) -> Self {
        let place = place.to_owned();
        match error.as_db_error() {
            Some(answer) if *answer.code() == SqlState::INSUFFICIENT_PRIVILEGE => {
                let message = answer.message().to_owned();
                OpenError::NotPermitted { place, message }
            }
            _ => OpenError::Tables {
                place,
                source: error,
            },
        }
    }
}

/// The part of the URL that is missing for the way in which the server lets users in, if one is: the
/// client finds that out by itself, and says it only in words.
fn lacks_credentials(error: &PostgresError) -> Option<String> {
    let PostgresError::Connection(error) = error else {
        return None;
    };
    let message = std::error::Error::source(error)?.to_string();
    ["password missing", "user missing"]
        .contains(&message.as_str())
        .then_some(message)
}

/// The reason why a statement has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostgresError {
    #[error("no connection was free in time")]
    Busy,
    #[error("no connection could be made")]
    Connection(#[source] Error),
    #[error("there was no answer in time")]
    Silent,
    #[error("the statement failed")]
    Statement(#[source] Error),
    #[error("the connections are closed")]
    Closed,
}

impl PostgresError {
    /// True when the same statement may well succeed later: the server is away, busy, or
    /// about to stop or start. False when it says that the statement itself is wrong.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            PostgresError::Busy
            | PostgresError::Connection(_)
            | PostgresError::Silent
            | PostgresError::Closed => true,
            PostgresError::Statement(error) => match error.code() {
                Some(code) => may_pass(code),
                // The connection broke, or the answer could not be read.
                None => error.is_closed() || is_io(error),
            },
        }
    }
}

impl From<PoolError> for PostgresError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) => PostgresError::Busy,
            PoolError::Backend(error) => PostgresError::Connection(error),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                PostgresError::Closed
            }
        }
    }
}

/// True when a failure with this code may pass: broken connections (class 08), rollbacks for
/// the sake of others (40), want of resources (53), an operator's doing or a time limit (57),
/// and a server that can only read (25006), as one is that another takes over from.
fn may_pass(code: &SqlState) -> bool {
    *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || ["08", "40", "53", "57"].contains(&&code.code()[..2])
}

fn is_io(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<std::io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for code in [
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::QUERY_CANCELED,
            SqlState::DISK_FULL,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ] {
            assert!(may_pass(&code), "{code:?}");
        }
        for code in [
            SqlState::UNDEFINED_TABLE,
            SqlState::UNIQUE_VIOLATION,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ] {
            assert!(!may_pass(&code), "{code:?}");
        }
    }
}
