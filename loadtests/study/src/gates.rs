//! The gates of a study and their rounds, kept as small data, so that a study goes on where it
//! stopped, and its table can be made again without measuring anything.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skein::gate::metrics::{log_ratio, quad_log_ratios, value};
use skein::gate::record::{GateRecord, MetricOutcome, Round, Side};
use skein::{Verdict, append_whole};
use stats::comparison::Metric;

use crate::cases::Case;

/// A gate of a study, as it is kept: its verdict when it was held, and its rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyGate {
    /// Its number, from 1.
    pub gate: usize,
    /// Its seed.
    pub seed: u64,
    /// The budget of its measurement, in seconds.
    pub budget_seconds: f64,
    /// Its verdict.
    pub verdict: Verdict,
    /// The metrics that were slower at its last look, before a repetition.
    pub slower: Vec<Metric>,
    /// True when a repetition confirmed a fail; `None` when there was none.
    pub confirmed: Option<bool>,
    /// The time that it took, in seconds, the repetition included.
    pub seconds: f64,
    /// The rounds that it rests on, in order.
    pub rounds: Vec<StudyRound>,
    /// The rounds of the repetition.
    pub repetition: Vec<StudyRound>,
}

/// A round of a study, as it is kept: the figures of both sides, in [`Metric::ALL`]'s order
/// and in the metric's unit, and the log-ratios of the round and of its quads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRound {
    /// Its seed.
    pub seed: u64,
    /// The time that it took, in seconds.
    pub seconds: f64,
    /// The share of the machine that other processes used, in percent, if that is known.
    pub others: Option<f64>,
    /// The baseline's figures.
    pub baseline: [Option<f64>; Metric::ALL.len()],
    /// The candidate's figures.
    pub candidate: [Option<f64>; Metric::ALL.len()],
    /// Candidate ÷ baseline, as a natural logarithm.
    pub log_ratios: [Option<f64>; Metric::ALL.len()],
    /// The same by quad, of CPU time per request.
    pub cpu_quads: Vec<f64>,
    /// The same by quad of closed load, of throughput.
    pub throughput_quads: Vec<f64>,
}

/// The gates of one case, in a file of their own.
#[derive(Clone, Debug)]
pub struct Gates(PathBuf);

/// Why a study can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A file of gates can't be read or written.
    #[error("could not use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Gates of several budgets would be counted as one kind.
    #[error(
        "{} holds gates of {kept} s, and these are to be of {asked} s; keep them in another folder (--folder)",
        path.display()
    )]
    OtherBudget {
        /// The file.
        path: PathBuf,
        /// The budget of the gates that it holds, in seconds.
        kept: f64,
        /// The budget that was asked for, in seconds.
        asked: f64,
    },
    /// There is no place for the table.
    #[error(
        "{} has no place for the table; mark it by <!-- gate-study begins --> and <!-- gate-study ends -->",
        path.display()
    )]
    NoMarks {
        /// The file.
        path: PathBuf,
    },
    /// A line is no gate.
    #[error("{}:{line} is no gate of a study", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The place in the line.
        #[source]
        source: serde_json::Error,
    },
}

impl StudyGate {
    /// The part of a gate that is kept.
    pub fn of(gate: usize, record: &GateRecord) -> Self {
        let rounds = |confirmation| {
            let rounds = record.rounds.iter();
            let of_one = rounds.filter(move |round| round.confirmation == confirmation);
            of_one.map(StudyRound::of).collect()
        };
        let slower = |metric: &Metric| {
            let mut records = record.metrics.iter();
            records.any(|m| m.key == metric.name() && m.outcome == MetricOutcome::Slower)
        };
        StudyGate {
            gate,
            seed: record.seed,
            budget_seconds: record.budget_seconds,
            verdict: record.judgement.verdict,
            slower: Metric::ALL.into_iter().filter(slower).collect(),
            confirmed: record.confirmation.as_ref().map(|second| second.confirmed),
            seconds: short(record.seconds),
            rounds: rounds(false),
            repetition: rounds(true),
        }
    }
}

impl StudyRound {
    /// The part of a round that is kept.
    fn of(round: &Round) -> Self {
        let of = |side| Metric::ALL.map(|metric| value(round, side, metric).map(short));
        let quads = |metric| {
            let quads = quad_log_ratios(round, metric);
            quads.into_iter().map(short).collect()
        };
        StudyRound {
            seed: round.seed,
            seconds: short(round.seconds),
            others: round.machine.map(|machine| short(machine.others)),
            baseline: of(Side::Baseline),
            candidate: of(Side::Candidate),
            log_ratios: Metric::ALL.map(|metric| log_ratio(round, metric).map(short)),
            cpu_quads: quads(Metric::CpuPerRequest),
            throughput_quads: quads(Metric::Throughput),
        }
    }
}

/// Four significant digits: a fiftieth of what a round scatters by, and half the file.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

impl Gates {
    /// The gates of `case` in `folder`, with busy neighbours or without.
    pub fn new(folder: &Path, case: &Case, busy: bool) -> Self {
        let neighbours = if busy { "-busy" } else { "" };
        Gates(folder.join(format!("{}{neighbours}.jsonl", case.name)))
    }

    /// Every gate so far; none, when there is no file yet.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is damaged.
    pub fn read(&self) -> Result<Vec<StudyGate>, StudyError> {
        let file = match File::open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.map_err(|source| self.failed(source))?,
        };
        let lines = BufReader::new(file).lines().enumerate();
        let read = lines.map(|(index, line)| {
            let line = line.map_err(|source| self.failed(source))?;
            serde_json::from_str(&line).map_err(|source| StudyError::Damaged {
                path: self.0.clone(),
                line: index + 1,
                source,
            })
        });
        read.collect()
    }

    /// True when the gate with this number is there. All that are there have to be of this
    /// `budget`.
    ///
    /// # Errors
    ///
    /// The file can't be read, is damaged, or holds gates of another budget.
    pub fn has(&self, number: usize, budget: Duration) -> Result<bool, StudyError> {
        let asked = budget.as_secs_f64();
        let kept = self.read()?;
        match kept.iter().find(|gate| gate.budget_seconds != asked) {
            Some(other) => Err(StudyError::OtherBudget {
                path: self.0.clone(),
                kept: other.budget_seconds,
                asked,
            }),
            None => Ok(kept.iter().any(|gate| gate.gate == number)),
        }
    }

    /// Adds a gate.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn add(&self, gate: &StudyGate) -> Result<(), StudyError> {
        let mut line = serde_json::to_vec(gate).map_err(|e| self.failed(e.into()))?;
        line.push(b'\n');
        let write = || {
            fs::create_dir_all(self.0.parent().unwrap_or(Path::new(".")))?;
            let mut file = File::options().create(true).append(true).open(&self.0)?;
            // In one go, so that an interruption leaves whole lines.
            append_whole(&mut file, &line)
        };
        write().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> StudyError {
        StudyError::File {
            path: self.0.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CASES;
    use crate::example::example;

    #[test]
    fn gates_are_kept_short_and_added_to_those_that_are_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let gates = Gates::new(folder.path(), &CASES[0], true);
        assert_eq!(gates.read().expect("nothing yet"), []);
        let kept = StudyGate::of(1, &example());
        for _ in 0..2 {
            gates.add(&kept).expect("written");
        }
        assert_eq!(
            gates.read().expect("readable"),
            [kept.clone(), kept.clone()]
        );
        assert_eq!(kept.slower, [Metric::CpuPerRequest, Metric::P95]);
        let budget = Duration::from_secs_f64(kept.budget_seconds);
        assert!(gates.has(1, budget).expect("readable"));
        assert!(!gates.has(2, budget).expect("readable"));
        let other = gates.has(1, 2 * budget).expect_err("another budget");
        assert!(other.to_string().contains("another folder"), "{other}");
        let text = fs::read_to_string(folder.path().join("aa-busy.jsonl")).expect("there");
        assert!(
            text.lines()
                .all(|line| line.len() < 500 * (1 + kept.rounds.len() + kept.repetition.len())),
            "{text}"
        );
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("aa.jsonl"), "{}\n").expect("written");
        let error = Gates::new(folder.path(), &CASES[0], false).read();
        let message = error.expect_err("no gate").to_string();
        assert!(
            message.ends_with("aa.jsonl:1 is no gate of a study"),
            "{message}"
        );
    }
}
