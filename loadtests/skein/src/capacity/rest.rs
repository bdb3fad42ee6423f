//! Rest: the moment from which a system has nothing left to do of what came before, so that the
//! next slot finds it like the first one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use harness::topology::Cpus;
use harness::{NodeName, System};
use tokio::time::sleep;

use super::slot::{SlotError, of_nodes};
use crate::plan::Plan;
use crate::slots::LoadedSystem;

/// The time that a system has to come to rest after a slot.
pub(super) const MOST_REST: Duration = Duration::from_secs(2);
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

/// Waits until the nodes do hardly anything any more, and nothing is left of the work behind
/// the answers; `None` when that took too long. Gives the time that it took. `before` is a look
/// at the system before it had work.
pub(super) async fn come_to_rest(
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
pub(super) struct Look {
    at: Instant,
    nodes: Vec<(Duration, Option<f64>)>,
}

impl Look {
    pub(super) fn at(system: &System) -> Result<Self, SlotError> {
        let times = of_nodes(system, |node| system.cpu_time(node))?.into_iter();
        let nodes = times.map(|(node, time)| (time, node.cpus.map(Cpus::get)));
        Ok(Look {
            nodes: nodes.collect(),
            at: Instant::now(),
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
