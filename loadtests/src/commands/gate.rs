//! `loadtests gate`: is this build slower than the baseline, not slower, or can't it be
//! told?

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::ReportsFolder;
use crate::environment::Environment;
use crate::exit_code::{Failure, Outcome};
use crate::gate::baseline::{self, BaselineError};
use crate::gate::calibration::{Calibration, Calibrations, Key};
use crate::gate::record::{Build, GateRecord};
use crate::gate::{self, GateError, Order};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::Document;
use crate::report::{Kind, Reports, gate as gate_reports};

/// What to compare.
#[derive(Debug, Args)]
pub(super) struct Gate {
    /// What to compare against: a git revision, which is built once in a worktree of its
    /// own, with its own lock file and this build's profile; or the path to a build.
    #[arg(long, value_name = "REVISION|PATH", required_unless_present_any = ["aa", "calibrate"])]
    baseline: Option<String>,

    /// The build that is judged, by the path of its executable or its folder
    /// [default: this very program].
    #[arg(long, value_name = "PATH", conflicts_with_all = ["aa", "calibrate"])]
    candidate: Option<PathBuf>,

    /// How long to measure at most, such as 2m, 6m or 20m. More time sees smaller
    /// slowdowns. Building the baseline and confirming a fail come on top.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = budget)]
    budget: Duration,

    /// Compare the baseline (without one, this program) with itself: what it shows then
    /// is chance.
    #[arg(long)]
    aa: bool,

    /// Compare like --aa for the whole budget, and keep what this machine can tell for
    /// later gates: a metric that is too coarse here is then reported, and not judged.
    #[arg(long)]
    calibrate: bool,

    /// The load and the margins, as a built-in plan or a TOML file; `loadtests plans
    /// gate` prints one to start your own from.
    #[arg(long, value_name = "NAME|FILE", default_value = "gate")]
    plan: String,

    /// The seed of every random choice [default: a new one].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    folder: ReportsFolder,

    /// Show no progress, only the summary.
    #[arg(long, short)]
    quiet: bool,
}

impl Gate {
    pub(super) fn execute(self) -> Outcome {
        let plan = self.plan().map_err(Failure::usage)?;
        let progress = Progress::new(self.quiet);
        let (baseline, candidate) = self.builds(&progress).map_err(no_build)?;
        let seed = self.seed.unwrap_or_else(rand::random);
        let file = Calibrations::file(&self.folder.reports);
        let known = Calibrations::read(&file).map_err(Failure::usage)?;
        let key = Key::new(&Environment::look(), &plan.source);
        let order = Order {
            planted: Vec::new(),
            planted_before: Vec::new(),
            is_aa: self.aa || self.calibrate,
            budget: self.budget,
            to_the_end: self.calibrate,
            calibration: known
                .of(&key)
                .filter(|_| !self.calibrate)
                .map(|known| (file.display().to_string(), known.clone())),
            seed,
            command: self.command_again(seed),
            baseline,
            candidate,
            plan,
        };
        let (id, folder) = self.make_folder(&order)?;
        let outcome = gate::run(order, &folder, &progress);
        progress.finish();
        let mut record = outcome.map_err(|error| failed(error, &folder))?;
        record.id = id;
        self.keep(&record, &folder).map_err(Failure::invalid)?;
        print!("{}", gate_reports::summary(&record, &folder));
        self.folder.open_if_asked(&folder.join("index.html"));
        if self.calibrate {
            return calibrated(&record, known, &file);
        }
        Ok(ExitCode::from(record.judgement.verdict.exit_code()))
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let plan = Plan::load(&self.plan)?;
        anyhow::ensure!(
            plan.requests.is_none(),
            "a gate starts both systems itself, so it takes no plan of plain requests"
        );
        Ok(plan)
    }

    /// What is compared: baseline, candidate.
    fn builds(&self, progress: &Progress) -> Result<(Build, Build), BaselineError> {
        let baseline = match &self.baseline {
            Some(asked) => baseline::find(asked, progress)?,
            None => this_build(),
        };
        let candidate = match &self.candidate {
            _ if self.aa || self.calibrate => baseline.clone(),
            Some(path) => baseline::at(path)?,
            None => this_build(),
        };
        Ok((baseline, candidate))
    }

    /// `reports/gates/<UTC time>-<the candidate's commit>`, or with a number when there
    /// is one.
    fn make_folder(&self, order: &Order) -> Result<(String, PathBuf), Failure> {
        let commit = order.candidate.commit.as_deref().unwrap_or("build");
        let short = commit.get(..7).unwrap_or(commit);
        let id = format!("{}-{short}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
        let reports = Reports::new(&self.folder.reports);
        let folder = reports.create_folder(Kind::Gate, &id).map_err(|error| {
            let place = self.folder.reports.display();
            Failure::usage(anyhow::Error::new(error).context(format!(
                "could not keep reports in {place}; choose a folder with --reports"
            )))
        })?;
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        Ok((id.into_owned(), folder))
    }

    /// The record first: from it, everything else can be made again.
    fn keep(&self, record: &GateRecord, folder: &Path) -> anyhow::Result<()> {
        record.write(folder)?;
        let reports = Reports::new(&self.folder.reports);
        reports.write_gate(record, folder)?;
        reports.write_index()?;
        Ok(())
    }

    /// The command line that makes the same gate again.
    fn command_again(&self, seed: u64) -> String {
        let mut command = "cargo run -p loadtests -- gate".to_owned();
        for (flag, is_set) in [("--aa", self.aa), ("--calibrate", self.calibrate)] {
            if is_set {
                command.push_str(&format!(" {flag}"));
            }
        }
        if let Some(baseline) = &self.baseline {
            command.push_str(&format!(" --baseline {baseline}"));
        }
        if let Some(candidate) = &self.candidate {
            command.push_str(&format!(" --candidate {}", candidate.display()));
        }
        if self.plan != "gate" {
            command.push_str(&format!(" --plan {}", self.plan));
        }
        let budget = humantime::format_duration(self.budget).to_string();
        command.push_str(&format!(
            " --budget {} --seed {seed}",
            budget.replace(' ', "")
        ));
        command
    }
}

/// The program that runs, also when its file has been replaced by a newer build meanwhile.
pub(super) fn this_build() -> Build {
    let environment = Environment::look();
    let revision = environment.revision.as_ref();
    Build {
        asked: None,
        commit: revision.map(|revision| revision.commit.clone()),
        modified: revision.map(|revision| revision.modified),
        program: "/proc/self/exe".to_owned(),
        profile: Some(environment.profile.clone()),
        planted: None,
    }
}

fn no_build(error: BaselineError) -> Failure {
    if error.is_usage() {
        Failure::usage(error)
    } else {
        Failure::not_started(error)
    }
}

fn failed(error: GateError, folder: &Path) -> Failure {
    let has_rounds = folder.join(gate::ROUNDS_FILE);
    if has_rounds.metadata().is_ok_and(|rounds| rounds.len() == 0) {
        // It would only be an empty place among the gates.
        let _ = std::fs::remove_dir_all(folder);
    }
    match error {
        GateError::NotStarted { .. } => Failure::not_started(error),
        error => Failure::invalid(error),
    }
}

/// Keeps what the machine can tell, and says it.
fn calibrated(record: &GateRecord, known: Calibrations, file: &Path) -> Outcome {
    let calibration = Calibration::of(record).ok_or_else(|| {
        Failure::invalid(anyhow::anyhow!(
            "there are too few rounds to calibrate by; give a longer --budget"
        ))
    })?;
    println!(
        "{:<17}{:>8}{:>17}{:>15}",
        "", "SD", "autocorrelation", "design effect"
    );
    for scatter in &calibration.metrics {
        let correlation = scatter.autocorrelation;
        println!(
            "{:<17}{:>7.2} %{:>16}{:>15.2}",
            scatter.metric.name(),
            scatter.sd * 100.0,
            correlation.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}")),
            scatter.design_effect,
        );
    }
    known.keep(calibration, file).map_err(Failure::invalid)?;
    println!("kept for later gates in {}", file.display());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn budget(text: &str) -> Result<Duration, String> {
    /// Less has no room for the fewest rounds that an exact test needs.
    const SHORTEST: Duration = Duration::from_secs(10);
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(budget) if (SHORTEST..=LONGEST).contains(&budget) => Ok(budget),
        Ok(_) => Err("a budget is between 10s and 24h".to_owned()),
        Err(_) => Err("write a number with a unit, such as 2m".to_owned()),
    }
}
