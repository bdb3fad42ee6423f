//! What may be believed and what not, by properties and by the cases that matter.

use proptest::prelude::*;

use super::*;

/// A stage of open load about which nothing is doubtful.
fn sound() -> StageEvidence {
    StageEvidence {
        scenarios: Vec::new(),
        stage: "steady".to_owned(),
        seconds: 10.0,
        users: 64,
        requests: 10_000,
        mean_service_micros: Some(5_000.0),
        turns: Some(Turns {
            requested: 10_000,
            released: 10_000,
            begun: 10_000,
            queued: 0,
            users_at_least: Some(1.5),
            lag_p99_micros: Some(150),
        }),
        in_flight: Some(InFlight {
            samples: 2_500,
            mean: 5.0,
            most: 12,
        }),
        unread: Some(Unread {
            samples: 2_500,
            mean_micros: 80.0,
        }),
        machine: Some(MachineUse {
            busy: 60.0,
            others: 2.0,
            stolen: 0.2,
            pressure: Some(20.0),
        }),
        generator: Some(GeneratorUse {
            cores: 0.8,
            waited_seconds: 0.5,
        }),
        tenths: vec![
            Tenth {
                count: 1_000,
                p50: Some(4_800),
                p99: Some(9_000),
            };
            10
        ],
    }
}

fn evidence(stage: StageEvidence) -> Evidence {
    Evidence {
        limits: Limits::default(),
        ceiling: Some(Ceiling {
            per_second: 60_000.0,
            cores: 2.0,
            responders: 1.0,
        }),
        files: Some(FileLimit {
            limit: 20_000,
            needed: 328,
        }),
        stages: vec![stage],
    }
}

/// The doubts about a stage that is sound but for what `change` does to it.
fn doubts_after(change: impl FnOnce(&mut StageEvidence)) -> Vec<Doubt> {
    let mut stage = sound();
    change(&mut stage);
    doubts(&evidence(stage))
}

fn invalid(doubts: &[Doubt]) -> Vec<&Doubt> {
    doubts.iter().filter(|doubt| doubt.invalidates()).collect()
}

#[test]
fn nothing_is_doubted_without_reason() {
    assert_eq!(doubts_after(|_| {}), []);
    assert_eq!(doubts(&Evidence::default()), []);
}

#[test]
fn a_slow_server_is_no_reason_to_doubt_the_run() {
    // It stalls, so that most turns find no user free, never begin, or begin late.
    let seen = doubts_after(|stage| {
        stage.requests = 1_000;
        stage.mean_service_micros = Some(640_000.0);
        stage.in_flight = Some(InFlight {
            samples: 2_500,
            mean: 63.9,
            most: 64,
        });
        if let Some(turns) = &mut stage.turns {
            turns.begun = 1_000;
            turns.queued = 9_900;
        }
        for (index, tenth) in stage.tenths.iter_mut().enumerate() {
            *tenth = Tenth {
                count: 100,
                p50: Some(640_000 * (index as u64 + 1)),
                p99: Some(900_000 * (index as u64 + 1)),
            };
        }
    });
    assert!(invalid(&seen).is_empty(), "{seen:?}");
    let exhausted = |doubt: &Doubt| matches!(doubt, Doubt::UsersExhausted { percent: 99, .. });
    assert!(seen.iter().any(exhausted), "{seen:?}");
}

#[test]
fn users_that_no_server_could_keep_at_their_rate_are_too_few() {
    let seen = doubts_after(|stage| {
        stage.users = 10;
        stage.turns.as_mut().expect("open").users_at_least = Some(50.2);
    });
    let expected = Doubt::TooFewUsers {
        stage: "steady".to_owned(),
        users: 10,
        needed: 51,
    };
    assert_eq!(invalid(&seen), [&expected]);
}

#[test]
fn a_starved_machine_is_one_that_is_busy_and_makes_the_generator_wait() {
    let busy = |stage: &mut StageEvidence| {
        stage.machine.as_mut().expect("seen").busy = 99.5;
    };
    let waits = |stage: &mut StageEvidence| {
        // 2 ms for each request of 5 ms.
        stage.generator.as_mut().expect("seen").waited_seconds = 20.0;
    };
    assert_eq!(doubts_after(busy), []);
    assert_eq!(doubts_after(waits), []);
    let seen = doubts_after(|stage| {
        busy(stage);
        waits(stage);
    });
    let starved = |doubt: &&Doubt| {
        matches!(
            doubt,
            Doubt::MachineStarved {
                busy: 100,
                others: 2,
                waited_micros: 2000,
                ..
            }
        )
    };
    assert!(
        invalid(&seen).iter().all(starved) && !seen.is_empty(),
        "{seen:?}"
    );
}

#[test]
fn a_generator_that_comes_late_to_read_is_doubted_and_one_that_has_to_wake_up_is_not() {
    let after = |service: f64, unread: f64| {
        doubts_after(|stage| {
            stage.mean_service_micros = Some(service);
            stage.in_flight.as_mut().expect("seen").mean = service / 1_000.0;
            stage.unread.as_mut().expect("seen").mean_micros = unread;
        })
    };
    assert_eq!(after(200.0, 100.0), []);
    assert_eq!(after(6_000.0, 620.0), []);
    let seen = after(1_500.0, 490.0);
    let late = Doubt::AnswersUnread {
        stage: "steady".to_owned(),
        micros: 490,
        percent: 33,
    };
    assert_eq!(invalid(&seen), [&late]);
}

#[test]
fn a_generator_at_its_limit_is_doubted_unless_cores_are_idle() {
    let seen = doubts_after(|stage| {
        stage.generator.as_mut().expect("seen").cores = 2.8;
        stage.machine.as_mut().expect("seen").busy = 97.0;
    });
    assert!(
        matches!(seen[..], [Doubt::GeneratorSaturated { percent: 93, .. }]),
        "{seen:?}"
    );
    let idle = doubts_after(|stage| {
        stage.generator.as_mut().expect("seen").cores = 2.8;
        stage.machine.as_mut().expect("seen").busy = 72.0;
    });
    assert_eq!(idle, []);
}

#[test]
fn a_generator_that_is_late_or_leaves_turns_out_is_doubted() {
    let late = doubts_after(|stage| {
        stage.turns.as_mut().expect("open").lag_p99_micros = Some(2_500);
    });
    assert!(
        matches!(
            late[..],
            [Doubt::SentLate {
                p99_micros: 2_500,
                ..
            }]
        ),
        "{late:?}"
    );
    let missed = doubts_after(|stage| {
        stage.turns.as_mut().expect("open").released = 9_700;
    });
    assert!(
        matches!(
            missed[..],
            [Doubt::RateMissed {
                released: 9_700,
                ..
            }]
        ),
        "{missed:?}"
    );
}

#[test]
fn too_few_files_and_stolen_time_are_doubted() {
    let mut short = evidence(sound());
    short.files = Some(FileLimit {
        limit: 256,
        needed: 328,
    });
    assert!(matches!(doubts(&short)[..], [Doubt::TooFewFiles { .. }]));
    let stolen = doubts_after(|stage| {
        stage.machine.as_mut().expect("seen").stolen = 7.0;
    });
    assert!(
        matches!(stolen[..], [Doubt::TimeStolen { percent: 7, .. }]),
        "{stolen:?}"
    );
}

#[test]
fn a_warm_up_that_was_too_short_and_a_drift_are_remarked_on() {
    let cold = doubts_after(|stage| stage.tenths[0].p50 = Some(9_000));
    assert!(
        matches!(cold[..], [Doubt::WarmUpNotOver { .. }]),
        "{cold:?}"
    );
    let drifting = doubts_after(|stage| {
        for tenth in &mut stage.tenths[5..] {
            tenth.p50 = tenth.p50.map(|p50| p50 * 2);
        }
    });
    let expected = Doubt::NotSteady {
        stage: "steady".to_owned(),
        figure: "p50".to_owned(),
        percent: Some(200),
    };
    assert_eq!(drifting, [expected]);
}

/// Tenths with requests as `counts` say, all of the same times.
fn tenths(counts: [u64; 10]) -> Vec<Tenth> {
    let tenth = |count| Tenth {
        count,
        p50: (count > 0).then_some(5_000),
        p99: (count > 0).then_some(9_000),
    };
    counts.map(tenth).to_vec()
}

#[test]
fn a_tenth_in_which_nothing_was_over_has_no_median_to_settle_at() {
    let seen = |counts| doubts_after(|stage| stage.tenths = tenths(counts));
    // Three empty ones in the second half: its median was zero once.
    let counts = [600, 600, 600, 600, 600, 0, 0, 0, 1500, 1500];
    assert_eq!(seen(counts), []);
    // As records of earlier programs have them.
    let old = doubts_after(|stage| {
        stage.tenths = tenths(counts);
        for tenth in stage.tenths.iter_mut().filter(|tenth| tenth.count == 0) {
            (tenth.p50, tenth.p99) = (Some(0), Some(0));
        }
    });
    assert_eq!(old, []);
    let nothing_first = seen([0, 0, 0, 0, 0, 600, 600, 600, 600, 600]);
    let unsteady = Doubt::NotSteady {
        stage: "steady".to_owned(),
        figure: "rate".to_owned(),
        percent: None,
    };
    assert!(!unsteady.to_string().contains("NaN"), "{unsteady}");
    assert_eq!(nothing_first, [unsteady]);
    assert_eq!(seen([0; 10]), []);
}

#[test]
fn a_stage_without_requests_has_no_mean_and_gives_no_reason_for_doubt_but_that() {
    let seen = doubts_after(|stage| {
        stage.requests = 0;
        stage.mean_service_micros = None;
        stage.tenths = tenths([0; 10]);
        stage.in_flight.as_mut().expect("seen").mean = 0.0;
        stage.turns.as_mut().expect("open").users_at_least = None;
        assert_eq!(stage.expected_in_flight(), None);
    });
    assert_eq!(invalid(&seen), Vec::<&Doubt>::new());
}

proptest! {
    /// Little's law holds for any rate and time, so no run that keeps it is doubted,
    /// and one whose times are wrong by half is.
    #[test]
    fn figures_that_keep_littles_law_are_believed_and_others_are_not(
        rate in 100.0..50_000.0_f64, service in 1_000.0..20_000.0_f64, error in -0.1..0.1_f64
    ) {
        let mean = rate * service / 1e6;
        let stage = |seen: f64| {
            let mut stage = sound();
            stage.requests = (rate * stage.seconds) as u64;
            stage.mean_service_micros = Some(service);
            stage.users = 100_000;
            stage.in_flight = Some(InFlight { samples: 2_500, mean: seen, most: (seen * 1.5) as u64 + 1 });
            stage
        };
        let disagree = |seen| {
            doubts(&evidence(stage(seen))).iter().any(|d| matches!(d, Doubt::CountsDisagree { .. }))
        };
        prop_assert!(!disagree(mean * (1.0 + error)));
        prop_assume!(mean > 2.0);
        prop_assert!(disagree(mean * 2.0));
    }

    /// Whatever a server does to response times, nothing but the generator's own
    /// evidence can make a run invalid.
    #[test]
    fn times_alone_never_invalidate(
        p50s in prop::collection::vec(1u64..10_000_000, 10),
        counts in prop::collection::vec(0u64..100_000, 10),
        queued in 0u64..10_000, begun in 0u64..10_000,
    ) {
        let seen = doubts_after(|stage| {
            let both = p50s.iter().zip(&counts);
            stage.tenths = both.map(|(p50, count)| Tenth { count: *count, p50: Some(*p50), p99: Some(p50 * 3) }).collect();
            let turns = stage.turns.as_mut().expect("open");
            (turns.queued, turns.begun) = (queued, begun);
        });
        prop_assert!(invalid(&seen).is_empty(), "{seen:?}");
    }

    /// A stricter limit never believes more.
    #[test]
    fn more_of_a_bad_thing_never_mends_a_run(
        busy in 0.0..100.0_f64, waited in 0.0..100.0_f64, stolen in 0.0..100.0_f64,
        lag in 0u64..100_000, cores in 0.0..4.0_f64, more in 1.0..2.0_f64,
    ) {
        let count = |by: f64| {
            invalid(&doubts_after(|stage| {
                stage.machine = Some(MachineUse { busy: busy * by, others: 0.0, stolen: stolen * by, pressure: None });
                stage.generator = Some(GeneratorUse { cores: cores * by, waited_seconds: waited * by });
                stage.turns.as_mut().expect("open").lag_p99_micros = Some((lag as f64 * by) as u64);
            }))
            .len()
        };
        prop_assert!(count(more) >= count(1.0));
    }
}
