//! `loadtests report`: the pages of earlier runs, made again from their records.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{ReportsFolder, show};
use crate::exit_code::{Failure, Outcome};
use crate::record::Record;
use crate::report::Reports;

/// Which runs.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Names of runs, as their folders are called [default: all].
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    #[command(flatten)]
    folder: ReportsFolder,

    /// Open the list of all runs when it is there.
    #[arg(long)]
    open: bool,
}

impl Report {
    pub(super) fn execute(self) -> Outcome {
        let reports = Reports::new(&self.folder.reports);
        let all = self.runs.is_empty();
        let runs = if all {
            let place = self.folder.reports.display();
            reports
                .run_ids()
                .with_context(|| format!("could not find runs in {place}"))
                .map_err(Failure::usage)?
        } else {
            self.runs
        };
        for run in runs {
            let folder = reports.run_folder(&run);
            match Record::read(&folder) {
                Ok(record) => reports
                    .write_run(&record, &folder)
                    .map_err(Failure::invalid)?,
                // Among all, the index tells which can't be read and why.
                Err(_) if all => {}
                Err(error) => return Err(Failure::usage(error)),
            }
        }
        reports.write_index().map_err(Failure::invalid)?;
        println!("{}", reports.index().display());
        if self.open {
            show(&reports.index());
        }
        Ok(ExitCode::SUCCESS)
    }
}
