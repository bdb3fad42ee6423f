//! The tiers of a system: what each used and took at the low rate and at the capacity. Pure
//! functions of slots.

use std::collections::BTreeMap;

use super::record::{NodeMachine, PoolRecord, PoolSeen, SlotRecord, TierRecord};

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
    use crate::capacity::example::{used_slot, with_pool};

    #[test]
    fn requests_in_a_tier_are_their_rate_times_its_own_part_of_their_time() {
        let high = used_slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0]);
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
    fn a_pools_use_is_that_over_all_slots_and_unknown_when_one_was_not_seen() {
        let slot = |taken| with_pool(used_slot([0; 4], [0.0; 3]), "store", (2.0, taken));
        let taken = |slots: [&SlotRecord; 2]| pools("store", &slots)[0].taken_percent;
        assert_eq!(taken([&slot(Some(1.0)), &slot(Some(1.8))]), Some(70.0));
        assert_eq!(taken([&slot(None), &slot(Some(1.0))]), None);
    }
}
