//! A doubt as a gate's record has it: typed, and a sentence in records of earlier programs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;

/// A doubt about a gate's measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RecordedDoubt {
    /// A doubt by its kind.
    Typed(Doubt),
    /// A sentence for people, in records of the first version.
    Sentence(String),
}

impl From<Doubt> for RecordedDoubt {
    fn from(doubt: Doubt) -> Self {
        RecordedDoubt::Typed(doubt)
    }
}

impl fmt::Display for RecordedDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordedDoubt::Typed(doubt) => doubt.fmt(f),
            RecordedDoubt::Sentence(sentence) => f.write_str(sentence),
        }
    }
}
