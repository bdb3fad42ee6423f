//! Events of a run, a gate, the build of a side, or a self-check: whatever is told of them
//! while they go on is one of these.
//!
//! ```text
//! run, gate, baseline, self-check ─→ Events ─┬→ display   a bar, or lines: the wording is there
//!                                            ├→ table     the figures of a self-check
//!                                            └→ stream    JSON lines, for other programs
//! ```
//!
//! A run's timeline is made of the same events. JUnit XML and Markdown are made from records.

#[cfg(test)]
pub(crate) mod any;
mod display;
mod emitter;
mod stream;
mod table;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;
use crate::gate::record::Side;
use crate::interruption::Interruption;
use crate::threshold::Unit;
use crate::verdict::Verdict;

pub use emitter::Events;
pub use stream::Stream;

/// A line of the stream: an event, and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventLine {
    /// Milliseconds since the program began to tell, by a clock that nobody sets.
    pub at_ms: u64,
    /// The time of day, as the machine's clock shows it.
    pub time: Timestamp,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// The signal that came first.
    pub fn interrupted(interruption: &Interruption) -> Self {
        Event::Interrupted {
            signal: interruption.by().unwrap_or("a signal").to_owned(),
        }
    }

    /// A program's first event.
    pub fn began(command: CommandName) -> Self {
        Event::Began {
            schema_version: EventLine::SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
        }
    }
}

impl EventLine {
    /// The version of a stream's form. It grows when a reader of an older one would be misled.
    /// New events and new members of events don't mislead: a reader passes over them.
    pub const SCHEMA_VERSION: u32 = 1;
}

/// An event. Lengths and moments are in milliseconds unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The program began with its command. It is a stream's first event.
    Began {
        /// The version of the stream's form.
        schema_version: u32,
        /// The program's version.
        version: String,
        /// The command.
        command: CommandName,
    },
    /// A program that uses this library remarks something.
    Remarked {
        /// The remark.
        text: String,
    },
    /// A library warned.
    LibraryWarned {
        /// `error` or `warn`.
        level: String,
        /// The library.
        library: String,
        /// Its words.
        text: String,
    },
    /// A signal came, and the command ends before its time.
    Interrupted {
        /// Its name, such as `SIGTERM`.
        signal: String,
    },

    /// The generator began to find out what it can do at most.
    Preparing,
    /// The server of a run was looked for, which somebody else started.
    ServerSought {
        /// The place where it should be.
        url: String,
    },
    /// The system of a run was about to be started.
    SystemStarting,
    /// The system is there, and users are made to load it. The first stage begins when the
    /// first of them does.
    LoadBegan {
        /// The plan's name.
        plan: String,
        /// The place where the system takes requests.
        url: String,
        /// The seed of every random choice.
        seed: u64,
        /// The length of the load, as planned.
        length_ms: u64,
    },
    /// Goose's live dashboard is served while the load goes on.
    DashboardServed {
        /// The place where it is.
        url: String,
    },
    /// The load's figures are served while it goes on, for Prometheus to scrape.
    MetricsServed {
        /// The place where they are.
        url: String,
    },
    /// The load's figures are sent to a server of metrics while it goes on.
    RemoteWriteBegan {
        /// The place where it takes them, without credentials.
        url: String,
    },
    /// A stage began, by the plan's schedule.
    StageBegan {
        /// Its name.
        stage: String,
        /// Its number, from 1.
        number: u64,
        /// True when it only prepares the system.
        warm_up: bool,
        /// The users who are at work once its ramp is over; in open load, the most.
        users: u64,
        /// The rate of turns once its ramp is over, in open load.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate_per_second: Option<f64>,
        /// Its length, as planned.
        length_ms: u64,
    },
    /// A scenario with a load of its own began in a stage, by the plan's schedule.
    ScenarioBegan {
        /// The stage's name.
        stage: String,
        /// The scenario.
        scenario: String,
        /// Its users who are at work once its ramp is over; in open load, the most.
        users: u64,
        /// The rate of its turns once its ramp is over, in open load.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate_per_second: Option<f64>,
        /// The length of its load, as planned.
        length_ms: u64,
    },
    /// The load goes on.
    LoadTick {
        /// The stage's name; none after the last.
        stage: Option<String>,
        /// The time since the first stage began, at most the length of the load.
        elapsed_ms: u64,
        /// The time until the last stage is over.
        left_ms: u64,
        /// Requests that were over, since the first stage began.
        requests: u64,
        /// The number of them that failed.
        failed: u64,
        /// Requests a second, since the last of these events.
        requests_per_second: f64,
        /// The 99th percentile of response times since then, in microseconds; none without
        /// requests.
        p99_micros: Option<u64>,
    },
    /// The load was ended before its time, since a rule was surely lost.
    StoppedEarly {
        /// The rules that nothing could have made hold any more.
        rules: Vec<String>,
        /// The time since the first stage began.
        elapsed_ms: u64,
    },
    /// A node ended although nobody had told it to.
    NodeEnded {
        /// The node.
        node: String,
        /// The status that it ended with, such as `signal: 9 (SIGKILL)`.
        status: String,
        /// The time since the first stage began, when it was noticed.
        elapsed_ms: u64,
    },
    /// The load is over, and what it left under way is waited for.
    Draining,
    /// The system that the run started is told to stop.
    Stopping,

    /// A side of a gate is built from its sources.
    BuildBegan {
        /// The side.
        side: Side,
        /// The commit; none when the sources are the working tree.
        commit: Option<String>,
        /// Cargo's profile, by the name of its folder.
        profile: String,
    },
    /// Cargo said something.
    BuildLine {
        /// The side that it builds.
        side: Side,
        /// A line of its output.
        line: String,
    },
    /// A side of a gate is built. One that can't be built ends the gate.
    BuildEnded {
        /// The side.
        side: Side,
        /// The commit; none when the sources are the working tree.
        commit: Option<String>,
        /// The time that it took.
        took_ms: u64,
    },
    /// A gate began to measure.
    GateBegan {
        /// The plan's name.
        plan: String,
        /// The baseline's program.
        baseline: String,
        /// The candidate's program.
        candidate: String,
        /// The seed of every random choice.
        seed: u64,
        /// The time that it has to measure; confirming a fail comes on top.
        budget_ms: u64,
    },
    /// Both sides of a gate are started for the first time, to see what the baseline can do.
    CapacityMeasuring,
    /// A round began.
    RoundBegan {
        /// The state of the gate.
        so_far: RoundsSoFar,
    },
    /// A round was played to its end.
    RoundPlayed {
        /// Its number, from 1; a confirmation counts anew.
        number: u64,
        /// The time that it took.
        lasted_ms: u64,
        /// Requests to the baseline.
        baseline_requests: u64,
        /// The number of them that failed.
        baseline_failed: u64,
        /// Requests to the candidate.
        candidate_requests: u64,
        /// The number of them that failed.
        candidate_failed: u64,
        /// The state of the gate.
        so_far: RoundsSoFar,
    },
    /// A look was taken at the rounds so far, to see whether they suffice.
    LookTaken {
        /// True when they are those of a confirmation.
        confirming: bool,
        /// The number of rounds.
        rounds: u64,
        /// `goes on`, or the word for a verdict.
        outcome: String,
    },
    /// A side of a gate crashed: a node of it ended by itself, or didn't start.
    SideCrashed {
        /// The side.
        side: Side,
        /// The sentence that says how.
        reason: String,
    },
    /// The candidate seems worse, and that is made sure of by rounds with another seed.
    ConfirmationBegan {
        /// The way in which it seems worse.
        because: Suspicion,
    },

    /// A study of capacity began.
    StudyBegan {
        /// The plan's name.
        plan: String,
        /// The promise.
        promise: String,
        /// The names of the systems, the plan's own first.
        systems: Vec<String>,
        /// The seed of every random choice.
        seed: u64,
        /// The time that each system is given to be measured.
        budget_ms: u64,
    },
    /// A fresh start of a system of a study was played to its end.
    StartPlayed {
        /// The system's name.
        system: String,
        /// The number of its starts so far.
        number: u64,
        /// True when others slowed the machine down during it, and there will be another in its
        /// place.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        set_aside: bool,
        /// The number of them that its capacity is estimated from.
        rounds: u64,
        /// Its capacity as far as it is known, in turns a second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        estimate_per_second: Option<f64>,
        /// The time that its starts took.
        elapsed_ms: u64,
        /// The time that is left for others.
        left_ms: u64,
    },
    /// The tier that seems to limit the plan's own system is relieved, to see whether it does.
    ReliefBegan {
        /// Its role.
        tier: String,
    },

    /// A case of a self-check began.
    CaseBegan {
        /// The case.
        case: String,
    },
    /// A figure of a self-check was compared with what it should be.
    CaseChecked {
        /// The case.
        case: String,
        /// The figure.
        figure: String,
        /// The value that it should have, in `unit`.
        expected: f64,
        /// The value that was reported, in `unit`.
        reported: f64,
        /// The unit of both.
        unit: Unit,
        /// The result of comparing the two.
        outcome: Checked,
        /// The reason why neither can be told, if it can't.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },

    /// The measurement is doubted.
    Doubted {
        /// The doubt.
        doubt: Doubt,
    },
    /// A run or a gate has its verdict.
    Judged {
        /// The verdict.
        verdict: Verdict,
        /// The reason for it.
        sentence: String,
    },
    /// A file of the report was written.
    ReportWritten {
        /// The file.
        path: String,
    },
    /// Something could not be kept.
    NotKept {
        /// A sentence that says what, and why.
        reason: String,
    },
    /// Events are missing here, since this stream took no more for a while.
    EventsLost {
        /// The count.
        count: u64,
    },
    /// The program ends. It is a stream's last event; without it, the program was killed, or
    /// the stream took no more.
    Ended {
        /// The exit code, of those that `--help` lists.
        exit_code: u8,
        /// A sentence that says what went wrong, when there is no verdict for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

/// A command that tells of itself in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommandName {
    /// `loadtests run`
    Run,
    /// `loadtests gate`
    Gate,
    /// `loadtests capacity`
    Capacity,
    /// `loadtests patterns`
    Patterns,
    /// `loadtests self-check`
    SelfCheck,
}

/// The state of a gate between two rounds, or before its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundsSoFar {
    /// True when these are the rounds of a confirmation.
    pub confirming: bool,
    /// Rounds that are done.
    pub done: u64,
    /// Rounds that there may be at most.
    pub most: u64,
    /// The time since the first of them began.
    pub elapsed_ms: u64,
    /// The time that is left for the others.
    pub left_ms: u64,
    /// The number of rounds at which they are looked at next.
    pub next_look: u64,
}

/// A way in which a candidate seems worse than its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// A metric is slower.
    Slower,
    /// It fails requests, or crashes.
    Fails,
}

/// The result of comparing a reported figure with the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// It is right within the bound.
    Right,
    /// It isn't.
    Wrong,
    /// The machine was too busy for either.
    Invalid,
}

/// A length in whole milliseconds.
pub fn millis(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
