//! What a run looks like to people and to machines: pages, JUnit XML and Markdown,
//! made from records alone, so that they can be made again at any time, and a summary
//! for the terminal.
//!
//! Pages carry their own style, load nothing, and work from `file://`.

mod chart;
pub mod figures;
pub mod gate;
mod index_page;
mod junit;
mod layout;
mod markdown;
mod run_page;
mod summary;

use std::path::{Path, PathBuf};

use crate::gate::record::GateRecord;
use crate::record::{Record, RecordError, write_whole};

pub use index_page::{Entry, index_page};
pub use junit::junit;
pub use markdown::markdown;
pub use run_page::run_page;
pub use summary::summary;

/// The folder that holds all runs and their index.
#[derive(Clone, Debug)]
pub struct Reports {
    folder: PathBuf,
}

impl Reports {
    /// The reports in `folder`, which is made when it is first written to.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Reports {
            folder: folder.into(),
        }
    }

    /// The page that lists all runs.
    pub fn index(&self) -> PathBuf {
        self.folder.join("index.html")
    }

    /// The folder of one run.
    pub fn run_folder(&self, id: &str) -> PathBuf {
        self.folder.join("runs").join(id)
    }

    /// Makes a folder for a run called `id`, or `id-2` and so on when there is one.
    pub fn create_run_folder(&self, id: &str) -> std::io::Result<PathBuf> {
        create_numbered(&self.folder.join("runs"), id)
    }

    /// Every run's folder name, the newest first.
    pub fn run_ids(&self) -> std::io::Result<Vec<String>> {
        let mut ids = Vec::new();
        let entries = match std::fs::read_dir(self.folder.join("runs")) {
            // There are gates, and no run yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ids),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                ids.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        // Names begin with the time, so their order is that of time.
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// Writes what a run looks like beside its record: `index.html`, `junit.xml` and
    /// `summary.md`.
    pub fn write_run(&self, record: &Record, folder: &Path) -> Result<(), RecordError> {
        let has_goose_report = folder.join("goose/report.html").exists();
        let page = run_page(record, has_goose_report);
        write_whole(&folder.join("index.html"), page.into_string().as_bytes())?;
        let path = folder.join("junit.xml");
        let junit = junit(record).map_err(|error| RecordError::Write {
            path: path.clone(),
            source: std::io::Error::other(error),
        })?;
        write_whole(&path, junit.as_bytes())?;
        write_whole(&folder.join("summary.md"), markdown(record).as_bytes())
    }

    /// Makes a folder for a gate called `id`, or `id-2` and so on when there is one.
    pub fn create_gate_folder(&self, id: &str) -> std::io::Result<PathBuf> {
        create_numbered(&self.folder.join("gates"), id)
    }

    /// Writes what a gate looks like beside its record.
    pub fn write_gate(&self, record: &GateRecord, folder: &Path) -> Result<(), RecordError> {
        gate::write_summaries(record, folder)
    }

    /// Writes the list of all runs, with those that can't be read and why.
    pub fn write_index(&self) -> Result<(), RecordError> {
        let ids = self.run_ids().map_err(|source| RecordError::Read {
            path: self.folder.join("runs"),
            source,
        })?;
        let entries: Vec<_> = ids
            .into_iter()
            .map(|id| Entry {
                record: Record::read(&self.run_folder(&id)).map_err(|error| chain(&error)),
                id,
            })
            .collect();
        write_whole(&self.index(), index_page(&entries).into_string().as_bytes())
    }
}

/// Makes a folder called `id` in `place`, or `id-2` and so on when there is one.
fn create_numbered(place: &Path, id: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(place)?;
    let numbered = (2..).map(|number| format!("{id}-{number}"));
    for id in std::iter::once(id.to_owned()).chain(numbered) {
        let folder = place.join(id);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("there are more numbers than folders")
}

/// An error and its causes, in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_listed_newest_first_and_never_share_a_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reports = Reports::new(folder.path());
        for id in ["20260101T000000Z-smoke", "20260102T000000Z-smoke"] {
            reports.create_run_folder(id).expect("made");
        }
        let twin = reports
            .create_run_folder("20260102T000000Z-smoke")
            .expect("made");
        assert!(twin.ends_with("20260102T000000Z-smoke-2"));
        assert_eq!(
            reports.run_ids().expect("readable"),
            [
                "20260102T000000Z-smoke-2",
                "20260102T000000Z-smoke",
                "20260101T000000Z-smoke",
            ]
        );
    }

    #[test]
    fn a_damaged_record_is_listed_with_what_is_wrong_and_breaks_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reports = Reports::new(folder.path());
        let write = |id: &str, text: &str| {
            let run = reports.create_run_folder(id).expect("made");
            std::fs::write(run.join(Record::FILE), text).expect("written");
        };
        write("1-damaged", r#"{"schema_version": 1, "id": 7}"#);
        write("2-newer", r#"{"schema_version": 99}"#);
        reports.create_run_folder("3-empty").expect("made");
        reports.write_index().expect("written");
        let page = std::fs::read_to_string(reports.index()).expect("readable");
        for says in ["1-damaged", "is damaged", "schema version 99", "3-empty"] {
            assert!(page.contains(says), "{says}");
        }
    }
}
