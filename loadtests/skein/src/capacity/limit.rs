//! The tier that limits a system, with reasons, by what each tier used and took. A pure function.

use std::slice;

use super::record::{Limit, LimitRecord, PoolRecord, TierRecord};
use super::tiers::Tiers;
use crate::report::figures::{micros, percent};

/// A node or the cores are full from this share of their time on, in percent: at the rate at
/// which a promise breaks, queues before what is full have grown to several times its own work,
/// which in M/M/1 is so at 80 %, and what is full at times isn't in the mean.
const FULL: f64 = 80.0;
/// Where a tier makes requests wait, a pool of it is the reason from this share of its time on,
/// in percent: with few places, waits are several times the work long before all are taken.
const HALF: f64 = 50.0;
/// A tier makes requests wait when its own part of their time has grown to this many times what it
/// was at the low rate.
const GROWN: f64 = 1.5;

/// The limit of a system with these `tiers`.
pub(super) fn of_tiers(of: Tiers<'_>, tiers: &[TierRecord]) -> LimitRecord {
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
        let by = by_pool(tier, pool);
        return LimitRecord { by, reasons };
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
                let by = by_pool(tier, pool);
                return LimitRecord { by, reasons };
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
    let mut further_in = further_in.skip(1);
    further_in.any(|other| other.has_shares && other.busy_percent >= FULL)
}

/// The pool that was taken the most, with its tier and for how much of the time, in percent.
fn fullest_pool(tiers: &[TierRecord]) -> Option<(&TierRecord, &PoolRecord, f64)> {
    let pools = tiers
        .iter()
        .flat_map(|tier| tier.pools.iter().map(move |pool| (tier, pool)));
    let seen = pools.filter_map(|(tier, pool)| Some((tier, pool, pool.taken_percent?)));
    seen.max_by(|a, b| a.2.total_cmp(&b.2))
}

fn grown_by(tier: &TierRecord) -> Option<f64> {
    Some(tier.time_high_micros? - tier.time_low_micros?)
}

fn has_grown(tier: &TierRecord) -> bool {
    let times = tier.time_low_micros.zip(tier.time_high_micros);
    times.is_some_and(|(low, high)| high >= low * GROWN)
}

fn by_pool(tier: &TierRecord, pool: &PoolRecord) -> Limit {
    Limit::Pool {
        tier: tier.role.clone(),
        pool: pool.name.clone(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::example::{used_slot as slot, with_pool};
    use crate::capacity::record::{NodeMachine, SlotRecord};
    use crate::capacity::tiers::tiers;
    use crate::record::MachineRecord;

    fn machine(node: &str, cpus: f64) -> NodeMachine {
        NodeMachine {
            node: node.to_owned(),
            machine: MachineRecord {
                cpus,
                words: "a test".to_owned(),
            },
        }
    }

    fn cpu(tier: &str) -> Limit {
        let tier = tier.to_owned();
        Limit::Cpu { tier }
    }

    fn shared_cores(most: &str) -> Limit {
        let most = most.to_owned();
        Limit::SharedCores { most }
    }

    fn waits(tier: &str) -> Limit {
        let tier = tier.to_owned();
        Limit::Waits { tier }
    }

    fn connections_of(tier: &str) -> Limit {
        Limit::Pool {
            tier: tier.to_owned(),
            pool: "connections".to_owned(),
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
        let limit = of_tiers(of, &tiers);
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
        assert_eq!(limit_of(&shares, false, &low, &high), cpu("shop"));
        let high = slot([46, 10, 10, 12], [9000.0, 300.0, 300.0]);
        assert_eq!(limit_of(&shares, false, &low, &high), cpu("door"));
    }

    #[test]
    fn cores_that_all_share_limit_when_they_are_full() {
        let low = slot([10, 8, 8, 5], [100.0, 300.0, 200.0]);
        let high = slot([25, 30, 30, 10], [900.0, 900.0, 900.0]);
        assert_eq!(limit_of(&[], false, &low, &high), shared_cores("shop"));
    }

    #[test]
    fn a_tier_with_cpu_time_left_limits_when_requests_wait_there() {
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 2000.0]);
        let high = slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0]);
        assert_eq!(limit_of(&[], false, &low, &high), waits("store"));
    }

    #[test]
    fn a_pool_that_was_taken_all_the_time_limits_and_one_that_nobody_sees_does_not() {
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 2000.0]);
        let high = |seconds| {
            with_pool(
                slot([10, 8, 8, 4], [120.0, 350.0, 20_000.0]),
                "store",
                (2.0, seconds),
            )
        };
        let (pool, waits) = (connections_of("store"), waits("store"));
        assert_eq!(limit_of(&[], false, &low, &high(Some(1.9))), pool);
        assert_eq!(limit_of(&[], false, &low, &high(Some(1.1))), pool);
        assert_eq!(limit_of(&[], false, &low, &high(Some(0.9))), waits);
        assert_eq!(limit_of(&[], false, &low, &high(None)), waits);
    }

    #[test]
    fn a_pool_is_not_blamed_for_what_is_full_behind_it() {
        let shares = [machine("door", 0.5), machine("store", 0.3)];
        let times = [100.0, 300.0, 200.0];
        let low = slot([10, 8, 8, 5], times);
        // The store uses 28 of its 30 %, and the door's connections are taken meanwhile.
        let behind = with_pool(slot([20, 10, 10, 28], times), "door", (1.0, Some(1.0)));
        assert_eq!(limit_of(&shares, false, &low, &behind), cpu("store"));
        // The door uses 42 of its 50 %, and waits for what the store has too few of.
        let in_front = with_pool(slot([42, 10, 10, 5], times), "store", (1.0, Some(1.0)));
        assert_eq!(
            limit_of(&shares, false, &low, &in_front),
            connections_of("store")
        );
        let on_full_cores = with_pool(slot([25, 32, 32, 10], times), "door", (1.0, Some(0.85)));
        assert_eq!(
            limit_of(&[], false, &low, &on_full_cores),
            shared_cores("shop")
        );
    }

    #[test]
    fn what_shows_nothing_is_not_guessed_and_the_generator_is_named() {
        let low = slot([5, 4, 4, 2], [100.0, 300.0, 200.0]);
        assert_eq!(limit_of(&[], false, &low, &low), Limit::Unknown);
        assert_eq!(limit_of(&[], true, &low, &low), Limit::Generator);
    }
}
