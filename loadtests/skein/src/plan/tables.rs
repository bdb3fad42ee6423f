//! The tables of a plan that mean something to its program alone, taken out before the rest
//! is read; and the one thing in them that every program knows, the time that users think.

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::wrong_form;
use super::mistake::Mistake;
use super::span::Span;
use crate::program::TypeMap;
use crate::program::application::Application;
use crate::program::table::Unreadable;

/// The tables of a plan that mean something to its program alone.
pub(super) struct OwnTables {
    /// The tables, by their type.
    pub(super) tables: TypeMap,
    /// The same as a record keeps them, by name.
    pub(super) kept: Map<String, Value>,
    /// The place of `[topology]`, if it is there.
    pub(super) topology_at: Option<Range<usize>>,
    /// The time that users think between turns, on average.
    pub(super) think_time: Duration,
}

const TOPOLOGY: &str = "topology";
const BEHAVIOUR: &str = "behaviour";
const THINK_TIME: &str = "think_time";
const USUAL_THINK_TIME: Duration = Duration::from_millis(5);

impl OwnTables {
    /// Takes the program's tables out of a plan.
    pub(super) fn take(
        plan: &mut Spanned<DeTable<'_>>,
        source: &str,
        application: &Application,
    ) -> Result<Self, Mistake> {
        let plan = plan.get_mut();
        let mut own = OwnTables {
            tables: TypeMap::default(),
            kept: Map::new(),
            topology_at: plan.get(TOPOLOGY).map(Spanned::span),
            think_time: take_think_time(plan, source)?,
        };
        for kind in &application.tables {
            let written = plan.remove(kind.name);
            let kept = kind.read(written, &mut own.tables);
            let kept = kept.map_err(|error| match error {
                Unreadable::Form(error) => wrong_form(&error, source),
                Unreadable::Sense(mistake) => mistake,
            })?;
            own.kept.insert(kind.name.to_owned(), kept);
        }
        // Whoever reads no such table is told when it is known what users do.
        plan.remove(TOPOLOGY);
        // A table that says how long users think is known to every program, and empty now.
        if let Some(rest) = plan.remove(BEHAVIOUR)
            && let DeValue::Table(rest) = rest.get_ref()
            && let Some(unknown) = rest.keys().next()
        {
            let sentence = format!(
                "`{}` is not known here; [{BEHAVIOUR}] has {THINK_TIME} alone",
                unknown.get_ref()
            );
            return Err(Mistake::at(unknown, sentence));
        }
        Ok(own)
    }
}

fn take_think_time(plan: &mut DeTable<'_>, source: &str) -> Result<Duration, Mistake> {
    let Some(behaviour) = plan.get_mut(BEHAVIOUR) else {
        return Ok(USUAL_THINK_TIME);
    };
    let DeValue::Table(behaviour) = behaviour.get_mut() else {
        return Err(Mistake::at(behaviour, "write a table: [behaviour]"));
    };
    match behaviour.remove(THINK_TIME) {
        Some(written) => Ok(Span::deserialize(written.into_deserializer())
            .map_err(|error| wrong_form(&error, source))?
            .0),
        None => Ok(USUAL_THINK_TIME),
    }
}
