//! A running system: started in dependency order, asked and disturbed while it
//! runs, and gone without a trace when it is dropped.

use std::collections::BTreeMap;
use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use uuid::Uuid;

use crate::cgroup;
use crate::counters::{Counters, CountersError, Question};
use crate::error::{CpuTimeError, FaultError, StartError, StopError};
use crate::folder::{DataFolder, create_folder};
use crate::lasting::Room;
use crate::launcher::Launcher;
use crate::machine::Machine;
use crate::name::NodeName;
use crate::node::{Node, Seat, UnexpectedExit};
use crate::scratch;
use crate::topology::{Fact, Facts, Own, Reference, Run, Text, Topology};
use crate::usage::Usage;
use crate::ways;

/// How and where a system is started.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// The program that hosts the nodes, or starts their programs.
    pub launcher: Launcher,
    /// Where the nodes keep their logs (`logs/<node>.log`) and data (`data/<node>/`).
    /// Created when it isn't there; what is there stays.
    pub folder: PathBuf,
}

/// A topology that runs. Dropped, it kills every node; [`System::stop`] is gentler.
///
/// Methods that take a node's name panic when the topology has no such node.
#[derive(Debug)]
pub struct System {
    topology: Topology,
    options: StartOptions,
    nonce: String,
    nodes: Vec<Node>,
    /// The rooms that it has in nodes of another one.
    rooms: Vec<Room>,
}

impl System {
    /// Starts every node of `topology`, each after those it calls, and returns when
    /// all are ready.
    ///
    /// # Errors
    ///
    /// The first node that doesn't become ready fails the start at once, and the
    /// others are killed.
    pub async fn start(topology: &Topology, options: StartOptions) -> Result<System, StartError> {
        System::start_among(None, topology, options).await
    }

    /// The same with a room in each node of a `house` that runs already.
    pub(crate) async fn start_among(
        house: Option<&Arc<System>>,
        topology: &Topology,
        options: StartOptions,
    ) -> Result<System, StartError> {
        scratch::sweep();
        cgroup::sweep();
        let nonce = Uuid::new_v4().simple().to_string();
        let rooms = match house {
            Some(house) => Room::in_each(house, &nonce).await?,
            None => Vec::new(),
        };
        let topology = rooms.iter().fold(topology.clone(), |topology, room| {
            topology.with_running(room.node(), &room.url())
        });
        let ways = try_join_all(topology.nodes().iter().map(ways::settle)).await?;
        let topology = topology.settled(ways);
        create_folder(&options.folder.join("logs"))?;
        let seats = Seat::for_each(&topology, &nonce).await?;
        let nodes = topology.nodes().iter().zip(seats).map(|(plan, seat)| {
            let log = options.folder.join(format!("logs/{}.log", plan.name));
            let data = DataFolder::of(plan, &options.folder)?;
            let machine = Machine::of(plan, &options.launcher)?;
            Ok(Node::new(plan.clone(), log, data, machine, seat))
        });
        let system = System {
            nodes: nodes.collect::<Result<_, StartError>>()?,
            topology,
            nonce,
            options,
            rooms,
        };
        for node in &system.nodes {
            node.settle_before_start().await?;
        }
        system.containers_reach_whom_they_call()?;
        let topology = system.topology.clone();
        for level in topology.levels() {
            try_join_all(
                level
                    .into_iter()
                    .map(|i| system.start_node(&system.nodes[i])),
            )
            .await?;
        }
        Ok(system)
    }

    /// The URL of the entry, where the load goes. Without a slash at the end. It is the one that
    /// others are told where that is of HTTPS, for the name that a certificate has, or of a server
    /// elsewhere, which may be one of several at its address.
    pub fn url(&self) -> String {
        let entry = self.topology.entry();
        match entry.speaks_https() || entry.is_elsewhere() {
            true => {
                let told = self.url_as_told(entry.name.as_str());
                told.trim_end_matches('/').to_owned()
            }
            false => self.url_of(entry.name.as_str()),
        }
    }

    /// The URL of one node, without a slash at the end.
    pub fn url_of(&self, node: &str) -> String {
        format!("http://{}", self.address_of(node))
    }

    /// The URL of a node in its own scheme, as nodes that call it are told; it may have a
    /// password in it.
    pub fn url_as_told(&self, node: &str) -> String {
        self.url_told(self.own(node))
    }

    /// Where a node listens, or will again when it is down.
    pub fn address_of(&self, node: &str) -> SocketAddr {
        address(self.own(node))
    }

    /// What tells this system's nodes from those of any other: each was started with
    /// it, and proves it at `/health` (see [`announcement`](crate::announcement)).
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Where the nodes keep their logs and data.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// What was started.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Ends a node at once (SIGKILL); it is gone when this returns.
    ///
    /// # Errors
    ///
    /// When the node isn't running.
    pub fn kill(&self, node: &str) -> Result<(), FaultError> {
        self.node(node).kill()
    }

    /// Stops a node's time (SIGSTOP); it stands still when this returns. Its
    /// listening socket goes on accepting connections, since the kernel does that.
    ///
    /// # Errors
    ///
    /// When the node isn't running.
    pub fn pause(&self, node: &str) -> Result<(), FaultError> {
        self.node(node).pause()
    }

    /// Lets a paused node run on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the node isn't running.
    pub fn resume(&self, node: &str) -> Result<(), FaultError> {
        self.node(node).resume()
    }

    /// Starts a node again, on its address and with its data, and returns when it is
    /// ready. A node that still runs is killed first.
    ///
    /// # Errors
    ///
    /// When the node doesn't become ready. The rest of the system runs on.
    pub async fn restart(&self, node: &str) -> Result<(), StartError> {
        let house = self.house_of(node);
        house.start_node(house.own(node)).await
    }

    /// What a node has counted.
    ///
    /// # Errors
    ///
    /// When the node doesn't answer, or not as it should.
    pub async fn counters(&self, node: &str) -> Result<Counters, CountersError> {
        let house = self.house_of(node);
        house.counted(house.own(node)).await
    }

    /// What every node that shows its counters has counted. They are asked at the same time.
    ///
    /// # Errors
    ///
    /// When any of them doesn't answer, or not as it should.
    pub async fn all_counters(&self) -> Result<BTreeMap<NodeName, Counters>, CountersError> {
        self.counters_of(|_| true).await
    }

    /// The same of those nodes whose names are `meant`.
    ///
    /// # Errors
    ///
    /// When any of them doesn't answer, or not as it should.
    pub async fn counters_of(
        &self,
        meant: impl Fn(&NodeName) -> bool,
    ) -> Result<BTreeMap<NodeName, Counters>, CountersError> {
        let names = self.topology.nodes().iter().map(|plan| &plan.name);
        let shown =
            names.filter(|name| meant(name) && self.node(name.as_str()).plan().counters.is_some());
        let all = shown.map(async |name| Ok((name.clone(), self.counters(name.as_str()).await?)));
        Ok(try_join_all(all).await?.into_iter().collect())
    }

    /// CPU time, user and system, that a node has used since it was last started,
    /// to the nanosecond.
    ///
    /// # Errors
    ///
    /// When the node isn't running.
    pub fn cpu_time(&self, node: &str) -> Result<Duration, CpuTimeError> {
        self.node(node).cpu_time()
    }

    /// What a node has taken from the operating system since it was last started: CPU
    /// time, context switches, the wait for a core, and memory.
    ///
    /// # Errors
    ///
    /// When the node isn't running, or the operating system doesn't tell.
    pub fn usage(&self, node: &str) -> Result<Usage, CpuTimeError> {
        self.node(node).usage()
    }

    /// The time that a node took to its end, of one that runs once and is done.
    pub fn done_after(&self, node: &str) -> Option<Duration> {
        self.node(node).done_after()
    }

    /// The small machine that a node was given, and by which means; none for one that has all
    /// of this one.
    pub fn machine(&self, node: &str) -> Option<&Machine> {
        self.node(node).machine()
    }

    /// The nodes that ended although nobody had told them to, also when they have
    /// been restarted since.
    pub fn unexpected_exits(&self) -> Vec<UnexpectedExit> {
        self.nodes.iter().flat_map(Node::unexpected_exits).collect()
    }

    /// The last lines of a node's log.
    pub fn log(&self, node: &str) -> String {
        self.node(node).log()
    }

    /// Stops the nodes, each before those it calls, so that what is under way can
    /// be finished. Who doesn't stop in time is killed.
    ///
    /// # Errors
    ///
    /// The first node that didn't stop as it should; all have stopped nevertheless.
    pub async fn stop(self) -> Result<(), StopError> {
        let mut outcome = Ok(());
        for level in self.topology.levels().into_iter().rev() {
            let stops = level.into_iter().map(|i| self.nodes[i].stop());
            for stopped in join_all(stops).await {
                outcome = outcome.and(stopped);
            }
        }
        outcome
    }

    /// Containers on a network of their own don't see what runs elsewhere, but for this machine
    /// alone.
    fn containers_reach_whom_they_call(&self) -> Result<(), StartError> {
        let containers = self.topology.nodes().iter();
        for node in containers.filter(|node| node.has_its_own_address()) {
            for called in node.calls.iter().map(|name| self.own(name.as_str())) {
                let address = called.address().filter(|_| called.plan().is_elsewhere());
                if let Some(address) = address.filter(|address| address.ip().is_loopback()) {
                    return Err(StartError::Apart {
                        node: node.name.clone(),
                        to: called.plan().name.clone(),
                        address,
                    });
                }
            }
        }
        Ok(())
    }

    /// The URL of a node that others are told, which need not be one for HTTP.
    fn url_told(&self, node: &Node) -> String {
        match (&node.plan().run, &node.plan().url) {
            (Run::Elsewhere(url), _) => url.clone(),
            (_, Some(url)) => self.filled(node, url),
            (_, None) => format!("http://{}", address(node)),
        }
    }

    async fn start_node(&self, node: &Node) -> Result<(), StartError> {
        let fill = |text: &Text| self.filled(node, text);
        node.start(&self.options.launcher, &self.nonce, &fill).await
    }

    /// The counters of a node, wherever it shows them.
    async fn counted(&self, node: &Node) -> Result<Counters, CountersError> {
        let name = &node.plan().name;
        let Some(place) = &node.plan().counters else {
            return Err(CountersError::NotShown { node: name.clone() });
        };
        let question = Question {
            node: name,
            address: address(node),
            looks: node.looks(),
            fill: &|text: &Text| self.filled(node, text),
        };
        question.ask(place).await
    }

    /// A text of a node's, with what its placeholders stand for.
    fn filled(&self, node: &Node, text: &Text) -> String {
        text.filled(&Known { system: self, node })
    }

    /// Has a node done a command of its plan's, with a variable, and waits for its end.
    pub(crate) fn ask(
        &self,
        node: &NodeName,
        command: &[Text],
        variable: (&str, &str),
    ) -> Result<(), StartError> {
        let node = self.own(node.as_str());
        let fill = |text: &Text| self.filled(node, text);
        node.ask(
            &self.options.launcher,
            &self.nonce,
            &fill,
            command,
            variable,
        )
    }

    /// The system that has a node: this one, or that in which it has a room there.
    fn house_of(&self, node: &str) -> &System {
        let mut rooms = self.rooms.iter();
        let room = rooms.find(|room| room.node().as_str() == node);
        room.map_or(self, Room::house)
    }

    /// A node, whichever system it is of.
    fn node(&self, name: &str) -> &Node {
        self.house_of(name).own(name)
    }

    /// A node as this system knows it: in a room, or as a whole.
    fn own(&self, name: &str) -> &Node {
        let named = |node: &&Node| node.plan().name.as_str() == name;
        self.nodes.iter().find(named).unwrap_or_else(|| {
            let names: Vec<&str> = self.nodes.iter().map(|n| n.plan().name.as_str()).collect();
            panic!("there is no node {name} among {}", names.join(", "))
        })
    }
}

/// The facts about a system that one of its nodes may be told.
struct Known<'a> {
    system: &'a System,
    node: &'a Node,
}

impl Facts for Known<'_> {
    fn own(&self, fact: &Own) -> String {
        let plan = self.node.plan();
        match fact {
            Own::Name => plan.name.to_string(),
            Own::Index => plan.index().to_string(),
            Own::Address => self.node.listens().to_string(),
            Own::Port => self.node.listens().port().to_string(),
            Own::FurtherPort(name) => self.node.further_port(name).to_string(),
            Own::Url => self.system.url_told(self.node),
            Own::Dir => self.node.data().display().to_string(),
            Own::Nonce => self.system.nonce.clone(),
        }
    }

    fn others(&self, reference: &Reference) -> Vec<String> {
        let facts = self.system.topology.named(&reference.to).map(|plan| {
            let other = self.system.own(plan.name.as_str());
            match reference.fact {
                Fact::Address | Fact::Addresses => address(other).to_string(),
                Fact::Port => address(other).port().to_string(),
                Fact::Url | Fact::Urls => self.system.url_told(other),
            }
        });
        facts.collect()
    }

    fn names(&self, role: &str) -> Vec<String> {
        let nodes = self.system.topology.named(role);
        nodes.map(|node| node.name.to_string()).collect()
    }
}

/// Kills every node. While a test fails, first says which nodes had ended by
/// themselves and what they logged, and where the rest is to be read.
impl Drop for System {
    fn drop(&mut self) {
        if thread::panicking() {
            // Where nobody reads it, a second panic would leave nodes behind.
            let mut said = stderr().lock();
            for exit in self.unexpected_exits() {
                let _ = writeln!(
                    said,
                    "{} ended by itself with {}; its log ends with\n{}",
                    exit.node, exit.status, exit.log
                );
            }
            let folder = self.folder().display();
            let _ = writeln!(said, "the nodes' logs and data are in {folder}");
        }
        for node in &self.nodes {
            node.retire();
        }
    }
}

fn address(node: &Node) -> SocketAddr {
    node.address().expect("a system's nodes have been started")
}
