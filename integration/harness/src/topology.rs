//! Topologies as data: which nodes there are, how each runs, whom it calls, how one
//! knows that it is ready, and where its counters are. Nothing here knows processes.

mod file;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

pub use file::FileError;
pub(crate) use text::{Fact, Own, Reference};
pub use text::{Text, TextError};

use crate::name::{InvalidNodeName, NodeName};

/// The plan of a system, checked: every name is there once, every reference leads to a
/// node, nobody calls itself in a circle, and one node is the entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    nodes: Vec<NodePlan>,
    entry: usize,
}

/// The plan of one node, or of several equal ones.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// The node's name, unique in its topology.
    pub name: NodeName,
    /// The name that equal nodes share, by default the node's own.
    pub role: String,
    /// How it runs.
    pub run: Run,
    /// The port of 127.0.0.1 that it listens on; 0 lets the system choose.
    pub port: u16,
    /// The nodes that it calls, beside those that its texts refer to.
    pub calls: Vec<NodeName>,
    /// How one knows that it is ready.
    pub ready: Ready,
    /// The time that it may take until then.
    pub within: Duration,
    /// The place of its counters, if it shows any.
    pub counters: Option<CountersAt>,
    /// True when the load goes here.
    pub entry: bool,
    replicas: Option<usize>,
    index: usize,
}

/// How a node runs. Containers and servers that run elsewhere belong here, too.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// A program on this machine.
    Program(Program),
}

/// A program, its arguments and its environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The file that is executed.
    pub file: ProgramFile,
    /// Its arguments, without the program's own name.
    pub arguments: Vec<Text>,
    /// Variables beside those of the harness; none of its variables that begin with
    /// `SKEIN_` is handed on.
    pub environment: BTreeMap<String, Text>,
}

/// The file that a node executes.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramFile {
    /// The [`Launcher`](crate::Launcher)'s program, which hosts services of its own: it
    /// ends with the harness, and announces where it listens.
    Host,
    /// Another one: a path, or a name to be looked for in `PATH`.
    Path(Text),
}

/// What tells that a node is ready.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready {
    /// It writes one line to its standard output that says where it listens, as JSON, and
    /// repeats name and nonce at `/health`: see [`Announcement`](crate::announcement::Announcement).
    Announced,
    /// It answers `GET` of this path with a status of 200 to 299.
    Http(String),
    /// It accepts connections on its port.
    Tcp,
    /// It writes a line that has this in it, to either output.
    Log(String),
    /// This command ends with success.
    Command(Vec<Text>),
}

/// The place of a node's counters, and the form in which they are there.
#[derive(Clone, Debug, PartialEq)]
pub enum CountersAt {
    /// A page in the text format of OpenMetrics or Prometheus: its path on the node's port.
    Page(String),
    /// Such a page elsewhere: `http://ADDRESS/PATH`, where the address is one of numbers.
    PageAt(Text),
    /// The page of nginx's `stub_status`: its path on the node's port.
    Nginx(String),
    /// The answer to `INFO` of the Redis server at this URL, such as `redis://{address}`.
    Redis(Text),
    /// The statistics of the PostgreSQL server at this URL, of the database that it names,
    /// such as `postgres://skein@{address}/skein`. Statements are counted where it has the
    /// extension `pg_stat_statements`.
    Postgres(Text),
}

impl CountersAt {
    /// The text in which another node may be named.
    fn text(&self) -> Option<&Text> {
        match self {
            CountersAt::Page(_) | CountersAt::Nginx(_) => None,
            CountersAt::PageAt(text) | CountersAt::Redis(text) | CountersAt::Postgres(text) => {
                Some(text)
            }
        }
    }
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
    #[error("{node} has several replicas, which can't all listen on port {port}")]
    SharedPort { node: NodeName, port: u16 },
    #[error("{node} has no program to run")]
    NoProgram { node: NodeName },
}

impl NodePlan {
    /// The time that a node may take to become ready, unless its plan says otherwise. It
    /// is long, since a busy machine is slow and a failure is noticed at once.
    pub const WITHIN: Duration = Duration::from_secs(30);

    /// A node that runs a program of anybody's: a file and its arguments. It is ready when
    /// it accepts connections, unless [`NodePlan::ready`] says otherwise.
    pub fn program(name: NodeName, file: Text, arguments: impl IntoIterator<Item = Text>) -> Self {
        let ready = Ready::Tcp;
        NodePlan::of(name, ProgramFile::Path(file), arguments, ready)
    }

    /// A node that the launcher's program hosts, started with these arguments.
    pub fn hosted(name: NodeName, arguments: impl IntoIterator<Item = Text>) -> Self {
        NodePlan::of(name, ProgramFile::Host, arguments, Ready::Announced)
    }

    fn of(
        name: NodeName,
        file: ProgramFile,
        arguments: impl IntoIterator<Item = Text>,
        ready: Ready,
    ) -> Self {
        NodePlan {
            role: name.to_string(),
            name,
            run: Run::Program(Program {
                file,
                arguments: arguments.into_iter().collect(),
                environment: BTreeMap::new(),
            }),
            port: 0,
            calls: Vec::new(),
            ready,
            within: Self::WITHIN,
            counters: None,
            entry: false,
            replicas: None,
            index: 1,
        }
    }

    /// The same as one of several equal nodes that were numbered by whoever made them.
    pub fn in_role(mut self, role: impl Into<String>, index: usize) -> Self {
        self.role = role.into();
        self.index = index;
        self
    }

    /// The same `n` times: `api` becomes `api-1` to `api-n`, of the role `api`.
    pub fn replicas(mut self, n: usize) -> Self {
        self.replicas = Some(n);
        self
    }

    /// The same with a variable in its environment.
    pub fn env(mut self, variable: impl Into<String>, value: Text) -> Self {
        let Run::Program(program) = &mut self.run;
        program.environment.insert(variable.into(), value);
        self
    }

    /// The same on a port of one's own choice.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The same with another sign that it is ready.
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// The same with another limit to the time until it is ready.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// The same, showing its counters at a path.
    pub fn counters(self, path: impl Into<String>) -> Self {
        self.counters_at(CountersAt::Page(path.into()))
    }

    /// The same, showing its counters at this place and in this form.
    pub fn counters_at(mut self, place: CountersAt) -> Self {
        self.counters = Some(place);
        self
    }

    /// The same, calling these nodes too.
    pub fn calling(mut self, nodes: impl IntoIterator<Item = NodeName>) -> Self {
        self.calls.extend(nodes);
        self
    }

    /// The same as the node that the load goes to.
    pub fn entry(mut self) -> Self {
        self.entry = true;
        self
    }

    /// The node's number among the nodes of its role, from 1.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Every text of the node.
    fn texts(&self) -> impl Iterator<Item = &Text> {
        let Run::Program(program) = &self.run;
        let file = match &program.file {
            ProgramFile::Host => None,
            ProgramFile::Path(path) => Some(path),
        };
        let command: &[Text] = match &self.ready {
            Ready::Command(command) => command,
            _ => &[],
        };
        // A readiness command asks the node itself, once all whom it calls are there.
        file.into_iter()
            .chain(&program.arguments)
            .chain(program.environment.values())
            .chain(command)
            .chain(self.counters.as_ref().and_then(CountersAt::text))
    }

    /// One node for each replica.
    fn expanded(self) -> Result<Vec<NodePlan>, TopologyError> {
        let Some(replicas) = self.replicas else {
            return Ok(vec![self]);
        };
        let node = self.name.clone();
        if !(1..=Topology::MAX_REPLICAS).contains(&replicas) {
            return Err(TopologyError::Replicas { node, replicas });
        }
        if replicas > 1 && self.port != 0 {
            let port = self.port;
            return Err(TopologyError::SharedPort { node, port });
        }
        let numbered = (1..=replicas).map(|index| {
            Ok(NodePlan {
                name: node.replica(index)?,
                index,
                replicas: None,
                entry: self.entry && index == 1,
                ..self.clone()
            })
        });
        numbered.collect()
    }
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

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> &[NodePlan] {
        &self.nodes
    }

    /// The node that the load goes to.
    pub fn entry(&self) -> &NodePlan {
        &self.nodes[self.entry]
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
                if self.nodes[caller].calls.contains(&node.name) {
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
    nodes
        .iter()
        .filter(move |node| node.name.as_str() == name || node.role == name)
}

fn distinct(nodes: &[NodePlan]) -> Result<(), TopologyError> {
    for (number, node) in nodes.iter().enumerate() {
        let earlier = &nodes[..number];
        if earlier.iter().any(|other| other.name == node.name) {
            let name = node.name.clone();
            return Err(TopologyError::Twice { name });
        }
        let same_port = |other: &&NodePlan| node.port != 0 && other.port == node.port;
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
    let references = references.map(|r| (r.to.as_str(), r.fact.is_list()));
    let named_outright = node.calls.iter().map(|name| (name.as_str(), true));
    for (to, many) in named_outright.chain(references) {
        let found: Vec<&NodePlan> = named(nodes, to).collect();
        let (node, to) = (node.name.clone(), to.to_owned());
        if found.is_empty() {
            let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            let known = known.join(", ");
            return Err(TopologyError::NoNode { node, to, known });
        }
        if found.len() > 1 && !many {
            return Err(TopologyError::Several { node, to });
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
    let said = positions(&|node| node.entry);
    let is_called = |node: &NodePlan| nodes.iter().any(|other| other.calls.contains(&node.name));
    let candidates = match said.is_empty() {
        true => positions(&|node| !is_called(node)),
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
