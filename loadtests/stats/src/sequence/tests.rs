//! Stories of gates, and properties that hold for any.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::comparison::{Decision, Series, judge};

/// Designs that are worked out once: ten rounds with one look, and twenty with six.
static DESIGNS: LazyLock<[Design; 2]> =
    LazyLock::new(|| [Design::of_rounds(10), Design::of_rounds(20)]);

/// A time that no deadline cuts short.
const NO_TIME: Duration = Duration::ZERO;

fn rules(design: &Design) -> Rules {
    let rule = |metric| Rule {
        metric,
        tolerance: 0.0025,
        margin: 0.05,
    };
    Rules {
        metrics: vec![
            (rule(Metric::CpuPerRequest), Role::Judged),
            (rule(Metric::P50), Role::Judged),
        ],
        design: design.clone(),
        ends_early: true,
        repeats: true,
        time: None,
    }
}

/// Rounds in which CPU time and the median are worse by so much.
fn worse_by(cpu: f64, p50: f64) -> impl Fn(usize) -> RoundFigures {
    move |round| {
        let noise = 0.001 * (round * 7 % 5) as f64;
        RoundFigures {
            log_ratios: vec![Some(cpu + noise), Some(p50 - noise)],
            ..RoundFigures::default()
        }
    }
}

fn failing(round: usize) -> RoundFigures {
    RoundFigures {
        failed: Failures {
            baseline: 0,
            candidate: 3,
        },
        ..worse_by(0.0, 0.0)(round)
    }
}

/// A gate to its end, in which `event` follows from whether it is the repetition, and from
/// the rounds that are done of this part.
fn held(rules: &Rules, event: impl Fn(bool, usize) -> Event) -> Finished {
    let mut sequence = Sequence::begin(rules.clone(), NO_TIME);
    loop {
        let event = event(sequence.is_repeating(), sequence.rounds());
        match sequence.after(event, NO_TIME) {
            Next::Round(next) | Next::Repetition(next) => sequence = next,
            Next::Over(finished) => return finished,
        }
    }
}

/// A gate of rounds: those of the first part, and those of a repetition.
fn rounds(
    rules: &Rules,
    first: impl Fn(usize) -> RoundFigures,
    repetition: impl Fn(usize) -> RoundFigures,
) -> Finished {
    held(rules, |repeating, round| {
        Event::Round(if repeating {
            repetition(round)
        } else {
            first(round)
        })
    })
}

fn slower(metrics: &[Metric]) -> Regression {
    Regression::Slower(metrics.to_vec())
}

#[test]
fn a_slowdown_fails_when_its_repetition_shows_it_again() {
    let rules = rules(&DESIGNS[1]);
    let conclusion = |cpu, p50| {
        let gate = rounds(&rules, worse_by(0.1, 0.0), worse_by(cpu, p50));
        assert!(gate.repetition.is_some());
        gate.conclusion()
    };
    let cpu = slower(&[Metric::CpuPerRequest]);
    assert_eq!(conclusion(0.1, 0.0), Conclusion::Fail(cpu.clone()));
    assert_eq!(conclusion(0.0, 0.0), Conclusion::Unconfirmed(cpu.clone()));
    // What only the repetition sees is no repetition.
    assert_eq!(conclusion(0.0, 0.1), Conclusion::Unconfirmed(cpu));
}

#[test]
fn of_two_slower_metrics_the_one_counts_that_is_slower_again() {
    let rules = rules(&DESIGNS[1]);
    let gate = rounds(&rules, worse_by(0.1, 0.1), worse_by(0.0, 0.1));
    assert_eq!(gate.conclusion(), Conclusion::Fail(slower(&[Metric::P50])));
}

#[test]
fn what_passes_is_not_repeated() {
    let rules = rules(&DESIGNS[1]);
    let gate = rounds(&rules, worse_by(0.0, 0.0), |_| {
        unreachable!("it did not fail")
    });
    assert_eq!(gate.conclusion(), Conclusion::Pass);
    assert_eq!(gate.rounds(), 10);
}

#[test]
fn failed_requests_fail_a_gate_when_they_fail_again() {
    let rules = rules(&DESIGNS[1]);
    let again = rounds(&rules, failing, failing);
    let fails = Regression::FailsRequests;
    assert_eq!(again.conclusion(), Conclusion::Fail(fails.clone()));
    let once = rounds(&rules, failing, worse_by(0.0, 0.0));
    assert_eq!(once.conclusion(), Conclusion::Unconfirmed(fails));
    // Nothing else is judged in its repetition.
    let otherwise = rounds(&rules, failing, worse_by(0.5, 0.5));
    assert!(matches!(
        otherwise.conclusion(),
        Conclusion::Unconfirmed(Regression::FailsRequests)
    ));
}

#[test]
fn a_slow_candidate_that_then_fails_requests_or_crashes_fails_as_a_slow_one() {
    let rules = rules(&DESIGNS[1]);
    let cpu = Conclusion::Fail(slower(&[Metric::CpuPerRequest]));
    let fails = rounds(&rules, worse_by(0.1, 0.0), failing);
    assert_eq!(fails.conclusion(), cpu);
    let crashes = held(&rules, |repeating, round| match repeating {
        false => Event::Round(worse_by(0.1, 0.0)(round)),
        true => Event::CandidateCrashed,
    });
    assert_eq!(crashes.conclusion(), cpu);
}

#[test]
fn a_crash_of_the_candidate_fails_when_it_happens_again() {
    let rules = rules(&DESIGNS[0]);
    let crash_at = |at: usize, again: bool| {
        held(&rules, |repeating, round| match round == at {
            true if again || !repeating => Event::CandidateCrashed,
            _ => Event::Round(worse_by(0.0, 0.0)(round)),
        })
    };
    let twice = crash_at(3, true);
    let crashes = Regression::Crashes;
    assert_eq!(twice.conclusion(), Conclusion::Fail(crashes.clone()));
    assert_eq!(twice.rounds(), 6);
    let once = crash_at(0, false);
    assert_eq!(once.conclusion(), Conclusion::Unconfirmed(crashes));
}

#[test]
fn nothing_follows_from_a_gate_that_broke_off() {
    let rules = rules(&DESIGNS[0]);
    for (event, by) in [
        (Event::Interrupted, Break::Interrupted),
        (Event::BaselineCrashed, Break::BaselineCrashed),
    ] {
        for breaks_in_repetition in [false, true] {
            let gate = held(&rules, |repeating, round| {
                match repeating == breaks_in_repetition && round == 4 {
                    true => event.clone(),
                    false => Event::Round(worse_by(0.1, 0.0)(round)),
                }
            });
            let while_repeating = breaks_in_repetition;
            let broken = Conclusion::Broken {
                by,
                while_repeating,
            };
            assert_eq!(gate.conclusion(), broken);
        }
    }
}

#[test]
fn rounds_that_are_to_be_played_to_the_end_are_looked_at_once() {
    let rules = Rules {
        ends_early: false,
        repeats: false,
        ..rules(&DESIGNS[1])
    };
    let gate = rounds(&rules, worse_by(0.2, 0.0), |_| {
        unreachable!("nothing is repeated")
    });
    assert_eq!((gate.rounds(), gate.first.looks.len()), (20, 1));
    let cpu = slower(&[Metric::CpuPerRequest]);
    assert_eq!(gate.conclusion(), Conclusion::Fail(cpu));
}

#[test]
fn diluted_response_times_may_fail_a_gate_and_can_not_clear_it() {
    let rules = rules(&DESIGNS[0]);
    let diluted = |p50: f64| {
        move |round| RoundFigures {
            diluted: true,
            ..worse_by(0.0, p50)(round)
        }
    };
    let passed = rounds(&rules, diluted(0.0), |_| unreachable!("it did not fail"));
    let roles: Vec<Role> = passed.first.series.iter().map(|of| of.role).collect();
    assert_eq!(roles, [Role::Judged, Role::Diluted]);
    assert_eq!(passed.conclusion(), Conclusion::Pass);
    let failed = rounds(&rules, diluted(0.1), diluted(0.1));
    assert_eq!(
        failed.conclusion(),
        Conclusion::Fail(slower(&[Metric::P50]))
    );
}

#[test]
fn a_repetition_has_time_for_as_many_rounds_as_long_as_the_longest() {
    let seconds = Duration::from_secs;
    let rules = Rules {
        time: Some(TimeLimit {
            deadline: seconds(1000),
            round: seconds(6),
        }),
        ..rules(&DESIGNS[0])
    };
    let deadline = |longest: u64| {
        let mut sequence = Sequence::begin(rules.clone(), NO_TIME);
        for round in 0.. {
            let mut figures = worse_by(0.1, 0.0)(round);
            figures.lasted = seconds(if round == 2 { longest } else { 5 });
            match sequence.after(Event::Round(figures), seconds(100)) {
                Next::Round(next) => sequence = next,
                Next::Repetition(next) => return next.deadline(),
                Next::Over(_) => break,
            }
        }
        None
    };
    assert_eq!(deadline(5), Some(seconds(100 + 75)));
    assert_eq!(deadline(8), Some(seconds(100 + 100)));
}

/// A design by its place in [`DESIGNS`].
fn designs() -> impl Strategy<Value = &'static Design> {
    (0..DESIGNS.len()).prop_map(|index| &DESIGNS[index])
}

/// As many rounds as any design has, around some centres, of which some fail requests.
fn any_rounds() -> impl Strategy<Value = Vec<RoundFigures>> {
    let centres = prop::array::uniform2(prop::sample::select(vec![0.0, 0.02, 0.06]));
    let round = (
        prop::array::uniform2(prop::option::weighted(0.95, -0.02..0.02_f64)),
        prop::bool::weighted(0.05),
    );
    let rounds = prop::collection::vec(round, 20);
    (centres, rounds, 0u64..2).prop_map(|(centres, rounds, failed)| {
        let figures = rounds.into_iter().map(|(noise, fails)| RoundFigures {
            log_ratios: (0..2)
                .map(|of| noise[of].map(|noise| centres[of] + noise))
                .collect(),
            failed: Failures {
                baseline: 0,
                candidate: failed * u64::from(fails),
            },
            ..RoundFigures::default()
        });
        figures.collect()
    })
}

/// The rule told a second time, as plainly as can be, for rounds in which nothing fails: look
/// after look at rounds that are there from the start.
fn look_by_look(rules: &Rules, rounds: &[RoundFigures]) -> Decision {
    let series = rules.metrics.iter().enumerate();
    let series: Vec<Series> = series
        .map(|(index, (rule, role))| Series {
            rule: *rule,
            role: *role,
            log_ratios: rounds.iter().map(|round| round.log_ratios[index]).collect(),
        })
        .collect();
    let looks = rules.design.looks();
    let mut decisions = looks.map(|look| judge(&series, &rules.design, look).decision);
    let decided = decisions.find(|decision| *decision != Decision::Continue);
    decided.expect("the last look decides")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rounds_are_judged_look_by_look_and_a_fail_is_seen_in_both_parts(
        design in designs(),
        first in any_rounds(),
        again in any_rounds(),
    ) {
        let without_failures = |rounds: Vec<RoundFigures>| -> Vec<RoundFigures> {
            let spotless = |round| RoundFigures { failed: Failures::default(), ..round };
            rounds.into_iter().map(spotless).collect()
        };
        let (first, again) = (without_failures(first), without_failures(again));
        let rules = rules(design);
        let expected = match look_by_look(&rules, &first) {
            Decision::Pass => Conclusion::Pass,
            Decision::Fail { metrics } => {
                let mut narrowed = rules.clone();
                for (rule, role) in &mut narrowed.metrics {
                    *role = role.when_repeated(metrics.contains(&rule.metric));
                }
                match look_by_look(&narrowed, &again) {
                    Decision::Fail { metrics } => Conclusion::Fail(Regression::Slower(metrics)),
                    _ => Conclusion::Unconfirmed(Regression::Slower(metrics)),
                }
            }
            _ => Conclusion::Inconclusive,
        };
        let gate = rounds(&rules, |round| first[round].clone(), |round| again[round].clone());
        prop_assert_eq!(gate.conclusion(), expected);
    }

    #[test]
    fn a_repetition_only_takes_fails_away(
        design in designs(),
        first in any_rounds(),
        again in any_rounds(),
    ) {
        let rules = rules(design);
        let without = Rules { repeats: false, ..rules.clone() };
        let with = |rules| {
            rounds(rules, |round| first[round].clone(), |round| again[round].clone())
        };
        let (once, twice) = (with(&without), with(&rules));
        prop_assert!(once.repetition.is_none());
        prop_assert_eq!(&once.first, &twice.first);
        match (once.conclusion(), twice.conclusion()) {
            (Conclusion::Fail(shown), Conclusion::Fail(Regression::Slower(again))) => {
                let Regression::Slower(shown) = shown else {
                    panic!("{again:?} were never slower before");
                };
                prop_assert!(again.iter().all(|metric| shown.contains(metric)));
            }
            (Conclusion::Fail(shown), Conclusion::Fail(again)) => prop_assert_eq!(shown, again),
            (Conclusion::Fail(shown), Conclusion::Unconfirmed(once)) => {
                prop_assert_eq!(shown, once);
            }
            (once, twice) => prop_assert_eq!(once, twice),
        }
    }

    #[test]
    fn it_ends_within_the_rounds_that_were_planned_whatever_happens(
        design in designs(),
        first in any_rounds(),
        again in any_rounds(),
        event in prop::sample::select(vec![
            Event::CandidateCrashed, Event::BaselineCrashed, Event::Interrupted,
        ]),
        in_repetition: bool,
        after in 0usize..25,
    ) {
        let rules = rules(design);
        let gate = held(&rules, |repeating, round| {
            if (repeating, round) == (in_repetition, after) {
                return event.clone();
            }
            Event::Round(if repeating { again[round].clone() } else { first[round].clone() })
        });
        for part in [Some(&gate.first), gate.repetition.as_ref()].into_iter().flatten() {
            prop_assert!(part.rounds() <= design.most_rounds());
            let looks: Vec<usize> = part.looks.iter().map(|look| look.rounds).collect();
            let planned: Vec<usize> = design.looks().collect();
            prop_assert!(planned.starts_with(&looks), "{looks:?} of {planned:?}");
            prop_assert_eq!(part.last_look().rounds, part.rounds());
        }
        let failed = matches!(gate.conclusion(), Conclusion::Fail(_));
        prop_assert!(!failed || gate.repetition.is_some());
    }

    #[test]
    fn no_round_begins_that_would_end_after_the_deadline(
        design in designs(),
        first in any_rounds(),
        each in 1u64..20,
        patience in 0u64..200,
    ) {
        let seconds = Duration::from_secs;
        let start = seconds(7);
        let timed = Rules {
            repeats: false,
            time: Some(TimeLimit { deadline: start + seconds(patience), round: seconds(each) }),
            ..rules(design)
        };
        let untimed = Rules { time: None, ..timed.clone() };
        let unhurried = rounds(&untimed, |round| first[round].clone(), |_| unreachable!("never"));
        let mut sequence = Sequence::begin(timed, start);
        let mut now = start;
        let gate = loop {
            now += seconds(each);
            let round = first[sequence.rounds()].clone();
            match sequence.after(Event::Round(round), now) {
                Next::Round(next) => sequence = next,
                Next::Repetition(_) => panic!("nothing is repeated"),
                Next::Over(finished) => break finished,
            }
        };
        let room = (patience / each) as usize;
        prop_assert!(gate.rounds() <= room.max(1));
        // What ended it was the clock, or what would have ended it anyway.
        prop_assert!(gate.rounds() == unhurried.rounds() || gate.rounds() == room.max(1));
        // Looks before were as if there were time enough.
        let before = |part: &Part| -> Vec<(usize, Decision)> {
            let looks = part.looks.iter().filter(|look| look.rounds < gate.rounds());
            looks.map(|look| (look.rounds, look.decision.clone())).collect()
        };
        prop_assert_eq!(before(&gate.first), before(&unhurried.first));
        prop_assert_eq!(gate.first.last_look().rounds, gate.rounds());
        prop_assert!(!matches!(gate.first.ended, Ended::Broken(_)));
    }
}
