//! The use of nodes' pools over a slot, by what their counters tell before and after it.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::counters::Counters;
use harness::topology::NodePlan;
use harness::{NodeName, System};

use super::record::{PoolSeen, PoolTime};

/// A look at the counters of all nodes that have pools.
pub(super) struct PoolLook {
    at: Instant,
    /// Empty where nobody has a pool, or somebody didn't answer.
    counters: BTreeMap<NodeName, Counters>,
}

impl PoolLook {
    pub(super) async fn at(system: &System) -> Self {
        let has_pools = |name: &NodeName| with_pools(system).any(|node| node.name == *name);
        let at = Instant::now();
        let counters = system.counters_of(has_pools).await.unwrap_or_default();
        PoolLook { at, counters }
    }

    /// The use of each pool since this look.
    pub(super) async fn since(self, system: &System) -> Vec<PoolSeen> {
        if with_pools(system).next().is_none() {
            return Vec::new();
        }
        let seconds = self.at.elapsed().as_secs_f64();
        let now = PoolLook::at(system).await;
        let counted = |node: &NodePlan| {
            let (now, then) = (now.counters.get(&node.name), self.counters.get(&node.name));
            Some(now?.since(then?))
        };
        let pools = with_pools(system).flat_map(|node| {
            let counted = counted(node);
            node.pools.iter().map(move |(name, pool)| PoolSeen {
                node: node.name.to_string(),
                role: node.role.clone(),
                pool: name.clone(),
                used: counted
                    .as_ref()
                    .and_then(|counted| pool.used(counted))
                    .map(|used| PoolTime {
                        places: used.places,
                        taken_seconds: used.busy_seconds,
                        seconds,
                    }),
            })
        });
        pools.collect()
    }
}

fn with_pools(system: &System) -> impl Iterator<Item = &NodePlan> {
    let nodes = system.topology().nodes().iter();
    nodes.filter(|node| !node.pools.is_empty())
}
