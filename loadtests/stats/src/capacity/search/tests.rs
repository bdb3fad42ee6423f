//! Stories of searches, on simulated servers and on invented slots.

use std::cell::Cell;

use super::*;
use crate::capacity::trial::{Promised, Server, Thrashing, simulate};
use crate::capacity::{Capacity, Held, compare};

/// A server with one executor and a service time of half a millisecond that promises 99 %
/// within 20 ms: an M/M/1 queue whose capacity is 2000 − ln 100 ÷ 20 ms, about 1770 per second.
fn queue() -> Server {
    Server::promising(1, Duration::from_micros(500), Duration::from_millis(20))
}

const CAPACITY: f64 = 1769.7;

/// A short search.
fn settings(server: &Server) -> Settings {
    Settings {
        budget: Duration::from_secs(120),
        ..Settings::of(server.clauses(), 200.0)
    }
}

/// A slot in which `share` of the requests broke every clause.
fn slot(rate: f64, share: f64, settings: &Settings) -> SlotSeen {
    let requests = rate as u64;
    SlotSeen {
        rate,
        requests,
        broken: vec![(share * rate) as u64; settings.clauses.len()],
        drained: true,
    }
}

/// A search in which every slot breaks the share that `share` says for its rate, until it is
/// over or `until` something else happens.
fn search(
    settings: &Settings,
    share: impl Fn(f64) -> f64,
    until: impl Fn(&Search) -> Option<Event>,
) -> Finished {
    let mut now = Duration::ZERO;
    let mut search = Search::begin(settings.clone(), 7, now);
    let seen = |rate: &f64| slot(*rate, share(*rate), settings);
    loop {
        let event = until(&search).unwrap_or_else(|| match search.asked() {
            Next::Probe { rate } => Event::Probe(seen(rate)),
            Next::Round { rates } => Event::Round(rates.iter().map(seen).collect()),
            Next::Recovery { overload, rate, .. } => Event::Recovery {
                overload: seen(overload),
                after: seen(rate),
            },
            Next::Confirm { rate, .. } => Event::Confirmed(seen(rate)),
            Next::Over(_) => unreachable!("it isn't over"),
        });
        now += Duration::from_secs(5);
        if let Next::Over(finished) = search.after(event, now) {
            return *finished;
        }
    }
}

/// A share that doubles with each 2 % beyond 1000 per second, where it is 1 %.
fn steep(rate: f64) -> f64 {
    (0.01 * (rate / 1000.0).powf(35.0)).min(1.0)
}

#[test]
fn most_intervals_hold_the_capacity_and_none_is_far_off() {
    let server = queue();
    let settings = settings(&server);
    let held = (0..12).filter(|seed| {
        let found = simulate(&server, &settings, *seed).capacity;
        let estimate = *found.estimate().expect("there is a boundary");
        assert!((estimate.rate / CAPACITY).ln().abs() < 0.08, "{estimate:?}");
        (estimate.low..=estimate.high).contains(&CAPACITY)
    });
    // Fewer than ten of twelve would be so once in fifty times.
    assert!(held.count() >= 10);
}

#[test]
fn a_search_repeats_with_its_seed() {
    let server = queue();
    let once = |seed| simulate(&server, &settings(&server), seed);
    assert_eq!(once(3), once(3));
    assert_ne!(once(3), once(4));
}

#[test]
fn a_system_beyond_the_generator_has_at_least_the_ceiling() {
    let server = queue();
    let settings = Settings {
        ceiling: Some(900.0),
        ..settings(&server)
    };
    let finished = simulate(&server, &settings, 1);
    assert_eq!(finished.capacity, Capacity::AtLeast(900.0));
    // It needn't use all of its time for that.
    assert!(finished.rounds <= 8, "{} rounds", finished.rounds);
    let highest = finished.slots.iter().map(|kept| kept.seen.rate);
    assert!(highest.fold(0.0, f64::max) <= 900.0);
}

#[test]
fn a_ceiling_within_the_interval_makes_it_at_least() {
    let server = queue();
    let settings = Settings {
        ceiling: Some(CAPACITY),
        ..settings(&server)
    };
    let Capacity::AtLeast(rate) = simulate(&server, &settings, 1).capacity else {
        panic!("it can't be more than a bound")
    };
    assert!((0.9 * CAPACITY..=CAPACITY).contains(&rate), "{rate}");
}

#[test]
fn a_promise_that_the_lowest_rate_breaks_twice_has_a_capacity_below() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let finished = search(&settings, |_| 0.5, |_| None);
    assert_eq!(finished.capacity, Capacity::Below(settings.lowest_rate));
    let probes = finished.slots.len();
    assert_eq!(
        finished.slots[probes - 1].seen.rate,
        finished.slots[probes - 2].seen.rate
    );
}

#[test]
fn a_search_that_bad_luck_sent_far_too_low_finds_its_way_up() {
    let settings = Settings {
        budget: Duration::from_secs(240),
        ..settings(&queue())
    };
    let bad_luck = Cell::new(true);
    let finished = search(&settings, steep, |search| match search.asked() {
        Next::Probe { rate } if *rate > 300.0 && bad_luck.take() => {
            Some(Event::Probe(slot(*rate, 1.0, &settings)))
        }
        _ => None,
    });
    let estimate = *finished.capacity.estimate().expect("there is a boundary");
    assert!((estimate.rate / 1000.0).ln().abs() < 0.05, "{estimate:?}");
    // What was played far below is kept, and no part of the estimate.
    let rounds = finished
        .slots
        .iter()
        .filter(|kept| kept.stage == Stage::Rounds);
    let (counted, others): (Vec<&KeptSlot>, Vec<&KeptSlot>) = rounds.partition(|kept| kept.counts);
    assert!(counted.iter().all(|kept| kept.seen.rate > 800.0));
    assert!(others.iter().filter(|kept| kept.seen.rate < 500.0).count() >= 8);
}

#[test]
fn a_search_without_time_or_requests_does_not_look_again() {
    let unlucky = |budget, requests: u64| {
        let settings = Settings {
            budget: Duration::from_secs(budget),
            ..settings(&queue())
        };
        let bad_luck = Cell::new(true);
        search(&settings, steep, |search| match search.asked() {
            Next::Probe { rate } if *rate > 300.0 && bad_luck.take() => {
                Some(Event::Probe(slot(*rate, 1.0, &settings)))
            }
            Next::Round { rates } => {
                let seen = rates.iter().map(|rate| SlotSeen {
                    requests,
                    ..slot(*rate, 0.0, &settings)
                });
                Some(Event::Round(seen.collect()))
            }
            _ => None,
        })
    };
    let brackets = |finished: &Finished| {
        let probes = finished.slots.iter();
        let probes = probes.filter(|kept| matches!(kept.stage, Stage::Doubling | Stage::Halving));
        probes.count()
    };
    let plenty = brackets(&unlucky(240, 400));
    assert!(brackets(&unlucky(80, 400)) < plenty);
    assert!(brackets(&unlucky(240, 0)) < plenty);
}

#[test]
fn the_clause_is_named_that_is_broken_first() {
    let server = Server {
        longest_queue: Some(60),
        promise: vec![
            Promised {
                allowed: 0.001,
                within: None,
            },
            Promised {
                allowed: 0.01,
                within: Some(Duration::from_millis(10)),
            },
        ],
        ..queue()
    };
    let finished = simulate(&server, &settings(&server), 2);
    assert_eq!(finished.breaks_first, Some(1));
    assert_eq!(finished.capacity, finished.clauses[1].capacity);
    // 2000 − ln 100 ÷ 10 ms.
    let estimate = finished.capacity.estimate().expect("there is a boundary");
    assert!((estimate.rate / 1539.5).ln().abs() < 0.08, "{estimate:?}");
}

#[test]
fn an_interruption_keeps_what_the_rounds_have_shown() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let after = |rounds| {
        search(&settings, steep, |search| {
            (search.rounds() == rounds).then_some(Event::Interrupted)
        })
    };
    let early = after(3);
    assert_eq!(early.capacity, Capacity::Unknown(Unknown::Interrupted));
    let late = after(20);
    assert!(late.interrupted);
    let estimate = late.capacity.estimate().expect("there were rounds enough");
    assert!((estimate.rate / 1000.0).ln().abs() < 0.02, "{estimate:?}");
}

#[test]
fn rounds_that_an_interval_needs_come_before_looks_at_overload() {
    let of_budget = |seconds| Settings {
        budget: Duration::from_secs(seconds),
        ..Settings::of(queue().clauses(), 200.0)
    };
    let short = search(&of_budget(60), steep, |_| None);
    assert!(short.capacity.estimate().is_some(), "{:?}", short.capacity);
    assert!(short.recoveries.is_empty());
    let long = search(&of_budget(120), steep, |_| None);
    assert!(!long.recoveries.is_empty());
}

#[test]
fn too_short_a_time_is_said_and_no_capacity_made_up() {
    let settings = Settings {
        budget: Duration::from_secs(40),
        ..Settings::of(queue().clauses(), 200.0)
    };
    let finished = search(&settings, steep, |_| None);
    let Capacity::Unknown(Unknown::TooFewRounds { played, needed }) = finished.capacity else {
        panic!("{:?}", finished.capacity)
    };
    assert!(played < needed);
    assert_eq!(finished.confirmation, None);
}

#[test]
fn a_system_that_never_starts_ends_the_search() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let finished = search(&settings, steep, |_| Some(Event::Crashed(Vec::new())));
    assert_eq!(finished.capacity, Capacity::Unknown(Unknown::Crashes));
    assert_eq!(finished.crashes, IDLE_CRASHES);
}

#[test]
fn a_crash_under_load_breaks_the_promise_there() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let crashes_beyond = |search: &Search| match search.asked() {
        Next::Probe { rate } if *rate > 1000.0 => {
            Some(Event::Crashed(vec![slot(*rate, 1.0, &settings)]))
        }
        _ => None,
    };
    let finished = search(&settings, steep, crashes_beyond);
    assert!(finished.crashes > 0);
    let estimate = finished.capacity.estimate().expect("there is a boundary");
    assert!((estimate.rate / 1000.0).ln().abs() < 0.02, "{estimate:?}");
}

#[test]
fn slots_after_an_undrained_one_dont_count() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let spoilt = |search: &Search| match search.asked() {
        Next::Round { rates } => {
            // From the first slot beyond 1010 on, the queue of that slot breaks all others.
            let mut is_spoilt = false;
            let slots = rates.iter().map(|rate| {
                let share = if is_spoilt { 1.0 } else { steep(*rate) };
                is_spoilt |= *rate > 1010.0;
                SlotSeen {
                    drained: !is_spoilt,
                    ..slot(*rate, share, &settings)
                }
            });
            Some(Event::Round(slots.collect()))
        }
        _ => None,
    };
    let finished = search(&settings, steep, spoilt);
    let estimate = finished.capacity.estimate().expect("there is a boundary");
    assert!((estimate.rate / 1000.0).ln().abs() < 0.02, "{estimate:?}");
    let rounds = finished
        .slots
        .iter()
        .filter(|kept| kept.stage == Stage::Rounds);
    let pairs: Vec<&KeptSlot> = rounds.collect();
    assert!(
        pairs
            .windows(2)
            .any(|pair| !pair[0].seen.drained && !pair[1].counts)
    );
    for pair in pairs
        .windows(2)
        .filter(|pair| pair[0].start == pair[1].start)
    {
        assert!(pair[0].seen.drained || !pair[1].counts);
    }
}

#[test]
fn a_plain_queue_comes_back_and_one_that_thrashes_has_two_edges() {
    let plain = simulate(&queue(), &settings(&queue()), 5);
    assert_eq!(plain.bistable, None);
    assert!(plain.recoveries[0].came_back);
    let thrashing = Server {
        thrashing: Some(Thrashing {
            per_waiting: 0.02,
            most: 4.0,
        }),
        ..queue()
    };
    let finished = simulate(&thrashing, &settings(&thrashing), 5);
    let edges = finished.bistable.expect("it doesn't come back");
    assert!(edges.stuck_down_to < edges.fresh_keeps, "{edges:?}");
    let back = edges.comes_back_at.expect("it comes back somewhere");
    // Thrashing fully it serves a quarter of 2000 per second.
    assert!(back <= 600.0, "{edges:?}");
    assert!(back < edges.stuck_down_to, "{edges:?}");
}

#[test]
fn a_long_load_that_is_worse_than_short_slots_contradicts_them() {
    let settings = Settings::of(queue().clauses(), 200.0);
    let leaks = |search: &Search| match search.asked() {
        Next::Confirm { rate, .. } => Some(Event::Confirmed(slot(*rate, 0.9, &settings))),
        _ => None,
    };
    let held = |finished: Finished| finished.confirmation.expect("it was confirmed").held;
    assert_eq!(held(search(&settings, steep, leaks)), Held::Contradicts);
    assert_eq!(held(search(&settings, steep, |_| None)), Held::Kept);
}

#[test]
fn a_search_stops_when_its_interval_is_narrow_enough() {
    let server = queue();
    let settings = Settings {
        narrow: Some(0.06),
        budget: Duration::from_secs(600),
        ..settings(&server)
    };
    let finished = simulate(&server, &settings, 3);
    assert_eq!(finished.is_narrow, Some(true));
    assert!(finished.rounds < 60, "{} rounds", finished.rounds);
}

#[test]
fn the_ratio_of_two_capacities_is_that_of_their_servers() {
    let faster = Server {
        service: Duration::from_micros(400),
        ..queue()
    };
    let [from, to] = [queue(), faster].map(|server| simulate(&server, &settings(&server), 8));
    let compared = compare(&from, &to).expect("both have a capacity");
    let truth = (2500.0 - 100.0_f64.ln() / 0.02) / CAPACITY;
    assert!(
        compared.low < truth && truth < compared.high,
        "{compared:?}"
    );
    assert!(compared.low > 1.1, "{compared:?}");
    let same = compare(&from, &from).expect("it has a capacity");
    assert_eq!(same.ratio, 1.0);
}
