//! The use of nodes' pools over a slot, by what their counters tell before and after it.

use std::time::Instant;

use futures_util::future::join_all;
use harness::System;
use harness::counters::Counters;
use harness::topology::NodePlan;

use super::record::{PoolSeen, PoolTime};

/// A look at the counters of all nodes that have pools, in their order.
pub(super) struct PoolLook(Vec<Option<(Instant, Counters)>>);

impl PoolLook {
    pub(super) async fn at(system: &System) -> Self {
        let looks = with_pools(system).map(async |node| {
            let counters = system.counters(node.name.as_str()).await.ok()?;
            Some((Instant::now(), counters))
        });
        PoolLook(join_all(looks).await)
    }

    /// The use of each pool since this look.
    pub(super) async fn since(self, system: &System) -> Vec<PoolSeen> {
        let now = PoolLook::at(system).await;
        let looks = self.0.into_iter().zip(now.0);
        let pools = with_pools(system).zip(looks).flat_map(|(node, looks)| {
            let counted = match looks {
                (Some((then, before)), Some((now, after))) => {
                    Some((after.since(&before), (now - then).as_secs_f64()))
                }
                _ => None,
            };
            node.pools.iter().map(move |(name, pool)| PoolSeen {
                node: node.name.to_string(),
                role: node.role.clone(),
                pool: name.clone(),
                used: counted.as_ref().and_then(|(counted, seconds)| {
                    let used = pool.used(counted)?;
                    Some(PoolTime {
                        places: used.places,
                        taken_seconds: used.busy_seconds,
                        seconds: *seconds,
                    })
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
