//! One slot of open load on a running system: what its requests, its nodes and the generator
//! did, and how long it took to come to rest.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use harness::error::CpuTimeError;
use harness::topology::NodePlan;
use harness::{NodeName, System, Usage};

use super::Promise;
use super::pools::PoolLook;
use super::record::{ClauseCount, HopMean, NodeUse, SlotRecord};
use super::rest::{Look, MOST_REST, come_to_rest};
use crate::arrivals::Rate;
use crate::environment::own_cpu_time;
use crate::evidence::machine::MachineReading;
use crate::plan::Plan;
use crate::samples::histogram_of;
use crate::slots::{Done, LoadedSystem, OpenSlot, SlotTraffic};
use crate::timing::RouteTiming;

/// The rate and the length of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SlotShape {
    /// In turns a second.
    pub(super) rate: f64,
    /// The part at the same rate before the one that counts.
    pub(super) lead: Duration,
    /// The part that counts.
    pub(super) lasts: Duration,
    /// True when the system is to come to rest after it.
    pub(super) rests: bool,
}

/// The load of one slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotOrder<'a> {
    pub(super) plan: &'a Plan,
    pub(super) promise: &'a Promise,
    pub(super) shape: SlotShape,
    /// Its place among the slots of its system, from 0.
    pub(super) place: usize,
    pub(super) seed: u64,
    /// True when it is one at the low rate that all systems of a study have in common.
    pub(super) is_common: bool,
}

/// A reason why a slot can't be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlotError {
    /// A node's use of the machine can't be read: it has ended, most likely.
    #[error(transparent)]
    Cpu(#[from] CpuTimeError),
    /// The operating system refused something.
    #[error("could not {what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Plays a slot and waits until the system is at rest.
pub(super) async fn play(
    loaded: &mut LoadedSystem,
    order: SlotOrder<'_>,
) -> Result<SlotRecord, SlotError> {
    let shape = order.shape;
    let rate = Rate::per_second(shape.rate).expect("a search asks for rates");
    let spacing = order.plan.capacity.spacing;
    let slot = OpenSlot::of(rate, shape.lead + shape.lasts, spacing, order.seed);
    let counted_turns = slot.arrivals.iter().filter(|due| **due >= shape.lead);
    let counted_turns = counted_turns.count() as u64;
    loaded.users.forget_timings();
    let pools = PoolLook::at(&loaded.system).await;
    let at_rest = Look::at(&loaded.system)?;
    let lag_before = loaded.users.samples();
    let machine_before = MachineReading::now().ok();
    let (began, before, own_before) = (Instant::now(), nodes(&loaded.system)?, own_cpu()?);
    let traffic = loaded.users.open_slot(&slot, order.place).await;
    let traffic = traffic.map_err(|source| SlotError::System {
        what: "start a thread to pace the load with",
        source,
    })?;
    let (lasted, after, own_after) = (began.elapsed(), nodes(&loaded.system)?, own_cpu()?);
    let machine = MachineReading::now().ok().zip(machine_before);
    let machine = machine.and_then(|(now, then)| now.since(&then, lasted, Duration::ZERO));
    let own_lag = own_lag(loaded, &lag_before);
    let pools = pools.since(&loaded.system).await;
    let hops = hops(&loaded.users.timings());
    let rest = match shape.rests {
        true => come_to_rest(&loaded.system, order.plan, &at_rest, MOST_REST).await?,
        false => None,
    };
    let counted = counted(&traffic, shape.lead);
    let times: Vec<Duration> = counted.iter().map(|done| done.time).collect();
    let times = histogram_of(&times);
    let unsent = traffic.unsent.min(counted_turns);
    let percentile = |share: f64| (!times.is_empty()).then(|| times.value_at_quantile(share));
    Ok(SlotRecord {
        per_second: shape.rate,
        lasted_millis: shape.lasts.as_millis() as u64,
        rests: shape.rests,
        is_common: order.is_common,
        turns: counted_turns,
        unsent,
        requests: counted.len() as u64,
        failed: counted.iter().filter(|done| done.failed).count() as u64,
        clauses: order
            .promise
            .clauses()
            .iter()
            .map(|clause| {
                let kept = clause.kept(counted.iter(), unsent);
                ClauseCount {
                    due: kept.due,
                    broken: kept.broken,
                }
            })
            .collect(),
        p50_micros: percentile(0.5),
        p90_micros: percentile(0.9),
        p99_micros: percentile(0.99),
        all_requests: traffic.done.len() as u64,
        micros: lasted.as_micros() as u64,
        nodes: uses(&loaded.system, &before, &after),
        pools,
        hops,
        generator_cpu_nanos: own_after.saturating_sub(own_before).as_nanos() as u64,
        own_lag_p99_micros: own_lag,
        rest_millis: rest.map(|rest| rest.as_millis() as u64),
        stolen_percent: machine.map(|machine| machine.stolen),
        set_aside: false,
    })
}

/// The requests that a slot counts: those that were due after its lead.
fn counted(traffic: &SlotTraffic, lead: Duration) -> Vec<Done> {
    let from = traffic.began + lead;
    let is_counted = |done: &&Done| {
        let due = done.ended.checked_sub(done.time);
        due.is_some_and(|due| due >= from)
    };
    traffic.done.iter().filter(is_counted).copied().collect()
}

type NodeUsage = BTreeMap<NodeName, Usage>;

fn nodes(system: &System) -> Result<NodeUsage, SlotError> {
    let usages = of_nodes(system, |node| system.usage(node))?.into_iter();
    Ok(usages
        .map(|(node, usage)| (node.name.clone(), usage))
        .collect())
}

/// A reading of each node that is at work, where it can be observed.
pub(super) fn of_nodes<T>(
    system: &System,
    read: impl Fn(&str) -> Result<T, CpuTimeError>,
) -> Result<Vec<(&NodePlan, T)>, SlotError> {
    let nodes = system.topology().nodes().iter();
    let at_work = nodes.filter(|node| node.is_at_work());
    let readings = at_work.filter_map(|node| match read(node.name.as_str()) {
        Ok(reading) => Some(Ok((node, reading))),
        Err(CpuTimeError::NotObservable { .. }) => None,
        Err(error) => Some(Err(error.into())),
    });
    readings.collect()
}

fn uses(system: &System, before: &NodeUsage, after: &NodeUsage) -> Vec<NodeUse> {
    let nodes = system.topology().nodes().iter();
    let uses = nodes.filter_map(|node| {
        let used = after.get(&node.name)?.since(before.get(&node.name)?);
        Some(NodeUse {
            node: node.name.to_string(),
            role: node.role.clone(),
            cpu_nanos: used.cpu.as_nanos() as u64,
            waited_nanos: used.waited.as_nanos() as u64,
            throttled_nanos: used
                .throttled
                .map(|throttled| throttled.time.as_nanos() as u64),
        })
    });
    uses.collect()
}

fn own_cpu() -> Result<Duration, SlotError> {
    own_cpu_time().map_err(|source| SlotError::System {
        what: "read the generator's CPU time",
        source,
    })
}

/// The 99th percentile of the time by which the generator itself sent turns of the slot too
/// late, in microseconds; `None` when no turn found a user free.
fn own_lag(loaded: &LoadedSystem, before: &crate::samples::Samples) -> Option<u64> {
    let now = loaded.users.samples();
    let mut lag = now.arrivals.values().next()?.own_lag.clone();
    if let Some(earlier) = before.arrivals.values().next() {
        lag.subtract(&earlier.own_lag).ok()?;
    }
    (!lag.is_empty()).then(|| lag.value_at_quantile(0.99))
}

/// Each hop's own share of a request's time, on average over all routes.
fn hops(routes: &[RouteTiming]) -> Vec<HopMean> {
    let samples: u64 = routes.iter().map(|route| route.samples).sum();
    let mut hops: Vec<HopMean> = Vec::new();
    for route in routes {
        let weight = route.samples as f64 / samples as f64;
        for timing in &route.hops {
            let share = timing.mean * weight;
            match hops.iter_mut().find(|known| known.hop == timing.hop) {
                Some(known) => known.mean_micros += share,
                None => hops.push(HopMean {
                    hop: timing.hop.clone(),
                    mean_micros: share,
                }),
            }
        }
    }
    hops
}
