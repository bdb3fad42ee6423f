//! `loadtests compare`: two runs side by side.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;

use super::ReportsFolder;
use crate::exit_code::{Failure, Outcome, PASS};
use crate::keeping::{Losses, Weight};
use crate::output::show;
use crate::program::application::Application;
use crate::record::{Document, Record};
use crate::report::{Kind, NAMES_HELP, Reports, comparison_summary};
use crate::side_by_side::{Comparison, Found};

/// Which two runs.
#[derive(Debug, Args)]
#[command(after_help = format!("{NAMES_HELP}\n\nA comparison has no verdict: one run on each side can't tell a difference from noise."))]
pub(super) struct Compare {
    /// The run to compare against, such as smoke~1.
    #[arg(value_name = "BASELINE")]
    baseline: String,

    /// The run to hold against it, such as smoke.
    #[arg(value_name = "CANDIDATE")]
    candidate: String,

    #[command(flatten)]
    folder: ReportsFolder,
}

impl Compare {
    pub(super) fn execute(self, application: &Application) -> Outcome {
        let reports = Reports::of(application, &self.folder.reports);
        let baseline = Side::find(&reports, &self.baseline)?;
        let candidate = Side::find(&reports, &self.candidate)?;
        if baseline.folder == candidate.folder {
            let both = baseline.folder.display();
            return Err(Failure::usage(anyhow::anyhow!(
                "{} and {} are the same run, {both}; name two, such as {}~1 and {}",
                self.baseline,
                self.candidate,
                baseline.record.plan.name,
                baseline.record.plan.name,
            )));
        }
        let command = format!(
            "{} compare {} {}",
            application.command, baseline.id, candidate.id
        );
        let comparison = Comparison::of(
            baseline.found(),
            candidate.found(),
            Timestamp::now(),
            &command,
        );
        let folder = reports.folder_of(Kind::Comparison, &comparison.id);
        let losses = keep(&comparison, &reports, &folder);
        let page = folder.join("index.html");
        show(comparison_summary(&comparison, &page));
        losses.tell();
        self.folder.open_if_asked(&page);
        Ok(ExitCode::from(losses.exit_code(PASS)))
    }
}

/// The record first: from it, the page can be made again. The same two runs have one
/// comparison, however often they are compared.
fn keep(comparison: &Comparison, reports: &Reports, folder: &Path) -> Losses {
    let mut losses = Losses::default();
    let made = std::fs::create_dir_all(folder)
        .with_context(|| format!("could not make {}", folder.display()));
    if losses.note(Weight::Original, made).is_some() {
        losses.note(Weight::Original, comparison.write(folder));
        losses.add(reports.write_comparison(comparison, folder));
    }
    losses.note(Weight::Derived, reports.write_index());
    losses
}

struct Side {
    id: String,
    folder: PathBuf,
    is_at_home: bool,
    record: Record,
}

impl Side {
    fn find(reports: &Reports, name: &str) -> Result<Self, Failure> {
        let found = reports.find_run(name).map_err(Failure::usage)?;
        let record = reports.read_run(&found).map_err(Failure::usage)?;
        // The same folder can be written in many ways, and `.` has no name.
        let folder = found.canonicalize().map_err(Failure::usage)?;
        let id = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let home = reports.folder_of(Kind::Run, &id);
        Ok(Side {
            is_at_home: is_same(&home, &folder),
            id,
            folder,
            record,
        })
    }

    fn found(&self) -> Found<'_> {
        Found {
            id: &self.id,
            is_at_home: self.is_at_home,
            record: &self.record,
        }
    }
}

fn is_same(path: &Path, folder: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == folder)
}
