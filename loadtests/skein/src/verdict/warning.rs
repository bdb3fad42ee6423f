//! Doubts about a measurement: each with what was seen, and with what to do about it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Shortage;
use crate::samples::NodeNames;
use crate::words::counted;

/// A doubt about the measurement. A cause comes before what it brings about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// The program was built without optimisation.
    NotOptimised {
        /// The level it was built with.
        opt_level: String,
    },
    /// The process may not open enough connections for its users.
    TooFewFiles {
        /// How many file descriptors it may have.
        limit: u64,
        /// How many the plan's users may need.
        needed: u64,
    },
    /// Requests never left the generator's machine, for it lacked something.
    NeverLeft {
        /// What it lacked.
        shortage: Shortage,
        /// The number of requests, over the whole run.
        count: u64,
        /// The first one's particulars.
        example: String,
    },
    /// Another machine's work took time from this one.
    TimeStolen {
        /// In which stage.
        stage: String,
        /// Of the time of all cores, in percent.
        percent: u64,
    },
    /// Every core was busy, and the generator had to wait for one.
    MachineStarved {
        /// In which stage.
        stage: String,
        /// How busy all cores were, in percent.
        busy: u64,
        /// The share of processes that are no part of the run, in percent of all cores.
        others: u64,
        /// How long the generator's threads waited for a core, for each request, in
        /// microseconds.
        waited_micros: u64,
    },
    /// The generator could hardly do more.
    GeneratorSaturated {
        /// In which stage.
        stage: String,
        /// CPU time used, in percent of what the generator uses when it is asked for
        /// all that it can do.
        percent: u64,
    },
    /// The generator came late to read what was there.
    AnswersUnread {
        /// In which stage.
        stage: String,
        /// How long an answer lay there, on average, in microseconds.
        micros: u64,
        /// The same in percent of the mean service time.
        percent: u64,
    },
    /// Somebody stopped the run before all was measured.
    Interrupted,
    /// A node ended by itself.
    NodeEnded {
        /// Which.
        node: String,
        /// How.
        status: String,
    },
    /// What the nodes counted, or the CPU time they used, can't be told.
    CountersUnreadable {
        /// Why.
        reason: String,
    },
    /// A stage that should have sent requests sent none.
    NothingSent {
        /// Which.
        stage: String,
    },
    /// A stage's requests reached nobody.
    NothingAnswered {
        /// Which.
        stage: String,
    },
    /// No server, however fast, could give these users their rate.
    TooFewUsers {
        /// In which stage.
        stage: String,
        /// How many there were.
        users: u64,
        /// How many the rate takes at the shortest times that were seen.
        needed: u64,
    },
    /// Turns began late although users were there to take them.
    SentLate {
        /// In which stage.
        stage: String,
        /// The 99th percentile of the delay, in microseconds.
        p99_micros: u64,
    },
    /// Fewer turns came up than were asked for, whether or not users were free.
    RateMissed {
        /// In which stage.
        stage: String,
        /// Turns that should have begun.
        requested: u64,
        /// Turns that came up in time.
        released: u64,
    },
    /// What was in flight does not fit rate and response time.
    CountsDisagree {
        /// In which stage.
        stage: String,
        /// Thousandths of requests in flight, as sampled.
        sampled_milli: u64,
        /// Thousandths of requests in flight, as rate × mean service time.
        expected_milli: u64,
    },
    /// The server hangs up on plain HTTP, and answers a greeting of TLS.
    SpeaksTls {
        /// Where.
        url: String,
    },
    /// A stage's requests reached somebody, and none was answered right. It is no pass,
    /// whether or not a rule judges failures.
    NothingRight {
        /// Which.
        stage: String,
    },
    /// Something that would speak for the measurement, or against it, can't be seen.
    OutOfSight {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// Many turns found all users waiting for answers.
    UsersExhausted {
        /// In which stage.
        stage: String,
        /// In percent of its turns.
        percent: u64,
    },
    /// Response times were still settling when the first judged stage began.
    WarmUpNotOver {
        /// The stage.
        stage: String,
        /// The median of its first tenth.
        first_micros: u64,
        /// The median of its second half.
        later_micros: u64,
    },
    /// A stage's second half is unlike its first.
    NotSteady {
        /// In which stage.
        stage: String,
        /// What is unlike: `rate`, `p50`, `p99`.
        figure: String,
        /// The second half's in percent of the first's; none where the first has none.
        percent: Option<u64>,
    },
    /// Bytes came that belong to no answer, and their connections had to be given up.
    UnaskedBytes {
        /// The number of connections.
        times: u64,
    },
    /// Work was still under way when the run stopped waiting for it.
    NotDrained {
        /// The work, as a noun in the plural.
        #[serde(default = "tasks")]
        what: String,
        /// How much of it was queued or running.
        tasks: u64,
    },
    /// A node did not stop as it should, after everything was measured.
    UntidyStop {
        /// What it did instead.
        reason: String,
    },
    /// Answers named more nodes than can be, or names that are no node's.
    NodesNotToldApart {
        /// The number of such answers there were.
        answers: u64,
    },
    /// Answers were longer than is kept of one.
    AnswersCut {
        /// The count.
        answers: u64,
        /// How much is kept, in bytes.
        kept: u64,
    },
    /// Requests were under way when the run was stopped.
    BrokenOff {
        /// The count.
        requests: u64,
    },
    /// The machine's clock was set during the run.
    ClockSet {
        /// By how many seconds: forward, or back if it is negative.
        seconds: i64,
    },
    /// Some thresholds can't be judged from outside the system.
    ThresholdsNotObservable {
        /// How many.
        count: usize,
    },
}

impl Warning {
    /// Whether no figure of the run can be taken for a result.
    pub fn invalidates(&self) -> bool {
        match self {
            Warning::NotOptimised { .. }
            | Warning::TooFewFiles { .. }
            | Warning::NeverLeft { .. }
            | Warning::TimeStolen { .. }
            | Warning::MachineStarved { .. }
            | Warning::GeneratorSaturated { .. }
            | Warning::AnswersUnread { .. }
            | Warning::Interrupted
            | Warning::NodeEnded { .. }
            | Warning::CountersUnreadable { .. }
            | Warning::NothingSent { .. }
            | Warning::NothingAnswered { .. }
            | Warning::TooFewUsers { .. }
            | Warning::SentLate { .. }
            | Warning::RateMissed { .. }
            | Warning::CountsDisagree { .. } => true,
            // A server that stalls or slows down keeps users waiting and is unsteady.
            // That is what thresholds are there to judge, and so is what wasn't done in time.
            Warning::SpeaksTls { .. }
            | Warning::NothingRight { .. }
            | Warning::OutOfSight { .. }
            | Warning::UsersExhausted { .. }
            | Warning::WarmUpNotOver { .. }
            | Warning::NotSteady { .. }
            | Warning::UnaskedBytes { .. }
            | Warning::NotDrained { .. }
            | Warning::UntidyStop { .. }
            | Warning::NodesNotToldApart { .. }
            | Warning::AnswersCut { .. }
            | Warning::BrokenOff { .. }
            | Warning::ClockSet { .. }
            | Warning::ThresholdsNotObservable { .. } => false,
        }
    }
}

/// The work in records that don't name it.
fn tasks() -> String {
    "tasks".to_owned()
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotOptimised { opt_level } => write!(
                f,
                "The program was built without optimisation (level {opt_level}); build it with the workspace's dev or release profile."
            ),
            Warning::TooFewFiles { limit, needed } => write!(
                f,
                "The process may open {} and its users may need {needed}; raise the hard limit with `ulimit -Hn`, or ask for fewer users.",
                counted(*limit, "file", "files")
            ),
            Warning::NeverLeft {
                shortage,
                count,
                example,
            } => write!(
                f,
                "{} never left this machine, for {} ({example}); {}. None of the figures has them in it.",
                counted(*count, "request", "requests"),
                shortage.cause(),
                shortage.remedy()
            ),
            Warning::TimeStolen { stage, percent } => write!(
                f,
                "In stage “{stage}”, {percent} % of the cores' time went to other virtual machines; measure on a machine of your own, or when it is quiet."
            ),
            Warning::MachineStarved {
                stage,
                busy,
                others,
                waited_micros,
            } => write!(
                f,
                "In stage “{stage}”, the cores were {busy} % busy ({others} % with what is no part of the run), and the generator waited {waited_micros} µs for a core with each request; end what else runs, ask for less, or use more cores."
            ),
            Warning::GeneratorSaturated { stage, percent } => write!(
                f,
                "In stage “{stage}”, the generator used {percent} % of the CPU time that it uses at its limit, so that it was measured rather than the system; ask for less, or give it more cores."
            ),
            Warning::AnswersUnread {
                stage,
                micros,
                percent,
            } => write!(
                f,
                "In stage “{stage}”, answers lay {micros} µs before the generator came to read them, {percent} % of the time that is shown as the system's; end what else runs, ask for less, or give it more cores."
            ),
            Warning::Interrupted => f.write_str("The run was stopped by a signal before its end."),
            Warning::BrokenOff { requests } => write!(
                f,
                "{requests} requests were under way when the run was stopped and nobody waited for them any longer; no figure but the ledger’s counts them."
            ),
            Warning::ClockSet { seconds } => write!(
                f,
                "The machine’s clock was set by {seconds:+} s during the run; lengths don’t rest on it, and times of day are those of before."
            ),
            Warning::NodeEnded { node, status } => write!(
                f,
                "{node} ended by itself ({status}), and its counters with it; its log says why."
            ),
            Warning::CountersUnreadable { reason } => {
                write!(f, "What the nodes counted could not be read: {reason}.")
            }
            Warning::NothingSent { stage } => write!(
                f,
                "Stage “{stage}” sent no requests; give it users or time."
            ),
            Warning::NothingAnswered { stage } => write!(
                f,
                "Stage “{stage}” reached nobody with any request; see to it that the system can be reached."
            ),
            Warning::SpeaksTls { url } => write!(
                f,
                "The server at {url} speaks TLS (https), and here only plain HTTP is spoken; name a port where it speaks that."
            ),
            Warning::NothingRight { stage } => write!(
                f,
                "Not one request of stage “{stage}” was answered right; what went wrong is listed with the failures."
            ),
            Warning::TooFewUsers {
                stage,
                users,
                needed,
            } => write!(
                f,
                "Stage “{stage}” has {}, and its rate takes {needed} even if every request took the shortest time that was seen; give it more users, or a lower rate.",
                counted(*users, "user", "users")
            ),
            Warning::SentLate { stage, p99_micros } => write!(
                f,
                "In stage “{stage}”, one turn in a hundred began {:.1} ms late or later although users were free to take it; ask for a lower rate, or use an idler machine.",
                *p99_micros as f64 / 1e3
            ),
            Warning::RateMissed {
                stage,
                requested,
                released,
            } => write!(
                f,
                "In stage “{stage}”, the generator got round to {released} of {}; ask for a lower rate, or use an idler machine.",
                counted(*requested, "turn", "turns")
            ),
            Warning::CountsDisagree {
                stage,
                sampled_milli,
                expected_milli,
            } => write!(
                f,
                "In stage “{stage}”, {:.1} requests were in flight on average, where rate × service time makes {:.1}, so that one of the three is wrong (Little's law); make the stage longer, and if that doesn't help, mistrust this program.",
                *sampled_milli as f64 / 1e3,
                *expected_milli as f64 / 1e3
            ),
            Warning::OutOfSight { what, reason } => write!(
                f,
                "{what} can't be seen here ({reason}), so nothing is known of it."
            ),
            Warning::UsersExhausted { stage, percent } => write!(
                f,
                "In stage “{stage}”, {percent} % of the turns found all users waiting for answers, and waited for one; response times include that wait. With more users, the queue would stand before the system."
            ),
            Warning::WarmUpNotOver {
                stage,
                first_micros,
                later_micros,
            } => write!(
                f,
                "Stage “{stage}” began with a median of {:.2} ms and settled at {:.2} ms; make the warm-up longer.",
                *first_micros as f64 / 1e3,
                *later_micros as f64 / 1e3
            ),
            Warning::NotSteady {
                stage,
                figure,
                percent: None,
            } => write!(
                f,
                "The first half of stage “{stage}” has no {figure} at all, and the second half has one; a longer stage tells whether that goes on."
            ),
            Warning::NotSteady {
                stage,
                figure,
                percent: Some(percent),
            } => write!(
                f,
                "The second half of stage “{stage}” has {percent} % of the first half's {figure}; a longer stage tells whether that goes on."
            ),
            Warning::UnaskedBytes { times: 1 } => f.write_str(
                "After one answer, bytes came that belong to none, so that the next request needed a new connection; see to it that the server's `Content-Length` is that of its bodies.",
            ),
            Warning::UnaskedBytes { times } => write!(
                f,
                "After {times} answers, bytes came that belong to none, so that each time the next request needed a new connection; see to it that the server's `Content-Length` is that of its bodies."
            ),
            Warning::NotDrained { what, tasks: 1 } => write!(
                f,
                "One of the {what} was still queued or running when the run stopped waiting for it."
            ),
            Warning::NotDrained { what, tasks } => write!(
                f,
                "{tasks} {what} were still queued or running when the run stopped waiting for them."
            ),
            Warning::UntidyStop { reason } => {
                write!(f, "The system did not stop in good order: {reason}.")
            }
            Warning::NodesNotToldApart { answers } => write!(
                f,
                "{} came under a name (x-served-by) that is longer than a node's or one of too many; they are counted as those of “{}”.",
                counted(*answers, "answer", "answers"),
                NodeNames::OTHERS
            ),
            Warning::AnswersCut { answers, kept } => write!(
                f,
                "{} came while {} MiB of others were being read; they were timed to their last byte, and only their beginning was checked.",
                counted(*answers, "answer", "answers"),
                kept >> 20
            ),
            Warning::ThresholdsNotObservable { count: 1 } => f.write_str(
                "One threshold can't be judged from outside the system and was not.",
            ),
            Warning::ThresholdsNotObservable { count } => write!(
                f,
                "{count} thresholds can't be judged from outside the system and were not."
            ),
        }
    }
}
