//! `loadtests gate`: is this build slower than the baseline, not slower, or can't it be
//! told?

mod sides;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args};
use sides::{Builds, Sides};
use stats::comparison::FEWEST_ROUNDS;

use super::telling::{EventsFile, tell_of_files};
use super::{ReportsFolder, discard_without_rounds, quoted};
use crate::environment::Environment;
use crate::events::{CommandName, Event, Events};
use crate::exit_code::{FAIL, Failure, Outcome, PASS};
use crate::gate::baseline::BaselineError;
use crate::gate::calibration::{Calibration, Calibrations, Key};
use crate::gate::record::{Build, GateRecord, Side};
use crate::gate::{self, GateError, Setup, budget};
use crate::interruption::Interruption;
use crate::keeping::{Losses, Weight};
use crate::output::{say, show};
use crate::program::application::Application;
use crate::record::Document;
use crate::report::{Kind, Reports, gate as gate_reports};
use crate::verdict::Verdict;
use crate::words::short_commit;

/// How long a gate measures, unless the command line tells.
const USUAL_BUDGET: Duration = Duration::from_secs(2 * 60);
/// How long a calibration measures: it takes more rounds to know how far they scatter than
/// to know what they scatter around.
const CALIBRATION_BUDGET: Duration = Duration::from_secs(6 * 60);

/// What to compare.
#[derive(Debug, Args)]
pub(super) struct Gate {
    /// What to compare against: a git revision, which is built once in a worktree of its
    /// own, with its own lock file and this build's profile; or the path to a build, which
    /// is a load tester or a node program. Of a system of your own, a revision's programs
    /// run in a worktree of it, after the `build` of each node. Or a setting: NODE=IMAGE or
    /// NODE.env.VARIABLE=VALUE.
    #[arg(long, value_name = "REVISION|PATH|SETTING")]
    baseline: Option<String>,

    /// The build that is judged, by the path of its executable or its folder; or a setting of
    /// the system, such as store.env.CACHE=on, which is compared with the system as it is
    /// [default: the working tree, of which the same is built; this very program, when
    /// the baseline is a load tester].
    #[arg(long, value_name = "PATH|SETTING", conflicts_with_all = ["aa", "calibrate"])]
    candidate: Option<PathBuf>,

    /// How long to measure at most, such as 2m, 6m or 20m. More time sees smaller
    /// slowdowns. Building the baseline and confirming a fail come on top
    /// [default: 2m, and 6m with --calibrate].
    #[arg(long, value_name = "DURATION", value_parser = budget)]
    budget: Option<Duration>,

    /// Compare the baseline (without one, this program) with itself: what it shows then
    /// is chance.
    #[arg(long)]
    aa: bool,

    /// Compare like --aa for the whole budget, and keep what this machine can tell for
    /// later gates: a metric that is too coarse here is waited for until the last round,
    /// in which it can still fail, and doesn't hold up a pass after that.
    #[arg(long)]
    calibrate: bool,

    /// The load and the margins, as a built-in plan or a TOML file; `loadtests plans
    /// gate` prints one to start your own from.
    #[arg(long, value_name = "NAME|FILE", default_value = "gate")]
    plan: String,

    /// Start the system that this file describes on both sides, in place of the program's
    /// own.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,

    /// Start another system on the baseline's side, such as one of an older version or with
    /// other settings.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["aa", "calibrate"])]
    baseline_topology: Option<PathBuf>,

    /// The seed of every random choice [default: a new one].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    folder: ReportsFolder,

    #[command(flatten)]
    events: EventsFile,

    /// Show no progress, only the summary.
    #[arg(long, short)]
    quiet: bool,
}

impl Gate {
    /// Holds the gate that is meant; `flags` are all flags of the verb, also those of the
    /// program.
    pub(super) fn execute(
        self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Outcome {
        let sides = self.sides(application, flags).map_err(Failure::usage)?;
        let events = |stream| Events::of_command(self.quiet, stream);
        self.events
            .tell(CommandName::Gate, events, |events, interruption| {
                self.hold(sides, events, interruption)
            })
    }

    /// Holds the gate and keeps its report. Gives the exit code.
    fn hold(
        &self,
        Sides {
            plan,
            mut systems,
            amended,
        }: Sides,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<u8, Failure> {
        let application = Arc::clone(&plan.application);
        let builds = self.builds(&plan, &mut systems, &amended, events, interruption);
        let Builds {
            baseline,
            candidate,
            then: _then,
        } = builds.map_err(|error| {
            if matches!(error, BaselineError::Interrupted) {
                events.emit(Event::interrupted(interruption));
            }
            no_build(error)
        })?;
        let seed = self.seed.unwrap_or_else(rand::random);
        let file = Calibrations::file(&self.folder.reports);
        let known = Calibrations::read(&file).map_err(Failure::usage)?;
        let key = Key::new(&Environment::look(), &plan.source);
        let (id, folder) = self.make_folder(&candidate)?;
        let setup = Setup {
            id,
            systems,
            is_aa: self.is_aa(),
            budget: self.budget(),
            to_the_end: self.calibrate,
            calibration: known
                .of(&key)
                .filter(|_| !self.calibrate)
                .map(|known| (file.display().to_string(), known.clone())),
            seed,
            command: self.command_again(&application, &amended, seed, &baseline),
            baseline,
            candidate,
            plan,
        };
        let outcome = gate::run(setup, &folder, events, interruption);
        let gate::GateRun { record, mut losses } =
            outcome.map_err(|error| failed(error, &folder, self.is_aa()))?;
        losses.add(self.keep(&record, &folder));
        tell_of_files(events, &folder, GateRecord::FILE, &losses);
        events.hush();
        show(gate_reports::summary(&record, &folder));
        losses.tell();
        self.folder.open_if_asked(&folder.join("index.html"));
        let code = if self.calibrate {
            calibrated(&record, known, &file)?;
            PASS
        } else {
            record.judgement.verdict.exit_code()
        };
        Ok(losses.exit_code(code))
    }

    /// Whether a build is compared with itself.
    fn is_aa(&self) -> bool {
        self.aa || self.calibrate
    }

    fn budget(&self) -> Duration {
        let usual = if self.calibrate {
            CALIBRATION_BUDGET
        } else {
            USUAL_BUDGET
        };
        self.budget.unwrap_or(usual)
    }

    /// `reports/gates/<UTC time>-<the candidate's commit>`.
    fn make_folder(&self, candidate: &Build) -> Result<(String, PathBuf), Failure> {
        let commit = candidate.commit.as_deref().unwrap_or("build");
        self.folder.create(Kind::Gate, short_commit(commit))
    }

    /// The record first: from it, everything else can be made again.
    fn keep(&self, record: &GateRecord, folder: &Path) -> Losses {
        let mut losses = Losses::default();
        losses.note(Weight::Original, record.write(folder));
        let reports = Reports::new(&self.folder.reports);
        losses.add(reports.write_gate(record, folder));
        losses.note(Weight::Derived, reports.write_index());
        losses
    }

    /// The command line that makes the same gate again, also when the revision that
    /// `baseline` was asked for by has moved on.
    fn command_again(
        &self,
        application: &Application,
        amended: &str,
        seed: u64,
        baseline: &Build,
    ) -> String {
        let mut command = format!("{} gate{amended}", application.command);
        for (flag, is_set) in [("--aa", self.aa), ("--calibrate", self.calibrate)] {
            if is_set {
                command.push_str(&format!(" {flag}"));
            }
        }
        if let Some(asked) = &self.baseline {
            let is_setting = matches!(self.settings(), Ok([Some(_), _]));
            let commit = baseline.commit.as_ref().filter(|_| !is_setting);
            let baseline = commit.unwrap_or(asked);
            command.push_str(&format!(" --baseline {}", quoted(baseline)));
        }
        if let Some(candidate) = &self.candidate {
            let candidate = candidate.to_string_lossy();
            command.push_str(&format!(" --candidate {}", quoted(&candidate)));
        }
        if self.plan != "gate" {
            command.push_str(&format!(" --plan {}", quoted(&self.plan)));
        }
        for (flag, path) in [
            ("--topology", &self.topology),
            ("--baseline-topology", &self.baseline_topology),
        ] {
            if let Some(path) = path {
                command.push_str(&format!(" {flag} {}", quoted(&path.to_string_lossy())));
            }
        }
        let budget = humantime::format_duration(self.budget()).to_string();
        command.push_str(&format!(
            " --budget {} --seed {seed}",
            budget.replace(' ', "")
        ));
        command
    }
}

fn no_build(error: BaselineError) -> Failure {
    if matches!(error, BaselineError::Interrupted) {
        Failure::invalid(error)
    } else if error.is_usage() {
        Failure::usage(error)
    } else if matches!(error, BaselineError::Candidate { .. }) {
        // What can't be built would not be a pass.
        Failure {
            code: FAIL,
            error: error.into(),
        }
    } else {
        Failure::not_started(error)
    }
}

fn failed(error: GateError, folder: &Path, is_aa: bool) -> Failure {
    discard_without_rounds(folder);
    match error {
        // Where a build is compared with itself, there is no change that could be at fault.
        GateError::NotStarted { side, .. } if side == Side::Candidate && !is_aa => Failure {
            code: FAIL,
            error: error.into(),
        },
        GateError::NotStarted { .. } => Failure::not_started(error),
        GateError::TooShort { .. } | GateError::Elsewhere(_) => Failure::usage(error),
        error => Failure::invalid(error),
    }
}

/// Keeps what the machine can tell, and says it; what was known stays when `record`
/// doesn't tell.
fn calibrated(record: &GateRecord, known: Calibrations, file: &Path) -> Result<(), Failure> {
    let calibration = calibration(record).map_err(|why| {
        Failure::invalid(anyhow::anyhow!(
            "nothing was kept for later gates, which go by what was known before: {why}"
        ))
    })?;
    say(format_args!(
        "{:<17}{:>8}{:>17}{:>15}",
        "", "SD", "autocorrelation", "design effect"
    ));
    for scatter in &calibration.metrics {
        let correlation = scatter.autocorrelation;
        say(format_args!(
            "{:<17}{:>7.2} %{:>16}{:>15.2}",
            scatter.metric.name(),
            scatter.sd * 100.0,
            correlation.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}")),
            scatter.design_effect,
        ));
    }
    known.keep(calibration, file).map_err(Failure::not_kept)?;
    say(format_args!("kept for later gates in {}", file.display()));
    Ok(())
}

/// What the machine can tell, or why `record` is nothing to go by.
fn calibration(record: &GateRecord) -> Result<Calibration, String> {
    let rounds = record.rounds.len();
    if record.interrupted {
        return Err("the gate was interrupted".to_owned());
    }
    if record.judgement.verdict == Verdict::Invalid {
        return Err("the measurement can't be trusted".to_owned());
    }
    if rounds < FEWEST_ROUNDS {
        let fewest = FEWEST_ROUNDS;
        return Err(format!(
            "it takes {fewest} rounds and there were {rounds}; give a longer --budget"
        ));
    }
    Calibration::of(record).ok_or_else(|| "a metric has figures of too few rounds".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use clap::Parser;
    use jiff::Timestamp;

    use super::*;
    use crate::exit_code::{INVALID, NOT_STARTED};
    use crate::gate::RoundError;
    use crate::gate::record::example::example;
    use crate::gate::this_build;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        gate: Gate,
    }

    fn shop() -> Arc<Application> {
        crate::testing::application()
    }

    fn gate(arguments: &[&str]) -> Gate {
        let line = CommandLine::try_parse_from(["gate"].iter().chain(arguments));
        line.expect("valid").gate
    }

    #[test]
    fn a_calibration_has_more_time_than_a_gate_unless_it_is_told() {
        let seconds = |arguments: &[&str]| gate(arguments).budget().as_secs();
        assert_eq!(seconds(&["--baseline", "main"]), 120);
        assert_eq!(seconds(&["--aa"]), 120);
        assert_eq!(seconds(&["--calibrate"]), 360);
        assert_eq!(seconds(&["--calibrate", "--budget", "20m"]), 1200);
    }

    #[test]
    fn the_command_again_names_the_commit_and_quotes_what_a_shell_would_split() {
        let build = |commit: Option<&str>| Build {
            commit: commit.map(str::to_owned),
            ..this_build()
        };
        let revision = gate(&["--baseline", "origin/main", "--candidate", "a build"]);
        assert_eq!(
            revision.command_again(&shop(), "", 7, &build(Some("4de0300"))),
            "shop gate --baseline 4de0300 --candidate 'a build' \
             --budget 2m --seed 7"
        );
        let path = gate(&["--baseline", "it's/here", "--budget", "90s"]);
        assert_eq!(
            path.command_again(&shop(), "", 7, &build(None)),
            r"shop gate --baseline 'it'\''s/here' --budget 1m30s --seed 7"
        );
    }

    #[test]
    fn a_tolerance_above_the_margin_is_refused_with_the_plan() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("mine.toml").display().to_string();
        let built_in = crate::testing::plan("gate").source;
        let plan = format!("{built_in}\n[gate.tolerance]\np50 = 4.0\n");
        fs::write(&file, plan).expect("written");
        assert!(gate(&["--aa", "--plan", &file]).plan(&shop()).is_ok());
        let longer = gate(&["--aa", "--plan", &file, "--budget", "20m"]);
        let message = longer.plan(&shop()).expect_err("it is above").to_string();
        assert!(message.contains("4 % for p50"), "{message}");
    }

    #[test]
    fn a_candidate_that_doesnt_start_fails_and_a_baseline_that_doesnt_is_no_verdict() {
        let code = |side, is_aa| {
            let source = RoundError::System {
                what: "start",
                source: io::Error::other("no"),
            };
            let error = GateError::NotStarted {
                side,
                baseline: "main".to_owned(),
                source: Box::new(source),
            };
            failed(error, Path::new("no-such-folder"), is_aa).code
        };
        assert_eq!(code(Side::Candidate, false), FAIL);
        assert_eq!(code(Side::Baseline, false), NOT_STARTED);
        assert_eq!(code(Side::Candidate, true), NOT_STARTED);
    }

    #[test]
    fn a_calibration_gives_way_only_to_one_that_is_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("calibration.json");
        let keep = |record: &GateRecord| {
            let known = Calibrations::read(&file).expect("readable");
            calibrated(record, known, &file)
        };
        assert!(keep(&example()).is_ok());
        let kept = fs::read(&file).expect("it is kept");
        let mut interrupted = example();
        interrupted.interrupted = true;
        let mut invalid = example();
        invalid.judgement.verdict = Verdict::Invalid;
        let mut short = example();
        short.rounds.truncate(FEWEST_ROUNDS - 1);
        for (mut record, says) in [
            (interrupted, "interrupted"),
            (invalid, "can't be trusted"),
            (short, "there were 9"),
        ] {
            record.ended = Timestamp::now();
            let failure = keep(&record).expect_err("it is not whole");
            assert_eq!(failure.code, INVALID);
            let message = failure.error.to_string();
            assert!(message.contains(says), "{message}");
            assert_eq!(fs::read(&file).expect("it is kept"), kept);
        }
    }
}
