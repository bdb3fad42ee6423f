//! What a running system shows at a moment: every node's counters and CPU time,
//! and the generator's own.

use std::collections::BTreeMap;
use std::time::Duration;

use integration::System;
use integration::counters::{Counters, CountersError};
use integration::error::CpuTimeError;
use services::contract::NodeName;

use crate::environment::own_cpu_time;
use crate::ledger::NodeCounts;

/// Everything that a system shows at a moment.
#[derive(Clone, Debug)]
pub struct Observation {
    counters: BTreeMap<NodeName, Counters>,
    cpu: BTreeMap<NodeName, Duration>,
    own_cpu: Duration,
}

/// Why a system could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObservationError {
    /// A node does not tell what it counted.
    #[error(transparent)]
    Counters(#[from] CountersError),
    /// The operating system does not tell a node's CPU time.
    #[error(transparent)]
    NodeCpu(#[from] CpuTimeError),
    /// The operating system does not tell the generator's CPU time.
    #[error("could not read the generator's own CPU time")]
    OwnCpu(#[source] std::io::Error),
}

impl Observation {
    /// Looks at every node of `system`.
    pub async fn of(system: &System) -> Result<Self, ObservationError> {
        let counters = system.all_counters().await?;
        let cpu = system
            .topology()
            .nodes()
            .iter()
            .map(|node| Ok((node.name.clone(), system.cpu_time(node.name.as_str())?)))
            .collect::<Result<_, CpuTimeError>>()?;
        Ok(Observation {
            counters,
            cpu,
            own_cpu: own_cpu_time().map_err(ObservationError::OwnCpu)?,
        })
    }

    /// What each node counted since `earlier`.
    pub fn counted_since(&self, earlier: &Observation, system: &System) -> Vec<NodeCounts> {
        let counts = system.topology().nodes().iter().filter_map(|node| {
            let now = self.counters.get(&node.name)?;
            let before = earlier.counters.get(&node.name)?;
            Some(NodeCounts {
                name: node.name.clone(),
                service: node.service,
                counters: now.since(before),
            })
        });
        counts.collect()
    }

    /// CPU time that each node used since `earlier`.
    pub fn cpu_since(&self, earlier: &Observation) -> Vec<(NodeName, Duration)> {
        let used = self.cpu.iter().filter_map(|(name, now)| {
            let before = earlier.cpu.get(name)?;
            Some((name.clone(), now.saturating_sub(*before)))
        });
        used.collect()
    }

    /// CPU time that the generator used since `earlier`.
    pub fn own_cpu_since(&self, earlier: &Observation) -> Duration {
        self.own_cpu.saturating_sub(earlier.own_cpu)
    }
}
