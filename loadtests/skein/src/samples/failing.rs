//! A log of answers that failed: the first few of each way to fail, with more of what was
//! answered than a record has room for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::{Fault, Route};
use crate::record::replace_file;

/// The file of the log, in the run's folder.
pub const FILE: &str = "failures.jsonl";

/// Answers of one route that failed in one way, of which the log has no more.
const OF_A_KIND: u64 = 20;
/// Entries of which the log has no more.
const IN_ALL: usize = 1000;

/// The first answers that failed in each way.
#[derive(Debug, Default)]
pub struct FailingAnswers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<FailingAnswer>,
    of_a_kind: BTreeMap<(Route, Fault), u64>,
}

/// An answer that failed.
#[derive(Clone, Debug, Serialize)]
pub struct FailingAnswer {
    /// The time at which it was over, since the load began.
    pub at_us: u64,
    /// The stage; empty after the load.
    pub stage: String,
    /// The user, by its seat.
    pub user: usize,
    /// The route that was asked.
    pub route: String,
    /// The fault.
    pub fault: String,
    /// The particulars of that.
    pub particulars: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The header fields of the answer; cookies by their names alone.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: String,
}

/// The log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the log of failures {}", path.display())]
pub struct FailureLogError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FailingAnswers {
    /// Keeps an answer unless there are enough of its kind; it is only made if it is kept.
    pub fn add(&self, route: Route, fault: Fault, entry: impl FnOnce() -> FailingAnswer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.entries.len() == IN_ALL {
            return;
        }
        let so_far = kept.of_a_kind.entry((route, fault)).or_default();
        if *so_far == OF_A_KIND {
            return;
        }
        *so_far += 1;
        kept.entries.push(entry());
    }

    /// Writes the log to the run's `folder`, if anything failed.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), FailureLogError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.entries.is_empty() {
            return Ok(());
        }
        let path = folder.join(FILE);
        let lines = kept.entries.iter().map(serde_json::to_string);
        let lines = lines
            .collect::<Result<Vec<_>, _>>()
            .map_err(io::Error::from);
        let written =
            lines.and_then(|lines| replace_file(&path, (lines.join("\n") + "\n").as_bytes()));
        written.map_err(|source| FailureLogError { path, source })
    }
}

/// A length of time in microseconds.
pub fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(user: usize) -> FailingAnswer {
        FailingAnswer {
            at_us: 0,
            stage: "steady".to_owned(),
            user,
            route: "GET /".to_owned(),
            fault: "no whole answer in time".to_owned(),
            particulars: String::new(),
            status: None,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    #[test]
    fn the_first_of_each_kind_are_kept_and_never_too_many() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let answers = FailingAnswers::default();
        answers.write(folder.path()).expect("nothing to write");
        assert!(!folder.path().join(FILE).exists());
        let paths: Vec<_> = (0..100).map(|path| format!("/{path}")).collect();
        for (place, path) in paths.iter().enumerate() {
            let route = Route::of_plan("GET", path);
            for again in 0..30 {
                answers.add(route, Fault::TimedOut, || entry(place * 100 + again));
            }
        }
        answers.write(folder.path()).expect("written");
        let log = std::fs::read_to_string(folder.path().join(FILE)).expect("readable");
        let users: Vec<u64> = log
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON")["user"].clone()
            })
            .map(|user| user.as_u64().expect("a number"))
            .collect();
        assert_eq!(users.len(), IN_ALL);
        assert_eq!(users[..21], (0..20).chain([100]).collect::<Vec<_>>());
    }
}
