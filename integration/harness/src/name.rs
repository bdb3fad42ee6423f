//! Names of nodes, which serve as they are for files, metric labels and host names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of one running process, such as `api-2`: 1 to 63 lowercase letters, digits
/// and `-`, with a letter or a digit at both ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a replica: this one and a number, such as `api-2`.
    ///
    /// # Errors
    ///
    /// When the two together are longer than a name may be.
    pub fn replica(&self, number: usize) -> Result<Self, InvalidNodeName> {
        format!("{self}-{number}").parse()
    }
}

/// A text that is no [`NodeName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no node name: use 1 to 63 lowercase letters, digits and `-`, not at its ends")]
pub struct InvalidNodeName(String);

impl FromStr for NodeName {
    type Err = InvalidNodeName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let allowed = (1..=63).contains(&text.len())
            && text.bytes().all(|b| plain(b) || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if allowed {
            Ok(NodeName(text.into()))
        } else {
            Err(InvalidNodeName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name sorts and compares as its text does, so that maps by name can be asked by text.
impl std::borrow::Borrow<str> for NodeName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lowercase_and_begins_and_ends_plainly() {
        let longest = "a".repeat(63);
        for name in ["a", "api-2", "0", longest.as_str()] {
            assert!(name.parse::<NodeName>().is_ok(), "{name} was refused");
        }
        let too_long = "a".repeat(64);
        for text in [
            "",
            "-a",
            "a-",
            "API",
            "a_b",
            "a.b",
            "é",
            "a b",
            too_long.as_str(),
        ] {
            assert!(text.parse::<NodeName>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn replicas_are_numbered() {
        let name: NodeName = "api".parse().expect("a name");
        assert_eq!(name.replica(2).expect("short enough").as_str(), "api-2");
        let long: NodeName = "a".repeat(62).parse().expect("a name");
        assert!(long.replica(2).is_err());
    }
}
