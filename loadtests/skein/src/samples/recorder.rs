//! Takes samples from many users at once. Each user writes to one of a few shards,
//! so that users rarely wait for each other, and a snapshot adds the shards up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Fault, FaultCount, MeasuredSamples, NodeNames, Route, Samples, StageIndex, keep};
use crate::client::{Journey, Shortage};
use crate::figure::Figure;
use crate::plan::LoadIndex;
use crate::scenario::ScenarioIndex;

/// One request and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The stage that it was sent in.
    pub stage: StageIndex,
    /// The scenario of the user who sent it.
    pub scenario: ScenarioIndex,
    /// What was asked.
    pub route: Route,
    /// From the intended time to the last byte, or to the moment it failed.
    pub response: Duration,
    /// The same from the actual send; equal, unless the request began a turn of open load.
    pub service: Duration,
    /// What is to be said of the arrival that the request was sent for, if it was.
    pub arrival: Option<SentArrival>,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed, with particulars, if it did.
    pub fault: Option<(Fault, &'a str)>,
    /// The node that answered, if it said so.
    pub served_by: Option<&'a str>,
    /// The outcome that the answer told, where the program reads one.
    pub outcome: Option<&'static str>,
    /// True when the answer was longer than is kept.
    pub is_cut: bool,
    /// The doings of connections for it.
    pub journey: &'a Journey,
}

/// How an arrival was sent.
#[derive(Clone, Copy, Debug)]
pub struct SentArrival {
    /// The open load that asked for it.
    pub load: LoadIndex,
    /// From the intended time to the actual send.
    pub lag: Duration,
    /// Whether it had to wait until a user was free.
    pub queued: bool,
}

/// Takes samples from many users at once.
#[derive(Debug)]
pub struct Recorder(Box<[Mutex<Shard>]>);

#[derive(Debug)]
struct Shard {
    samples: Samples,
    names: NodeNames,
    tick: Tick,
}

/// What was recorded since the last look: for the display, and for how a stage goes.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Response times in microseconds, to two digits.
    pub times: Histogram<u32>,
    /// How many requests failed.
    pub failed: u64,
    /// How many a turn of open load began with.
    pub turns: u64,
}

impl Default for Tick {
    fn default() -> Self {
        Tick {
            times: Histogram::new(2).expect("2 digits are allowed"),
            failed: 0,
            turns: 0,
        }
    }
}

impl Tick {
    /// Adds another's samples.
    pub fn add(&mut self, other: &Tick) {
        self.times += &other.times;
        self.failed += other.failed;
        self.turns += other.turns;
    }
}

/// What was recorded lately, handed from who collects it to who shows it.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Tick>);

impl Pulse {
    /// More of it.
    pub fn add(&self, tick: &Tick) {
        self.lock().add(tick);
    }

    /// What was added since the last call.
    pub fn take(&self) -> Tick {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Tick> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// A recorder without samples, with enough shards for this machine's cores.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shard = || Shard {
            samples: Samples::default(),
            names: NodeNames::default(),
            tick: Tick::default(),
        };
        Recorder((0..2 * cores).map(|_| Mutex::new(shard())).collect())
    }

    /// Keeps a sample of the user on `seat`.
    pub fn record(&self, seat: usize, sample: &Sample<'_>) {
        let mut shard = lock(&self.0[seat % self.0.len()]);
        keep(&mut shard.tick.times, sample.response);
        shard.tick.failed += u64::from(sample.fault.is_some());
        shard.tick.turns += u64::from(sample.arrival.is_some());
        let Shard { samples, names, .. } = &mut *shard;
        let fault = sample.fault.map(|(fault, _)| names.admit_fault(fault));
        let key = (sample.stage, sample.scenario, sample.route);
        let route = samples.routes.entry(key).or_default();
        route.record(fault, sample, names);
        samples.renamed = names.renamed;
        samples.cut += u64::from(sample.is_cut);
        samples
            .wire
            .entry(sample.stage)
            .or_default()
            .record(sample.journey);
        if let Some(sent) = sample.arrival {
            let arrivals = &mut shard.samples.arrivals;
            arrivals.entry(sent.load).or_default().record(sent);
        }
        if let Some((fault, example)) = fault.zip(sample.fault.map(|(_, example)| example)) {
            shard
                .samples
                .faults
                .entry((sample.stage, sample.route, fault))
                .and_modify(|faults| faults.count += 1)
                .or_insert_with(|| FaultCount::first(example));
        }
    }

    /// Counts a request that the user on `seat` could not send, for want of something on
    /// this machine, with its particulars. It is no sample: the system had no part in it.
    pub fn count_near_side(
        &self,
        seat: usize,
        (shortage, example): (Shortage, &str),
        arrival: Option<SentArrival>,
    ) {
        let mut shard = lock(&self.0[seat % self.0.len()]);
        if let Some(arrival) = arrival {
            let arrivals = &mut shard.samples.arrivals;
            arrivals.entry(arrival.load).or_default().near_side += 1;
        }
        shard
            .samples
            .near_side
            .entry(shortage)
            .and_modify(|requests| requests.count += 1)
            .or_insert_with(|| FaultCount::first(example));
    }

    /// Counts what connections of the user on `seat` did for a request that is no sample.
    pub fn record_journey(&self, seat: usize, stage: StageIndex, journey: &Journey) {
        let mut shard = lock(&self.0[seat % self.0.len()]);
        shard.samples.wire.entry(stage).or_default().record(journey);
    }

    /// Keeps what a user's scenario counts or measures itself.
    pub fn measure(
        &self,
        seat: usize,
        stage: StageIndex,
        figure: &Figure,
        keep: impl FnOnce(&mut MeasuredSamples),
    ) {
        let mut shard = lock(&self.0[seat % self.0.len()]);
        let measured = shard.samples.measured.entry((stage, figure.name));
        keep(measured.or_insert_with(|| MeasuredSamples::new(*figure)));
    }

    /// All samples so far. Keeps users waiting for a moment; for when the load is over.
    pub fn snapshot(&self) -> Samples {
        let mut sum = Samples::default();
        for shard in &self.0 {
            sum.add(&lock(shard).samples);
        }
        sum
    }

    /// What was recorded since the last call. Cheap enough for while the load runs.
    pub fn tick(&self) -> Tick {
        let mut sum = Tick::default();
        for shard in &self.0 {
            sum.add(&std::mem::take(&mut lock(shard).tick));
        }
        sum
    }
}

/// A user that panicked while recording leaves counts that are still true.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ: Route = Route::new("GET", "/data/{key}");

    fn sample(stage: StageIndex, micros: u64, failed: bool) -> Sample<'static> {
        Sample {
            stage,
            scenario: 0,
            route: READ,
            response: Duration::from_micros(micros),
            service: Duration::from_micros(micros),
            arrival: None,
            status: (!failed).then_some(200),
            fault: failed.then_some((Fault::TimedOut, "after 10 s")),
            served_by: Some("shelf-1"),
            outcome: Some("hit"),
            is_cut: false,
            journey: &crate::client::NOWHERE,
        }
    }

    proptest! {
        #[test]
        fn a_snapshot_has_every_sample_whatever_the_shard(
            recorded in prop::collection::vec((0usize..64, 0usize..3, 1u64..10_000_000, any::<bool>()), 0..200)
        ) {
            let recorder = Recorder::new();
            for (seat, stage, micros, failed) in &recorded {
                recorder.record(*seat, &sample(Some(*stage), *micros, *failed));
            }
            let samples = recorder.snapshot();
            let total = samples.total(|_| true);
            let failed = recorded.iter().filter(|(.., failed)| *failed).count() as u64;
            prop_assert_eq!(total.count(), recorded.len() as u64);
            prop_assert_eq!(total.failed(), failed);
            prop_assert_eq!(samples.faults(|_| true), failed);
            let second = recorded.iter().filter(|(_, stage, ..)| *stage == 1).count() as u64;
            prop_assert_eq!(samples.total(|stage| stage == Some(1)).count(), second);
            let longest = recorded.iter().map(|(_, _, micros, _)| *micros).max().unwrap_or(0);
            let max = total.latency().service.max() as f64;
            prop_assert!(max >= longest as f64 * 0.999);
            prop_assert!(max <= longest as f64 * 1.001 + 1.0);
        }
    }

    #[test]
    fn a_target_that_makes_up_names_and_statuses_fills_no_memory_and_is_told() {
        let recorder = Recorder::new();
        let mut names: Vec<String> = (0..400)
            .map(|n| format!("{n}{}", "x".repeat(4000)))
            .collect();
        names.extend((0..400).map(|n| format!("node-{n}")));
        for (n, name) in names.iter().enumerate() {
            let (expected, got) = (200, 201 + (n % 700) as u16);
            let answer = Sample {
                served_by: Some(name),
                fault: (n % 2 == 0).then_some((Fault::Status { expected, got }, "wrong")),
                is_cut: n < 5,
                ..sample(Some(0), 1_000, false)
            };
            recorder.record(0, &answer);
        }
        let samples = recorder.snapshot();
        let total = samples.total(|_| true);
        assert_eq!((total.count(), total.failed(), samples.cut), (800, 400, 5));
        assert!(total.served_by().len() <= NodeNames::MOST + 1);
        assert!(total.series.len() <= (NodeNames::MOST + 1) * (NodeNames::MOST_STATUSES + 2));
        assert!(
            total
                .served_by()
                .keys()
                .all(|name| name.len() <= NodeNames::LONGEST)
        );
        assert!(samples.faults.len() <= NodeNames::MOST_STATUSES + 1);
        assert_eq!(samples.faults(|_| true), 400);
        assert_eq!(samples.renamed, total.served_by()[NodeNames::OTHERS]);
        assert!(samples.renamed >= 700, "{}", samples.renamed);
    }

    #[test]
    fn a_tick_has_what_came_since_the_last() {
        let recorder = Recorder::new();
        recorder.record(0, &sample(Some(0), 100, false));
        assert_eq!(recorder.tick().times.len(), 1);
        recorder.record(1, &sample(Some(0), 100, true));
        let tick = recorder.tick();
        assert_eq!((tick.times.len(), tick.failed), (1, 1));
        assert_eq!(recorder.snapshot().total(|_| true).count(), 2);
    }

    #[test]
    fn response_and_service_times_are_kept_apart_from_the_first_that_differs() {
        let recorder = Recorder::new();
        recorder.record(0, &sample(Some(0), 1_000, false));
        let late = Sample {
            response: Duration::from_micros(500_000),
            arrival: Some(SentArrival {
                load: 0,
                lag: Duration::from_micros(499_000),
                queued: true,
            }),
            ..sample(Some(0), 1_000, false)
        };
        recorder.record(0, &late);
        let samples = recorder.snapshot();
        let latency = samples.total(|_| true).latency();
        assert_eq!(latency.service.max(), latency.response().min());
        assert!(latency.response().max().abs_diff(500_000) <= 500);
        assert_eq!(latency.response().len(), 2);
        let arrivals = &samples.arrivals[&0];
        assert_eq!(
            (arrivals.sent(), arrivals.late, arrivals.queued()),
            (1, 1, 1)
        );
    }

    #[test]
    fn what_took_longer_than_can_be_told_counts_as_the_longest() {
        let recorder = Recorder::new();
        recorder.record(0, &sample(None, u64::MAX, true));
        assert_eq!(recorder.snapshot().total(|_| true).count(), 1);
    }
}
