//! The words of a display for each event that it shows.

use std::time::Duration;

use crate::events::{Event, RoundsSoFar, Suspicion};
use crate::report::figures::{count, micros, per_second};
use crate::words::{counted, short_commit};

/// Something to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A phase without a known length.
    Doing(String),
    /// Something that passes; only a line that changes has room for that.
    Passing(String),
    /// Something that stays.
    Staying(String),
    /// A load of this length is about to begin, of which something stays.
    LoadAhead {
        /// The line that stays.
        what: String,
        /// The length.
        length_ms: u64,
    },
    /// The state of the load.
    Load {
        /// The stage's name.
        stage: String,
        /// The time since the load began.
        elapsed_ms: u64,
        /// The figures of the last moments, in words.
        figures: String,
    },
}

/// The words that a display has for an event, if any: verdicts, doubts and files are in the
/// summary, and a self-check has its table.
pub(super) fn shown(event: &Event) -> Option<Shown> {
    let doing = |what: &str| Some(Shown::Doing(what.to_owned()));
    match event {
        Event::Remarked { text } => Some(Shown::Staying(text.clone())),
        Event::LibraryWarned {
            level,
            library,
            text,
        } => Some(Shown::Staying(format!("{level}: {library}: {text}"))),
        Event::Preparing => doing("finding out what the generator can do"),
        Event::ServerSought { .. } => doing("looking for the server"),
        Event::SystemStarting => doing("starting the system"),
        Event::LoadBegan {
            plan,
            url,
            seed,
            length_ms,
        } => Some(Shown::LoadAhead {
            what: format!("plan {plan} on {url}, seed {seed}"),
            length_ms: *length_ms,
        }),
        Event::MetricsServed { url } => Some(Shown::Staying(format!("figures: {url}"))),
        Event::RemoteWriteBegan { url } => Some(Shown::Staying(format!("figures go to {url}"))),
        Event::DashboardServed { url } => Some(Shown::Staying(format!("live dashboard: {url}"))),
        Event::LoadTick { .. } => load(event),
        Event::Draining => doing("waiting for what is under way"),
        Event::Stopping => doing("stopping the system"),
        Event::BuildBegan {
            side,
            commit: Some(commit),
            profile,
        } => Some(Shown::Staying(format!(
            "building the {} {} (profile {profile}), which takes a while and is kept",
            side.word(),
            short_commit(commit)
        ))),
        Event::BuildLine { side, line } => Some(Shown::Passing(format!(
            "building the {}: {}",
            side.word(),
            line.trim()
        ))),
        Event::BuildEnded {
            side,
            commit: Some(commit),
            took_ms,
        } => Some(Shown::Staying(format!(
            "built the {} {} in {} s",
            side.word(),
            short_commit(commit),
            took_ms / 1000
        ))),
        Event::StoppedEarly { rules, elapsed_ms } => Some(Shown::Staying(format!(
            "stopping after {:.1} s: {} can’t hold any more",
            *elapsed_ms as f64 / 1e3,
            rules.join(" and ")
        ))),
        Event::CapacityMeasuring => doing("measuring what the baseline can do"),
        Event::RoundBegan { so_far } | Event::RoundPlayed { so_far, .. } => {
            Some(Shown::Passing(rounds(so_far)))
        }
        Event::StudyBegan {
            plan,
            promise,
            systems,
            budget_ms,
            ..
        } => {
            let systems = counted(systems.len() as u64, "system", "systems");
            let minutes = humantime::format_duration(Duration::from_millis(*budget_ms));
            Some(Shown::Staying(format!(
                "plan {plan}: capacity at {promise}, of {systems}, {minutes} each"
            )))
        }
        Event::StartPlayed {
            system,
            number,
            set_aside: true,
            ..
        } => Some(Shown::Passing(format!(
            "{system}: others slowed the machine down during fresh start {number}; it is set aside"
        ))),
        Event::StartPlayed {
            system,
            number,
            estimate_per_second,
            elapsed_ms,
            left_ms,
            ..
        } => {
            let estimate = estimate_per_second
                .map_or_else(|| "–".to_owned(), |rate| format!("{}/s", per_second(rate)));
            Some(Shown::Passing(format!(
                "{system}: {number} fresh starts, about {estimate}, {} s, at most {} s left",
                elapsed_ms / 1000,
                left_ms / 1000
            )))
        }
        Event::ReliefBegan { tier } => Some(Shown::Staying(format!(
            "{tier} seems to limit; measuring again with more of it"
        ))),
        Event::ConfirmationBegan { because } => {
            let what = match because {
                Suspicion::Slower => "the candidate seems slower",
                Suspicion::Fails => "the candidate seems to fail",
            };
            let making_sure = "making sure with a fresh start and another seed";
            Some(Shown::Staying(format!("{what}; {making_sure}")))
        }
        // The working tree is built in passing: mostly, nothing of it has changed.
        Event::BuildBegan { commit: None, .. } | Event::BuildEnded { commit: None, .. } => None,
        Event::Began { .. }
        | Event::Interrupted { .. }
        | Event::StageBegan { .. }
        | Event::ScenarioBegan { .. }
        | Event::NodeEnded { .. }
        | Event::GateBegan { .. }
        | Event::LookTaken { .. }
        | Event::SideCrashed { .. }
        | Event::CaseBegan { .. }
        | Event::CaseChecked { .. }
        | Event::Doubted { .. }
        | Event::Judged { .. }
        | Event::ReportWritten { .. }
        | Event::NotKept { .. }
        | Event::EventsLost { .. }
        | Event::Ended { .. } => None,
    }
}

fn load(event: &Event) -> Option<Shown> {
    let Event::LoadTick {
        stage,
        elapsed_ms,
        left_ms,
        failed,
        requests_per_second,
        p99_micros,
        ..
    } = event
    else {
        return None;
    };
    let p99 = p99_micros.map_or_else(|| "–".to_owned(), |p99| micros(p99 as f64));
    Some(Shown::Load {
        stage: stage.clone().unwrap_or_else(|| "ending".to_owned()),
        elapsed_ms: *elapsed_ms,
        figures: format!(
            "{:>3} s, {:>3} s left · {:>7} req/s · {} failed · p99 {p99}",
            elapsed_ms / 1000,
            left_ms.div_ceil(1000),
            count(requests_per_second.round() as u64),
            count(*failed),
        ),
    })
}

fn rounds(so_far: &RoundsSoFar) -> String {
    let what = if so_far.confirming {
        "confirming"
    } else {
        "measuring"
    };
    format!(
        "{what}: {} of at most {} rounds, {} s, at most {} s left, next look at {}",
        so_far.done,
        so_far.most,
        so_far.elapsed_ms / 1000,
        so_far.left_ms / 1000,
        so_far.next_look,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::any::any_event;
    use crate::gate::record::Side;

    fn words(event: &Event) -> String {
        match shown(event).expect("it is shown") {
            Shown::Doing(what) | Shown::Passing(what) | Shown::Staying(what) => what,
            Shown::LoadAhead { what, .. } => what,
            Shown::Load { stage, figures, .. } => {
                format!("{stage}|{figures}").replace('\u{202f}', " ")
            }
        }
    }

    #[test]
    fn a_run_is_told_from_its_preparation_to_its_end() {
        let tick = |stage: Option<&str>, p99_micros| Event::LoadTick {
            stage: stage.map(str::to_owned),
            elapsed_ms: 7_950,
            left_ms: 22_050,
            requests: 31_234,
            failed: 1_200,
            requests_per_second: 4321.6,
            p99_micros,
        };
        let url = || "http://127.0.0.1:8000".to_owned();
        for (event, says) in [
            (Event::Preparing, "finding out what the generator can do"),
            (Event::ServerSought { url: url() }, "looking for the server"),
            (Event::SystemStarting, "starting the system"),
            (
                Event::LoadBegan {
                    plan: "smoke".to_owned(),
                    url: url(),
                    seed: 7,
                    length_ms: 30_000,
                },
                "plan smoke on http://127.0.0.1:8000, seed 7",
            ),
            (
                Event::DashboardServed {
                    url: "http://127.0.0.1:5118".to_owned(),
                },
                "live dashboard: http://127.0.0.1:5118",
            ),
            (
                tick(Some("steady"), Some(4_213)),
                "steady|  7 s,  23 s left ·   4 322 req/s · 1 200 failed · p99 4.21 ms",
            ),
            (
                tick(None, None),
                "ending|  7 s,  23 s left ·   4 322 req/s · 1 200 failed · p99 –",
            ),
            (Event::Draining, "waiting for what is under way"),
            (Event::Stopping, "stopping the system"),
            (
                Event::LibraryWarned {
                    level: "warn".to_owned(),
                    library: "goose".to_owned(),
                    text: "hm".to_owned(),
                },
                "warn: goose: hm",
            ),
        ] {
            assert_eq!(words(&event), says);
        }
    }

    #[test]
    fn a_gate_is_told_from_its_builds_to_its_rounds() {
        let (side, commit) = (Side::Baseline, "4de0300aa0e2e1b9c1f0a3d4c5b6978812345678");
        let so_far = |confirming| RoundsSoFar {
            confirming,
            done: 3,
            most: 19,
            elapsed_ms: 18_999,
            left_ms: 101_001,
            next_look: 10,
        };
        for (event, says) in [
            (
                Event::BuildBegan {
                    side,
                    commit: Some(commit.to_owned()),
                    profile: "debug".to_owned(),
                },
                "building the baseline 4de0300 (profile debug), which takes a while and is kept",
            ),
            (
                Event::BuildLine {
                    side: Side::Candidate,
                    line: "   Compiling libc v0.2\n".to_owned(),
                },
                "building the candidate: Compiling libc v0.2",
            ),
            (
                Event::BuildEnded {
                    side,
                    commit: Some(commit.to_owned()),
                    took_ms: 92_900,
                },
                "built the baseline 4de0300 in 92 s",
            ),
            (
                Event::CapacityMeasuring,
                "measuring what the baseline can do",
            ),
            (
                Event::RoundBegan {
                    so_far: so_far(false),
                },
                "measuring: 3 of at most 19 rounds, 18 s, at most 101 s left, next look at 10",
            ),
            (
                Event::RoundBegan {
                    so_far: so_far(true),
                },
                "confirming: 3 of at most 19 rounds, 18 s, at most 101 s left, next look at 10",
            ),
            (
                Event::ConfirmationBegan {
                    because: Suspicion::Slower,
                },
                "the candidate seems slower; making sure with a fresh start and another seed",
            ),
            (
                Event::ConfirmationBegan {
                    because: Suspicion::Fails,
                },
                "the candidate seems to fail; making sure with a fresh start and another seed",
            ),
        ] {
            assert_eq!(words(&event), says);
        }
    }

    proptest! {
        #[test]
        fn any_event_has_words_or_none(event in any_event()) {
            let _ = shown(&event);
        }
    }
}
