//! The sentence of each doubt, for people: what was seen, and what to do about it.

use std::fmt;

use super::{Dilution, Doubt};
use crate::samples::NodeNames;
use crate::words::{capitalised, counted};

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NotOptimised { opt_level } => write!(
                f,
                "The program was built without optimisation (level {opt_level}); build it with the workspace's dev or release profile."
            ),
            Doubt::TooFewFiles { limit, needed } => write!(
                f,
                "The process may open {} and its users may need {needed}; raise the hard limit with `ulimit -Hn`, or ask for fewer users.",
                counted(*limit, "file", "files")
            ),
            Doubt::NeverLeft {
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
            Doubt::TimeStolen { stage, percent } => write!(
                f,
                "In stage “{stage}”, {percent} % of the cores' time went to other virtual machines; measure on a machine of your own, or when it is quiet."
            ),
            Doubt::MachineStarved {
                stage,
                busy,
                others,
                waited_micros,
            } => write!(
                f,
                "In stage “{stage}”, the cores were {busy} % busy ({others} % with what is no part of the run), and the generator waited {waited_micros} µs for a core with each request; end what else runs, ask for less, or use more cores."
            ),
            Doubt::GeneratorSaturated { stage, percent } => write!(
                f,
                "In stage “{stage}”, the generator used {percent} % of the CPU time that it uses at its limit, so that it was measured rather than the system; ask for less, or give it more cores."
            ),
            Doubt::AnswersUnread {
                stage,
                micros,
                percent,
            } => write!(
                f,
                "In stage “{stage}”, answers lay {micros} µs before the generator came to read them, {percent} % of the time that is shown as the system's; end what else runs, ask for less, or give it more cores."
            ),
            Doubt::CertificatesUnchecked => f.write_str(
                "Nobody checked the server’s certificate, so that anybody may have answered, and less work was done than users do; name who has signed it with --cacert FILE in place of --insecure.",
            ),
            Doubt::Interrupted => f.write_str("The run was stopped by a signal before its end."),
            Doubt::BrokenOff { requests } => write!(
                f,
                "{requests} requests were under way when the run was stopped and nobody waited for them any longer; no figure but the ledger’s counts them."
            ),
            Doubt::ClockSet { seconds } => write!(
                f,
                "The machine’s clock was set by {seconds:+} s during the run; lengths don’t rest on it, and times of day are those of before."
            ),
            Doubt::NodeEnded { node, status } => write!(
                f,
                "{node} ended by itself ({status}), and its counters with it; its log says why."
            ),
            Doubt::CountersUnreadable { reason } => {
                write!(f, "What the nodes counted could not be read: {reason}.")
            }
            Doubt::NothingSent { stage } => write!(
                f,
                "Stage “{stage}” sent no requests; give it users or time."
            ),
            Doubt::NothingAnswered { stage } => write!(
                f,
                "Stage “{stage}” reached nobody with any request; see to it that the system can be reached."
            ),
            Doubt::SpeaksTls { url } => write!(
                f,
                "The server at {url} speaks TLS; write https:// in place of http://."
            ),
            Doubt::NothingRight { stage } => write!(
                f,
                "Not one request of stage “{stage}” was answered right; what went wrong is listed with the failures."
            ),
            Doubt::TooFewUsers {
                stage,
                users,
                needed,
            } => write!(
                f,
                "Stage “{stage}” has {}, and its rate takes {needed} even if every request took the shortest time that was seen; give it more users, or a lower rate.",
                counted(*users, "user", "users")
            ),
            Doubt::SentLate { stage, p99_micros } => write!(
                f,
                "In stage “{stage}”, one turn in a hundred began {:.1} ms late or later although users were free to take it; ask for a lower rate, or use an idler machine.",
                *p99_micros as f64 / 1e3
            ),
            Doubt::RateMissed {
                stage,
                requested,
                released,
            } => write!(
                f,
                "In stage “{stage}”, the generator got round to {released} of {}; ask for a lower rate, or use an idler machine.",
                counted(*requested, "turn", "turns")
            ),
            Doubt::CountsDisagree {
                stage,
                sampled_milli,
                expected_milli,
            } => write!(
                f,
                "In stage “{stage}”, {:.1} requests were in flight on average, where rate × service time makes {:.1}, so that one of the three is wrong (Little's law); make the stage longer, and if that doesn't help, mistrust this program.",
                *sampled_milli as f64 / 1e3,
                *expected_milli as f64 / 1e3
            ),
            Doubt::OutOfSight { what, reason } => write!(
                f,
                "{what} can't be seen here ({reason}), so nothing is known of it."
            ),
            Doubt::UsersExhausted { stage, percent } => write!(
                f,
                "In stage “{stage}”, {percent} % of the turns found all users waiting for answers, and waited for one; response times include that wait. With more users, the queue would stand before the system."
            ),
            Doubt::WarmUpNotOver {
                stage,
                first_micros,
                later_micros,
            } => write!(
                f,
                "Stage “{stage}” began with a median of {:.2} ms and settled at {:.2} ms; make the warm-up longer.",
                *first_micros as f64 / 1e3,
                *later_micros as f64 / 1e3
            ),
            Doubt::NotSteady {
                stage,
                figure,
                percent: None,
            } => write!(
                f,
                "The first half of stage “{stage}” has no {figure} at all, and the second half has one; a longer stage tells whether that goes on."
            ),
            Doubt::NotSteady {
                stage,
                figure,
                percent: Some(percent),
            } => write!(
                f,
                "The second half of stage “{stage}” has {percent} % of the first half's {figure}; a longer stage tells whether that goes on."
            ),
            Doubt::UnaskedBytes { times: 1 } => f.write_str(
                "After one answer, bytes came that belong to none, so that the next request needed a new connection; see to it that the server's `Content-Length` is that of its bodies.",
            ),
            Doubt::UnaskedBytes { times } => write!(
                f,
                "After {times} answers, bytes came that belong to none, so that each time the next request needed a new connection; see to it that the server's `Content-Length` is that of its bodies."
            ),
            Doubt::NotDrained { what, tasks: 1 } => write!(
                f,
                "One of the {what} was still queued or running when the run stopped waiting for it."
            ),
            Doubt::NotDrained { what, tasks } => write!(
                f,
                "{tasks} {what} were still queued or running when the run stopped waiting for them."
            ),
            Doubt::TurnsLeft { left } => write!(
                f,
                "{} of the plan were not over when the stage's time was; give it a longer `duration`.",
                counted(*left, "turn", "turns")
            ),
            Doubt::NotCleanedUp { reason } => {
                write!(f, "{}; what the run left behind is still there.", capitalised(reason))
            }
            Doubt::UntidyStop { reason } => {
                write!(f, "The system did not stop in good order: {reason}.")
            }
            Doubt::NodesNotToldApart { answers } => write!(
                f,
                "{} came under a name (x-served-by) that is longer than a node's or one of too many; they are counted as those of “{}”.",
                counted(*answers, "answer", "answers"),
                NodeNames::OTHERS
            ),
            Doubt::AnswersCut { answers, kept } => write!(
                f,
                "{} came while {} MiB of others were being read; they were timed to their last byte, and only their beginning was checked.",
                counted(*answers, "answer", "answers"),
                kept >> 20
            ),
            Doubt::ThresholdsNotObservable { count: 1 } => f.write_str(
                "One threshold can't be judged from outside the system and was not.",
            ),
            Doubt::ThresholdsNotObservable { count } => write!(
                f,
                "{count} thresholds can't be judged from outside the system and were not."
            ),
            // Those of a gate are also the end of the sentence that says why it is invalid.
            Doubt::RoundsNeverLeft {
                shortage,
                count,
                example,
            } => write!(
                f,
                "{count} requests never left this machine, for {} ({example}); {}.",
                shortage.cause(),
                shortage.remedy()
            ),
            Doubt::RoundsStolenFrom { per_mille } => write!(
                f,
                "{} % of the machine's time was taken by other virtual machines.",
                percent(*per_mille)
            ),
            Doubt::RoundsSaturated { percent } => write!(
                f,
                "the generator was at its limit, with {percent} % of its cores in closed load."
            ),
            Doubt::ResponseTimesDiluted { by } => write!(
                f,
                "{by}; response times can still show a slowdown, but not rule one out."
            ),
            Doubt::CandidateFailed { requests } => write!(
                f,
                "{} failed on the candidate, and none on the baseline.",
                counted(*requests, "request", "requests")
            ),
            Doubt::BaselineFailed { requests } => write!(
                f,
                "{} failed on the baseline, and none on the candidate.",
                counted(*requests, "request", "requests")
            ),
            Doubt::CandidateFailedMore {
                baseline,
                candidate,
            } => write!(
                f,
                "requests failed on both sides, {baseline} on the baseline and {candidate} on the candidate."
            ),
            Doubt::BothSidesFailed {
                baseline,
                candidate,
            } => write!(
                f,
                "requests failed on both sides ({baseline} on the baseline, {candidate} on the candidate)."
            ),
            Doubt::RoundsSlowed {
                slow,
                rounds,
                usual_micros,
                most_micros,
            } => write!(
                f,
                "the machine was slower in {slow} of {rounds} rounds: the generator's own CPU time for a \
                 request at one and the same rate is {usual_micros} µs, and was up to {most_micros} µs. Others share \
                 the machine; measure when it is quiet."
            ),
            Doubt::OthersBusy { percent } => write!(
                f,
                "other processes used {percent} % of the machine meanwhile."
            ),
            Doubt::ClockSetDuringGate { seconds } => write!(
                f,
                "the machine's clock was set by {seconds:+} s meanwhile; lengths don't rest on it, and times of day are those of before."
            ),
        }
    }
}

impl fmt::Display for Dilution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dilution::SentLate { p99_micros } => write!(
                f,
                "the generator sent the baseline's requests late, by {:.1} ms in the 99th percentile of half of the rounds",
                *p99_micros as f64 / 1e3
            ),
            Dilution::NeverBegun { per_mille } => write!(
                f,
                "the baseline could not keep up with open load: {} % of the turns were never begun",
                percent(*per_mille)
            ),
        }
    }
}

/// Thousandths as percent with one digit after the point.
fn percent(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_told_as_percent() {
        assert_eq!(
            [0, 7, 90, 1000].map(percent),
            ["0.0", "0.7", "9.0", "100.0"]
        );
    }
}
