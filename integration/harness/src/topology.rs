//! Topologies as data: which nodes there are, how each runs, whom it calls, how one
//! knows that it is ready, and where its counters are. Nothing here knows processes.

mod cpus;
mod file;
mod plan;
mod pool;
mod run;
mod setting;
mod text;

use std::path::{Path, PathBuf};

pub use cpus::{Cpus, InvalidCpus};
pub use file::FileError;
pub use nix::sys::signal::Signal;
pub use plan::{CountersAt, Demands, NodePlan, Ready, Rooms};
pub use pool::{Pool, PoolSize, PoolUse};
pub use run::{Network, Program, ProgramFile, Run};
pub use setting::{Setting, SettingError};
pub(crate) use text::{Fact, Facts, Own, Reference};
pub use text::{Text, TextError};

use crate::name::{InvalidNodeName, NodeName};

/// The plan of a system, checked: every name is there once, every reference leads to a
/// node, nobody calls itself in a circle, and one node is the entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    nodes: Vec<NodePlan>,
    entry: usize,
}

/// Why nodes are no topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum TopologyError {
    #[error("a topology has at least one node")]
    Empty,
    #[error("two nodes are called {name}")]
    Twice { name: NodeName },
    #[error("port {port} is asked for by both {first} and {second}")]
    Port {
        port: u16,
        first: NodeName,
        second: NodeName,
    },
    #[error(transparent)]
    Name(#[from] InvalidNodeName),
    #[error("{node} refers to {to}, which is no node; there are {known}")]
    NoNode {
        node: NodeName,
        to: String,
        known: String,
    },
    #[error(
        "{node} refers to {to}, of which there are several: name one of them, such as {to}-1, \
         or all, as in {{{to}.urls}}"
    )]
    Several { node: NodeName, to: String },
    #[error("{} call each other in a circle, so none of them can start first", .nodes.join(" and "))]
    Circle { nodes: Vec<String> },
    #[error("the load could go to {}: say of one of them that it is the entry", .nodes.join(" or "))]
    NoEntry { nodes: Vec<String> },
    #[error(
        "{node} has {replicas} replicas, and may have 1 to {}",
        Topology::MAX_REPLICAS
    )]
    Replicas { node: NodeName, replicas: usize },
    #[error("{node} is no container, so it is on this machine's network: leave `network` out")]
    NoContainer { node: NodeName },
    #[error(
        "{node} has several replicas, which can't all listen on port {port}; containers can, on \
         a network of their own (`network = \"bridge\"`)"
    )]
    SharedPort { node: NodeName, port: u16 },
    #[error(
        "{node} runs what {image} runs, and that doesn't know of a port that is chosen here: say \
         which one it has, such as `port = 8080`, or give it a `run` with {{port}} in it"
    )]
    FixedPort { node: NodeName, image: String },
    #[error(
        "{node} has no program to run: say one of `run`, `host`, `image` and `elsewhere`; an \
         `image` alone, with a `command` for its entry point, or beside `run`"
    )]
    NoProgram { node: NodeName },
    #[error("{node} runs once and has ended before the load begins, so it can have no `{member}`")]
    Once {
        node: NodeName,
        member: &'static str,
    },
    #[error(
        "{node} refers to the place of {to}, which runs once and listens nowhere: name it in \
         `calls`, and {node} starts when it is done"
    )]
    RefersToOnce { node: NodeName, to: String },
    #[error("every node runs once, so there is nobody that the load could go to")]
    OnlyOnce,
    #[error("{node} runs elsewhere, so it can't be given a share of a CPU here: leave `cpus` out")]
    NoShare { node: NodeName },
    #[error(
        "{node} has a pool and shows no counters that tell of it: say where they are, such as \
         `counters = \"/metrics\"`"
    )]
    PoolUnseen { node: NodeName },
}

impl Topology {
    /// Most replicas of one role.
    pub const MAX_REPLICAS: usize = 64;

    /// The topology of these nodes.
    ///
    /// # Errors
    ///
    /// The first reason for which they could not all be started.
    pub fn of(nodes: impl IntoIterator<Item = NodePlan>) -> Result<Self, TopologyError> {
        let mut all = Vec::new();
        for node in nodes {
            all.extend(node.expanded()?);
        }
        distinct(&all)?;
        let unseen = |node: &&NodePlan| !node.pools.is_empty() && node.counters.is_none();
        if let Some(node) = all.iter().find(unseen) {
            let node = node.name.clone();
            return Err(TopologyError::PoolUnseen { node });
        }
        for node in all.iter().filter(|node| node.runs_once()) {
            if let Some(member) = node.too_much_for_once() {
                let node = node.name.clone();
                return Err(TopologyError::Once { node, member });
            }
        }
        let mut calls = Vec::new();
        for node in &all {
            calls.push(called_by(node, &all)?);
        }
        for (node, calls) in all.iter_mut().zip(calls) {
            node.calls = calls;
        }
        let topology = Topology {
            entry: entry(&all)?,
            nodes: all,
        };
        topology.ordered()?;
        Ok(topology)
    }

    /// The same with each node running in the way that was found for it.
    pub(crate) fn settled(mut self, ways: Vec<Run>) -> Self {
        for (node, way) in self.nodes.iter_mut().zip(ways) {
            node.run = way;
            node.otherwise.clear();
            if node.is_elsewhere() {
                // One knows where it is, and not on which other ports or paths it shows what.
                node.counters.take_if(|place| !place.is_by_url());
            }
        }
        self
    }

    /// The nodes that can outlast a system, as a topology of their own.
    pub(crate) fn lasting(&self) -> Option<Self> {
        let lasts = |node: &&NodePlan| {
            node.rooms.is_some() && node.calls.is_empty() && !node.is_elsewhere()
        };
        let nodes: Vec<NodePlan> = self.nodes.iter().filter(lasts).cloned().collect();
        (!nodes.is_empty()).then_some(Topology { nodes, entry: 0 })
    }

    /// The same with a node that runs already, at this URL.
    pub(crate) fn with_running(mut self, node: &NodeName, url: &str) -> Self {
        for plan in self.nodes.iter_mut().filter(|plan| plan.name == *node) {
            plan.run = Run::Elsewhere(url.to_owned());
            plan.otherwise.clear();
            // It has been given its machine.
            plan.cpus = None;
        }
        self
    }

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> &[NodePlan] {
        &self.nodes
    }

    /// The node that the load goes to.
    pub fn entry(&self) -> &NodePlan {
        &self.nodes[self.entry]
    }

    /// The commands by which its programs are built, each with the folder for it and the first
    /// node that wants it.
    pub fn builds(&self) -> Vec<(&str, Option<PathBuf>, &NodeName)> {
        let mut builds: Vec<(&str, Option<PathBuf>, &NodeName)> = Vec::new();
        for node in &self.nodes {
            let program = node.run.program();
            let Some((program, command)) = program.and_then(|p| Some((p, p.build.as_deref()?)))
            else {
                continue;
            };
            let folder = match node.run {
                Run::Program(_) => program.workdir.as_ref().map(|text| text.to_string().into()),
                _ => program.build_in.clone(),
            };
            let is_same = |(known, at, _): &(&str, Option<PathBuf>, &NodeName)| {
                *known == command && *at == folder
            };
            if !builds.iter().any(is_same) {
                builds.push((command, folder, &node.name));
            }
        }
        builds
    }

    /// The same with other names for the images of containers that are built.
    pub(crate) fn with_built_images<E>(
        mut self,
        name: impl Fn(&NodeName, &str) -> Result<String, E>,
    ) -> Result<Self, E> {
        for node in &mut self.nodes {
            if let Run::Container { image, program } = &mut node.run
                && program.build.is_some()
            {
                *image = name(&node.name, image)?;
            }
        }
        Ok(self)
    }

    /// The same with each program in the folder that it runs in, seen from `base`.
    pub fn moved_to(mut self, base: &Path) -> Self {
        let nodes = self.nodes.into_iter();
        self.nodes = nodes.map(|node| node.moved_to(base)).collect();
        self
    }

    /// The nodes of a name, or of a role.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a NodePlan> {
        named(&self.nodes, name)
    }

    /// The nodes in tiers, from the entry inwards: each node behind all those that call it,
    /// and in the last tier those whom nobody calls on behalf of the entry.
    pub fn tiers(&self) -> Vec<Vec<&NodePlan>> {
        let mut depths: Vec<Option<usize>> = vec![None; self.nodes.len()];
        depths[self.entry] = Some(0);
        // Whoever calls comes before those who are called.
        for caller in self.levels().into_iter().rev().flatten() {
            let Some(depth) = depths[caller] else {
                continue;
            };
            for (node, known) in self.nodes.iter().zip(&mut depths) {
                // Whoever has ended takes no part in a request.
                if self.nodes[caller].calls.contains(&node.name) && !node.runs_once() {
                    *known = (*known).max(Some(depth + 1));
                }
            }
        }
        let deepest = depths.iter().flatten().max().copied().unwrap_or(0);
        let aside = deepest + usize::from(depths.contains(&None));
        let mut tiers = vec![Vec::new(); aside + 1];
        for (node, depth) in self.nodes.iter().zip(&depths) {
            tiers[depth.unwrap_or(aside)].push(node);
        }
        tiers
    }

    /// The nodes' indices in levels: whoever is in a level calls only nodes of
    /// earlier ones. Within a level nobody waits for anybody.
    pub(crate) fn levels(&self) -> Vec<Vec<usize>> {
        self.ordered().expect("it was checked when it was made")
    }

    fn ordered(&self) -> Result<Vec<Vec<usize>>, TopologyError> {
        let mut levels: Vec<Vec<usize>> = Vec::new();
        let mut placed: Vec<&NodeName> = Vec::new();
        while placed.len() < self.nodes.len() {
            let waiting = (0..self.nodes.len()).filter(|&i| !placed.contains(&&self.nodes[i].name));
            let (level, rest): (Vec<usize>, Vec<usize>) = waiting.partition(|&i| {
                self.nodes[i]
                    .calls
                    .iter()
                    .all(|name| placed.contains(&name))
            });
            if level.is_empty() {
                return Err(TopologyError::Circle {
                    nodes: self.circle(&rest),
                });
            }
            placed.extend(level.iter().map(|&index| &self.nodes[index].name));
            levels.push(level);
        }
        Ok(levels)
    }

    /// The names along one circle among `waiting`, each of which calls another of them.
    fn circle(&self, waiting: &[usize]) -> Vec<String> {
        let mut path: Vec<usize> = vec![waiting[0]];
        loop {
            let node = &self.nodes[path[path.len() - 1]];
            let next = waiting
                .iter()
                .copied()
                .find(|&i| node.calls.contains(&self.nodes[i].name))
                .expect("whoever waits calls somebody who waits");
            if let Some(begin) = path.iter().position(|&i| i == next) {
                let names = path[begin..]
                    .iter()
                    .map(|&i| self.nodes[i].name.to_string());
                return names.collect();
            }
            path.push(next);
        }
    }
}

fn named<'a>(nodes: &'a [NodePlan], name: &'a str) -> impl Iterator<Item = &'a NodePlan> {
    nodes.iter().filter(move |node| node.is_called(name))
}

fn distinct(nodes: &[NodePlan]) -> Result<(), TopologyError> {
    for (number, node) in nodes.iter().enumerate() {
        let earlier = &nodes[..number];
        if earlier.iter().any(|other| other.name == node.name) {
            let name = node.name.clone();
            return Err(TopologyError::Twice { name });
        }
        let shares = |node: &NodePlan| node.port != 0 && !node.has_its_own_address();
        let same_port =
            |other: &&NodePlan| shares(node) && shares(other) && other.port == node.port;
        if let Some(first) = earlier.iter().find(same_port) {
            return Err(TopologyError::Port {
                port: node.port,
                first: first.name.clone(),
                second: node.name.clone(),
            });
        }
    }
    Ok(())
}

/// Everybody whom a node calls: those it names, and those that its texts refer to.
fn called_by(node: &NodePlan, nodes: &[NodePlan]) -> Result<Vec<NodeName>, TopologyError> {
    let mut called: Vec<NodeName> = Vec::new();
    let references = node.texts().flat_map(Text::references);
    let references = references.map(|r| (r.to, r.fact.is_list(), true));
    let named_outright = node
        .calls
        .iter()
        .map(|name| (name.to_string(), true, false));
    for (to, many, wants_its_place) in named_outright.chain(references) {
        let found: Vec<&NodePlan> = named(nodes, &to).collect();
        let node = node.name.clone();
        if found.is_empty() {
            let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            let known = known.join(", ");
            return Err(TopologyError::NoNode { node, to, known });
        }
        if found.len() > 1 && !many {
            return Err(TopologyError::Several { node, to });
        }
        let is_another = |found: &&NodePlan| found.runs_once() && found.name != node;
        if wants_its_place && found.iter().any(is_another) {
            return Err(TopologyError::RefersToOnce { node, to });
        }
        let new = found.into_iter().map(|found| found.name.clone());
        for name in new {
            // Its own address is no call.
            if name != node && !called.contains(&name) {
                called.push(name);
            }
        }
    }
    Ok(called)
}

/// The node that is said to be the entry, or else the only one that nobody calls.
fn entry(nodes: &[NodePlan]) -> Result<usize, TopologyError> {
    let positions = |wanted: &dyn Fn(&NodePlan) -> bool| -> Vec<usize> {
        (0..nodes.len()).filter(|&i| wanted(&nodes[i])).collect()
    };
    if nodes.is_empty() {
        return Err(TopologyError::Empty);
    }
    if nodes.iter().all(NodePlan::runs_once) {
        return Err(TopologyError::OnlyOnce);
    }
    let said = positions(&|node| node.entry);
    let is_called = |node: &NodePlan, by_whom: &dyn Fn(&NodePlan) -> bool| {
        let mut callers = nodes.iter().filter(|caller| by_whom(caller));
        callers.any(|caller| caller.calls.contains(&node.name))
    };
    let uncalled = |by_whom: &dyn Fn(&NodePlan) -> bool| {
        positions(&|node| !node.runs_once() && !is_called(node, by_whom))
    };
    let candidates = match said.is_empty() {
        true => match uncalled(&|_| true) {
            // A migration's call is no request.
            none if none.is_empty() => uncalled(&|caller| !caller.runs_once()),
            some => some,
        },
        false => said,
    };
    match candidates[..] {
        [only] => Ok(only),
        // Then they call each other, which is said elsewhere.
        [] => Ok(0),
        _ => Err(TopologyError::NoEntry {
            nodes: candidates
                .iter()
                .map(|&i| nodes[i].name.to_string())
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
