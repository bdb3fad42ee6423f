//! One slot of open load on a running system: what its requests, its nodes and the generator
//! did, and how long it took to come to rest.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use harness::error::CpuTimeError;
use harness::topology::Cpus;
use harness::{NodeName, System, Usage};
use tokio::time::sleep;

use super::Promise;
use super::pools::PoolLook;
use super::record::{ClauseCount, HopMean, NodeUse, SlotRecord};
use crate::arrivals::Rate;
use crate::environment::own_cpu_time;
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

/// The time that a system has to come to rest after a slot.
const MOST_REST: Duration = Duration::from_secs(2);
/// The time that it has to take all connections in before the first one: on a small machine
/// that may take longer than a slot.
const MOST_CONNECTING: Duration = Duration::from_secs(10);

/// Connects all users, and waits until the system has taken them in, which is work that belongs
/// to no slot.
pub(super) async fn connect(loaded: &mut LoadedSystem, plan: &Plan) -> Result<(), SlotError> {
    let before = Look::at(&loaded.system)?;
    loaded.users.connect().await;
    // Where it never rests, slots will show it.
    come_to_rest(&loaded.system, plan, &before, MOST_CONNECTING).await?;
    Ok(())
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
    let (began, before, own_before) = (Instant::now(), nodes(&loaded.system)?, own_cpu()?);
    let traffic = loaded.users.open_slot(&slot, order.place).await;
    let traffic = traffic.map_err(|source| SlotError::System {
        what: "start a thread to pace the load with",
        source,
    })?;
    let (lasted, after, own_after) = (began.elapsed(), nodes(&loaded.system)?, own_cpu()?);
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
    let at_work = system
        .topology()
        .nodes()
        .iter()
        .filter(|node| node.is_at_work());
    let usages = at_work.filter_map(|node| match system.usage(node.name.as_str()) {
        Ok(usage) => Some(Ok((node.name.clone(), usage))),
        Err(CpuTimeError::NotObservable { .. }) => None,
        Err(error) => Some(Err(error.into())),
    });
    usages.collect()
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

/// Waits until the nodes do hardly anything any more, and nothing is left of the work behind
/// the answers; `None` when that took too long. Gives the time that it took. `before` is a look
/// at the system before it had work.
async fn come_to_rest(
    system: &System,
    plan: &Plan,
    before: &Look,
    most: Duration,
) -> Result<Option<Duration>, SlotError> {
    /// The time between two looks.
    const LOOK: Duration = Duration::from_millis(20);
    let began = Instant::now();
    let window = window(system);
    let mut looks = VecDeque::from([Look::at(system)?]);
    while began.elapsed() < most {
        sleep(LOOK).await;
        let now = Look::at(system)?;
        while looks.get(1).is_some_and(|then| now.at - then.at >= window) {
            looks.pop_front();
        }
        let is_at_rest = now.at - looks[0].at >= window
            && now.is_at_rest_since(&looks[0])
            && now.has_no_debts_since(before);
        if is_at_rest && left_behind(system, plan).await.unwrap_or(0) == 0 {
            return Ok(Some(began.elapsed()));
        }
        looks.push_back(now);
    }
    Ok(None)
}

/// The time that nodes have to be at rest for. Whoever has a share of a CPU has it by a quota for
/// up to 100 ms each, and stands still in between however much it has to do.
fn window(system: &System) -> Duration {
    let mut nodes = system.topology().nodes().iter();
    match nodes.any(|node| node.cpus.is_some()) {
        true => Duration::from_millis(100),
        false => Duration::ZERO,
    }
}

/// The CPU time of all nodes at one moment, each with its share of a CPU if it has one.
struct Look {
    at: Instant,
    nodes: Vec<(Duration, Option<f64>)>,
}

impl Look {
    fn at(system: &System) -> Result<Self, SlotError> {
        let nodes = system.topology().nodes().iter();
        let mut used = Vec::new();
        for node in nodes.filter(|node| node.is_at_work()) {
            match system.cpu_time(node.name.as_str()) {
                Ok(time) => used.push((time, node.cpus.map(Cpus::get))),
                Err(CpuTimeError::NotObservable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Look {
            at: Instant::now(),
            nodes: used,
        })
    }

    /// True when every node with a share of a CPU has used no more of it than that since an earlier
    /// look: one that holds itself to it lets its next requests wait for what it has overdrawn.
    fn has_no_debts_since(&self, earlier: &Look) -> bool {
        /// CPU time that may be used at once after a rest.
        const BURST: Duration = Duration::from_millis(10);
        let elapsed = self.at - earlier.at;
        let mut both = self.nodes.iter().zip(&earlier.nodes);
        both.all(|((now, share), (then, _))| {
            let used = now.saturating_sub(*then);
            share.is_none_or(|share| used <= elapsed.mul_f64(share) + BURST)
        })
    }

    /// True when next to nothing was done since an earlier look.
    fn is_at_rest_since(&self, earlier: &Look) -> bool {
        /// The most of one core that all nodes together use at rest: checks of each other's
        /// health take a tenth of it.
        const IDLE: f64 = 0.05;
        /// The most of its share that a node uses at rest; one with work left uses all of it.
        const OF_SHARE: f64 = 0.5;
        let seconds = (self.at - earlier.at).as_secs_f64();
        let both = self.nodes.iter().zip(&earlier.nodes);
        let used = both.map(|((now, share), (then, _))| {
            let used = now.saturating_sub(*then).as_secs_f64() / seconds;
            (used, share.is_none_or(|share| used < share * OF_SHARE))
        });
        let (used, rests): (Vec<f64>, Vec<bool>) = used.unzip();
        used.iter().sum::<f64>() < IDLE && rests.into_iter().all(|rests| rests)
    }
}

/// Work that goes on behind the answers, by the counters of those who do it; `None` where
/// nobody tells.
async fn left_behind(system: &System, plan: &Plan) -> Option<u64> {
    let under_way = plan.application.under_way.filter(|_| plan.is_at_home())?;
    let is_meant = |node: &NodeName| {
        let mut of_role = system.topology().named(under_way.role);
        of_role.any(|plan| plan.name == *node)
    };
    let counters = system.counters_of(is_meant).await.ok()?;
    let left = counters
        .values()
        .filter_map(|shown| (under_way.left)(shown));
    Some(left.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two looks, 100 ms apart, between which a node with this share used so much CPU time.
    fn looks(used: Duration, share: Option<f64>) -> (Look, Look) {
        let at = Instant::now();
        let look = |at, time| Look {
            at,
            nodes: vec![(time, share), (Duration::ZERO, None)],
        };
        let began = Duration::from_secs(3);
        (
            look(at, began),
            look(at + Duration::from_millis(100), began + used),
        )
    }

    #[test]
    fn a_node_that_uses_its_share_up_has_work_left_however_small_it_is() {
        for (used_micros, share, rests) in [
            (4_000, None, true),
            (6_000, None, false),
            (3_000, Some(0.03), false),
            (1_000, Some(0.03), true),
        ] {
            let (then, now) = looks(Duration::from_micros(used_micros), share);
            assert_eq!(
                now.is_at_rest_since(&then),
                rests,
                "{used_micros} {share:?}"
            );
        }
    }
    #[test]
    fn a_node_that_has_overdrawn_its_share_pays_it_back_before_it_is_at_rest() {
        for (used_micros, share, pays) in [
            (90_000, None, false),
            (30_000, Some(0.03), true),
            (12_000, Some(0.03), false),
        ] {
            let (then, now) = looks(Duration::from_micros(used_micros), share);
            let rests = now.has_no_debts_since(&then);
            assert_eq!(rests, !pays, "{used_micros} {share:?}");
        }
    }
}
