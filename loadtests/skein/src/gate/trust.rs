//! Doubts about the rounds of a gate: what was seen of the machine and of the generator in,
//! doubts out. What spoils response times alone leaves the verdict to the
//! other metrics.

use stats::sequence::candidate_fails;

use super::metrics::{self, median};
use super::record::{Round, Side, SideRound};
use crate::doubt::{Dilution, Doubt};
use crate::evidence::{Limits, MachineUse, whole};
use crate::slots::{stolen_from, used_by_others};

/// The most of its own cores that the generator may use in closed load, in percent;
/// beyond it, throughput is the generator's and not the system's.
const GENERATOR_BUSY: f64 = 97.0;

/// Every doubt that the rounds give reason for.
pub(super) fn doubts(rounds: &[Round], limits: &Limits) -> Vec<Doubt> {
    [
        never_left(rounds),
        stolen_from(machines(rounds).map(|machine| machine.stolen), limits),
        generator_at_its_limit(rounds),
        response_times_diluted(&rounds.iter(), limits).map(|by| Doubt::ResponseTimesDiluted { by }),
        failures(rounds),
        used_by_others(machines(rounds)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whichever side they were meant for: neither had a part in it.
fn never_left(rounds: &[Round]) -> Option<Doubt> {
    let sides = || rounds.iter().flat_map(|r| [&r.baseline, &r.candidate]);
    let all = || sides().flat_map(|side| &side.never_left);
    let first = all().max_by_key(|requests| requests.count)?;
    Some(Doubt::RoundsNeverLeft {
        shortage: first.shortage,
        count: all().map(|requests| requests.count).sum(),
        example: first.example.clone(),
    })
}

/// Why the ratio of response times lies nearer to 1 than the truth, if it does: requests
/// were sent late, and response times begin when a request was due; or there was no user
/// left to send them, and only those who waited less are known of.
///
/// It is the baseline's requests that count: a candidate that fills the cores which it
/// shares with the generator delays it too, and its times are worse for it.
pub(super) fn response_times_diluted<'r>(
    rounds: &(impl Iterator<Item = &'r Round> + Clone),
    limits: &Limits,
) -> Option<Dilution> {
    sent_late(rounds.clone(), limits).or_else(|| never_sent(rounds, limits))
}

fn sent_late<'r>(rounds: impl Iterator<Item = &'r Round>, limits: &Limits) -> Option<Dilution> {
    let lags = rounds.filter_map(|round| round.send_lag_p99_micros);
    let lag = median(lags.map(|micros| micros as f64))?;
    let p99_micros = whole(lag);
    (lag > limits.send_lag.as_micros() as f64).then_some(Dilution::SentLate { p99_micros })
}

fn never_sent<'r>(
    rounds: &(impl Iterator<Item = &'r Round> + Clone),
    limits: &Limits,
) -> Option<Dilution> {
    let sum =
        |count: fn(&SideRound) -> u64| -> u64 { rounds.clone().map(|r| count(&r.baseline)).sum() };
    let (unsent, sent) = (sum(|did| did.unsent), sum(|did| did.open_requests));
    let percent = unsent as f64 / (unsent + sent).max(1) as f64 * 100.0;
    let per_mille = whole(percent * 10.0);
    (percent > limits.missed).then_some(Dilution::NeverBegun { per_mille })
}

fn generator_at_its_limit(rounds: &[Round]) -> Option<Doubt> {
    let apart = rounds.iter().filter(|r| r.generator_cores != r.node_cores);
    let shares = apart.filter_map(|round| {
        Some(round.generator_cores_used? / round.generator_cores.len() as f64 * 100.0)
    });
    let share = median(shares)?;
    let percent = whole(share);
    (share > GENERATOR_BUSY).then_some(Doubt::RoundsSaturated { percent })
}

fn failures(rounds: &[Round]) -> Option<Doubt> {
    let failed = |side| -> u64 { rounds.iter().map(|round| round.of(side).failed).sum() };
    let fails = candidate_fails(&rounds.iter().map(metrics::failures).collect::<Vec<_>>());
    match (failed(Side::Baseline), failed(Side::Candidate)) {
        (0, 0) => None,
        (0, requests) => Some(Doubt::CandidateFailed { requests }),
        (baseline, candidate) if fails => Some(Doubt::CandidateFailedMore {
            baseline,
            candidate,
        }),
        (requests, 0) => Some(Doubt::BaselineFailed { requests }),
        (baseline, candidate) => Some(Doubt::BothSidesFailed {
            baseline,
            candidate,
        }),
    }
}

fn machines(rounds: &[Round]) -> impl Iterator<Item = MachineUse> {
    rounds.iter().filter_map(|round| round.machine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Shortage;
    use crate::gate::record::NeverLeft;
    use crate::gate::record::example::round;

    fn doubts_about(change: impl Fn(&mut Round)) -> Vec<Doubt> {
        let mut rounds: Vec<Round> = (1..=5).map(|number| round(number, false)).collect();
        rounds.iter_mut().for_each(change);
        doubts(&rounds, &Limits::default())
    }

    #[test]
    fn a_clock_that_was_set_is_told_and_spoils_nothing() {
        let doubt = Doubt::ClockSetDuringGate { seconds: -3600 };
        assert!(doubt.to_string().contains("set by -3600 s"), "{doubt:?}");
        assert!(!doubt.invalidates());
    }

    #[test]
    fn good_rounds_give_no_reason_for_doubt() {
        assert_eq!(doubts_about(|_| {}), []);
    }

    #[test]
    fn each_reason_not_to_believe_is_named() {
        type Change = fn(&mut Round);
        let cases: [(Change, &str); 4] = [
            (
                |round| {
                    round.candidate.never_left = vec![NeverLeft {
                        shortage: Shortage::Ports,
                        count: 3,
                        example: "could not connect".to_owned(),
                    }];
                },
                "15 requests never left this machine",
            ),
            (
                |round| round.machine.as_mut().expect("there").stolen = 9.0,
                "other virtual machines",
            ),
            (|round| round.generator_cores_used = Some(0.99), "limit"),
            (
                |round| {
                    round.baseline.failed = 1;
                    round.candidate.failed = 1;
                },
                "both sides",
            ),
        ];
        for (change, says) in cases {
            let doubts = doubts_about(change);
            assert_eq!(doubts.len(), 1, "{says}");
            assert!(doubts[0].invalidates() && doubts[0].to_string().contains(says));
        }
    }

    #[test]
    fn what_only_response_times_suffer_from_is_their_affair() {
        let changes: [fn(&mut Round); 2] = [
            |round| round.send_lag_p99_micros = Some(5000),
            |round| round.baseline.unsent = 100,
        ];
        for change in changes {
            let doubts = doubts_about(change);
            assert_eq!(doubts.len(), 1);
            assert!(!doubts[0].invalidates());
            assert!(doubts[0].to_string().contains("not rule one out"));
        }
        // What the candidate does to itself is its own.
        assert_eq!(doubts_about(|round| round.candidate.unsent = 100), []);
    }

    #[test]
    fn neighbours_and_a_failure_of_one_side_are_only_remarked_on() {
        let changes: [fn(&mut Round); 3] = [
            |round| round.machine.as_mut().expect("there").others = 40.0,
            |round| round.baseline.failed = 1,
            |round| round.candidate.failed = 1,
        ];
        for change in changes {
            let doubts = doubts_about(change);
            assert_eq!(doubts.len(), 1);
            assert!(!doubts[0].invalidates());
        }
    }
}
