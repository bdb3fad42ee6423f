//! The tier that limits a system: what each tier used and took at the low rate and at the
//! capacity, and what follows. Pure functions of slots.

use std::collections::BTreeMap;
use std::slice;

use super::record::{
    Limit, LimitRecord, NodeMachine, PoolRecord, PoolSeen, SlotRecord, TierRecord,
};
use crate::report::figures::{micros, percent};

/// A system as far as its limit depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiers<'a> {
    /// Its roles, from the users inwards.
    pub(super) roles: &'a [String],
    /// Nodes that have a share of a CPU of their own.
    pub(super) machines: &'a [NodeMachine],
    /// The cores that the nodes share.
    pub(super) cores: usize,
    /// True when the generator was at its limit before the system.
    pub(super) generator: bool,
}

/// A node or the cores are full from this share of their time on, in percent: at the rate at
/// which a promise breaks, queues before what is full have grown to several times its own work,
/// which in M/M/1 is so at 80 %, and what is full at times isn't in the mean.
const FULL: f64 = 80.0;
/// Where a tier makes requests wait, a pool of it is the reason from this share of its time on,
/// in percent: with few places, waits are several times the work long before all are taken.
const HALF: f64 = 50.0;
/// A tier makes requests wait when its own part of their time has grown to so many times what it
/// was at the low rate.
const GROWN: f64 = 1.5;

/// The tiers, by slots at the low rate and at rates around the capacity.
pub(super) fn tiers(of: Tiers<'_>, low: &[&SlotRecord], high: &[&SlotRecord]) -> Vec<TierRecord> {
    let (low_hops, high_hops) = (hops(low), hops(high));
    let requests: u64 = high.iter().map(|slot| slot.all_requests).sum();
    let seconds = high.iter().map(|slot| slot.micros).sum::<u64>() as f64 / 1e6;
    let each = |nanos: u64| nanos as f64 / 1e3 / (requests.max(1)) as f64;
    let of_role = of.roles.iter().map(|role| {
        let nodes = nodes(role, high);
        let share = |node: &str| {
            let mut machines = of.machines.iter();
            machines.find(|machine| machine.node == node)
        };
        let busy = nodes.iter().map(|(node, used)| {
            let given = share(node).map_or(of.cores as f64, |given| given.machine.cpus);
            used.cpu_nanos as f64 / (used.wall_nanos.max(1) as f64 * given) * 100.0
        });
        let sum = |of: fn(&Used) -> u64| nodes.values().map(of).sum::<u64>();
        TierRecord {
            role: role.clone(),
            nodes: nodes.len(),
            busy_percent: busy.fold(0.0, f64::max),
            has_shares: nodes.keys().any(|node| share(node).is_some()),
            waited_micros: each(sum(|used| used.waited_nanos)),
            cpu_micros: each(sum(|used| used.cpu_nanos)),
            cpus_used: sum(|used| used.cpu_nanos) as f64 / 1e9 / seconds.max(f64::MIN_POSITIVE),
            time_low_micros: low_hops.get(role).copied(),
            time_high_micros: high_hops.get(role).copied(),
            at_once: high_hops
                .get(role)
                .filter(|_| seconds > 0.0)
                .map(|micros| requests as f64 / seconds * micros / 1e6),
            pools: pools(role, high),
        }
    });
    of_role.collect()
}

/// The limit of a system with these `tiers`.
pub(super) fn limit(of: Tiers<'_>, tiers: &[TierRecord]) -> LimitRecord {
    if of.generator {
        return LimitRecord {
            by: Limit::Generator,
            reasons: vec![
                "the generator can't be trusted with more, and the system still kept its promise"
                    .to_owned(),
            ],
        };
    }
    let mut reasons = Vec::new();
    let own = tiers.iter().filter(|tier| tier.has_shares);
    let fullest = own.max_by(|a, b| a.busy_percent.total_cmp(&b.busy_percent));
    let fullest = fullest.filter(|tier| tier.busy_percent >= FULL);
    let pool = fullest_pool(tiers).filter(|(_, _, taken)| *taken >= FULL);
    // Nodes with shares of their own are on the same cores.
    let all: f64 = tiers.iter().map(|tier| tier.cpus_used).sum();
    let full = all / of.cores as f64 * 100.0;
    if let Some((tier, pool, taken)) = pool
        && full < FULL
        && !is_full_behind(tiers, tier)
        && fullest.is_none_or(|tier| tier.busy_percent < taken)
    {
        reasons.push(taken_for(tier, pool, taken));
        reasons.extend(growth(tier));
        reasons.extend(next(tiers, tier));
        let (tier, pool) = (tier.role.clone(), pool.name.clone());
        return LimitRecord {
            by: Limit::Pool { tier, pool },
            reasons,
        };
    }
    if let Some(tier) = fullest {
        let (role, busy) = (&tier.role, percent(tier.busy_percent));
        reasons.push(format!(
            "{role} used {busy} of its share of a CPU at the capacity"
        ));
        reasons.extend(growth(tier));
        reasons.extend(next(tiers, tier));
        return LimitRecord {
            by: Limit::Cpu { tier: role.clone() },
            reasons,
        };
    }
    let most = tiers
        .iter()
        .max_by(|a, b| a.cpu_micros.total_cmp(&b.cpu_micros));
    if let Some(most) = most.filter(|_| full >= FULL) {
        let cpu: f64 = tiers.iter().map(|tier| tier.cpu_micros).sum();
        reasons.push(format!(
            "all nodes together used {} of the cores that they share at the capacity",
            percent(full)
        ));
        reasons.push(format!(
            "{} used {} of that, more than any other tier",
            most.role,
            percent(most.cpu_micros / cpu * 100.0)
        ));
        return LimitRecord {
            by: Limit::SharedCores {
                most: most.role.clone(),
            },
            reasons,
        };
    }
    let slowed = tiers
        .iter()
        .filter_map(|tier| Some((tier, grown_by(tier)?)));
    let slowest = slowed.max_by(|a, b| a.1.total_cmp(&b.1));
    match slowest.filter(|(tier, _)| has_grown(tier)) {
        Some((tier, _)) => {
            reasons.extend(growth(tier));
            let of_tier = fullest_pool(slice::from_ref(tier));
            if let Some((_, pool, taken)) = of_tier.filter(|(.., taken)| *taken >= HALF) {
                reasons.push(taken_for(tier, pool, taken));
                return LimitRecord {
                    by: Limit::Pool {
                        tier: tier.role.clone(),
                        pool: pool.name.clone(),
                    },
                    reasons,
                };
            }
            reasons.push(format!(
                "{} used only {} of the CPU time that it could have, so that requests wait there for \
                 something else: a pool, a lock, a disk, or somebody behind it who doesn't tell",
                tier.role,
                percent(tier.busy_percent)
            ));
            LimitRecord {
                by: Limit::Waits {
                    tier: tier.role.clone(),
                },
                reasons,
            }
        }
        None => LimitRecord {
            by: Limit::Unknown,
            reasons: vec!["no tier was full, and none tells of time that grew".to_owned()],
        },
    }
}

/// True when a tier further in is full: places of those in front of it are taken while their
/// holders wait for it.
fn is_full_behind(tiers: &[TierRecord], tier: &TierRecord) -> bool {
    let further_in = tiers.iter().skip_while(|other| other.role != tier.role);
    let mut full = further_in
        .skip(1)
        .filter(|other| other.has_shares && other.busy_percent >= FULL);
    full.next().is_some()
}

/// The pool that was taken the most, with its tier and for how much of the time, in percent.
fn fullest_pool(tiers: &[TierRecord]) -> Option<(&TierRecord, &PoolRecord, f64)> {
    let pools = tiers
        .iter()
        .flat_map(|tier| tier.pools.iter().map(move |pool| (tier, pool)));
    let seen = pools.filter_map(|(tier, pool)| Some((tier, pool, pool.taken_percent?)));
    seen.max_by(|a, b| a.2.total_cmp(&b.2))
}

/// The pools of a tier, over all slots, each as in the node in which it was taken the most.
fn pools(role: &str, slots: &[&SlotRecord]) -> Vec<PoolRecord> {
    let seen = slots.iter().flat_map(|slot| &slot.pools);
    let mut by_name: BTreeMap<&str, BTreeMap<&str, Vec<&PoolSeen>>> = BTreeMap::new();
    for seen in seen.filter(|seen| seen.role == role) {
        let nodes = by_name.entry(&seen.pool).or_default();
        nodes.entry(&seen.node).or_default().push(seen);
    }
    let pools = by_name.into_iter().map(|(name, nodes)| {
        let fullest = nodes.values().filter_map(|seen| taken_percent(seen));
        let fullest = fullest.max_by(|a, b| a.0.total_cmp(&b.0));
        PoolRecord {
            name: name.to_owned(),
            places: fullest.map_or(0.0, |(_, places)| places),
            taken_percent: fullest.map(|(taken, _)| taken),
        }
    });
    pools.collect()
}

/// The share of the time of one node's places that was used, in percent, and their number;
/// `None` where a slot of it wasn't seen.
fn taken_percent(seen: &[&PoolSeen]) -> Option<(f64, f64)> {
    let used: Option<Vec<_>> = seen.iter().map(|seen| seen.used).collect();
    let used = used?;
    let taken: f64 = used.iter().map(|used| used.taken_seconds).sum();
    let had: f64 = used.iter().map(|used| used.seconds * used.places).sum();
    let places = used.last()?.places;
    (had > 0.0).then(|| (taken / had * 100.0, places))
}

fn grown_by(tier: &TierRecord) -> Option<f64> {
    Some(tier.time_high_micros? - tier.time_low_micros?)
}

fn has_grown(tier: &TierRecord) -> bool {
    let times = tier.time_low_micros.zip(tier.time_high_micros);
    times.is_some_and(|(low, high)| high >= low * GROWN)
}

fn taken_for(tier: &TierRecord, pool: &PoolRecord, taken: f64) -> String {
    let (pool, tier, taken) = (&pool.name, &tier.role, percent(taken));
    format!("the {pool} of {tier} were taken for {taken} of the time at the capacity")
}

fn growth(tier: &TierRecord) -> Option<String> {
    let (low, high) = tier.time_low_micros.zip(tier.time_high_micros)?;
    Some(format!(
        "its own part of a request's time went from {} at the low rate to {} at the capacity",
        micros(low),
        micros(high)
    ))
}

/// The tier that would be full next.
fn next(tiers: &[TierRecord], full: &TierRecord) -> Option<String> {
    let others = tiers
        .iter()
        .filter(|tier| tier.role != full.role && tier.has_shares);
    let next = others.max_by(|a, b| a.busy_percent.total_cmp(&b.busy_percent))?;
    Some(format!(
        "next comes {}, which used {}",
        next.role,
        percent(next.busy_percent)
    ))
}

/// A node's use of the machine over several slots.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    cpu_nanos: u64,
    waited_nanos: u64,
    wall_nanos: u64,
}

fn nodes<'s>(role: &str, slots: &[&'s SlotRecord]) -> BTreeMap<&'s str, Used> {
    let mut nodes: BTreeMap<&str, Used> = BTreeMap::new();
    for slot in slots {
        for used in slot.nodes.iter().filter(|used| used.role == role) {
            let sum = nodes.entry(&used.node).or_default();
            sum.cpu_nanos += used.cpu_nanos;
            sum.waited_nanos += used.waited_nanos;
            sum.wall_nanos += slot.micros * 1000;
        }
    }
    nodes
}

/// Each hop's own part of a request's time, on average over slots, by the role of the hop.
fn hops(slots: &[&SlotRecord]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, u64)> = BTreeMap::new();
    for slot in slots {
        for hop in &slot.hops {
            let (sum, requests) = sums.entry(hop.hop.name().to_owned()).or_default();
            *sum += hop.mean_micros * slot.requests as f64;
            *requests += slot.requests;
        }
    }
    let means = sums.into_iter();
    let means = means.map(|(hop, (sum, requests))| (hop, sum / requests.max(1) as f64));
    means.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::record::{HopMean, NodeUse, PoolTime};
    use crate::record::MachineRecord;
    use crate::timing::Hop;

    /// A slot of a second in which a door, two shops and a store used so much CPU time, in
    /// percent, with these times of their own, in microseconds.
    fn slot(cpu: [u64; 4], times: [f64; 3]) -> SlotRecord {
        let names = [
            ("door", "door"),
            ("shop-1", "shop"),
            ("shop-2", "shop"),
            ("store", "store"),
        ];
        let nodes = names
            .iter()
            .zip(cpu)
            .map(|((node, role), percent)| NodeUse {
                node: (*node).to_owned(),
                role: (*role).to_owned(),
                cpu_nanos: percent * 10_000_000,
                waited_nanos: 0,
                throttled_nanos: None,
            });
        let hops = ["door", "shop", "store"].iter().zip(times);
        SlotRecord {
            micros: 1_000_000,
            nodes: nodes.collect(),
            hops: hops
                .map(|(role, mean_micros)| HopMean {
                    hop: Hop::of_role(*role),
                    mean_micros,
                })
                .collect(),
            ..crate::capacity::example::slot(100.0, 200.0)
        }
    }

    fn machine(node: &str, cpus: f64) -> NodeMachine {
        NodeMachine {
            node: node.to_owned(),
            machine: MachineRecord {
                cpus,
                words: "a test".to_owned(),
            },
        }
    }

    fn limit_of(
        machines: &[NodeMachine],
        generator: bool,
        low: &SlotRecord,
        high: &SlotRecord,
    ) -> Limit {
        let roles = ["door", "shop", "store"].map(str::to_owned);
        let of = Tiers {
            roles: &roles,
            machines,
            cores: 1,
            generator,
        };
        let tiers = tiers(of, &[low], &[high]);
        let limit = limit(of, &tiers);
        assert!(!limit.reasons.is_empty());
        limit.by
    }

    #[test]
    fn a_node_that_used_its_share_of_a_cpu_limits() {
        let shares = [
            machine("door", 0.5),
            machine("shop-1", 0.2),
            machine("shop-2", 0.2),
            machine("store", 0.3),
        ];
        let low = slot([10, 8, 8, 5], [100.0, 300.0, 200.0]);
        let high = slot([20, 19, 19, 12], [150.0, 9000.0, 300.0]);
        assert_eq!(
            limit_of(&shares, false, &low, &high),
            Limit::Cpu {
                tier: "shop".to_owned()
            }
        );
        let high = slot([46, 10, 10, 12], [9000.0, 300.0, 300.0]);
        assert_eq!(
            limit_of(&shares, false, &low, &high),
            Limit::Cpu {
                tier: "door".to_owned()
            }
        );
    }

    #[test]
    fn cores_that_all_share_limit_when_they_are_full() {
        let low = slot([10, 8, 8, 5], [100.0, 300.0, 200.0]);
        let high = slot([25, 30, 30, 10], [900.0, 900.0, 900.0]);
        assert_eq!(
            limit_of(&[], false, &low, &high),
            Limit::SharedCores {
                most: "shop".to_owned()
            }
        );
    }

    #[test]
    fn a_tier_with_cpu_time_left_limits_when_requests_wait_there() {
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 2000.0]);
        let high = slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0]);
        assert_eq!(
            limit_of(&[], false, &low, &high),
            Limit::Waits {
                tier: "store".to_owned()
            }
        );
    }

    #[test]
    fn a_pool_that_was_taken_all_the_time_limits_and_one_that_nobody_sees_does_not() {
        let taken = |seconds: Option<f64>| PoolSeen {
            node: "store".to_owned(),
            role: "store".to_owned(),
            pool: "connections".to_owned(),
            used: seconds.map(|taken_seconds| PoolTime {
                places: 2.0,
                taken_seconds,
                seconds: 1.0,
            }),
        };
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 2000.0]);
        let high = |seconds| SlotRecord {
            pools: vec![taken(seconds)],
            ..slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0])
        };
        let pool = Limit::Pool {
            tier: "store".to_owned(),
            pool: "connections".to_owned(),
        };
        let waits = Limit::Waits {
            tier: "store".to_owned(),
        };
        assert_eq!(limit_of(&[], false, &low, &high(Some(1.9))), pool);
        assert_eq!(limit_of(&[], false, &low, &high(Some(1.1))), pool);
        assert_eq!(limit_of(&[], false, &low, &high(Some(0.9))), waits);
        assert_eq!(limit_of(&[], false, &low, &high(None)), waits);
        let pools = pools("store", &[&high(Some(1.0)), &high(Some(1.8))]);
        assert_eq!(pools[0].taken_percent, Some(70.0));
        assert_eq!(pools_unseen(&high(None), &high(Some(1.0))), None);
    }

    fn pools_unseen(one: &SlotRecord, other: &SlotRecord) -> Option<f64> {
        pools("store", &[one, other])[0].taken_percent
    }

    #[test]
    fn a_pool_is_not_blamed_for_what_is_full_behind_it() {
        let shares = [machine("door", 0.5), machine("store", 0.3)];
        let with_pool = |role: &str, taken_seconds, slot| SlotRecord {
            pools: vec![PoolSeen {
                node: role.to_owned(),
                role: role.to_owned(),
                pool: "connections".to_owned(),
                used: Some(PoolTime {
                    places: 1.0,
                    taken_seconds,
                    seconds: 1.0,
                }),
            }],
            ..slot
        };
        let times = [100.0, 300.0, 200.0];
        let low = slot([10, 8, 8, 5], times);
        let cpu = |tier: &str| Limit::Cpu {
            tier: tier.to_owned(),
        };
        let pool = |tier: &str| Limit::Pool {
            tier: tier.to_owned(),
            pool: "connections".to_owned(),
        };
        // The store uses 28 of its 30 %, and the door's connections are taken meanwhile.
        let behind = with_pool("door", 1.0, slot([20, 10, 10, 28], times));
        assert_eq!(limit_of(&shares, false, &low, &behind), cpu("store"));
        // The door uses 42 of its 50 %, and waits for what the store has too few of.
        let in_front = with_pool("store", 1.0, slot([42, 10, 10, 5], times));
        assert_eq!(limit_of(&shares, false, &low, &in_front), pool("store"));
        let on_full_cores = with_pool("door", 0.85, slot([25, 32, 32, 10], times));
        assert_eq!(
            limit_of(&[], false, &low, &on_full_cores),
            Limit::SharedCores {
                most: "shop".to_owned()
            }
        );
    }

    #[test]
    fn requests_in_a_tier_are_their_rate_times_its_own_part_of_their_time() {
        let high = slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0]);
        let roles = ["store".to_owned()];
        let of = Tiers {
            roles: &roles,
            machines: &[],
            cores: 1,
            generator: false,
        };
        let tiers = tiers(of, &[&high], &[&high]);
        // 100 requests in the slot's second, 20 ms each.
        assert_eq!(tiers[0].at_once, Some(2.0));
        assert!((tiers[0].cpus_used - 0.04).abs() < 1e-9);
    }

    #[test]
    fn what_shows_nothing_is_not_guessed_and_the_generator_is_named() {
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 200.0]);
        assert_eq!(limit_of(&[], false, &low, &low), Limit::Unknown);
        assert_eq!(limit_of(&[], true, &low, &low), Limit::Generator);
    }
}
