//! The early end of a run whose verdict was certain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The early end of a run in which a rule was surely lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoppedEarly {
    /// The rules that nothing could have made hold any more. No others were judged.
    pub rules: Vec<String>,
    /// The time since the load began, in seconds.
    pub after_seconds: f64,
}

impl StoppedEarly {
    /// The sentence of the verdict.
    pub fn sentence(&self) -> String {
        format!(
            "Stopped after {:.1} s, when {} could not hold any more; what would have come is not judged.",
            self.after_seconds,
            self.rules.join(" and ")
        )
    }
}
