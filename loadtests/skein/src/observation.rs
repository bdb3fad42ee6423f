//! What a running system shows at a moment: every node's counters and CPU time,
//! and the generator's own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harness::counters::{Counters, CountersError};
use harness::error::CpuTimeError;
use harness::topology::Run;
use harness::usage::Used;
use harness::{NodeName, System, Usage};

use crate::environment::own_cpu_time;
use crate::evidence::MachineUse;
use crate::evidence::machine::MachineReading;
use crate::plan::Plan;
use crate::program::NodeCounts;
use crate::record::{MachineRecord, ServerRecord};

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
    /// A node does not show a counter that every node of its kind shows.
    #[error("{node} does not show `{counter}`")]
    NotShown {
        /// The node.
        node: NodeName,
        /// What is missing.
        counter: &'static str,
    },
    /// The operating system does not tell a node's CPU time.
    #[error(transparent)]
    NodeCpu(#[from] CpuTimeError),
    /// The operating system does not tell the generator's CPU time.
    #[error("could not read the generator's own CPU time")]
    OwnCpu(#[source] std::io::Error),
}

impl Observation {
    /// Looks at every node of a plan's `system`.
    pub async fn of(system: &System, plan: &Plan) -> Result<Self, ObservationError> {
        // Whoever has ended takes along what it counted; of a system of somebody's own, the
        // ledger says so, and of the program's own, nothing is believed any more.
        let ended = match plan.is_at_home() {
            true => Vec::new(),
            false => system.unexpected_exits(),
        };
        let is_there = |node: &NodeName| !ended.iter().any(|exit| exit.node == *node);
        let counters = system.counters_of(is_there).await?;
        for node in system
            .topology()
            .nodes()
            .iter()
            // One that runs elsewhere may show them where its URL doesn't say.
            .filter(|node| plan.is_at_home() && node.counters.is_some())
        {
            let none = Counters::default();
            let shown = counters.get(&node.name).unwrap_or(&none);
            if let Some(counter) = plan.application.missing(&node.role, shown) {
                let node = node.name.clone();
                return Err(ObservationError::NotShown { node, counter });
            }
        }
        let cpu = system
            .topology()
            .nodes()
            .iter()
            .filter(|node| node.is_at_work() && is_there(&node.name))
            .filter_map(|node| match system.cpu_time(node.name.as_str()) {
                Ok(time) => Some(Ok((node.name.clone(), time))),
                // The page says so, and why.
                Err(CpuTimeError::NotObservable { .. }) => None,
                Err(error) => Some(Err(error)),
            })
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
                role: node.role.clone(),
                counters: now.since(before),
            })
        });
        counts.collect()
    }

    /// The servers of others among a system's nodes: those that tell their version, and those
    /// that are no plain programs.
    pub fn servers(&self, system: &System) -> Vec<ServerRecord> {
        let servers = system.topology().nodes().iter().filter_map(|node| {
            let program = self.counters.get(&node.name).and_then(Counters::build);
            let is_plain = matches!(node.run, Run::Program(_));
            (program.is_some() || !is_plain).then(|| ServerRecord {
                node: node.name.to_string(),
                program,
                way: node.run.to_string(),
            })
        });
        servers.collect()
    }

    /// The nodes of which nobody tells what they take from the operating system, with the reason.
    pub fn not_observable(system: &System) -> BTreeMap<NodeName, String> {
        let nodes = system.topology().nodes().iter();
        let reasons = nodes.filter_map(|node| match system.cpu_time(node.name.as_str()) {
            Err(CpuTimeError::NotObservable { reason, .. }) => Some((node.name.clone(), reason)),
            _ => None,
        });
        reasons.collect()
    }

    /// The times that nodes took which run once, before all others.
    pub fn done(system: &System) -> BTreeMap<NodeName, Duration> {
        let nodes = system.topology().nodes().iter();
        let done = nodes.filter_map(|node| {
            let after = system.done_after(node.name.as_str())?;
            Some((node.name.clone(), after))
        });
        done.collect()
    }

    /// The small machines that a system's nodes were given.
    pub fn machines(system: &System) -> BTreeMap<NodeName, MachineRecord> {
        let nodes = system.topology().nodes().iter();
        let machines = nodes.filter_map(|node| {
            let machine = system.machine(node.name.as_str())?;
            let record = MachineRecord {
                cpus: machine.cpus.get(),
                words: machine.to_string(),
            };
            Some((node.name.clone(), record))
        });
        machines.collect()
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

/// What the operating system tells at a moment, at the price of reading a few files:
/// little enough to be looked at between two stages. What it doesn't tell is left out.
#[derive(Clone, Debug)]
pub struct Glance {
    at: Instant,
    machine: Option<MachineReading>,
    generator: Option<Usage>,
    nodes: BTreeMap<NodeName, Usage>,
}

/// What was used between two glances.
#[derive(Clone, Debug)]
pub struct StageUse {
    /// How long that was.
    pub elapsed: Duration,
    /// What became of all cores' time.
    pub machine: Option<MachineUse>,
    /// What this process took.
    pub generator: Option<Used>,
    /// What each node took, if they can be seen and ran at both glances.
    pub nodes: BTreeMap<NodeName, Used>,
}

impl Glance {
    /// Glances at the machine, this process, and the nodes of `system`.
    pub fn at(system: Option<&System>) -> Self {
        let nodes = system.iter().flat_map(|system| {
            let nodes = system.topology().nodes().iter();
            nodes.filter_map(|node| {
                Some((node.name.clone(), system.usage(node.name.as_str()).ok()?))
            })
        });
        Glance {
            at: Instant::now(),
            machine: MachineReading::now().ok(),
            generator: Usage::of_this_process().ok(),
            nodes: nodes.collect(),
        }
    }

    /// What was used since `earlier`.
    pub fn since(&self, earlier: &Glance) -> StageUse {
        let elapsed = self.at.saturating_duration_since(earlier.at);
        let generator = self.generator.as_ref().zip(earlier.generator.as_ref());
        let generator = generator.map(|(now, before)| now.since(before));
        let nodes: BTreeMap<NodeName, Used> = self
            .nodes
            .iter()
            .filter_map(|(name, now)| Some((name.clone(), now.since(earlier.nodes.get(name)?))))
            .collect();
        let own = nodes.values().chain(&generator).map(|used| used.cpu).sum();
        let machine = self.machine.zip(earlier.machine);
        StageUse {
            elapsed,
            machine: machine.and_then(|(now, before)| now.since(&before, elapsed, own)),
            generator,
            nodes,
        }
    }
}
