//! The real thing in each place of the laboratory: nginx or HAProxy for the balancer, Redis
//! for the caches, RabbitMQ between the worker and its executors, PostgreSQL in place of the
//! files that database and worker keep.
//!
//! Each can be had in three ways: as a server that runs already, as a container, as a program
//! of this machine. What it is given is the same in all of them, and promises what ours
//! promises as far as it can.

mod haproxy;
mod nginx;
mod postgres;
mod rabbitmq;
mod redis;
mod settings;

use std::env;
use std::fmt;
use std::str::FromStr;

use harness::NodeName;
use harness::topology::{NodePlan, Program, ProgramFile, Run, Text};
use serde::{Deserialize, Serialize};

/// A server of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// nginx, as a balancer.
    Nginx,
    /// HAProxy, as a balancer.
    Haproxy,
    /// Redis, as a cache.
    Redis,
    /// RabbitMQ, as the queue of long tasks.
    RabbitMq,
    /// PostgreSQL, as the home of items and tasks.
    Postgres,
}

/// A part, and the way in which it is to be had.
///
/// ```
/// use integration::real::{Part, Real, Way};
///
/// let any: Real = "redis".parse()?;
/// assert_eq!((any.part, any.way), (Part::Redis, Way::Any));
/// let named: Real = "rabbitmq:container".parse()?;
/// assert_eq!((named.part, named.way), (Part::RabbitMq, Way::Container));
/// let there: Real = "postgres://me@127.0.0.1/skein".parse()?;
/// assert_eq!(there.part, Part::Postgres);
/// # Ok::<(), integration::real::InvalidReal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Real {
    /// The part.
    pub part: Part,
    /// The way.
    pub way: Way,
}

/// A way in which a part is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The first that can be had: the URL in `SKEIN_<KIND>_URL`, a container, a program.
    Any,
    /// A container of the image in `SKEIN_<KIND>_IMAGE`, or of the public one.
    Container,
    /// A program of this machine.
    Program,
    /// Servers that run already, at these URLs.
    At(Vec<String>),
}

/// A text that names no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {known}: {reason}")]
pub struct InvalidReal {
    text: String,
    known: String,
    reason: &'static str,
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 5] = [
        Part::Nginx,
        Part::Haproxy,
        Part::Redis,
        Part::RabbitMq,
        Part::Postgres,
    ];

    /// The name on command lines and in plans.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    fn about(self) -> &'static About {
        match self {
            Part::Nginx => &nginx::ABOUT,
            Part::Haproxy => &haproxy::ABOUT,
            Part::Redis => &redis::ABOUT,
            Part::RabbitMq => &rabbitmq::ABOUT,
            Part::Postgres => &postgres::ABOUT,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The facts about a part that don't depend on how it is had.
struct About {
    /// The name on command lines and in plans.
    name: &'static str,
    /// The beginning of the variables' names, between `SKEIN_` and `_URL` or `_IMAGE`.
    variable: &'static str,
    /// The schemes of its URLs; none for one that can't be anybody else's, since it has to
    /// know this system's nodes.
    schemes: &'static [&'static str],
    /// The public image.
    image: &'static str,
    /// The programs that it takes.
    needs: &'static [&'static str],
    /// Folders beside those of `PATH` in which Debian and others keep them.
    folders: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
}

impl Real {
    /// The part, in whichever way it can be had.
    pub fn any(part: Part) -> Self {
        let way = Way::Any;
        Real { part, way }
    }

    /// The same as a node of this name, the `number`th of those that are equal to it; `set` are
    /// the flags of the service whose place it takes.
    pub(crate) fn node(
        &self,
        name: NodeName,
        number: usize,
        set: &dyn Fn(&str) -> Option<String>,
    ) -> NodePlan {
        let program = match self.part {
            Part::Nginx => nginx::program(set),
            Part::Haproxy => haproxy::program(set),
            Part::Redis => redis::program(),
            Part::RabbitMq => rabbitmq::program(),
            Part::Postgres => postgres::program(),
        };
        let about = self.part.about();
        let program = Program {
            needs: owned(about.needs),
            folders: owned(about.folders),
            unprivileged: true,
            workdir: Some(text("{dir}")),
            ..program
        };
        let mut ways = self.ways(program, number).into_iter();
        let first = ways.next().expect("each part can be had in some way");
        let node = ways.fold(NodePlan::running(name, first), NodePlan::or);
        let node = node.remedy(self.remedy());
        match self.part {
            Part::Nginx => nginx::as_node(node),
            Part::Haproxy => haproxy::as_node(node),
            Part::Redis => redis::as_node(node),
            Part::RabbitMq => rabbitmq::as_node(node),
            Part::Postgres => postgres::as_node(node),
        }
    }

    fn ways(&self, program: Program, number: usize) -> Vec<Run> {
        let about = self.part.about();
        let urls = self.urls();
        let there = urls.get(number - 1).or(urls.first());
        let there = there.map(|url| Run::Elsewhere(url.clone())).into_iter();
        let image = env::var(format!("SKEIN_{}_IMAGE", about.variable));
        let contained = Run::Container {
            image: image.unwrap_or_else(|_| about.image.to_owned()),
            program: program.clone(),
        };
        match &self.way {
            Way::At(_) => there.collect(),
            Way::Container => vec![contained],
            Way::Program => vec![Run::Program(program)],
            Way::Any => there.chain([contained, Run::Program(program)]).collect(),
        }
    }

    /// The places where it runs already: those that were named, or those in its variable.
    fn urls(&self) -> Vec<String> {
        match &self.way {
            Way::At(urls) => urls.clone(),
            Way::Container | Way::Program => Vec::new(),
            Way::Any => {
                let About {
                    variable, schemes, ..
                } = self.part.about();
                let urls = env::var(format!("SKEIN_{variable}_URL")).unwrap_or_default();
                match schemes.is_empty() || urls.trim().is_empty() {
                    true => Vec::new(),
                    false => listed(&urls),
                }
            }
        }
    }

    fn remedy(&self) -> String {
        let About {
            variable, package, ..
        } = self.part.about();
        match self.way {
            Way::Program => format!("install it (Debian's package {package})"),
            Way::Container => format!("name an image that is here in SKEIN_{variable}_IMAGE"),
            Way::Any | Way::At(_) => format!(
                "install it (Debian's package {package}), or name an image that is here in \
                 SKEIN_{variable}_IMAGE"
            ),
        }
    }

    /// The number of equal nodes that its URLs stand for, where it has some.
    pub(crate) fn servers(&self) -> Option<usize> {
        Some(self.urls().len()).filter(|servers| *servers > 0)
    }
}

impl FromStr for Real {
    type Err = InvalidReal;

    fn from_str(text: &str) -> Result<Self, InvalidReal> {
        let refused = |text: &str, reason| InvalidReal {
            text: text.to_owned(),
            known: Part::ALL.map(Part::name).join(", "),
            reason,
        };
        let called = |name: &str| Part::ALL.into_iter().find(|part| part.name() == name);
        if let Some((scheme, _)) = text.split_once("://") {
            let of_scheme = |part: &Part| part.about().schemes.contains(&scheme);
            // A URL may have a password in it.
            let unknown = || refused(scheme, "no part has URLs of this scheme");
            let part = Part::ALL.into_iter().find(of_scheme).ok_or_else(unknown)?;
            let urls = listed(text);
            let is_one = |url: &String| url.starts_with(&format!("{scheme}://"));
            if !urls.iter().all(is_one) {
                return Err(refused(
                    scheme,
                    "several URLs are written with a comma between them",
                ));
            }
            return Ok(Real {
                part,
                way: Way::At(urls),
            });
        }
        let (name, way) = match text.split_once(':') {
            None => (text, Way::Any),
            Some((name, "container")) => (name, Way::Container),
            Some((name, "program")) => (name, Way::Program),
            Some(_) => return Err(refused(text, "after the colon is `container` or `program`")),
        };
        let part = called(name).ok_or_else(|| {
            refused(
                text,
                "write such a name, with :container or :program after it, or a URL",
            )
        })?;
        Ok(Real { part, way })
    }
}

/// The text again, but for users and passwords in URLs.
impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Any => write!(f, "{}", self.part),
            Way::Container => write!(f, "{}:container", self.part),
            Way::Program => write!(f, "{}:program", self.part),
            Way::At(urls) => {
                let urls: Vec<String> = urls.iter().map(|url| without_password(url)).collect();
                f.write_str(&urls.join(","))
            }
        }
    }
}

fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

impl TryFrom<String> for Real {
    type Error = InvalidReal;

    fn try_from(text: String) -> Result<Self, InvalidReal> {
        text.parse()
    }
}

impl From<Real> for String {
    fn from(real: Real) -> Self {
        real.to_string()
    }
}

/// The places of the laboratory that the real thing can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of the gateways.
    Balancer,
    /// Between gateways and database.
    Cache,
    /// Between the worker and its executors.
    Queue,
    /// Behind database and worker.
    Database,
}

impl Place {
    /// Every place.
    pub const ALL: [Place; 4] = [Place::Balancer, Place::Cache, Place::Queue, Place::Database];

    /// The place's name, as a flag and in plans.
    pub fn name(self) -> &'static str {
        match self {
            Place::Balancer => "balancer",
            Place::Cache => "cache",
            Place::Queue => "queue",
            Place::Database => "database",
        }
    }

    /// The parts that can take it.
    pub fn parts(self) -> &'static [Part] {
        match self {
            Place::Balancer => &[Part::Nginx, Part::Haproxy],
            Place::Cache => &[Part::Redis],
            Place::Queue => &[Part::RabbitMq],
            Place::Database => &[Part::Postgres],
        }
    }

    /// The part that a text asks for in this place; `None` for `ours`.
    ///
    /// # Errors
    ///
    /// When the text names no part that could be here.
    pub fn parse(self, text: &str) -> Result<Option<Real>, InvalidReal> {
        if text == OURS {
            return Ok(None);
        }
        let mut parts = self.parts().iter();
        let by_url = parts.find(|part| !part.about().schemes.is_empty());
        if let Some(part) = by_url.filter(|_| text.contains("://")) {
            // A URL of something else is told so by the node, when the system starts.
            let (part, way) = (*part, Way::At(listed(text)));
            return Ok(Some(Real { part, way }));
        }
        let known = || {
            let names = self.parts().iter().map(|part| part.name());
            let known: Vec<&str> = [OURS].into_iter().chain(names).collect();
            known.join(", ")
        };
        let real: Real = text.parse().map_err(|refused| InvalidReal {
            known: known(),
            ..refused
        })?;
        if self.parts().contains(&real.part) {
            return Ok(Some(real));
        }
        Err(InvalidReal {
            text: real.to_string(),
            known: known(),
            reason: "it can't take this place",
        })
    }
}

/// The word for a piece of this project.
const OURS: &str = "ours";

/// The real thing in each place, or none for a piece of this project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    /// In front of the gateways.
    pub balancer: Option<Real>,
    /// Between gateways and database.
    pub cache: Option<Real>,
    /// Between the worker and its executors.
    pub queue: Option<Real>,
    /// Behind database and worker.
    pub database: Option<Real>,
}

impl Parts {
    /// The part in a place.
    pub fn at(&self, place: Place) -> Option<&Real> {
        match place {
            Place::Balancer => self.balancer.as_ref(),
            Place::Cache => self.cache.as_ref(),
            Place::Queue => self.queue.as_ref(),
            Place::Database => self.database.as_ref(),
        }
    }

    /// The same with another part in a place.
    pub fn with(mut self, place: Place, real: Option<Real>) -> Self {
        *match place {
            Place::Balancer => &mut self.balancer,
            Place::Cache => &mut self.cache,
            Place::Queue => &mut self.queue,
            Place::Database => &mut self.database,
        } = real;
        self
    }

    /// The parts that are there, with their places.
    pub fn all(&self) -> impl Iterator<Item = (Place, &Real)> {
        let all = Place::ALL.into_iter();
        all.filter_map(|place| Some((place, self.at(place)?)))
    }
}

/// A program that a shell runs, which takes more than one step.
fn script(source: &str) -> Program {
    let shell = Program::new(ProgramFile::Path(text("sh")));
    let source = Text::template(source).expect("a script of ours");
    Program {
        arguments: vec![text("-c"), source],
        ..shell
    }
}

/// A program with words of ours as its arguments.
fn program<'a>(words: impl IntoIterator<Item = &'a str>) -> Program {
    let mut words = words.into_iter().map(text);
    let file = ProgramFile::Path(words.next().expect("a program"));
    Program {
        arguments: words.collect(),
        ..Program::new(file)
    }
}

fn template(source: &str) -> Text {
    Text::template(source).expect("a file of ours")
}

fn text(text: &str) -> Text {
    text.parse().expect("a text of ours")
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The servers at these URLs. Two at the same one are one.
fn listed(urls: &str) -> Vec<String> {
    let mut servers: Vec<String> = Vec::new();
    for url in urls.split(',').map(|url| url.trim().to_owned()) {
        if !servers.contains(&url) {
            servers.push(url);
        }
    }
    servers
}

#[cfg(test)]
mod tests;
