//! `loadtests report`: the pages of earlier runs, gates and comparisons, made again from
//! their records.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::ReportsFolder;
use crate::exit_code::{Failure, NOT_KEPT, Outcome, PASS};
use crate::keeping::{Losses, Weight};
use crate::output::say;
use crate::program::application::Application;
use crate::report::{Kind, NAMES_HELP, Reports};

/// Which reports.
#[derive(Debug, Args)]
#[command(after_help = format!("{NAMES_HELP}\nand gates and comparisons go by the names of their folders."))]
pub(super) struct Report {
    /// The runs, gates or comparisons whose pages to write [default: all].
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    #[command(flatten)]
    folder: ReportsFolder,
}

impl Report {
    pub(super) fn execute(self, application: &Application) -> Outcome {
        let reports = Reports::of(application, &self.folder.reports);
        let mut losses = if self.runs.is_empty() {
            self.all(&reports)?
        } else {
            Losses::default()
        };
        for name in &self.runs {
            let (kind, folder) = reports.find(name).map_err(Failure::usage)?;
            // A record that can't be read is a wrong name; a page that can't be
            // written is not.
            losses.add(reports.write_again(kind, &folder).map_err(Failure::usage)?);
        }
        losses.note(Weight::Derived, reports.write_index());
        say(reports.index().display());
        losses.tell();
        self.folder.open_if_asked(&reports.index());
        // Pages are all that was asked for.
        let code = if losses.is_empty() { PASS } else { NOT_KEPT };
        Ok(ExitCode::from(code))
    }

    fn all(&self, reports: &Reports) -> Result<Losses, Failure> {
        let mut losses = Losses::default();
        let place = self.folder.reports.display();
        let mut found = 0;
        for kind in Kind::ALL {
            let ids = reports
                .ids(kind)
                .with_context(|| format!("could not look for {} in {place}", kind.folder()))
                .map_err(Failure::usage)?;
            found += ids.len();
            for id in ids {
                // Among all, the index tells which can't be read and why.
                if let Ok(lost) = reports.write_again(kind, &reports.folder_of(kind, &id)) {
                    losses.add(lost);
                }
            }
        }
        if found == 0 {
            return Err(Failure::usage(anyhow::anyhow!(
                "there are no reports in {place}; name their folder with --reports"
            )));
        }
        Ok(losses)
    }
}
