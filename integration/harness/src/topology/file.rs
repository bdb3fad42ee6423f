//! Topologies in TOML, which give the same value as those that are built in Rust.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{
    CountersAt, Cpus, Network, NodePlan, Pool, Program, ProgramFile, Ready, Run, Signal, Text,
    TextError, Topology, TopologyError,
};
use crate::name::NodeName;

/// A reason why a file gives no topology; whoever names the file says which it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file can't be read.
    #[error("the file can't be read")]
    Read(#[from] io::Error),
    /// The file isn't what a topology is written in; the message has line and column.
    #[error("{message}")]
    Text {
        /// The mistake, and its place.
        message: String,
        /// The mistake alone.
        sentence: String,
        /// The bytes of the text that it is about.
        at: Range<usize>,
    },
    /// The nodes don't fit together.
    #[error("line {line}: {mistake}")]
    Nodes {
        /// The line on which the node begins that the mistake was found at.
        line: usize,
        /// The byte of the text that the line begins at.
        at: usize,
        /// The mistake.
        mistake: TopologyError,
    },
}

impl Topology {
    /// Reads the topology in the file at `path`.
    ///
    /// # Errors
    ///
    /// When the file can't be read, isn't TOML of the right form, or its nodes don't fit
    /// together.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Topology::from_toml(&fs::read_to_string(path)?)
    }

    /// Reads a topology from TOML: a table `[node.NAME]` for each node or group of equal
    /// nodes.
    ///
    /// ```
    /// let topology = harness::Topology::from_toml(r#"
    ///     [node.store]
    ///     run = ["python3", "store.py", "--port", "{port}"]
    ///
    ///     [node.shop]
    ///     replicas = 2
    ///     entry = true
    ///     run = ["python3", "shop.py", "--port", "{port}"]
    ///     env = { STORE_URL = "{store.url}" }
    ///     ready = { http = "/health" }
    ///     counters = "/metrics"
    /// "#)?;
    /// let names: Vec<&str> = topology.nodes().iter().map(|node| node.name.as_str()).collect();
    /// assert_eq!(names, ["store", "shop-1", "shop-2"]);
    /// # Ok::<(), harness::topology::FileError>(())
    /// ```
    ///
    /// Counters that are elsewhere, or in a form of their own, have a table with one member,
    /// which is described at [`CountersAt`]: `{ page = "http://127.0.0.1:9101/metrics" }`,
    /// `{ nginx = "/status" }`, `{ redis = "redis://{address}" }` or
    /// `{ postgres = "postgres://skein@{address}/skein" }`.
    ///
    /// `once = true` is a node such as a migration: whoever names it in `calls` starts when it
    /// has ended with success. `network = "bridge"` gives a container an address of its own, and
    /// `"host"` has it share those of this machine: see [`Network`]. `cpus = 0.25` gives a node
    /// a small machine, and `cpus_variable` names the variable by which its program is told
    /// where it has to hold itself to it: see [`NodePlan::cpus`]. `[node.NAME.pool.POOL]` says which
    /// of its counters tell of a pool: see [`Pool`].
    ///
    /// # Errors
    ///
    /// When the text isn't TOML of the right form, or its nodes don't fit together.
    pub fn from_toml(text: &str) -> Result<Self, FileError> {
        Topology::from_toml_beside(text, &|_| false)
    }

    /// The same from a text that has other tables too, which are somebody else's to read:
    /// those whose names are `others`.
    ///
    /// # Errors
    ///
    /// When the text isn't TOML of the right form, or its nodes don't fit together.
    pub fn from_toml_beside(text: &str, others: &dyn Fn(&str) -> bool) -> Result<Self, FileError> {
        let written = toml::Deserializer::parse(text);
        let file = written.and_then(|written| File { others }.deserialize(written));
        let file = file.map_err(|error| FileError::Text {
            message: error.to_string().trim_end().to_owned(),
            sentence: error.message().to_owned(),
            at: error.span().unwrap_or(0..0),
        })?;
        let line_of_byte = |at: usize| text[..at].matches('\n').count() + 1;
        let mut nodes: Vec<(usize, NodeName, NodeFile)> = Vec::new();
        for (name, node) in file {
            let at = node.span().start;
            let name = name.parse().map_err(|error| FileError::Nodes {
                line: line_of_byte(at),
                at,
                mistake: TopologyError::Name(error),
            })?;
            nodes.push((at, name, node.into_inner()));
        }
        nodes.sort_by_key(|(at, ..)| *at);
        let places: Vec<(NodeName, usize)> = nodes
            .iter()
            .map(|(at, name, _)| (name.clone(), *at))
            .collect();
        let placed = |mistake: TopologyError| {
            let at = place_of(&mistake, &places);
            FileError::Nodes {
                line: line_of_byte(at),
                at,
                mistake,
            }
        };
        let plans: Result<Vec<NodePlan>, TopologyError> = nodes
            .into_iter()
            .map(|(_, name, node)| node.plan(name))
            .collect();
        Topology::of(plans.map_err(placed)?).map_err(placed)
    }
}

/// The place of the node that a mistake is about; the first one's when it is about all.
fn place_of(mistake: &TopologyError, places: &[(NodeName, usize)]) -> usize {
    let about = match mistake {
        TopologyError::Twice { name } => name.as_str(),
        TopologyError::Port { second: node, .. }
        | TopologyError::NoNode { node, .. }
        | TopologyError::Several { node, .. }
        | TopologyError::Replicas { node, .. }
        | TopologyError::SharedPort { node, .. }
        | TopologyError::FixedPort { node, .. }
        | TopologyError::NoShare { node }
        | TopologyError::PoolUnseen { node }
        | TopologyError::NoContainer { node }
        | TopologyError::Once { node, .. }
        | TopologyError::RefersToOnce { node, .. }
        | TopologyError::NoProgram { node } => node.as_str(),
        TopologyError::Circle { nodes } | TopologyError::NoEntry { nodes } => &nodes[0],
        TopologyError::Empty | TopologyError::OnlyOnce | TopologyError::Name(_) => "",
    };
    let is_it = |name: &NodeName| {
        // A replica's name begins with that of the group.
        let rest = about.strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let found = places.iter().filter(|(name, _)| is_it(name));
    let longest = found.max_by_key(|(name, _)| name.as_str().len());
    longest.or(places.first()).map_or(0, |(_, at)| *at)
}

/// The nodes of a file, by name.
type NodesFile = BTreeMap<String, Spanned<NodeFile>>;

/// A file with nodes, and perhaps with other tables.
#[derive(Clone, Copy)]
struct File<'a> {
    others: &'a dyn Fn(&str) -> bool,
}

impl<'de> DeserializeSeed<'de> for File<'_> {
    type Value = NodesFile;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodesFile, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for File<'_> {
    type Value = NodesFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table `[node.NAME]` for each node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodesFile, A::Error> {
        let mut nodes = NodesFile::new();
        while let Some(is_node) = map.next_key_seed(Key(self.others))? {
            match is_node {
                true => nodes = map.next_value()?,
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(nodes)
    }
}

/// The name of a table: true for the nodes, false for somebody else's.
struct Key<'a>(&'a dyn Fn(&str) -> bool);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a table")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<bool, E> {
        match name {
            "node" => Ok(true),
            other if (self.0)(other) => Ok(false),
            unknown => Err(E::unknown_field(unknown, &["node"])),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    /// The program and its arguments.
    run: Option<Vec<Text>>,
    /// Arguments for the launcher's program, in place of `run`.
    host: Option<Vec<Text>>,
    /// The image of the container that `run` runs in, or else its entry point.
    image: Option<String>,
    /// The arguments for the entry point of `image`, in place of the image's own.
    command: Option<Vec<Text>>,
    /// Folders and files that the container has too.
    #[serde(default)]
    volumes: Vec<Text>,
    /// The URL of a server that runs already, in place of `run`.
    elsewhere: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, Text>,
    #[serde(default)]
    files: BTreeMap<String, Template>,
    workdir: Option<Text>,
    /// The command by which the program is built.
    build: Option<String>,
    #[serde(default)]
    unprivileged: bool,
    stop: Option<SignalFile>,
    #[serde(default = "stop_within", deserialize_with = "duration")]
    stop_within: Duration,
    url: Option<Text>,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    calls: Vec<NodeName>,
    ready: Option<ReadyFile>,
    #[serde(default = "within", deserialize_with = "duration")]
    within: Duration,
    counters: Option<CountersFile>,
    /// What requests wait for in it besides CPU time, by name.
    #[serde(default)]
    pool: BTreeMap<String, Pool>,
    #[serde(default)]
    entry: bool,
    replicas: Option<usize>,
    /// True when it runs to its end before those that call it start.
    #[serde(default)]
    once: bool,
    /// The network that its container is on.
    network: Option<Network>,
    /// The share of a CPU that it is given.
    cpus: Option<Cpus>,
    /// The variable that tells the program of it, where it has to hold itself to it.
    cpus_variable: Option<String>,
}

/// `"announced"`, `"tcp"`, or a table with one member.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReadyFile {
    Announced,
    Tcp,
    Http(String),
    Log(String),
    Command(Vec<Text>),
}

/// The path of a page, or a table with one member that names another place or form.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a path such as \"/metrics\", or a table with one of `page`, `nginx`, `redis` and `postgres`"
)]
enum CountersFile {
    Path(String),
    Elsewhere(CountersElsewhere),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum CountersElsewhere {
    Page(Text),
    Nginx(String),
    Redis(Text),
    Postgres(Text),
}

impl NodeFile {
    fn plan(self, name: NodeName) -> Result<NodePlan, TopologyError> {
        let by_file = |mut run: std::vec::IntoIter<Text>| {
            let file = run.next().map(ProgramFile::Path)?;
            let mut program = Program::new(file);
            program.arguments.extend(run);
            Some(program)
        };
        let program = match (self.run, self.host, self.command) {
            (None, None, arguments) if self.image.is_some() => Some(Program {
                arguments: arguments.unwrap_or_default(),
                ..Program::new(ProgramFile::Image)
            }),
            (None, Some(arguments), None) => Some(Program {
                arguments,
                ..Program::new(ProgramFile::Host)
            }),
            (Some(run), None, None) => by_file(run.into_iter()),
            _ => None,
        };
        let program = program.map(|program| Program {
            environment: self.env,
            files: self
                .files
                .into_iter()
                .map(|(name, of)| (name, of.0))
                .collect(),
            workdir: self.workdir,
            volumes: self.volumes,
            build: self.build,
            unprivileged: self.unprivileged,
            stop: self.stop.map_or(program.stop, |stop| stop.0),
            ..program
        });
        let run = match (program, self.image, self.elsewhere) {
            (Some(program), None, None) => Run::Program(program),
            (Some(program), Some(image), None) if program.file != ProgramFile::Host => {
                Run::Container { image, program }
            }
            (None, None, Some(url)) => Run::Elsewhere(url),
            _ => return Err(TopologyError::NoProgram { node: name }),
        };
        if run.is_elsewhere() && self.cpus.is_some() {
            return Err(TopologyError::NoShare { node: name });
        }
        if self.network.is_some() && !matches!(run, Run::Container { .. }) {
            return Err(TopologyError::NoContainer { node: name });
        }
        if self.once && self.ready.is_some() {
            let member = "ready";
            return Err(TopologyError::Once { node: name, member });
        }
        let tells_otherwise =
            self.once || matches!(self.ready, Some(ReadyFile::Log(_) | ReadyFile::Command(_)));
        if let Run::Container { image, program } = &run
            && program.file == ProgramFile::Image
            && self.port == 0
            && !tells_otherwise
        {
            let image = image.clone();
            return Err(TopologyError::FixedPort { node: name, image });
        }
        let usual = match run.is_hosted() {
            true => Ready::Announced,
            false => Ready::Tcp,
        };
        Ok(NodePlan {
            port: self.port,
            url: self.url,
            calls: self.calls,
            ready: match self.once {
                true => Ready::Done,
                false => self.ready.map_or(usual, Ready::from),
            },
            within: self.within,
            stop_within: self.stop_within,
            counters: self.counters.map(CountersAt::from),
            pools: self.pool,
            entry: self.entry,
            replicas: self.replicas,
            network: self.network,
            cpus: self.cpus,
            cpus_variable: self.cpus_variable,
            ..NodePlan::running(name, run)
        })
    }
}

/// The text of a file that a node is given.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Template(Text);

impl TryFrom<String> for Template {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        Text::template(&text).map(Template)
    }
}

/// A signal by its name, such as `SIGINT`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct SignalFile(Signal);

impl TryFrom<String> for SignalFile {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let signal = name.parse();
        let unknown = |_| format!("{name:?} is no signal such as \"SIGTERM\" or \"SIGINT\"");
        signal.map(SignalFile).map_err(unknown)
    }
}

impl From<ReadyFile> for Ready {
    fn from(ready: ReadyFile) -> Self {
        match ready {
            ReadyFile::Announced => Ready::Announced,
            ReadyFile::Tcp => Ready::Tcp,
            ReadyFile::Http(path) => Ready::Http(path),
            ReadyFile::Log(text) => Ready::Log(text),
            ReadyFile::Command(command) => Ready::Command(command),
        }
    }
}

impl From<CountersFile> for CountersAt {
    fn from(counters: CountersFile) -> Self {
        match counters {
            CountersFile::Path(path) => CountersAt::Page(path),
            CountersFile::Elsewhere(CountersElsewhere::Page(url)) => CountersAt::PageAt(url),
            CountersFile::Elsewhere(CountersElsewhere::Nginx(path)) => CountersAt::Nginx(path),
            CountersFile::Elsewhere(CountersElsewhere::Redis(url)) => CountersAt::Redis(url),
            CountersFile::Elsewhere(CountersElsewhere::Postgres(url)) => CountersAt::Postgres(url),
        }
    }
}

fn within() -> Duration {
    NodePlan::WITHIN
}

fn stop_within() -> Duration {
    NodePlan::STOP_WITHIN
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        de::Error::custom(format!("{text:?} is no duration such as \"5s\": {error}"))
    })
}
