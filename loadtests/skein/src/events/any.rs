//! Any event, for properties that hold for all of them.

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Checked, CommandName, Event, EventLine, RoundsSoFar, Suspicion};
use crate::doubt::{Dilution, Doubt};
use crate::gate::record::Side;
use crate::threshold::Unit;
use crate::verdict::Verdict;

/// Any line of a stream.
pub(crate) fn any_line() -> impl Strategy<Value = EventLine> {
    (0..u64::MAX, 0..4_000_000_000_000i64, any_event()).prop_map(|(at_ms, millis, event)| {
        EventLine {
            at_ms,
            time: Timestamp::from_millisecond(millis).expect("within range"),
            event,
        }
    })
}

/// Any event.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![of_a_run(), of_a_gate(), of_a_study(), of_any_command()]
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Baseline), Just(Side::Candidate)]
}

fn finite() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::ZERO
}

fn so_far() -> impl Strategy<Value = RoundsSoFar> {
    (any::<bool>(), any::<[u64; 5]>()).prop_map(
        |(confirming, [done, most, elapsed_ms, left_ms, next_look])| RoundsSoFar {
            confirming,
            done,
            most,
            elapsed_ms,
            left_ms,
            next_look,
        },
    )
}

fn of_a_run() -> impl Strategy<Value = Event> {
    let begins = (text(), text(), any::<[u64; 2]>()).prop_map(|(plan, url, [seed, length_ms])| {
        Event::LoadBegan {
            plan,
            url,
            seed,
            length_ms,
        }
    });
    let stage = (
        text(),
        any::<bool>(),
        any::<[u64; 3]>(),
        prop::option::of(finite()),
    );
    let stage =
        stage.prop_map(
            |(stage, warm_up, [number, users, length_ms], rate)| Event::StageBegan {
                stage,
                number,
                warm_up,
                users,
                rate_per_second: rate,
                length_ms,
            },
        );
    let names = (text(), text());
    let scenario = (names, any::<[u64; 2]>(), prop::option::of(finite()));
    let scenario =
        scenario.prop_map(
            |((stage, scenario), [users, length_ms], rate)| Event::ScenarioBegan {
                stage,
                scenario,
                users,
                rate_per_second: rate,
                length_ms,
            },
        );
    let tick = (
        prop::option::of(text()),
        any::<[u64; 4]>(),
        finite(),
        any::<Option<u64>>(),
    );
    let tick = tick.prop_map(
        |(stage, [elapsed_ms, left_ms, requests, failed], rate, p99)| Event::LoadTick {
            stage,
            elapsed_ms,
            left_ms,
            requests,
            failed,
            requests_per_second: rate,
            p99_micros: p99,
        },
    );
    let ended =
        (text(), text(), any::<u64>()).prop_map(|(node, status, elapsed_ms)| Event::NodeEnded {
            node,
            status,
            elapsed_ms,
        });
    prop_oneof![
        Just(Event::Preparing),
        text().prop_map(|url| Event::ServerSought { url }),
        Just(Event::SystemStarting),
        begins,
        text().prop_map(|url| Event::DashboardServed { url }),
        text().prop_map(|url| Event::MetricsServed { url }),
        text().prop_map(|url| Event::RemoteWriteBegan { url }),
        stage,
        scenario,
        (prop::collection::vec(text(), 1..3), any::<u64>())
            .prop_map(|(rules, elapsed_ms)| Event::StoppedEarly { rules, elapsed_ms }),
        tick,
        ended,
        Just(Event::Draining),
        Just(Event::Stopping),
    ]
}

fn of_a_gate() -> impl Strategy<Value = Event> {
    let built = || (side(), prop::option::of(text()));
    let build_began = (built(), text()).prop_map(|((side, commit), profile)| Event::BuildBegan {
        side,
        commit,
        profile,
    });
    let build_ended =
        (built(), any::<u64>()).prop_map(|((side, commit), took_ms)| Event::BuildEnded {
            side,
            commit,
            took_ms,
        });
    let gate = (text(), text(), text(), any::<[u64; 2]>());
    let gate = gate.prop_map(
        |(plan, baseline, candidate, [seed, budget_ms])| Event::GateBegan {
            plan,
            baseline,
            candidate,
            seed,
            budget_ms,
        },
    );
    let played = (any::<[u64; 6]>(), so_far()).prop_map(|(counts, so_far)| {
        let [
            number,
            lasted_ms,
            baseline_requests,
            baseline_failed,
            candidate_requests,
            candidate_failed,
        ] = counts;
        Event::RoundPlayed {
            number,
            lasted_ms,
            baseline_requests,
            baseline_failed,
            candidate_requests,
            candidate_failed,
            so_far,
        }
    });
    let look = (any::<bool>(), any::<u64>(), text());
    let look = look.prop_map(|(confirming, rounds, outcome)| Event::LookTaken {
        confirming,
        rounds,
        outcome,
    });
    prop_oneof![
        build_began,
        (side(), text()).prop_map(|(side, line)| Event::BuildLine { side, line }),
        build_ended,
        gate,
        Just(Event::CapacityMeasuring),
        so_far().prop_map(|so_far| Event::RoundBegan { so_far }),
        played,
        look,
        (side(), text()).prop_map(|(side, reason)| Event::SideCrashed { side, reason }),
        prop_oneof![Just(Suspicion::Slower), Just(Suspicion::Fails)]
            .prop_map(|because| Event::ConfirmationBegan { because }),
    ]
}

fn of_a_study() -> impl Strategy<Value = Event> {
    let systems = prop::collection::vec(text(), 0..3);
    let began = (text(), text(), systems, any::<[u64; 2]>());
    let began = began.prop_map(
        |(plan, promise, systems, [seed, budget_ms])| Event::StudyBegan {
            plan,
            promise,
            systems,
            seed,
            budget_ms,
        },
    );
    let played = (
        text(),
        any::<bool>(),
        any::<[u64; 4]>(),
        prop::option::of(finite()),
    );
    let played = played.prop_map(
        |(system, set_aside, [number, rounds, elapsed_ms, left_ms], estimate_per_second)| {
            Event::StartPlayed {
                system,
                number,
                set_aside,
                rounds,
                estimate_per_second,
                elapsed_ms,
                left_ms,
            }
        },
    );
    prop_oneof![
        began,
        played,
        text().prop_map(|tier| Event::ReliefBegan { tier }),
    ]
}

fn of_any_command() -> impl Strategy<Value = Event> {
    let command = prop_oneof![
        Just(CommandName::Run),
        Just(CommandName::Gate),
        Just(CommandName::Capacity),
        Just(CommandName::Patterns),
        Just(CommandName::SelfCheck)
    ];
    let began = (any::<u32>(), text(), command);
    let began = began.prop_map(|(schema_version, version, command)| Event::Began {
        schema_version,
        version,
        command,
    });
    let warned = (text(), text(), text()).prop_map(|(level, library, text)| Event::LibraryWarned {
        level,
        library,
        text,
    });
    prop_oneof![
        began,
        text().prop_map(|text| Event::Remarked { text }),
        warned,
        text().prop_map(|signal| Event::Interrupted { signal }),
        text().prop_map(|case| Event::CaseBegan { case }),
        figure(),
        doubt().prop_map(|doubt| Event::Doubted { doubt }),
        (verdict(), text()).prop_map(|(verdict, sentence)| Event::Judged { verdict, sentence }),
        text().prop_map(|path| Event::ReportWritten { path }),
        text().prop_map(|reason| Event::NotKept { reason }),
        any::<u64>().prop_map(|count| Event::EventsLost { count }),
        (any::<u8>(), prop::option::of(text()))
            .prop_map(|(exit_code, error)| Event::Ended { exit_code, error }),
    ]
}

fn figure() -> impl Strategy<Value = Event> {
    let unit = prop_oneof![
        Just(Unit::Microseconds),
        Just(Unit::Percent),
        Just(Unit::PerSecond),
        Just(Unit::Count)
    ];
    let outcome = prop_oneof![
        Just(Checked::Right),
        Just(Checked::Wrong),
        Just(Checked::Invalid)
    ];
    let names = (text(), text(), prop::option::of(text()));
    (names, finite(), finite(), unit, outcome).prop_map(
        |((case, figure, reason), expected, reported, unit, outcome)| Event::CaseChecked {
            case,
            figure,
            expected,
            reported,
            unit,
            outcome,
            reason,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Pass),
        Just(Verdict::Fail),
        Just(Verdict::Invalid),
        Just(Verdict::Inconclusive)
    ]
}

fn doubt() -> impl Strategy<Value = Doubt> {
    prop_oneof![
        Just(Doubt::Interrupted),
        (text(), any::<u64>()).prop_map(|(what, tasks)| Doubt::NotDrained { what, tasks }),
        any::<i64>().prop_map(|seconds| Doubt::ClockSet { seconds }),
        (text(), text()).prop_map(|(what, reason)| Doubt::OutOfSight { what, reason }),
        any::<u64>().prop_map(|p99_micros| Doubt::ResponseTimesDiluted {
            by: Dilution::SentLate { p99_micros }
        }),
    ]
}

#[test]
fn any_event_is_any_of_those_that_the_schema_has() {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let schema = crate::record::schema_of::<EventLine>();
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let all = schema["oneOf"].as_array().expect("events").iter();
    let all: BTreeSet<String> = all
        .map(|event| event["properties"]["event"]["const"].to_string())
        .collect();
    let mut runner = TestRunner::deterministic();
    let drawn: BTreeSet<String> = (0..2000)
        .map(|_| {
            let event = any_event().new_tree(&mut runner).expect("one").current();
            let event = serde_json::to_value(event).expect("JSON");
            event["event"].to_string()
        })
        .collect();
    assert_eq!(drawn, all);
}
