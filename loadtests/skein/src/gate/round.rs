//! One round: both systems are started afresh, each with data of its own, loaded by
//! turns, and gone at its end.

mod error;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::System;
use hdrhistogram::Histogram;
use jiff::Timestamp;

use super::near_side::never_left;
use super::record::{NeverLeft, NodeCpu, Percentiles, Round, Side, SideRound, Slot};
use super::shape::{LoadKind, RoundPlan, Shape};
use crate::arrivals::Rate;
use crate::environment::own_cpu_time;
use crate::evidence::machine::MachineReading;
use crate::plan::Plan;
use crate::samples::Samples;
use crate::slots::{LoadedSystem, NotLoaded, OpenSlot, SlotLoad, SystemPlan};
use crate::timing::RouteTiming;
pub use error::RoundError;

/// The part of a setup that is the same in every round.
#[derive(Clone, Debug)]
pub(super) struct RoundSetup {
    /// The load's plan.
    pub(super) plan: Plan,
    pub(super) shape: Shape,
    pub(super) baseline: SystemPlan,
    pub(super) candidate: SystemPlan,
}

impl RoundSetup {
    fn load(&self) -> SlotLoad<'_> {
        SlotLoad {
            plan: &self.plan,
            users: self.shape.users,
            open_users: self.shape.open_users,
        }
    }
}

/// The place of a round among those of its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundPlace {
    /// Its number, from 1; a repetition counts anew.
    pub(super) number: usize,
    /// True when it belongs to the repetition that must confirm a fail.
    pub(super) confirmation: bool,
}

/// The result of a round: its record, and the samples that aren't kept of it.
#[derive(Debug)]
pub(super) struct RoundResult {
    pub(super) round: Round,
    /// Baseline, candidate.
    pub(super) samples: [Samples; 2],
    /// Baseline, candidate.
    pub(super) timings: [Vec<RouteTiming>; 2],
}

/// Plays a round; `folder` is for the nodes' logs and data.
pub(super) async fn play(
    setup: &RoundSetup,
    plan: &RoundPlan,
    place: RoundPlace,
    open_rate: Rate,
    folder: &Path,
) -> Result<RoundResult, RoundError> {
    let (began, started) = (Instant::now(), Timestamp::now());
    let shape = &setup.shape;
    let mut sides = BothSides::start(setup, plan, folder).await?;
    let lag_before = Instant::now();
    let before = Clocks::read(&sides)?;
    let machine_before = MachineReading::now().ok();
    let mut slots = Vec::new();
    for (number, quad) in plan.quads.iter().enumerate() {
        for side in quad.turns {
            let running = sides.of(side);
            slots.push(match quad.load {
                LoadKind::Closed => running.closed_slot(shape, number).await?,
                LoadKind::Open => running.open_slot(shape, number, open_rate).await?,
            });
        }
    }
    let after = Clocks::read(&sides)?;
    let elapsed = lag_before.elapsed();
    let own = after.own.saturating_sub(before.own);
    let nodes: Duration = Side::BOTH
        .iter()
        .map(|side| after.used(&before, *side))
        .sum();
    let machine = MachineReading::now().ok().zip(machine_before);
    let samples = Side::BOTH.map(|side| sides.of(side).loaded.users.samples());
    let timings = Side::BOTH.map(|side| sides.of(side).loaded.users.timings());
    let generator_cores_used = sides.generator_cores_used();
    let baseline = sides.baseline.sum_up(&before, &after, &samples[0]);
    let candidate = sides.candidate.sum_up(&before, &after, &samples[1]);
    // Stopping them is a part of the round's time.
    drop(sides);
    let round = Round {
        number: place.number,
        confirmation: place.confirmation,
        seed: plan.seed,
        started,
        seconds: began.elapsed().as_secs_f64(),
        started_first: plan.first,
        node_cores: plan.node_cores.clone(),
        generator_cores: plan.generator_cores.clone(),
        machine: machine.and_then(|(now, then)| now.since(&then, elapsed, own + nodes)),
        generator_cores_used,
        send_lag_p99_micros: send_lag(&samples[Side::Baseline as usize]),
        baseline,
        candidate,
        slots,
    };
    Ok(RoundResult {
        round,
        samples,
        timings,
    })
}

/// The capacity of the baseline in closed load; the candidate is started beside it, to see
/// whether it can be.
pub(super) async fn measure_capacity(
    setup: &RoundSetup,
    plan: &RoundPlan,
    folder: &Path,
) -> Result<Capacity, RoundError> {
    /// Enough for an estimate that is a few percent off at most: it only says how much
    /// load there is to be, and is the same for both sides.
    const SLOTS: u32 = 6;
    let mut sides = BothSides::start(setup, plan, folder).await?;
    let mut capacity = Capacity::default();
    for _ in 0..SLOTS {
        let began = Instant::now();
        let traffic = sides.baseline.loaded.users.closed_slot(CAPACITY_SLOT).await;
        let seconds = began.elapsed().as_secs_f64();
        capacity.turns += traffic.turns as f64 / seconds / f64::from(SLOTS);
        capacity.requests += traffic.done.len() as f64 / seconds / f64::from(SLOTS);
    }
    // What never left says nothing of the baseline.
    match never_left(&sides.baseline.loaded.users.samples()).first() {
        None => Ok(capacity),
        Some(NeverLeft { shortage, .. }) => Err(RoundError::System {
            what: "send requests from this machine",
            source: io::Error::other(format!("{}; {}", shortage.cause(), shortage.remedy())),
        }),
    }
}

const CAPACITY_SLOT: Duration = Duration::from_millis(200);

/// The baseline's capacity in closed load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Capacity {
    /// Turns a second.
    pub(super) turns: f64,
    /// Requests a second.
    pub(super) requests: f64,
}

/// Both systems, running, with their users.
struct BothSides {
    baseline: RunningSide,
    candidate: RunningSide,
}

/// One side of a round.
struct RunningSide {
    side: Side,
    loaded: LoadedSystem,
    totals: Totals,
}

/// The totals of a side so far.
#[derive(Default)]
struct Totals {
    requests: u64,
    closed_requests: u64,
    closed_time: Duration,
    /// CPU time of the generator in the same time.
    closed_generator: Duration,
    /// Slots of open load.
    open_slots: usize,
    /// Response times in open load.
    open_times: Vec<Duration>,
    unsent: u64,
}

impl BothSides {
    /// Starts both systems and warms them up.
    async fn start(
        setup: &RoundSetup,
        plan: &RoundPlan,
        folder: &Path,
    ) -> Result<BothSides, RoundError> {
        let first = RunningSide::start(setup, plan, plan.first, folder).await?;
        let second = RunningSide::start(setup, plan, plan.first.other(), folder).await?;
        let (baseline, candidate) = match plan.first {
            Side::Baseline => (first, second),
            Side::Candidate => (second, first),
        };
        let mut sides = BothSides {
            baseline,
            candidate,
        };
        for side in [plan.first, plan.first.other()] {
            let running = sides.of(side);
            running.loaded.users.closed_slot(setup.shape.warm_up).await;
            // From here on everything counts, and what is recorded begins anew.
            running.loaded.renew_users(setup.load(), plan.seed);
        }
        // The new users connect.
        for side in [plan.first, plan.first.other()] {
            sides
                .of(side)
                .loaded
                .users
                .closed_slot(setup.shape.dropped)
                .await;
        }
        Ok(sides)
    }

    /// CPU seconds a second that the generator used in closed load; `None` without any.
    fn generator_cores_used(&self) -> Option<f64> {
        let sum =
            |of: fn(&Totals) -> Duration| of(&self.baseline.totals) + of(&self.candidate.totals);
        let lasted = sum(|totals| totals.closed_time).as_secs_f64();
        let used = sum(|totals| totals.closed_generator).as_secs_f64();
        (lasted > 0.0).then(|| used / lasted)
    }

    fn of(&mut self, side: Side) -> &mut RunningSide {
        match side {
            Side::Baseline => &mut self.baseline,
            Side::Candidate => &mut self.candidate,
        }
    }
}

impl RunningSide {
    async fn start(
        setup: &RoundSetup,
        plan: &RoundPlan,
        side: Side,
        folder: &Path,
    ) -> Result<Self, RoundError> {
        let of_side = match side {
            Side::Baseline => &setup.baseline,
            Side::Candidate => &setup.candidate,
        };
        let folder = folder.join(side.word());
        let started = of_side.start(setup.load(), &plan.node_cores, &folder, plan.seed);
        let loaded = started.await.map_err(|error| match error {
            NotLoaded::Start(source) => RoundError::Start { side, source },
            NotLoaded::SetUp(source) => RoundError::SetUp { side, source },
            NotLoaded::Copy(source) => {
                let what = "copy the program of the nodes";
                RoundError::System { what, source }
            }
        })?;
        Ok(RunningSide {
            side,
            loaded,
            totals: Totals::default(),
        })
    }

    /// A slot of closed load, whose figures leave out its beginning.
    async fn closed_slot(&mut self, shape: &Shape, quad: usize) -> Result<Slot, RoundError> {
        let (side, system) = (self.side, &self.loaded.system);
        let began = Instant::now();
        let clocks = async {
            tokio::time::sleep(shape.dropped).await;
            let from = (Instant::now(), cpu(system, side)?, own_cpu()?);
            tokio::time::sleep_until((began + shape.slot).into()).await;
            Ok((from, (Instant::now(), cpu(system, side)?, own_cpu()?)))
        };
        let (traffic, clocks) = tokio::join!(self.loaded.users.closed_slot(shape.slot), clocks);
        let ((from, cpu_from, own_from), (to, cpu_to, own_to)) = clocks?;
        let counted = |ended| from < ended && ended <= to;
        let requests = traffic.done.iter().filter(|done| counted(done.ended));
        let requests = requests.count() as u64;
        let totals = &mut self.totals;
        totals.requests += traffic.done.len() as u64;
        totals.closed_requests += requests;
        totals.closed_time += to - from;
        totals.closed_generator += own_to.saturating_sub(own_from);
        Ok(Slot {
            side,
            quad,
            open_p50_micros: None,
            requests,
            micros: (to - from).as_micros() as u64,
            cpu_nanos: total(&cpu_to).saturating_sub(total(&cpu_from)).as_nanos() as u64,
        })
    }

    /// A slot of open load. Its CPU time is that of all of it, since its requests are.
    async fn open_slot(
        &mut self,
        shape: &Shape,
        quad: usize,
        rate: Rate,
    ) -> Result<Slot, RoundError> {
        let cpu_from = cpu(&self.loaded.system, self.side)?;
        let slot = OpenSlot::evenly(rate, shape.slot);
        let place = self.totals.open_slots;
        let traffic = self.loaded.users.open_slot(&slot, place).await;
        let traffic = traffic.map_err(|source| {
            let what = "start a thread to pace the load with";
            RoundError::System { what, source }
        })?;
        let cpu_to = cpu(&self.loaded.system, self.side)?;
        let lasted = traffic.began.elapsed();
        let counts_from = traffic.began + shape.dropped;
        let counted = traffic.done.iter().filter(|done| {
            let begun = done.ended.checked_sub(done.time);
            begun.is_some_and(|begun| begun >= counts_from)
        });
        let times: Vec<Duration> = counted.map(|done| done.time).collect();
        let totals = &mut self.totals;
        totals.requests += traffic.done.len() as u64;
        totals.open_slots += 1;
        totals.unsent += traffic.unsent;
        totals.open_times.extend(&times);
        Ok(Slot {
            side: self.side,
            quad,
            open_p50_micros: percentiles(&times).map(|micros| micros.p50),
            requests: traffic.done.len() as u64,
            micros: lasted.as_micros() as u64,
            cpu_nanos: total(&cpu_to).saturating_sub(total(&cpu_from)).as_nanos() as u64,
        })
    }

    fn sum_up(&self, before: &Clocks, after: &Clocks, samples: &Samples) -> SideRound {
        let totals = &self.totals;
        let arrivals = samples.arrivals.values();
        SideRound {
            requests: totals.requests,
            cpu_nanos: after.nodes_used(before, self.side),
            failed: samples.faults(|_| true),
            closed_requests: totals.closed_requests,
            closed_seconds: totals.closed_time.as_secs_f64(),
            open_requests: totals.open_times.len() as u64,
            open_micros: percentiles(&totals.open_times),
            queued: arrivals.map(|arrivals| arrivals.queued()).sum(),
            unsent: totals.unsent,
            never_left: never_left(samples),
        }
    }
}

/// CPU time of every process, at a moment.
struct Clocks {
    nodes: [NodeTimes; 2],
    own: Duration,
}

type NodeTimes = BTreeMap<String, Duration>;

impl Clocks {
    fn read(sides: &BothSides) -> Result<Self, RoundError> {
        Ok(Clocks {
            nodes: [
                cpu(&sides.baseline.loaded.system, Side::Baseline)?,
                cpu(&sides.candidate.loaded.system, Side::Candidate)?,
            ],
            own: own_cpu()?,
        })
    }

    fn nodes_used(&self, before: &Clocks, side: Side) -> Vec<NodeCpu> {
        let (now, then) = (&self.nodes[side as usize], &before.nodes[side as usize]);
        let used = now.iter().map(|(node, now)| NodeCpu {
            node: node.clone(),
            nanos: (*now - then[node]).as_nanos() as u64,
        });
        used.collect()
    }

    fn used(&self, before: &Clocks, side: Side) -> Duration {
        let used = self.nodes_used(before, side);
        Duration::from_nanos(used.iter().map(|node| node.nanos).sum())
    }
}

fn cpu(system: &System, side: Side) -> Result<NodeTimes, RoundError> {
    let nodes = system.topology().nodes().iter();
    nodes
        .filter(|node| node.is_at_work())
        .map(|node| {
            let name = node.name.as_str();
            let time = system.cpu_time(name);
            let time = time.map_err(|source| RoundError::Cpu { side, source })?;
            Ok((name.to_owned(), time))
        })
        .collect()
}

fn own_cpu() -> Result<Duration, RoundError> {
    own_cpu_time().map_err(|source| {
        let what = "read the generator's CPU time";
        RoundError::System { what, source }
    })
}

fn total(times: &NodeTimes) -> Duration {
    times.values().sum()
}

/// Exact ones, of all times: a round has few enough to sort them.
fn percentiles(times: &[Duration]) -> Option<Percentiles> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    // The nearest rank: the smallest time that at least so many don't exceed.
    let at = |quantile: f64| {
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted[rank.saturating_sub(1).min(last)].as_nanos() as f64 / 1e3
    };
    Some(Percentiles {
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
    })
}

/// The 99th percentile of how late requests were sent although a user was free.
fn send_lag(samples: &Samples) -> Option<u64> {
    let mut all: Histogram<u64> = Histogram::new(3).ok()?;
    for arrivals in samples.arrivals.values() {
        all.add(&arrivals.own_lag).ok()?;
    }
    (!all.is_empty()).then(|| all.value_at_quantile(0.99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_seen() {
        let millis = |n: u64| Duration::from_millis(n);
        let times: Vec<Duration> = (1..=200).rev().map(millis).collect();
        let seen = percentiles(&times).expect("there are times");
        assert_eq!((seen.p50, seen.p95, seen.p99), (1e5, 1.9e5, 1.98e5));
        assert_eq!(percentiles(&[millis(3)]).expect("a time").p99, 3e3);
        assert_eq!(percentiles(&[]), None);
    }
}
