//! What the list of all reports says of each: a line, made from its record.

use jiff::Timestamp;

use super::Kind;
use super::capacity_page::promise;
use crate::capacity::record::CapacityRecord;
use crate::environment::Revision;
use crate::gate::record::{Build, GateRecord};
use crate::record::Record;
use crate::side_by_side::Comparison;
use crate::verdict::{Judgement, Verdict};

/// A report's folder, and what is in it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What kind of report it is.
    pub kind: Kind,
    /// The folder's name.
    pub id: String,
    /// The line, or why the record can't be read.
    pub line: Result<Line, String>,
}

/// What the list says of a report.
#[derive(Clone, Debug)]
pub enum Line {
    /// Of a load run.
    Run(RunLine),
    /// Of a gate.
    Gate(GateLine),
    /// Of a comparison.
    Comparison(ComparisonLine),
    /// Of a study of capacity.
    Capacity(CapacityLine),
}

/// What the list says of a load run.
#[derive(Clone, Debug)]
pub struct RunLine {
    /// The plan's name.
    pub plan: String,
    /// When the load began.
    pub started: Timestamp,
    /// What the run comes to.
    pub judgement: Judgement,
    /// The commit, shortened, and whether files differed from it.
    pub revision: Option<ShortRevision>,
    /// What may be quoted; `None` of an invalid run.
    pub figures: Option<RunFigures>,
}

/// The figures of a run that the list shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunFigures {
    /// Requests, without warm-up.
    pub requests: u64,
    /// Requests a second; none where no time passed.
    pub per_second: Option<f64>,
    /// Those that failed.
    pub failed: u64,
    /// The 99th percentile of the response time of the slowest route, in microseconds.
    pub slowest_p99: Option<u64>,
}

/// What the list says of a gate.
#[derive(Clone, Debug)]
pub struct GateLine {
    /// The plan's name.
    pub plan: String,
    /// When the measurement began.
    pub started: Timestamp,
    /// What the gate comes to.
    pub judgement: Judgement,
    /// What was compared against.
    pub baseline: String,
    /// What was judged.
    pub candidate: Option<ShortRevision>,
}

/// What the list says of a comparison.
#[derive(Clone, Debug)]
pub struct ComparisonLine {
    /// When it was made.
    pub made: Timestamp,
    /// The plans of both runs, once if it is the same.
    pub plans: String,
    /// The folders of both runs.
    pub runs: [String; 2],
    /// Whether the two may be compared.
    pub is_fair: bool,
}

/// The list's words on a study of capacity.
#[derive(Clone, Debug)]
pub struct CapacityLine {
    /// The plan's name.
    pub plan: String,
    /// The moment at which the measurement began.
    pub started: Timestamp,
    /// The verdict.
    pub judgement: Judgement,
    /// The promise, as it was written.
    pub promise: String,
    /// The commit, shortened, and whether files differed from it.
    pub revision: Option<ShortRevision>,
}

/// A commit, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortRevision {
    /// The first digits of its hash.
    pub commit: String,
    /// Whether tracked files differed from it.
    pub modified: bool,
}

impl ShortRevision {
    /// Enough digits to tell commits apart.
    const DIGITS: usize = 8;

    fn new(commit: &str, modified: bool) -> Self {
        ShortRevision {
            commit: commit.chars().take(Self::DIGITS).collect(),
            modified,
        }
    }

    /// Of a record's revision.
    pub fn of(revision: &Revision) -> Self {
        Self::new(&revision.commit, revision.modified)
    }

    /// Of one side of a gate, if its commit is known.
    pub fn of_build(build: &Build) -> Option<Self> {
        let commit = build.commit.as_ref()?;
        Some(Self::new(commit, build.modified == Some(true)))
    }
}

impl Line {
    /// When it was made.
    pub fn when(&self) -> Timestamp {
        match self {
            Line::Run(line) => line.started,
            Line::Gate(line) => line.started,
            Line::Comparison(line) => line.made,
            Line::Capacity(line) => line.started,
        }
    }

    /// The plan, or the plans of a comparison.
    pub fn plan(&self) -> &str {
        match self {
            Line::Run(line) => &line.plan,
            Line::Gate(line) => &line.plan,
            Line::Comparison(line) => &line.plans,
            Line::Capacity(line) => &line.plan,
        }
    }

    /// What it comes to; a comparison comes to nothing.
    pub fn judgement(&self) -> Option<&Judgement> {
        match self {
            Line::Run(line) => Some(&line.judgement),
            Line::Gate(line) => Some(&line.judgement),
            Line::Comparison(_) => None,
            Line::Capacity(line) => Some(&line.judgement),
        }
    }
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let requests = record.routes.iter().map(|route| &route.requests);
        let sent: u64 = requests.clone().map(|requests| requests.count).sum();
        let times = requests
            .clone()
            .filter_map(|requests| requests.times.as_ref());
        let figures = RunFigures {
            requests: sent,
            per_second: record.per_measured_second(sent as f64),
            failed: requests.map(|requests| requests.failed).sum(),
            slowest_p99: times.map(|times| times.p99).max(),
        };
        let revision = record.environment.revision.as_ref();
        Line::Run(RunLine {
            plan: record.plan.name.clone(),
            started: record.started,
            judgement: record.judgement.clone(),
            revision: revision.map(ShortRevision::of),
            figures: (record.judgement.verdict != Verdict::Invalid).then_some(figures),
        })
    }
}

impl From<&GateRecord> for Line {
    fn from(record: &GateRecord) -> Self {
        let baseline = &record.baseline;
        let commit = ShortRevision::of_build(baseline).map(|revision| revision.commit);
        let asked = baseline.asked.clone().or(commit);
        Line::Gate(GateLine {
            plan: record.plan.clone(),
            started: record.started,
            judgement: record.judgement.clone(),
            baseline: asked.unwrap_or_else(|| "an unnamed build".to_owned()),
            candidate: ShortRevision::of_build(&record.candidate),
        })
    }
}

impl From<&Comparison> for Line {
    fn from(comparison: &Comparison) -> Self {
        let (a, b) = (&comparison.baseline, &comparison.candidate);
        Line::Comparison(ComparisonLine {
            made: comparison.made,
            plans: if a.plan == b.plan {
                a.plan.clone()
            } else {
                format!("{} and {}", a.plan, b.plan)
            },
            runs: [a.id.clone(), b.id.clone()],
            is_fair: comparison.is_fair(),
        })
    }
}

impl From<&CapacityRecord> for Line {
    fn from(record: &CapacityRecord) -> Self {
        let revision = record.environment.revision.as_ref();
        Line::Capacity(CapacityLine {
            plan: record.plan.clone(),
            started: record.started,
            judgement: record.judgement.clone(),
            promise: promise(record),
            revision: revision.map(ShortRevision::of),
        })
    }
}
