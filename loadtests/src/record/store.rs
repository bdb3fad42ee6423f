//! A record as a file: written whole, read with care.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Record, SCHEMA_VERSION};

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
        source: std::io::Error,
    },
    /// The record can't be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
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

impl Record {
    /// The record's file in a run's folder.
    pub const FILE: &str = "run.json";

    /// Reads the record of the run in `folder`.
    pub fn read(folder: &Path) -> Result<Record, RecordError> {
        read_json(&folder.join(Self::FILE), SCHEMA_VERSION)
    }

    /// Writes the record into `folder`, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), RecordError> {
        write_json(&folder.join(Self::FILE), self)
    }
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
    let version: Version = serde_json::from_slice(&text).map_err(damaged)?;
    if version.schema_version > known {
        return Err(RecordError::Newer {
            path: path.to_owned(),
            found: version.schema_version,
            known,
        });
    }
    serde_json::from_slice(&text).map_err(damaged)
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
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new()
            // As any other file: the default would keep everybody else from reading it.
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| RecordError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let record = example();
        record.write(folder.path()).expect("written");
        let back = Record::read(folder.path()).expect("readable");
        assert_eq!(
            serde_json::to_value(back).expect("JSON"),
            serde_json::to_value(record).expect("JSON")
        );
    }
}
