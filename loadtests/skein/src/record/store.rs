//! Records as files: written whole, read with care.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;
use crate::text::make_printable;

/// Why a record can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record can't be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The record can't be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The record is of a later program.
    #[error("{} has schema version {found}, and this program knows up to {known}: use a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest one that this program knows.
        known: u32,
    },
    /// The record is damaged.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
}

/// A record with a folder of its own, in which it is a file.
pub trait Document: Serialize + DeserializeOwned + JsonSchema {
    /// The file in the record's folder.
    const FILE: &str;
    /// The version of its form. It grows when a reader of an older one would be misled.
    const SCHEMA_VERSION: u32;

    /// Reads the record in `folder`.
    ///
    /// # Errors
    ///
    /// It isn't there, is damaged, or is of a later program.
    fn read(folder: &Path) -> Result<Self, RecordError> {
        read_json(&folder.join(Self::FILE), Self::SCHEMA_VERSION)
    }

    /// Writes the record into `folder`, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    fn write(&self, folder: &Path) -> Result<(), RecordError> {
        write_json(&folder.join(Self::FILE), self)
    }

    /// The JSON schema (draft 2020-12) of its form, as text that ends with a newline.
    fn schema() -> String {
        schema_of::<Self>()
    }
}

/// The JSON schema (draft 2020-12) of a form, as text that ends with a newline.
pub fn schema_of<T: JsonSchema>() -> String {
    as_text(&schemars::schema_for!(T))
}

fn as_text(schema: &Schema) -> String {
    let text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
    format!("{text}\n")
}

/// The schema of a run's record, with the members that its program keeps beside.
pub(crate) fn run_schema(own: Option<fn() -> Value>) -> String {
    let Some(own) = own.map(|make| make()) else {
        return Record::schema();
    };
    let mut schema = schemars::schema_for!(Record).to_value();
    for part in ["properties", "$defs"] {
        if let (Some(Value::Object(all)), Some(Value::Object(more))) =
            (schema.get_mut(part), own.get(part))
        {
            all.extend(more.clone());
        }
    }
    as_text(&Schema::try_from(schema).expect("an object is a schema"))
}

/// Reads a record of a form of which `known` is the latest version that this program
/// understands.
pub fn read_json<T: DeserializeOwned>(path: &Path, known: u32) -> Result<T, RecordError> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }

    let text = std::fs::read(path).map_err(|source| RecordError::Read {
        path: path.to_owned(),
        source,
    })?;
    let damaged = |source| RecordError::Damaged {
        path: path.to_owned(),
        source,
    };
    // Whoever wrote it needn't be this program, and it is shown in many places.
    let mut whole: Value = serde_json::from_slice(&text).map_err(damaged)?;
    make_printable(&mut whole);
    let version = Version::deserialize(&whole).map_err(damaged)?;
    if version.schema_version > known {
        return Err(RecordError::Newer {
            path: path.to_owned(),
            found: version.schema_version,
            known,
        });
    }
    T::deserialize(whole).map_err(damaged)
}

/// Writes a record, whole or not at all.
pub fn write_json(path: &Path, record: &impl Serialize) -> Result<(), RecordError> {
    let mut text = serde_json::to_vec_pretty(record).map_err(|error| RecordError::Write {
        path: path.to_owned(),
        source: error.into(),
    })?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes a file so that nobody ever sees a part of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), RecordError> {
    replace_file(path, content).map_err(|source| RecordError::Write {
        path: path.to_owned(),
        source,
    })
}

/// The same, for who says by themselves what could not be written.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        // As any other file: the default would keep everybody else from reading it.
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(without_path)?;
    file.write_all(content).map_err(without_path)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The error without the name of a file that is gone by then.
fn without_path(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(Error::source);
    let cause: Option<&io::Error> = cause.and_then(|cause| cause.downcast_ref());
    let code = cause.and_then(io::Error::raw_os_error);
    code.map_or(error, io::Error::from_raw_os_error)
}

/// Adds a line to a file that was opened to append to, whole or not at all.
pub fn append_whole(file: &mut File, line: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let added = file.write_all(line);
    if added.is_err() {
        // Where that is refused too, the line is damaged, and whoever reads it will say so.
        let _ = file.set_len(before);
    }
    added
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::LazyLock;

    use jsonschema::Validator;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::capacity::record::CapacityRecord;
    use crate::events::EventLine;
    use crate::events::any::any_line;
    use crate::gate::record::GateRecord;
    use crate::side_by_side::Comparison;

    fn comes_back<T: Document + Debug>(record: &T) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        record.write(folder.path()).expect("written");
        let back = T::read(folder.path()).expect("readable");
        assert_eq!(
            serde_json::to_value(back).expect("JSON"),
            serde_json::to_value(record).expect("JSON")
        );
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        comes_back(&crate::record::example::example());
        comes_back(&crate::gate::record::example::example());
        comes_back(&crate::capacity::example::example());
    }

    #[test]
    fn the_schemas_that_are_checked_in_are_those_of_the_types() {
        for (what, schema, checked_in) in [
            (
                "gate",
                GateRecord::schema(),
                include_str!("../../../gate.schema.json"),
            ),
            (
                "comparison",
                Comparison::schema(),
                include_str!("../../../comparison.schema.json"),
            ),
            (
                "capacity",
                CapacityRecord::schema(),
                include_str!("../../../capacity.schema.json"),
            ),
            (
                "events",
                schema_of::<EventLine>(),
                include_str!("../../../events.schema.json"),
            ),
        ] {
            assert!(
                schema == checked_in,
                "make it again: cargo run -p loadtests -- schema {what} > loadtests/{what}.schema.json"
            );
        }
    }

    fn validator<T: JsonSchema>() -> Validator {
        let schema: Value = serde_json::from_str(&schema_of::<T>()).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema")
    }

    fn problems<T: JsonSchema>(record: &Value) -> Vec<String> {
        let validator = validator::<T>();
        let errors = validator.iter_errors(record);
        errors.map(|error| error.to_string()).collect()
    }

    /// A record is as its schema says, and isn't any more with something else in a place.
    fn is_described<T: Document>(record: &T, wrong: &[(&str, Value)]) {
        let record = serde_json::to_value(record).expect("JSON");
        assert_eq!(problems::<T>(&record), Vec::<String>::new());
        for (pointer, wrong) in wrong {
            let mut damaged = record.clone();
            *damaged.pointer_mut(pointer).expect(pointer) = wrong.clone();
            assert!(
                !problems::<T>(&damaged).is_empty(),
                "{pointer} may be anything"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_event_is_as_its_schema_says_and_others_are_not(line in any_line()) {
            static FORM: LazyLock<Validator> = LazyLock::new(validator::<EventLine>);
            let mut line = serde_json::to_value(line).expect("JSON");
            prop_assert!(FORM.is_valid(&line), "{line}");
            line["event"] = json!("something_else");
            prop_assert!(!FORM.is_valid(&line), "{line}");
        }
    }

    #[test]
    fn a_gate_whose_doubts_are_sentences_is_as_the_schema_says_too() {
        let first = include_str!("../../../tests/browser/fixtures/gate.json");
        let first: Value = serde_json::from_str(first).expect("JSON");
        assert_eq!(problems::<GateRecord>(&first), Vec::<String>::new());
    }

    #[test]
    fn records_are_as_their_schemas_say_and_damaged_ones_are_not() {
        is_described(
            &crate::record::example::example(),
            &[
                ("/judgement/verdict", json!("maybe")),
                ("/routes/0/requests/count", json!("many")),
                ("/ledger/0/balance", json!({ "off": "by a bit" })),
                ("/started", json!(7)),
                ("/stages", json!(null)),
            ],
        );
        is_described(
            &crate::gate::record::example::example(),
            &[
                ("/judgement/verdict", json!("maybe")),
                ("/metrics/0/outcome", json!("fine")),
                ("/rounds/0/slots", json!(3)),
            ],
        );
    }
}
