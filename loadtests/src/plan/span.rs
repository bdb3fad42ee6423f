//! Lengths of time in plans.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A length of time as people write it: `"5ms"`, `"1m 30s"`.
#[derive(Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Span).map_err(|_| {
            serde::de::Error::custom(format!(
                "{text:?} is no duration; write a number with a unit, such as \"5ms\" or \"1m 30s\""
            ))
        })
    }
}
