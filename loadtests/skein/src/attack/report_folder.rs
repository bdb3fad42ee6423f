//! Goose's own report: whole, or not there at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The report for people.
pub(super) const HTML: &str = "report.html";
/// The report for machines.
pub(super) const JSON: &str = "report.json";

/// Where Goose writes its reports. Only when they are whole, it is called by its name.
#[derive(Debug)]
pub(super) struct ReportFolder {
    name: PathBuf,
    unfinished: PathBuf,
}

impl ReportFolder {
    /// A folder that is called `name` in the end.
    ///
    /// # Errors
    ///
    /// Nothing can be written there.
    pub(super) fn make(name: &Path) -> anyhow::Result<Self> {
        let folder = ReportFolder {
            name: name.to_owned(),
            unfinished: name.with_extension("unfinished"),
        };
        let made = fs::create_dir_all(&folder.unfinished)
            // Goose does the same before it begins, and wouldn't begin.
            .and_then(|()| fs::write(folder.unfinished.join(HTML), ""))
            .and_then(|()| fs::write(folder.unfinished.join(JSON), ""));
        made.context("could not make the files for Goose's report")?;
        Ok(folder)
    }

    /// The path of a file, as long as the report isn't finished.
    pub(super) fn file(&self, name: &str) -> String {
        self.unfinished.join(name).display().to_string()
    }

    /// Calls the folder by its name, now that it is whole.
    ///
    /// # Errors
    ///
    /// It can't be renamed.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        let kept = fs::rename(&self.unfinished, &self.name);
        kept.context("could not keep Goose's report")
    }
}

impl Drop for ReportFolder {
    fn drop(&mut self) {
        // Where it was kept, there is nothing left.
        let _ = fs::remove_dir_all(&self.unfinished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_called_by_its_name_when_it_is_whole_and_else_leaves_nothing() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let name = place.path().join("goose");
        drop(ReportFolder::make(&name).expect("made"));
        assert_eq!(fs::read_dir(place.path()).expect("readable").count(), 0);
        let report = ReportFolder::make(&name).expect("made");
        fs::write(report.file(HTML), "whole").expect("written");
        assert!(!name.exists());
        report.keep().expect("kept");
        let kept = fs::read_to_string(name.join(HTML)).expect("readable");
        assert_eq!(kept, "whole");
        fs::write(place.path().join("file"), "").expect("written");
        assert!(ReportFolder::make(&place.path().join("file/goose")).is_err());
    }
}
