//! One setting of a topology, by which two sides of a comparison may differ.

use std::fmt;
use std::str::FromStr;

use super::{Run, Text, Topology, TopologyError};

/// A setting of a node, or of all nodes of a role: another image, or a variable.
///
/// ```
/// use harness::topology::Setting;
/// let topology = harness::Topology::from_toml("[node.shop]\nrun = [\"shop\"]")?;
/// let cached: Setting = "shop.env.CACHE=on".parse()?;
/// assert_eq!(cached.now(&topology), "shop.env.CACHE not set");
/// assert_eq!(cached.now(&topology.with(&cached)?), "shop.env.CACHE=on");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    node: String,
    /// The variable; the image is meant without one.
    variable: Option<String>,
    value: String,
}

/// A reason why a text is no setting, or a topology can't have it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It has another form.
    #[error("{text:?} is no setting; write NODE=IMAGE or NODE.env.VARIABLE=VALUE")]
    Form {
        /// The text.
        text: String,
    },
    /// Nobody is called so.
    #[error("no node is called {node}; there are {known}")]
    NoNode {
        /// The name.
        node: String,
        /// The nodes there are.
        known: String,
    },
    /// The node is something else.
    #[error("{node} runs as {way}, which has no {what} to set")]
    Other {
        /// The node.
        node: String,
        /// The way in which it runs.
        way: String,
        /// The setting that it hasn't.
        what: &'static str,
    },
    /// The nodes don't fit together any more.
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

impl Setting {
    /// The same setting as the topology has it now, such as `shop.env.CACHE=off`.
    pub fn now(&self, topology: &Topology) -> String {
        let Setting { node, variable, .. } = self;
        let run = topology.named(node).next().map(|node| &node.run);
        let value = |name: &String| {
            let program = run.and_then(Run::program);
            Some(program?.environment.get(name)?.to_string())
        };
        match (variable, run) {
            (Some(name), _) => match value(name) {
                Some(value) => format!("{node}.env.{name}={value}"),
                None => format!("{node}.env.{name} not set"),
            },
            (None, Some(Run::Container { image, .. })) => format!("{node}={image}"),
            (None, _) => node.clone(),
        }
    }
}

impl Topology {
    /// The same with a setting in place of its own.
    ///
    /// # Errors
    ///
    /// No node is called so, or it is one that can't be set.
    pub fn with(&self, setting: &Setting) -> Result<Topology, SettingError> {
        let Setting {
            node: called,
            variable,
            value,
        } = setting;
        if self.named(called).next().is_none() {
            let known: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(SettingError::NoNode {
                node: called.clone(),
                known: known.join(", "),
            });
        }
        let mut nodes = self.nodes.clone();
        for node in nodes.iter_mut().filter(|node| node.is_called(called)) {
            let other = |what, run: &Run| SettingError::Other {
                node: node.name.to_string(),
                way: run.to_string(),
                what,
            };
            match (&mut node.run, variable) {
                (Run::Container { image, .. }, None) => image.clone_from(value),
                (run, None) => return Err(other("image", run)),
                (run @ Run::Elsewhere(_), Some(_)) => return Err(other("variable", run)),
                (run, Some(variable)) => run.set(variable.clone(), Text::literal(value)),
            }
        }
        Ok(Topology::of(nodes)?)
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let form = || SettingError::Form {
            text: text.to_owned(),
        };
        let (what, value) = text.split_once('=').ok_or_else(form)?;
        let (node, variable) = match what.split_once(".env.") {
            Some((node, variable)) => (node, Some(variable.to_owned())),
            None => (what, None),
        };
        let names_nothing = match &variable {
            Some(variable) => variable.is_empty(),
            None => value.is_empty(),
        };
        let is_node = !node.is_empty() && !node.contains(['.', '/']);
        (is_node && !names_nothing)
            .then(|| Setting {
                node: node.to_owned(),
                variable,
                value: value.to_owned(),
            })
            .ok_or_else(form)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting {
            node,
            variable,
            value,
        } = self;
        match variable {
            Some(variable) => write!(f, "{node}.env.{variable}={value}"),
            None => write!(f, "{node}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Topology {
        let text = "[node.store]\nimage = \"store:1\"\nrun = [\"store\"]\n\
                    [node.shop]\nreplicas = 2\nrun = [\"shop\", \"{store.url}\"]\nentry = true\n\
                    [node.mail]\nelsewhere = \"http://127.0.0.1:25\"\n";
        Topology::from_toml(text).expect("a topology")
    }

    fn with(text: &str) -> Result<Topology, SettingError> {
        shop().with(&text.parse::<Setting>()?)
    }

    #[test]
    fn an_image_or_a_variable_is_set_on_every_node_of_the_name() {
        let image = with("store=store:2").expect("a container");
        let setting: Setting = "store=x".parse().expect("a setting");
        assert_eq!(setting.now(&shop()), "store=store:1");
        assert_eq!(setting.now(&image), "store=store:2");
        let cached = with("shop.env.CACHE=a{b=c").expect("programs");
        for shop in cached.named("shop") {
            let program = shop.run.program().expect("a program");
            assert_eq!(program.environment["CACHE"], Text::literal("a{b=c"));
            assert_eq!(shop.calls.len(), 1, "it calls whom it called");
        }
    }

    #[test]
    fn what_cant_be_set_is_refused_with_what_there_is() {
        for (text, says) in [
            ("store", "NODE=IMAGE or NODE.env.VARIABLE=VALUE"),
            ("=x", "is no setting"),
            ("store=", "is no setting"),
            ("shop.env.=1", "is no setting"),
            ("shop.port=1", "is no setting"),
            (
                "shelf=x",
                "no node is called shelf; there are store, shop-1",
            ),
            (
                "shop=shop:2",
                "shop-1 runs as a program of this machine, which has no image",
            ),
            (
                "mail.env.X=1",
                "mail runs as a server that ran already, which has no variable",
            ),
        ] {
            let message = with(text).expect_err(text).to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
