//! Texts with placeholders: what a node is told about itself and about other nodes,
//! which is known only when the system starts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text in which `{port}` and its like stand for what is known at the start.
///
/// | placeholder | the node itself |
/// |---|---|
/// | `{name}`, `{index}` | its name; its number among the replicas of its role, from 1 |
/// | `{address}`, `{port}` | where it shall listen: `127.0.0.1:PORT`; the port alone |
/// | `{dir}` | its data folder |
/// | `{nonce}` | what tells this system's nodes from those of any other |
///
/// | placeholder | others |
/// |---|---|
/// | `{db.address}`, `{db.port}`, `{db.url}` | where the node `db` listens; `url` is `http://ADDRESS` |
/// | `{api.addresses}`, `{api.urls}` | the same for all nodes of a role, with commas between |
///
/// Whoever refers to a node calls it, and starts after it. A literal brace is written
/// twice: `{{` and `}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Own(Own),
    Other(Reference),
}

/// A fact about the node that a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Name,
    Index,
    Address,
    Port,
    Dir,
    Nonce,
}

/// A fact about another node, or about all nodes of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// A node's name, or a role's.
    pub(crate) to: String,
    pub(crate) fact: Fact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Address,
    Port,
    Url,
    Addresses,
    Urls,
}

impl Fact {
    /// True when it may be told of several nodes at once.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Fact::Addresses | Fact::Urls)
    }
}

/// A text that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A brace without its partner.
    #[error("a brace has no partner in {text:?}; a literal one is written twice")]
    Brace {
        /// The whole text.
        text: String,
    },
    /// A placeholder that nobody knows.
    #[error(
        "{{{placeholder}}} in {text:?} is not known: a node's own are name, index, address, port, dir \
         and nonce, another's NODE.address, NODE.port and NODE.url, a role's ROLE.addresses and \
         ROLE.urls; a literal brace is written twice"
    )]
    Unknown {
        /// What is between the braces.
        placeholder: String,
        /// The whole text.
        text: String,
    },
}

impl Text {
    /// A text that means what it says, braces included.
    pub fn literal(text: impl Into<String>) -> Self {
        Text(vec![Part::Literal(text.into())])
    }

    /// The text with each placeholder replaced by what it stands for.
    pub(crate) fn filled(
        &self,
        own: impl Fn(Own) -> String,
        other: impl Fn(&Reference) -> String,
    ) -> String {
        let filled = self.0.iter().map(|part| match part {
            Part::Literal(text) => text.clone(),
            Part::Own(fact) => own(*fact),
            Part::Other(reference) => other(reference),
        });
        filled.collect()
    }

    /// Whom the text refers to, in its order.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|part| match part {
            Part::Other(reference) => Some(reference),
            Part::Literal(_) | Part::Own(_) => None,
        })
    }
}

impl FromStr for Text {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let lonely = || TextError::Brace {
            text: text.to_owned(),
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal += &rest[..at];
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal += brace;
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(lonely());
            }
            let end = rest.find('}').ok_or_else(lonely)?;
            let part = placeholder(&rest[..end]).ok_or_else(|| TextError::Unknown {
                placeholder: rest[..end].to_owned(),
                text: text.to_owned(),
            })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = &rest[end + 1..];
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Text(parts))
    }
}

fn placeholder(text: &str) -> Option<Part> {
    let own = match text {
        "name" => Own::Name,
        "index" => Own::Index,
        "address" => Own::Address,
        "port" => Own::Port,
        "dir" => Own::Dir,
        "nonce" => Own::Nonce,
        _ => {
            let (to, fact) = text.rsplit_once('.')?;
            let fact = match fact {
                "address" => Fact::Address,
                "port" => Fact::Port,
                "url" => Fact::Url,
                "addresses" => Fact::Addresses,
                "urls" => Fact::Urls,
                _ => return None,
            };
            let to = to.to_owned();
            return Some(Part::Other(Reference { to, fact }));
        }
    };
    Some(Part::Own(own))
}

/// The text as it is written, so that it can be read again.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Own(own) => f.write_str(match own {
                    Own::Name => "{name}",
                    Own::Index => "{index}",
                    Own::Address => "{address}",
                    Own::Port => "{port}",
                    Own::Dir => "{dir}",
                    Own::Nonce => "{nonce}",
                })?,
                Part::Other(Reference { to, fact }) => {
                    let fact = match fact {
                        Fact::Address => "address",
                        Fact::Port => "port",
                        Fact::Url => "url",
                        Fact::Addresses => "addresses",
                        Fact::Urls => "urls",
                    };
                    write!(f, "{{{to}.{fact}}}")?;
                }
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        text.parse()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> String {
        let text: Text = text.parse().expect("well-formed");
        text.filled(
            |own| format!("<{own:?}>"),
            |reference| format!("<{} {:?}>", reference.to, reference.fact),
        )
    }

    #[test]
    fn placeholders_are_replaced_and_doubled_braces_are_literal() {
        assert_eq!(filled("--port={port}"), "--port=<Port>");
        assert_eq!(filled("{db.url}/x"), "<db Url>/x");
        assert_eq!(filled("{{port}} {{{name}}}"), "{port} {<Name>}");
        assert_eq!(filled("plain"), "plain");
    }

    #[test]
    fn what_is_not_known_or_not_closed_is_refused() {
        for text in [
            "{",
            "}",
            "{port",
            "port}",
            "{prot}",
            "{db.prot}",
            "{}",
            "{a b}",
        ] {
            assert!(text.parse::<Text>().is_err(), "{text} was taken");
        }
    }

    proptest! {
        #[test]
        fn any_literal_means_itself_and_is_read_as_it_was_written(text in any::<String>()) {
            let literal = Text::literal(text.clone());
            let written = literal.to_string();
            let read: Text = written.parse().expect("what was written");
            let meant = read.filled(|_| String::new(), |_| String::new());
            prop_assert_eq!(meant, text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[{}a.port ]{0,12}") {
            if let Ok(read) = text.parse::<Text>() {
                prop_assert_eq!(read.to_string().parse::<Text>().ok(), Some(read));
            }
        }
    }
}
