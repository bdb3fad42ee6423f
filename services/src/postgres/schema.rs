//! Tables and their versions. A service has a schema of its own in the database, to which
//! steps are only ever added; the database remembers which of them it has, and by a digest
//! of each that they were the same.

use std::fmt;

use deadpool_postgres::Object;
use sha2::{Digest, Sha256};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Transaction};

use super::{OLDEST, OpenError};

/// The tables of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// The name in the database, a plain one.
    pub(crate) name: &'static str,
    /// The steps that lead from an empty schema to today's, in this order.
    pub(crate) steps: &'static [&'static str],
    /// The statements that the service will ask, which has to fit the tables.
    pub(crate) statements: &'static [&'static str],
}

/// The difference that makes a schema that is there another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nobody says of which version its tables are.
    Foreign,
    /// It has more steps than this program knows.
    Newer { found: usize, known: usize },
    /// It was made by another step of this number.
    Changed { step: usize },
    /// Its tables are not what the steps made.
    Tables { message: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Foreign => f.write_str("its tables are somebody else's"),
            Difference::Newer { found, known } => write!(
                f,
                "it is of version {found}, and this program knows version {known}"
            ),
            Difference::Changed { step } => {
                write!(f, "another program made its version {step}")
            }
            Difference::Tables { message } => f.write_str(message),
        }
    }
}

/// A schema as it is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    /// True when anything is in it.
    has_tables: bool,
    /// The digests of its steps, if it keeps any.
    digests: Option<Vec<String>>,
}

impl Schema {
    /// Takes the steps that the database doesn't have yet, all or none of them.
    pub(super) async fn prepare(&self, client: &mut Object, place: &str) -> Result<(), OpenError> {
        let failed = |source| OpenError::preparing(source, place);
        suits(settings(client).await.map_err(failed)?, place)?;
        let another = |difference| OpenError::Schema {
            place: place.to_owned(),
            schema: self.name,
            difference,
        };
        let transaction = client.transaction().await.map_err(failed)?;
        self.wait_for_others(&transaction).await.map_err(failed)?;
        let found = self.find(&transaction).await.map_err(failed)?;
        let taken = self.taken(&found).map_err(another)?;
        self.take(&transaction, taken).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        for statement in self.statements {
            if let Err(error) = client.prepare_cached(statement).await {
                return Err(match unfit(&error) {
                    Some(message) => another(Difference::Tables { message }),
                    None => failed(error),
                });
            }
        }
        Ok(())
    }

    /// The number of steps that a schema has already.
    fn taken(&self, found: &Found) -> Result<usize, Difference> {
        let Some(digests) = &found.digests else {
            return if found.has_tables {
                Err(Difference::Foreign)
            } else {
                Ok(0)
            };
        };
        let changed = digests
            .iter()
            .zip(self.steps)
            .position(|(found, step)| *found != digest(step));
        match changed {
            Some(position) => Err(Difference::Changed { step: position + 1 }),
            None if digests.len() > self.steps.len() => Err(Difference::Newer {
                found: digests.len(),
                known: self.steps.len(),
            }),
            None => Ok(digests.len()),
        }
    }

    /// Nodes that start at the same time take the steps one after the other.
    async fn wait_for_others(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        // Nothing here is short of time as a request is.
        transaction
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        transaction.execute(lock, &[&self.name]).await.map(drop)
    }

    async fn find(&self, transaction: &Transaction<'_>) -> Result<Found, Error> {
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1";
        let tables = transaction.query(tables, &[&self.name]).await?;
        let mut names = tables.iter().map(|row| row.get::<_, String>(0));
        let is_ours = names.any(|name| name == "steps");
        let digests = if is_ours {
            let steps = format!("SELECT digest FROM {}.steps ORDER BY number", self.name);
            let rows = transaction.query(&steps, &[]).await?;
            Some(rows.iter().map(|row| row.get(0)).collect())
        } else {
            None
        };
        Ok(Found {
            has_tables: !tables.is_empty(),
            digests,
        })
    }

    async fn take(&self, transaction: &Transaction<'_>, taken: usize) -> Result<(), Error> {
        let name = self.name;
        if taken == 0 {
            transaction
                .batch_execute(&format!(
                    "CREATE SCHEMA IF NOT EXISTS {name};
                     CREATE TABLE IF NOT EXISTS {name}.steps (
                         number INT PRIMARY KEY,
                         digest TEXT NOT NULL
                     );"
                ))
                .await?;
        }
        for (number, step) in (1_i32..).zip(self.steps).skip(taken) {
            transaction.batch_execute(step).await?;
            let remember = format!("INSERT INTO {name}.steps (number, digest) VALUES ($1, $2)");
            transaction
                .execute(&remember, &[&number, &digest(step)])
                .await?;
        }
        Ok(())
    }
}

/// The check that a server of this version and encoding will do.
fn suits([version, encoding]: [String; 2], place: &str) -> Result<(), OpenError> {
    let place = place.to_owned();
    let number = version.parse::<i32>();
    if number.is_ok_and(|number| number < OLDEST * 10_000) {
        let found = readable(&version);
        return Err(OpenError::Old { place, found });
    }
    if encoding != "UTF8" {
        let found = encoding;
        return Err(OpenError::Encoding { place, found });
    }
    Ok(())
}

async fn settings(client: &Object) -> Result<[String; 2], Error> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num'), current_setting('server_encoding')",
            &[],
        )
        .await?;
    Ok([row.get(0), row.get(1)])
}

/// A version such as `9.6` or `12.4` for its number, such as `90603` or `120004`.
fn readable(number: &str) -> String {
    match number.parse::<u32>() {
        Ok(number) if number < 100_000 => format!("{}.{}", number / 10_000, number / 100 % 100),
        Ok(number) => format!("{}.{}", number / 10_000, number % 10_000),
        Err(_) => number.to_owned(),
    }
}

/// The reason why a statement doesn't fit the tables, if that is what is wrong.
fn unfit(error: &Error) -> Option<String> {
    let answer = error.as_db_error()?;
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::DATATYPE_MISMATCH,
        SqlState::INVALID_COLUMN_REFERENCE,
    ]
    .contains(answer.code())
    .then(|| answer.message().to_owned())
}

fn digest(step: &str) -> String {
    format!("{:x}", Sha256::digest(step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEMA: Schema = Schema {
        name: "skein_test",
        steps: &["one", "two", "three"],
        statements: &[],
    };

    fn found(steps: &[&str]) -> Found {
        Found {
            has_tables: true,
            digests: Some(steps.iter().map(|step| digest(step)).collect()),
        }
    }

    #[test]
    fn a_server_that_is_too_old_or_keeps_text_otherwise_is_refused() {
        let suits = |version: &str, encoding: &str| {
            suits([version.to_owned(), encoding.to_owned()], "here").map_err(|e| e.to_string())
        };
        assert_eq!(suits("150018", "UTF8"), Ok(()));
        let old = format!("{}", (OLDEST - 1) * 10_000 + 24);
        let said = suits(&old, "UTF8").expect_err("too old");
        let (found, oldest) = (
            format!("of version {}.24", OLDEST - 1),
            format!("and {OLDEST} or newer"),
        );
        assert!(said.contains(&found) && said.contains(&oldest), "{said}");
        let said = suits("150018", "LATIN1").expect_err("another encoding");
        assert!(said.contains("keeps text as LATIN1"), "{said}");
    }

    #[test]
    fn an_empty_database_and_tables_of_others_are_told_apart() {
        assert_eq!(SCHEMA.taken(&Found::default()), Ok(0));
        let foreign = Found {
            has_tables: true,
            digests: None,
        };
        assert_eq!(SCHEMA.taken(&foreign), Err(Difference::Foreign));
    }

    /// The example of FIPS 180-2: databases remember this text of it.
    #[test]
    fn digests_are_written_as_they_always_were() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), expected);
    }

    #[test]
    fn versions_are_readable() {
        assert_eq!(readable("90603"), "9.6");
        assert_eq!(readable("120004"), "12.4");
    }

    proptest! {
        /// A migration that this program began goes on; anything else is another schema.
        #[test]
        fn only_a_beginning_of_ours_goes_on(
            steps in prop::collection::vec(prop_oneof!["one", "two", "three", "[a-d]"], 0..5)
        ) {
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            let taken = SCHEMA.taken(&found(&steps));
            if SCHEMA.steps.starts_with(&steps) {
                prop_assert_eq!(taken, Ok(steps.len()));
            } else {
                prop_assert!(taken.is_err(), "{:?} for {:?}", taken, steps);
            }
        }
    }
}
