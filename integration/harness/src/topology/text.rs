//! Texts with placeholders: what a node is told about itself and about other nodes,
//! which is known only when the system starts.

mod reader;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use reader::{Braces, read};

/// A text in which `{port}` and its like stand for what is known at the start.
///
/// | placeholder | the node itself |
/// |---|---|
/// | `{name}`, `{index}` | its name; its number among the replicas of its role, from 1 |
/// | `{address}`, `{port}` | where it shall listen: `127.0.0.1:PORT`; the port alone |
/// | `{dir}` | its data folder |
/// | `{nonce}` | what tells this system's nodes from those of any other |
///
/// | `{port.NAME}` | a further port of its own, which the system chooses |
/// | `{url}` | the URL that others are told |
///
/// | placeholder | others |
/// |---|---|
/// | `{db.address}`, `{db.port}` | where the node `db` listens |
/// | `{db.url}` | its URL, which is `http://ADDRESS` unless its plan says otherwise |
/// | `{api.addresses}`, `{api.urls}` | the same for all nodes of a role, with commas between |
/// | `{each api}…{/each}` | what is in between, for each node of a role, where `{it.name}`, `{it.address}`, `{it.port}` and `{it.url}` are that node's |
///
/// Whoever refers to a node calls it, and starts after it. A literal brace is written
/// twice: `{{` and `}}`. In a [`template`](Text::template), such as a server's own
/// configuration, braces around anything but a lower-case word are literal, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Own(Own),
    Other(Reference),
    /// Parts for each node of a role.
    Each {
        role: String,
        parts: Vec<Part>,
    },
    /// A fact about the node that it is the turn of.
    It(It),
}

/// A fact about the node that a text belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Name,
    Index,
    Address,
    Port,
    /// A further port, by its name.
    FurtherPort(String),
    Url,
    Dir,
    Nonce,
}

/// A fact about each node of a role in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum It {
    Name,
    Of(Fact),
}

/// A fact about another node, or about all nodes of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// A node's name, or a role's.
    pub(crate) to: String,
    pub(crate) fact: Fact,
}

/// A source of what placeholders stand for.
pub(crate) trait Facts {
    fn own(&self, fact: &Own) -> String;
    /// The fact about each node that is meant, in the topology's order.
    fn others(&self, reference: &Reference) -> Vec<String>;
    /// The names of the nodes of a role, in the same order.
    fn names(&self, role: &str) -> Vec<String>;
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
    const ALL: [Fact; 5] = [
        Fact::Address,
        Fact::Port,
        Fact::Url,
        Fact::Addresses,
        Fact::Urls,
    ];

    fn called(name: &str) -> Option<Self> {
        Fact::ALL.into_iter().find(|fact| fact.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Fact::Address => "address",
            Fact::Port => "port",
            Fact::Url => "url",
            Fact::Addresses => "addresses",
            Fact::Urls => "urls",
        }
    }

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
    /// A part for each node of a role that doesn't end.
    #[error("{{each {role}}} in {text:?} has no {{/each}}")]
    Endless {
        /// The role.
        role: String,
        /// The whole text.
        text: String,
    },
    /// A placeholder that nobody knows.
    #[error(
        "{{{placeholder}}} in {text:?} is not known: a node's own are name, index, address, port, \
         port.NAME, url, dir and nonce, another's NODE.address, NODE.port and NODE.url, a role's \
         ROLE.addresses, ROLE.urls and {{each ROLE}}…{{/each}}; a literal brace is written twice"
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

    /// The text of a file that has a syntax of its own: braces are literal, unless there is
    /// a lower-case word between them.
    ///
    /// # Errors
    ///
    /// When such a word is no placeholder.
    pub fn template(text: &str) -> Result<Self, TextError> {
        read(text, Braces::OfATemplate).map(Text)
    }

    /// The text with each placeholder replaced by what it stands for.
    pub(crate) fn filled(&self, facts: &dyn Facts) -> String {
        filled(&self.0, facts, None)
    }

    /// Whom the text refers to, in its order.
    pub(crate) fn references(&self) -> impl Iterator<Item = Reference> {
        self.parts().into_iter().filter_map(|part| match part {
            Part::Other(reference) => Some(reference.clone()),
            Part::Each { role, .. } => Some(Reference {
                to: role.clone(),
                fact: Fact::Addresses,
            }),
            Part::Literal(_) | Part::Own(_) | Part::It(_) => None,
        })
    }

    /// The names of the node's further ports that the text has.
    pub(crate) fn further_ports(&self) -> impl Iterator<Item = &str> {
        self.parts().into_iter().filter_map(|part| match part {
            Part::Own(Own::FurtherPort(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Every part, those for each node of a role included.
    fn parts(&self) -> Vec<&Part> {
        let mut all = Vec::new();
        for part in &self.0 {
            all.push(part);
            if let Part::Each { parts, .. } = part {
                all.extend(parts);
            }
        }
        all
    }
}

/// The parts as text; `turn` is the name and the position of the node of a role that it is
/// the turn of.
fn filled(parts: &[Part], facts: &dyn Facts, turn: Option<(&str, usize)>) -> String {
    let filled = parts.iter().map(|part| match part {
        Part::Literal(text) => text.clone(),
        Part::Own(fact) => facts.own(fact),
        Part::Other(reference) => facts.others(reference).join(","),
        Part::Each { role, parts } => {
            let turns = 0..facts.names(role).len();
            turns
                .map(|turn| filled(parts, facts, Some((role, turn))))
                .collect()
        }
        Part::It(fact) => {
            let (role, turn) = turn.expect("a part of this kind is within one for each");
            let mut all = match fact {
                It::Name => facts.names(role),
                It::Of(fact) => facts.others(&Reference {
                    to: role.to_owned(),
                    fact: *fact,
                }),
            };
            all.swap_remove(turn)
        }
    });
    filled.collect()
}

impl FromStr for Text {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        read(text, Braces::OfAText).map(Text)
    }
}

/// The text as it is written, so that it can be read again.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Own(own) => match own {
                Own::Name => f.write_str("{name}"),
                Own::Index => f.write_str("{index}"),
                Own::Address => f.write_str("{address}"),
                Own::Port => f.write_str("{port}"),
                Own::FurtherPort(name) => write!(f, "{{port.{name}}}"),
                Own::Url => f.write_str("{url}"),
                Own::Dir => f.write_str("{dir}"),
                Own::Nonce => f.write_str("{nonce}"),
            },
            Part::Other(Reference { to, fact }) => write!(f, "{{{to}.{}}}", fact.name()),
            Part::Each { role, parts } => {
                write!(f, "{{each {role}}}")?;
                parts.iter().try_for_each(|part| part.fmt(f))?;
                f.write_str("{/each}")
            }
            Part::It(It::Name) => f.write_str("{it.name}"),
            Part::It(It::Of(fact)) => write!(f, "{{it.{}}}", fact.name()),
        }
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

    /// Facts that say which ones they are; there are two nodes of every role.
    struct Told;

    impl Facts for Told {
        fn own(&self, fact: &Own) -> String {
            format!("<{fact:?}>")
        }

        fn others(&self, reference: &Reference) -> Vec<String> {
            let Reference { to, fact } = reference;
            match fact.is_list() {
                true => vec![format!("<{to}-1 {fact:?}>"), format!("<{to}-2 {fact:?}>")],
                false => ["1", "2"]
                    .map(|number| format!("<{to}-{number} {fact:?}>"))
                    .into(),
            }
        }

        fn names(&self, role: &str) -> Vec<String> {
            vec![format!("{role}-1"), format!("{role}-2")]
        }
    }

    fn filled(text: &str) -> String {
        let text: Text = text.parse().expect("well-formed");
        text.filled(&Told)
    }

    #[test]
    fn placeholders_are_replaced_and_doubled_braces_are_literal() {
        assert_eq!(filled("--port={port}"), "--port=<Port>");
        assert_eq!(filled("{port.metrics}"), "<FurtherPort(\"metrics\")>");
        assert_eq!(filled("{db.urls}/x"), "<db-1 Urls>,<db-2 Urls>/x");
        assert_eq!(filled("{{port}} {{{name}}}"), "{port} {<Name>}");
        assert_eq!(filled("plain"), "plain");
    }

    #[test]
    fn a_part_for_each_node_of_a_role_is_said_once_for_each() {
        assert_eq!(
            filled("({each db}server {it.name} {it.address} of {name};{/each})"),
            "(server db-1 <db-1 Address> of <Name>;server db-2 <db-2 Address> of <Name>;)"
        );
    }

    #[test]
    fn a_template_keeps_the_braces_of_its_own_syntax() {
        let conf = "events {}\nhttp { upstream db { {each db}server {it.address};{/each} } }\n";
        let template = Text::template(conf).expect("well-formed");
        assert_eq!(
            template.filled(&Told),
            "events {}\nhttp { upstream db { server <db-1 Address>;server <db-2 Address>; } }\n"
        );
        let json = r#"{"port": {"of": "{port}"}, "env": ${HOME}}"#;
        let template = Text::template(json).expect("well-formed");
        assert_eq!(
            template.filled(&Told),
            r#"{"port": {"of": "<Port>"}, "env": ${HOME}}"#
        );
        let typo = Text::template("listen {prot};").expect_err("no such placeholder");
        assert!(typo.to_string().contains("{prot}"), "{typo}");
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
            "{port.}",
            "{}",
            "{a b}",
            "{it.name}",
            "{each db}",
            "{/each}",
            "{each db}{each api}{/each}{/each}",
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
            prop_assert_eq!(read.filled(&Told), text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(
            text in r"([{}a.port ]|\{each a\}|\{/each\}|\{it\.url\}){0,12}",
        ) {
            let _ = Text::template(&text);
            if let Ok(read) = text.parse::<Text>() {
                prop_assert_eq!(read.to_string().parse::<Text>().ok(), Some(read));
            }
        }
    }
}
