//! Doubts about a measurement, be it a run or a gate: each with what was seen. Its sentence
//! says what to do about it.

mod sentence;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Shortage;

/// A doubt about the measurement. A cause comes before what it brings about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Doubt {
    /// The program was built without optimisation.
    NotOptimised {
        /// The level it was built with.
        opt_level: String,
    },
    /// The process may not open enough connections for its users.
    TooFewFiles {
        /// The number of file descriptors that it may have.
        limit: u64,
        /// The number that the plan's users may need.
        needed: u64,
    },
    /// Requests never left the generator's machine, for it lacked something.
    NeverLeft {
        /// The thing that it lacked.
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
        /// The share of all cores' time that was used, in percent.
        busy: u64,
        /// The share of processes that are no part of the run, in percent of all cores.
        others: u64,
        /// The time that the generator's threads waited for a core, for each request, in
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
        /// The time that an answer lay there, on average, in microseconds.
        micros: u64,
        /// The same in percent of the mean service time.
        percent: u64,
    },
    /// Any certificate of a server was taken for the right one.
    CertificatesUnchecked,
    /// Somebody stopped the run before all was measured.
    Interrupted,
    /// A node ended by itself.
    NodeEnded {
        /// The node.
        node: String,
        /// The status that it ended with.
        status: String,
    },
    /// The nodes' counters, or the CPU time that they used, can't be told.
    CountersUnreadable {
        /// The reason.
        reason: String,
    },
    /// A stage that should have sent requests sent none.
    NothingSent {
        /// The stage.
        stage: String,
    },
    /// A stage's requests reached nobody.
    NothingAnswered {
        /// The stage.
        stage: String,
    },
    /// No server, however fast, could give these users their rate.
    TooFewUsers {
        /// In which stage.
        stage: String,
        /// The number of users.
        users: u64,
        /// The number that the rate takes at the shortest times that were seen.
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
    /// The number of requests in flight does not fit rate and response time.
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
        /// The place where it listens.
        url: String,
    },
    /// A stage's requests reached somebody, and none was answered right. It is no pass,
    /// whether or not a rule judges failures.
    NothingRight {
        /// The stage.
        stage: String,
    },
    /// Something that would speak for the measurement, or against it, can't be seen.
    OutOfSight {
        /// The thing that is out of sight.
        what: String,
        /// The reason.
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
        /// The figure that is unlike: `rate`, `p50`, `p99`.
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
        /// The part of it that was queued or running.
        tasks: u64,
    },
    /// The time of a stage was over before its turns were.
    TurnsLeft {
        /// Turns that weren't over.
        left: u64,
    },
    /// A step that was to be taken once, after everything was measured, failed.
    NotCleanedUp {
        /// The sentence that says which, and why.
        reason: String,
    },
    /// A node did not stop as it should, after everything was measured.
    UntidyStop {
        /// A sentence on what it did instead.
        reason: String,
    },
    /// Answers named more nodes than can be, or names that are no node's.
    NodesNotToldApart {
        /// The number of such answers.
        answers: u64,
    },
    /// Answers were longer than is kept of one.
    AnswersCut {
        /// The count.
        answers: u64,
        /// The bytes that are kept.
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
        /// The count.
        count: usize,
    },
    /// Requests of a gate's rounds never left the generator's machine, whichever side they
    /// were meant for.
    RoundsNeverLeft {
        /// The thing that it lacked.
        shortage: Shortage,
        /// The number of requests, over all rounds.
        count: u64,
        /// The particulars of one of the most frequent kind.
        example: String,
    },
    /// Other virtual machines took time from this one while a gate measured.
    RoundsStolenFrom {
        /// Of the machine's time, in thousandths.
        per_mille: u64,
    },
    /// The generator could hardly do more in a gate's closed load.
    RoundsSaturated {
        /// Of the time of its own cores, in percent.
        percent: u64,
    },
    /// The ratio of a gate's response times lies nearer to 1 than the truth.
    ResponseTimesDiluted {
        /// The thing that is in them as well.
        by: Dilution,
    },
    /// Requests failed on a gate's candidate, and none on its baseline.
    CandidateFailed {
        /// The count.
        requests: u64,
    },
    /// Requests failed on a gate's baseline, and none on its candidate.
    BaselineFailed {
        /// The count.
        requests: u64,
    },
    /// Requests failed on both sides of a gate, and on the candidate surely more.
    CandidateFailedMore {
        /// Requests that failed on the baseline.
        baseline: u64,
        /// Requests that failed on the candidate.
        candidate: u64,
    },
    /// Requests failed on both sides of a gate, and which fails more can't be told.
    BothSidesFailed {
        /// Requests that failed on the baseline.
        baseline: u64,
        /// Requests that failed on the candidate.
        candidate: u64,
    },
    /// The machine was slower in some rounds than in most, though nobody counted its time as
    /// stolen: others share its cores' caches and units.
    RoundsSlowed {
        /// The number of rounds in which it was.
        slow: u64,
        /// The number of all rounds.
        rounds: u64,
        /// The generator's own CPU time for a request at the same rate, in the middle one of the
        /// rounds, in microseconds.
        usual_micros: u64,
        /// The most of it.
        most_micros: u64,
    },
    /// Processes that are no part of a gate used much of the machine.
    OthersBusy {
        /// Of the time of all cores, in percent.
        percent: u64,
    },
    /// The machine's clock was set during a gate.
    ClockSetDuringGate {
        /// By how many seconds: forward, or back if it is negative.
        seconds: i64,
    },
}

/// A delay, or a choice, that the response times of both sides of a gate have in them, so that
/// they can show a slowdown and not rule one out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dilution {
    /// The generator sent the baseline's requests late.
    SentLate {
        /// The median, over all rounds, of the 99th percentile of the delay, in microseconds.
        p99_micros: u64,
    },
    /// No user was left to send some of the baseline's requests, and only those that waited
    /// less are known of.
    NeverBegun {
        /// Of the turns, in thousandths.
        per_mille: u64,
    },
}

/// The work in records that don't name it.
fn tasks() -> String {
    "tasks".to_owned()
}

impl Doubt {
    /// True when no figure can be taken for a result.
    pub fn invalidates(&self) -> bool {
        match self {
            Doubt::NotOptimised { .. }
            | Doubt::TooFewFiles { .. }
            | Doubt::NeverLeft { .. }
            | Doubt::TimeStolen { .. }
            | Doubt::MachineStarved { .. }
            | Doubt::GeneratorSaturated { .. }
            | Doubt::AnswersUnread { .. }
            | Doubt::Interrupted
            | Doubt::NodeEnded { .. }
            | Doubt::CountersUnreadable { .. }
            | Doubt::NothingSent { .. }
            | Doubt::NothingAnswered { .. }
            | Doubt::TooFewUsers { .. }
            | Doubt::SentLate { .. }
            | Doubt::RateMissed { .. }
            | Doubt::CountsDisagree { .. }
            | Doubt::RoundsNeverLeft { .. }
            | Doubt::RoundsStolenFrom { .. }
            | Doubt::RoundsSlowed { .. }
            | Doubt::RoundsSaturated { .. }
            | Doubt::BothSidesFailed { .. } => true,
            // A server that stalls or slows down keeps users waiting and is unsteady.
            // That is what thresholds are there to judge, and so is what wasn't done in time.
            Doubt::SpeaksTls { .. }
            | Doubt::CertificatesUnchecked
            | Doubt::NothingRight { .. }
            | Doubt::OutOfSight { .. }
            | Doubt::UsersExhausted { .. }
            | Doubt::WarmUpNotOver { .. }
            | Doubt::NotSteady { .. }
            | Doubt::UnaskedBytes { .. }
            | Doubt::NotDrained { .. }
            | Doubt::TurnsLeft { .. }
            | Doubt::NotCleanedUp { .. }
            | Doubt::UntidyStop { .. }
            | Doubt::NodesNotToldApart { .. }
            | Doubt::AnswersCut { .. }
            | Doubt::BrokenOff { .. }
            | Doubt::ClockSet { .. }
            | Doubt::ThresholdsNotObservable { .. }
            // A gate's other metrics can still tell, and its sequence judges failures.
            | Doubt::ResponseTimesDiluted { .. }
            | Doubt::CandidateFailed { .. }
            | Doubt::BaselineFailed { .. }
            | Doubt::CandidateFailedMore { .. }
            | Doubt::OthersBusy { .. }
            | Doubt::ClockSetDuringGate { .. } => false,
        }
    }
}
