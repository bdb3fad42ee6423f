//! What runs, gates and comparisons look like to people and to machines: pages, JUnit
//! XML and Markdown, made from records alone, so that they can be made again at any
//! time, and a summary for the terminal.
//!
//! Pages carry their own style, load nothing, and work from `file://`.

mod capacity;
mod capacity_page;
mod chart;
mod comparison_page;
mod costs;
mod entry;
mod environment;
mod failures;
pub mod figures;
mod find;
pub mod gate;
mod gate_page;
mod index_page;
mod junit;
mod layout;
mod markdown;
mod run_page;
mod summary;
#[cfg(test)]
mod testing;
mod tones;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quick_junit::SerializeError;

use crate::capacity::record::CapacityRecord;
use crate::gate::record::GateRecord;
use crate::keeping::{Losses, Weight};
use crate::program::application::Application;
use crate::record::{Document, Record, RecordError, write_whole};
use crate::side_by_side::Comparison;

pub use capacity::summary as capacity_summary;
pub use comparison_page::{comparison_page, comparison_summary};
pub use entry::{Entry, Line};
pub use find::HELP as NAMES_HELP;
pub use gate_page::gate_page;
pub use index_page::index_page;
pub use junit::junit;
pub use markdown::markdown;
pub use run_page::run_page;
pub use summary::summary;

/// The folder that holds all reports and their index.
#[derive(Clone, Debug)]
pub struct Reports {
    folder: PathBuf,
    adopt: Option<fn(&mut Record)>,
}

/// What a report is about; each kind has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A load run.
    Run,
    /// A gate: two builds side by side, with a verdict.
    Gate,
    /// Two runs side by side, without one.
    Comparison,
    /// A study of capacity.
    Capacity,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Run, Kind::Gate, Kind::Comparison, Kind::Capacity];

    /// The folder, among the reports, of all reports of this kind.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Run => "runs",
            Kind::Gate => "gates",
            Kind::Comparison => "comparisons",
            Kind::Capacity => "capacity",
        }
    }

    /// The record's file in the folder of a report.
    pub fn record(self) -> &'static str {
        match self {
            Kind::Run => Record::FILE,
            Kind::Gate => GateRecord::FILE,
            Kind::Comparison => Comparison::FILE,
            Kind::Capacity => CapacityRecord::FILE,
        }
    }
}

impl Reports {
    /// The reports in `folder`, which is made when it is first written to.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Reports {
            folder: folder.into(),
            adopt: None,
        }
    }

    /// The same, whose records of earlier builds the program completes.
    pub(crate) fn of(application: &Application, folder: &Path) -> Self {
        Reports {
            adopt: application.adopt,
            ..Reports::new(folder)
        }
    }

    /// The record of the run in `folder`.
    ///
    /// # Errors
    ///
    /// It can't be read.
    pub fn read_run(&self, folder: &Path) -> Result<Record, RecordError> {
        let mut record = Record::read(folder)?;
        if let Some(adopt) = self.adopt {
            adopt(&mut record);
        }
        Ok(record)
    }

    /// The page that lists all reports.
    pub fn index(&self) -> PathBuf {
        self.folder.join("index.html")
    }

    /// The folder of one report.
    pub fn folder_of(&self, kind: Kind, id: &str) -> PathBuf {
        self.folder.join(kind.folder()).join(id)
    }

    /// Makes a folder for a report called `id`, or `id-2` and so on when there is one.
    pub fn create_folder(&self, kind: Kind, id: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(self.folder.join(kind.folder()))?;
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        for id in std::iter::once(id.to_owned()).chain(numbered) {
            let folder = self.folder_of(kind, &id);
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("there are more numbers than folders")
    }

    /// The folder names of all reports of a kind, the newest first.
    pub fn ids(&self, kind: Kind) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        let entries = match fs::read_dir(self.folder.join(kind.folder())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
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

    /// Writes what the report in `folder` looks like, from its record.
    ///
    /// # Errors
    ///
    /// The record can't be read.
    pub fn write_again(&self, kind: Kind, folder: &Path) -> Result<Losses, RecordError> {
        Ok(match kind {
            Kind::Run => self.write_run(&self.read_run(folder)?, folder),
            Kind::Gate => self.write_gate(&GateRecord::read(folder)?, folder),
            Kind::Comparison => self.write_comparison(&Comparison::read(folder)?, folder),
            Kind::Capacity => self.write_capacity(&CapacityRecord::read(folder)?, folder),
        })
    }

    /// Writes what a run looks like beside its record: `index.html`, `junit.xml` and
    /// `summary.md`.
    pub fn write_run(&self, record: &Record, folder: &Path) -> Losses {
        let has_goose_report = folder.join("goose/report.html").exists();
        let page = run_page(record, has_goose_report).into_string();
        let files = [
            ("index.html", Ok(page)),
            ("junit.xml", junit(record)),
            ("summary.md", Ok(markdown(record))),
        ];
        write_each(folder, files)
    }

    /// Writes what a gate looks like beside its record: `index.html`, `junit.xml` and
    /// `summary.md`.
    pub fn write_gate(&self, record: &GateRecord, folder: &Path) -> Losses {
        let files = [
            ("index.html", Ok(gate_page(record).into_string())),
            ("junit.xml", gate::junit(record)),
            ("summary.md", Ok(gate::markdown(record))),
        ];
        write_each(folder, files)
    }

    /// Writes what a study of capacity looks like beside its record: `index.html`, `junit.xml`
    /// and `summary.md`.
    pub fn write_capacity(&self, record: &CapacityRecord, folder: &Path) -> Losses {
        let page = capacity_page::capacity_page(record).into_string();
        let files = [
            ("index.html", Ok(page)),
            ("junit.xml", capacity::junit(record)),
            ("summary.md", Ok(capacity::markdown(record))),
        ];
        write_each(folder, files)
    }

    /// Writes a comparison's page beside its record.
    pub fn write_comparison(&self, of: &Comparison, folder: &Path) -> Losses {
        let page = comparison_page(of).into_string();
        write_each(folder, [("index.html", Ok(page))])
    }

    /// Writes the list of all reports, with those that can't be read and why.
    pub fn write_index(&self) -> Result<(), RecordError> {
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            let ids = self.ids(kind).map_err(|source| RecordError::Read {
                path: self.folder.join(kind.folder()),
                source,
            })?;
            entries.extend(ids.into_iter().map(|id| self.entry(kind, id)));
        }
        let page = index_page(&mut entries).into_string();
        write_whole(&self.index(), page.as_bytes())
    }

    fn entry(&self, kind: Kind, id: String) -> Entry {
        let folder = self.folder_of(kind, &id);
        let line = match kind {
            Kind::Run => Record::read(&folder).map(|record| Line::from(&record)),
            Kind::Gate => GateRecord::read(&folder).map(|record| Line::from(&record)),
            Kind::Comparison => Comparison::read(&folder).map(|record| Line::from(&record)),
            Kind::Capacity => CapacityRecord::read(&folder).map(|record| Line::from(&record)),
        };
        Entry {
            kind,
            id,
            // Where the reports lie is nobody's business who only reads them.
            line: line.map_err(|error| {
                let place = format!("{}/", folder.display());
                chain(&error).replace(&place, "")
            }),
        }
    }
}

/// Writes files that are made of a record, each whether or not the others can be.
fn write_each<const N: usize>(
    folder: &Path,
    files: [(&str, Result<String, SerializeError>); N],
) -> Losses {
    let mut losses = Losses::default();
    for (name, content) in files {
        let path = folder.join(name);
        let written = match content {
            Ok(content) => write_whole(&path, content.as_bytes()),
            Err(error) => Err(RecordError::Write {
                path,
                source: io::Error::other(error),
            }),
        };
        losses.note(Weight::Derived, written);
    }
    losses
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
            reports.create_folder(Kind::Run, id).expect("made");
        }
        let twin = reports
            .create_folder(Kind::Run, "20260102T000000Z-smoke")
            .expect("made");
        assert!(twin.ends_with("20260102T000000Z-smoke-2"));
        assert_eq!(
            reports.ids(Kind::Run).expect("readable"),
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
            let run = reports.create_folder(Kind::Run, id).expect("made");
            fs::write(run.join(Record::FILE), text).expect("written");
        };
        write("1-damaged", r#"{"schema_version": 1, "id": 7}"#);
        write("2-newer", r#"{"schema_version": 99}"#);
        reports.create_folder(Kind::Run, "3-empty").expect("made");
        reports.write_index().expect("written");
        let page = fs::read_to_string(reports.index()).expect("readable");
        for says in ["1-damaged", "is damaged", "schema version 99", "3-empty"] {
            assert!(page.contains(says), "{says}");
        }
    }
}
