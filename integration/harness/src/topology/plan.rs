//! The plan of one node: how it runs, how one knows that it is ready, whom it calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::{Cpus, Network, Pool, Program, ProgramFile, Run, Text, Topology, TopologyError};
use crate::name::NodeName;

/// The plan of one node, or of several equal ones.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// The node's name, unique in its topology.
    pub name: NodeName,
    /// The name that equal nodes share, by default the node's own.
    pub role: String,
    /// The way in which it runs.
    pub run: Run,
    /// Other ways, for a machine on which the first one can't be had, in this order.
    pub otherwise: Vec<Run>,
    /// The advice for a machine on which none of the ways can be had.
    pub remedy: Option<String>,
    /// The port that it listens on; 0 lets the system choose.
    pub port: u16,
    /// The URL that others are told, by default `http://{address}`.
    pub url: Option<Text>,
    /// The nodes that it calls, beside those that its texts refer to.
    pub calls: Vec<NodeName>,
    /// The sign by which one knows that it is ready.
    pub ready: Ready,
    /// The time that it may take until then.
    pub within: Duration,
    /// The time that it may take to stop, once it is told to.
    pub stop_within: Duration,
    /// The place of its counters, if it shows any.
    pub counters: Option<CountersAt>,
    /// Its pools, by name, which its counters tell of.
    pub pools: BTreeMap<String, Pool>,
    /// The demands on it where it runs already, beside an answer.
    pub demands: Option<Demands>,
    /// The rooms that it has to give, if it lasts longer than a system.
    pub rooms: Option<Rooms>,
    /// The share of this machine's CPUs that it is given, in place of all of them.
    pub cpus: Option<Cpus>,
    /// The variable by which its program is told of that share, if it can hold itself to it
    /// where no control group can be had.
    pub cpus_variable: Option<String>,
    /// The network that its container is on; without it, the one that suits the image.
    pub network: Option<Network>,
    /// True when the load goes here.
    pub entry: bool,
    pub(super) replicas: Option<usize>,
    pub(super) index: usize,
}

/// The sign that a node is ready.
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
    /// It ends, with success: it runs once, such as a migration, and whoever refers to it starts
    /// afterwards.
    Done,
    /// None: it is taken for ready once it is started, and whoever calls it waits for it.
    AtOnce,
}

/// The demands on a server that runs already, when a system starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// The schemes that its URL may have; any where none is named.
    pub schemes: &'static [&'static str],
    /// The oldest version of Redis, by its first number.
    pub oldest: u32,
    /// True when nothing may be in it, as far as Redis and PostgreSQL can be asked.
    pub empty: bool,
}

/// The commands by which a node gives each of several systems a room of its own, so that it
/// can outlast them: see [`LastingNodes`](crate::LastingNodes). They are run where the node
/// runs. The variable `ROOM` has the room's name, which is the path of the URL that the nodes
/// of its system are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Rooms {
    /// The command that makes a room.
    pub make: Vec<Text>,
    /// The command that removes it.
    pub remove: Vec<Text>,
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
    /// True where the server itself is asked at its URL.
    pub(super) fn is_by_url(&self) -> bool {
        matches!(self, CountersAt::Redis(_) | CountersAt::Postgres(_))
    }

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

impl NodePlan {
    /// The time that a node may take to become ready, unless its plan says otherwise. It
    /// is long, since a busy machine is slow and a failure is noticed at once.
    pub const WITHIN: Duration = Duration::from_secs(30);

    /// The time that a node may take to stop, unless its plan says otherwise.
    pub const STOP_WITHIN: Duration = Duration::from_secs(10);

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
        let mut program = Program::new(file);
        program.arguments.extend(arguments);
        NodePlan::running(name, Run::Program(program)).ready(ready)
    }

    /// A node that runs in this way. It is ready when it accepts connections, unless
    /// [`NodePlan::ready`] says otherwise.
    pub fn running(name: NodeName, run: Run) -> Self {
        NodePlan {
            role: name.to_string(),
            name,
            run,
            otherwise: Vec::new(),
            remedy: None,
            port: 0,
            url: None,
            calls: Vec::new(),
            ready: Ready::Tcp,
            within: Self::WITHIN,
            stop_within: Self::STOP_WITHIN,
            counters: None,
            demands: None,
            rooms: None,
            pools: BTreeMap::new(),
            cpus: None,
            cpus_variable: None,
            network: None,
            entry: false,
            replicas: None,
            index: 1,
        }
    }

    /// The same, running in this way where none of those before can be had.
    pub fn or(mut self, run: Run) -> Self {
        self.otherwise.push(run);
        self
    }

    /// The same with advice for a machine on which none of its ways can be had.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with a URL of its own that others are told.
    pub fn url(mut self, url: Text) -> Self {
        self.url = Some(url);
        self
    }

    /// True when others are told a URL of HTTPS.
    pub fn speaks_https(&self) -> bool {
        let url = match &self.run {
            Run::Elsewhere(url) => Some(url.clone()),
            _ => self.url.as_ref().map(Text::to_string),
        };
        url.is_some_and(|url| url.starts_with("https://"))
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
        let variable = variable.into();
        for way in &mut self.otherwise {
            way.set(variable.clone(), value.clone());
        }
        self.run.set(variable, value);
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

    /// The same as a node that runs once, such as a migration: whoever calls it starts when it
    /// has ended with success. It listens nowhere and takes no part afterwards.
    pub fn once(self) -> Self {
        self.ready(Ready::Done)
    }

    /// The same with another limit to the time until it is ready.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// The same with another limit to the time until it has stopped.
    pub fn stop_within(mut self, stop_within: Duration) -> Self {
        self.stop_within = stop_within;
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

    /// The same with a pool, such as `connections`.
    pub fn pool(mut self, name: impl Into<String>, pool: Pool) -> Self {
        self.pools.insert(name.into(), pool);
        self
    }

    /// The same, with demands on a server that runs already.
    pub fn demands(mut self, demands: Demands) -> Self {
        self.demands = Some(demands);
        self
    }

    /// The same, with rooms to give to several systems. It must call nobody.
    pub fn rooms(mut self, rooms: Rooms) -> Self {
        self.rooms = Some(rooms);
        self
    }

    /// The same on a small machine: with this share of the CPUs and no more.
    ///
    /// A container has it by its own means, a program by a control group where one may be made
    /// (by root, or below one that is delegated). Else its program is told to hold itself to
    /// it, if [`NodePlan::cpus_told_by`] says how; or the system doesn't start.
    pub fn cpus(mut self, cpus: Cpus) -> Self {
        self.cpus = Some(cpus);
        self
    }

    /// The same, with a variable that tells the program its share of the CPUs where it has to
    /// hold itself to it.
    pub fn cpus_told_by(mut self, variable: impl Into<String>) -> Self {
        self.cpus_variable = Some(variable.into());
        self
    }

    /// The same with its container on this network.
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
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

    /// The ways in which it may run, the first one first.
    pub fn ways(&self) -> impl Iterator<Item = &Run> {
        [&self.run].into_iter().chain(&self.otherwise)
    }

    /// True when it is a container that has an address of its own.
    pub fn has_its_own_address(&self) -> bool {
        let Run::Container { program, .. } = &self.run else {
            return false;
        };
        let usual = match program.file {
            ProgramFile::Image => Network::Bridge,
            _ => Network::Host,
        };
        self.network.unwrap_or(usual) == Network::Bridge
    }

    /// True when the node has ended once its system has started.
    pub fn runs_once(&self) -> bool {
        self.ready == Ready::Done
    }

    /// True when it has processes for as long as its system lives, which can be looked at.
    pub fn is_at_work(&self) -> bool {
        !self.is_elsewhere() && !self.runs_once()
    }

    /// The member that makes no sense in a node that has ended, if it has one.
    pub(super) fn too_much_for_once(&self) -> Option<&'static str> {
        let members = [
            ("elsewhere", self.is_elsewhere()),
            ("port", self.port != 0),
            ("url", self.url.is_some()),
            ("counters", self.counters.is_some()),
            ("entry", self.entry),
            ("rooms", self.rooms.is_some()),
        ];
        let (member, _) = members.into_iter().find(|(_, is_there)| *is_there)?;
        Some(member)
    }

    /// True when the node is a server that runs already, and that nobody starts or stops.
    pub fn is_elsewhere(&self) -> bool {
        self.run.is_elsewhere()
    }

    /// True when this is its name, or its role.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.as_str() == name || self.role == name
    }

    /// The same with each program in the folder that it runs in, seen from `base`.
    pub(super) fn moved_to(mut self, base: &Path) -> Self {
        let ways = [&mut self.run].into_iter().chain(&mut self.otherwise);
        for way in ways {
            let is_here = matches!(way, Run::Program(_));
            let Some(program) = way.program_mut() else {
                continue;
            };
            if !is_here {
                // The folder that it runs in is in its image.
                program.build_in = Some(base.to_owned());
                continue;
            }
            let folder = program.workdir.as_ref().map(Text::to_string);
            let folder = base.join(folder.unwrap_or_default());
            program.workdir = folder.to_string_lossy().parse().ok();
        }
        self
    }

    /// Every text of the node.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        let command: &[Text] = match &self.ready {
            Ready::Command(command) => command,
            _ => &[],
        };
        // A readiness command asks the node itself, once all whom it calls are there.
        let programs = self.ways().filter_map(Run::program);
        let rooms = self.rooms.iter();
        let rooms = rooms.flat_map(|rooms| rooms.make.iter().chain(&rooms.remove));
        programs
            .flat_map(Program::texts)
            .chain(rooms)
            .chain(&self.url)
            .chain(command)
            .chain(self.counters.as_ref().and_then(CountersAt::text))
    }

    /// The names of its ports beside the one that it listens on.
    pub(crate) fn further_ports(&self) -> BTreeSet<&str> {
        self.texts().flat_map(Text::further_ports).collect()
    }

    /// One node for each replica.
    pub(super) fn expanded(self) -> Result<Vec<NodePlan>, TopologyError> {
        let Some(replicas) = self.replicas else {
            return Ok(vec![self]);
        };
        let node = self.name.clone();
        if !(1..=Topology::MAX_REPLICAS).contains(&replicas) {
            return Err(TopologyError::Replicas { node, replicas });
        }
        if replicas > 1 && self.port != 0 && !self.has_its_own_address() {
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
