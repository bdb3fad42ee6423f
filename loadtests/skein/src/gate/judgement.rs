//! The verdict on a gate and its sentences for people.

use stats::comparison::{FEWEST_ROUNDS, Metric};
use stats::sequence::{Break, Conclusion, Ended, Part, Regression};

use super::metrics::name_and_unit;
use super::record::{Confirmation, MetricOutcome, MetricRecord};
use super::runner::{PlayedGate, PlayedPart};
use crate::doubt::Doubt;
use crate::verdict::{Judgement, Verdict};
use crate::words::{capitalised, counted};

/// The verdict on a gate that may be believed, in a sentence.
pub(super) fn judgement(
    conclusion: &Conclusion,
    played: &PlayedGate,
    metrics: &[MetricRecord],
    confirmation: Option<&Confirmation>,
) -> Judgement {
    let second = confirmation.map_or("", |second| &second.sentence);
    let crash = |part: Option<&PlayedPart>| {
        let crash = part.and_then(|part| part.crash.as_ref());
        crash.map_or_else(|| "a node ended by itself".to_owned(), ToString::to_string)
    };
    let (verdict, sentence) = match conclusion {
        Conclusion::Broken {
            by,
            while_repeating,
        } => {
            return invalid(&match (by, while_repeating) {
                (Break::Interrupted, false) => "the gate was interrupted".to_owned(),
                (Break::Interrupted, true) => {
                    "the gate was interrupted while it made sure of a slowdown".to_owned()
                }
                (Break::BaselineCrashed, false) => crash(Some(&played.first)),
                (Break::BaselineCrashed, true) => crash(played.repetition.as_ref()),
            });
        }
        Conclusion::Fail(regression) => (
            Verdict::Fail,
            match regression {
                Regression::Crashes => {
                    format!("{}. {second}", capitalised(&crash(Some(&played.first))))
                }
                Regression::FailsRequests => {
                    format!("The candidate fails requests that the baseline serves. {second}")
                }
                // What only the first part saw is left to the table of metrics.
                Regression::Slower(again) => {
                    let again: Vec<&str> = again.iter().map(|metric| metric.name()).collect();
                    let slower = slower(metrics, |m| again.contains(&m.key.as_str()));
                    format!("Slower: {slower}. {second}")
                }
            },
        ),
        Conclusion::Unconfirmed(regression) => (
            Verdict::Inconclusive,
            match regression {
                Regression::Crashes => {
                    format!("{}. {second}", capitalised(&crash(Some(&played.first))))
                }
                Regression::FailsRequests => format!(
                    "Can't tell: the candidate failed requests that the baseline served. {second}"
                ),
                Regression::Slower(_) => {
                    let slower = slower(metrics, |_| true);
                    format!("Can't tell: {slower}, and yet not again. {second}")
                }
            },
        ),
        Conclusion::Pass => (Verdict::Pass, not_slower(metrics)),
        Conclusion::Inconclusive => {
            let rounds = played.first.rounds.len();
            (Verdict::Inconclusive, unclear(metrics, rounds))
        }
    };
    Judgement {
        verdict,
        sentence: sentence.trim_end().to_owned(),
    }
}

/// The slower ones among the `metrics` that are wanted, and by how much.
fn slower(metrics: &[MetricRecord], is_wanted: impl Fn(&MetricRecord) -> bool) -> String {
    let slower = metrics
        .iter()
        .filter(|m| m.outcome == MetricOutcome::Slower);
    join(slower.filter(|m| is_wanted(m)).map(worse))
}

fn not_slower(metrics: &[MetricRecord]) -> String {
    let count = |outcome| metrics.iter().filter(|m| m.outcome == outcome).count();
    let within = count(MetricOutcome::NotSlower);
    let apart = match count(MetricOutcome::TooCoarse) + count(MetricOutcome::Diluted) {
        0 => String::new(),
        excused => format!("; {excused} can't rule a slowdown out here"),
    };
    format!("Not slower: {within} metrics are within their margins{apart}.")
}

fn unclear(metrics: &[MetricRecord], rounds: usize) -> String {
    // However far apart both are: before the first look, nobody has a verdict.
    if rounds < FEWEST_ROUNDS {
        let rounds = counted(rounds as u64, "round", "rounds");
        return format!(
            "Can't tell within the budget: it had room for {rounds} here, and a verdict takes {FEWEST_ROUNDS}; \
             give it more, or an idler machine."
        );
    }
    let unclear = metrics
        .iter()
        .filter(|m| m.outcome == MetricOutcome::Unclear);
    let unclear = join(unclear.map(|m| match &m.interval {
        Some(interval) => format!(
            "{} is between {} and {} of the baseline's",
            m.name,
            percent(interval.lower),
            percent(interval.upper),
        ),
        None => format!("{} has too few rounds", m.name),
    }));
    let why = if unclear.is_empty() {
        "no metric can rule a slowdown out here".to_owned()
    } else {
        unclear
    };
    format!("Can't tell within the budget: {why}.")
}

/// `CPU per request is 5.4 % higher (4.9 % to 5.9 %)`.
fn worse(metric: &MetricRecord) -> String {
    let by = |ratio: f64| format!("{:.1} %", (ratio - 1.0).abs() * 100.0);
    let ratio = metric.ratio.unwrap_or(1.0);
    let direction = if ratio > 1.0 { "higher" } else { "lower" };
    let interval = metric.interval.map_or_else(String::new, |interval| {
        let (near, far) = if ratio > 1.0 {
            (interval.lower, interval.upper)
        } else {
            (interval.upper, interval.lower)
        };
        format!(" ({} to {})", by(near), by(far))
    });
    format!("{} is {} {direction}{interval}", metric.name, by(ratio))
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

/// The judgement on a gate that a doubt invalidates.
pub(super) fn distrusted(doubt: &Doubt) -> Judgement {
    Judgement::invalid(doubt)
}

/// The judgement on a gate that broke off.
fn invalid(why: &str) -> Judgement {
    Judgement::invalid(format_args!("{why}."))
}

/// The record of a repetition, `second`, of a part that ended like `first`.
pub(super) fn confirmation_of(seed: u64, second: &Part, first: &Ended) -> Confirmation {
    use Regression::{Crashes, FailsRequests, Slower};
    let rounds = second.rounds();
    let (confirmed, what) = match (&second.ended, first) {
        (Ended::Regression(Slower(metrics)), Ended::Regression(Slower(all)))
            if metrics.len() < all.len() =>
        {
            (true, format!("showed {} again", names(metrics)))
        }
        (Ended::Regression(Slower(_)), _) => (true, "showed the same again".to_owned()),
        (Ended::Regression(FailsRequests), _) => (true, "failed such requests again".to_owned()),
        (Ended::Regression(Crashes), _) => (
            true,
            "ended with a node of the candidate that ended by itself".to_owned(),
        ),
        (Ended::Broken(Break::BaselineCrashed), _) => (
            false,
            "ended with a node of the baseline that ended by itself".to_owned(),
        ),
        (Ended::Broken(Break::Interrupted), _) => (false, "was interrupted".to_owned()),
        (Ended::Pass | Ended::Inconclusive, _) => (false, "did not show the same".to_owned()),
    };
    let metrics = match &second.ended {
        Ended::Regression(Slower(metrics)) => metrics.as_slice(),
        _ => &[],
    };
    Confirmation {
        seed,
        rounds,
        confirmed,
        metrics: metrics.iter().map(|m| m.name().to_owned()).collect(),
        sentence: format!("A fresh start with another seed {what}, in {rounds} rounds."),
    }
}

/// The names of the metrics for people, one after the other.
fn names(metrics: &[Metric]) -> String {
    let names = metrics.iter().map(|metric| name_and_unit(*metric).0);
    names.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use harness::error::CpuTimeError;
    use stats::comparison::Design;
    use stats::sequence::{Event, Finished, Next, Rules, Sequence};

    use super::*;
    use crate::gate::record::Side;
    use crate::gate::record::example::example;
    use crate::gate::round::RoundError;

    /// A part without rounds that ended like this.
    fn part(ended: Ended) -> Part {
        let rules = Rules {
            metrics: Vec::new(),
            design: Design::of_rounds(10),
            ends_early: true,
            repeats: false,
            time: None,
        };
        let sequence = Sequence::begin(rules, Duration::ZERO);
        let Next::Over(finished) = sequence.after(Event::Interrupted, Duration::ZERO) else {
            panic!("an interruption ends it");
        };
        let mut part = finished.first;
        part.ended = ended;
        part
    }

    fn slower(metrics: &[Metric]) -> Ended {
        Ended::Regression(Regression::Slower(metrics.to_vec()))
    }

    /// A gate whose first part, or whose repetition, a crash ended.
    fn crashed(side: Side, while_repeating: bool) -> PlayedGate {
        let crash = || RoundError::Cpu {
            side,
            source: CpuTimeError::NotRunning {
                node: "shop-1".parse().expect("a name"),
            },
        };
        let played = |is_crashed: bool| PlayedPart {
            seed: 1,
            rounds: Vec::new(),
            crash: is_crashed.then(crash),
        };
        PlayedGate {
            finished: Finished {
                first: part(Ended::Inconclusive),
                repetition: None,
            },
            first: played(!while_repeating),
            repetition: Some(played(while_repeating)),
        }
    }

    #[test]
    fn a_gate_that_played_on_in_vain_names_the_metrics_and_one_that_could_not_the_rounds() {
        let metrics = example().metrics;
        let of = |rounds| unclear(&metrics, rounds);
        assert_eq!(
            of(FEWEST_ROUNDS),
            "Can't tell within the budget: no metric can rule a slowdown out here."
        );
        assert!(of(6).contains("room for 6 rounds here, and a verdict takes 10"));
    }

    #[test]
    fn each_conclusion_has_its_verdict_and_its_sentence() {
        let metrics = example().metrics;
        let confirmation = example().confirmation;
        let says = |conclusion, side, while_repeating| {
            let played = crashed(side, while_repeating);
            judgement(&conclusion, &played, &metrics, confirmation.as_ref())
        };
        let slower = || Regression::Slower(vec![Metric::CpuPerRequest]);
        let broken = |by, while_repeating| Conclusion::Broken {
            by,
            while_repeating,
        };
        let (crash, interrupted) = (Break::BaselineCrashed, Break::Interrupted);
        let (ours, theirs) = (Side::Candidate, Side::Baseline);
        for (conclusion, side, verdict, sentence) in [
            (
                Conclusion::Fail(slower()),
                ours,
                Verdict::Fail,
                "Slower: CPU per request is 5.4 % higher (4.9 % to 5.9 %). CPU per",
            ),
            (
                Conclusion::Unconfirmed(slower()),
                ours,
                Verdict::Inconclusive,
                "Can't tell: CPU per request is 5.4 % higher (4.9 % to 5.9 %), and yet not again.",
            ),
            (
                Conclusion::Fail(Regression::FailsRequests),
                ours,
                Verdict::Fail,
                "The candidate fails requests that the baseline serves. CPU",
            ),
            (
                Conclusion::Unconfirmed(Regression::FailsRequests),
                ours,
                Verdict::Inconclusive,
                "Can't tell: the candidate failed requests that the baseline served. CPU",
            ),
            (
                Conclusion::Fail(Regression::Crashes),
                ours,
                Verdict::Fail,
                "A node of the candidate ended while it was measured. CPU",
            ),
            (
                Conclusion::Unconfirmed(Regression::Crashes),
                ours,
                Verdict::Inconclusive,
                "A node of the candidate ended while it was measured. CPU",
            ),
            (
                Conclusion::Pass,
                ours,
                Verdict::Pass,
                "Not slower: 1 metrics are within their margins; 1 can't rule a slowdown out here.",
            ),
            (
                Conclusion::Inconclusive,
                ours,
                Verdict::Inconclusive,
                "Can't tell within the budget: it had room for no rounds here, and a verdict takes 10;",
            ),
            (
                broken(crash, false),
                theirs,
                Verdict::Invalid,
                "The measurement can't be trusted: a node of the baseline ended while it was measured.",
            ),
            (
                broken(crash, true),
                theirs,
                Verdict::Invalid,
                "The measurement can't be trusted: a node of the baseline ended while it was measured.",
            ),
            (
                broken(interrupted, false),
                ours,
                Verdict::Invalid,
                "The measurement can't be trusted: the gate was interrupted.",
            ),
            (
                broken(interrupted, true),
                ours,
                Verdict::Invalid,
                "The measurement can't be trusted: the gate was interrupted while it made sure of a slowdown.",
            ),
        ] {
            let while_repeating = conclusion == broken(crash, true);
            let told = says(conclusion, side, while_repeating);
            assert_eq!(told.verdict, verdict, "{told:?}");
            assert!(told.sentence.starts_with(sentence), "{told:?}");
        }
    }

    #[test]
    fn a_repetition_says_what_it_saw_again() {
        let both = slower(&[Metric::CpuPerRequest, Metric::P99]);
        let again = |second: Ended, first: &Ended| confirmation_of(1, &part(second), first);

        let all = again(slower(&[Metric::CpuPerRequest, Metric::P99]), &both);
        assert!(all.confirmed && all.sentence.contains("showed the same again"));
        let one = again(slower(&[Metric::P99]), &both);
        assert!(one.confirmed && one.metrics == ["p99"]);
        assert!(
            one.sentence
                .contains("showed p99 of the response time again"),
            "{}",
            one.sentence
        );
        let none = again(Ended::Inconclusive, &both);
        assert!(!none.confirmed && none.metrics.is_empty());
        let fails = Ended::Regression(Regression::FailsRequests);
        assert!(again(fails.clone(), &fails).confirmed);
        assert!(!again(Ended::Broken(Break::Interrupted), &both).confirmed);
    }
}
