//! A program's pieces, put together: all that the framework doesn't know by itself.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use harness::Topology;
use harness::counters::Counters;
use http::HeaderName;
use serde_json::Value;

use super::flags::{PlanFlags, UpFlags};
use super::table::{TableKind, TypeMap};
use super::{Account, Seen};
use crate::figure::Figure;
use crate::plan::Plan;
use crate::record::Record;
use crate::scenario::ScenarioKind;
use crate::user::Answer;

/// A program's pieces.
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) about: String,
    /// The command that starts the program.
    pub(crate) command: String,
    pub(crate) plans: Vec<&'static str>,
    pub(crate) scenarios: Vec<ScenarioKind>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) tables: Vec<TableKind>,
    pub(crate) system: Option<Box<MakeSystem>>,
    pub(crate) description: Option<Box<Describe>>,
    pub(crate) shared: Vec<Box<Share>>,
    pub(crate) accounts: Vec<Box<GiveAccount>>,
    pub(crate) signs: Signs,
    /// Counters that nodes show from their start, by role; those of a role are alternatives.
    pub(crate) counters: Vec<(&'static str, &'static [&'static str])>,
    pub(crate) under_way: Option<UnderWay>,
    pub(crate) host: Option<fn(Vec<OsString>) -> ExitCode>,
    pub(crate) node_executable: Option<&'static str>,
    pub(crate) up: Option<UpFlags>,
    pub(crate) plan_flags: Option<PlanFlags>,
    pub(crate) record_schema: Option<fn() -> Value>,
    pub(crate) adopt: Option<fn(&mut Record)>,
}

type MakeSystem = dyn Fn(&Plan) -> Topology + Send + Sync;
type Describe = dyn Fn(&Plan) -> String + Send + Sync;
type Share = dyn Fn(&Plan, &mut TypeMap) + Send + Sync;
type GiveAccount = dyn Fn(&Seen<'_>) -> Account + Send + Sync;

/// Signs that answers give beside their status and body.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    /// The header field that names the node that gave an answer.
    pub(crate) served_by: HeaderName,
    pub(crate) outcome: Option<fn(&Answer) -> Option<&'static str>>,
}

/// Work that goes on behind the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    /// The amount of it that is left, by a node's counters; `None` when they don't tell.
    pub(crate) left: fn(&Counters) -> Option<u64>,
}

impl Application {
    /// The built-in plans: their names and their TOML.
    pub(crate) fn plans(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.plans.iter().map(|source| (name_of(source), *source))
    }

    /// The TOML of the built-in plan of this name.
    pub(crate) fn built_in(&self, name: &str) -> Option<&'static str> {
        let mut plans = self.plans();
        plans.find_map(|(known, source)| (known == name).then_some(source))
    }

    pub(crate) fn new(name: String) -> Self {
        Application {
            about: "Start a system, load it, judge it and report.".to_owned(),
            command: name.clone(),
            name,
            plans: Vec::new(),
            scenarios: Vec::new(),
            figures: Vec::new(),
            tables: Vec::new(),
            system: None,
            description: None,
            shared: Vec::new(),
            accounts: Vec::new(),
            signs: Signs {
                served_by: HeaderName::from_static("x-served-by"),
                outcome: None,
            },
            counters: Vec::new(),
            under_way: None,
            host: None,
            node_executable: None,
            up: None,
            plan_flags: None,
            record_schema: None,
            adopt: None,
        }
    }

    /// The values that all users of a run share.
    pub(crate) fn shared(&self, plan: &Plan) -> TypeMap {
        let mut shared = TypeMap::default();
        for share in &self.shared {
            share(plan, &mut shared);
        }
        shared
    }

    /// A counter that a node of `role` should show from its start and doesn't, by the
    /// alternative that it shows the most of.
    pub(crate) fn missing(&self, role: &str, shown: &Counters) -> Option<&'static str> {
        let alternatives = self.counters.iter().filter(|(of, _)| *of == role);
        let looked_for = alternatives.map(|(_, names)| {
            let mut missing = names.iter().filter(|name| !shown.has(name));
            let first = missing.next().copied();
            let number = usize::from(first.is_some()) + missing.count();
            // Whoever shows none of them is of the first kind.
            let shown = names.len() - number;
            (number > 0, std::cmp::Reverse(shown), first)
        });
        looked_for
            .min_by_key(|(misses, shown, _)| (*misses, *shown))?
            .2
    }
}

/// The name that a built-in plan gives itself.
fn name_of(source: &str) -> String {
    let named: toml::Table = source.parse().expect("a built-in plan is TOML");
    let name = named["name"].as_str().expect("a plan's name is a text");
    name.to_owned()
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("name", &self.name)
            .field("scenarios", &self.scenarios)
            .field("figures", &self.figures)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use harness::counters::Format;

    use super::*;

    #[test]
    fn a_node_shows_all_of_one_alternative() {
        let mut application = Application::new("shop".to_owned());
        application.counters = vec![
            ("store", &["reads_total", "writes_total"]),
            ("door", &["knocks_total"]),
            ("store", &["redis_build_info", "redis_memory_used_bytes"]),
        ];
        let missing = |role: &str, shown: &[&str]| {
            let page: String = shown.iter().map(|name| format!("{name} 0\n")).collect();
            let shown = Counters::parse(page.as_bytes(), Format::Prometheus).expect("a page");
            application.missing(role, &shown)
        };
        assert_eq!(missing("store", &["reads_total", "writes_total"]), None);
        let redis = ["redis_build_info", "redis_memory_used_bytes"];
        assert_eq!(missing("store", &redis), None);
        assert_eq!(missing("store", &redis[..1]), Some(redis[1]));
        assert_eq!(missing("store", &["writes_total"]), Some("reads_total"));
        assert_eq!(missing("store", &[]), Some("reads_total"));
        assert_eq!(missing("door", &redis), Some("knocks_total"));
        assert_eq!(missing("cellar", &[]), None);
    }
}
