//! Settings of a study of capacity over a plan: the promise that is to be kept, how its rounds
//! are made up, and the variants of the system that are compared.

use std::time::Duration;

use toml::Table;

use super::{InvalidPlan, Plan, PlanOf};
use crate::arrivals::Spacing;
use crate::capacity::Promise;

/// Settings of a study of capacity.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacitySettings {
    /// The promise, unless the command line names another.
    pub(crate) promise: Option<Promise>,
    /// The part of a slot that counts, 200 ms to 10 s.
    pub slot: Duration,
    /// The part before it that doesn't, at the same rate, up to 10 s.
    pub lead: Duration,
    /// Closed load on a system that has just started, before its first slot, up to a minute:
    /// caches are filled by it, and connections made.
    pub warm_up: Duration,
    /// Users of that closed load, 1 to 1000.
    pub users: usize,
    /// The most turns that are under way at the same time, 1 to 10,000.
    pub open_users: usize,
    /// The spacing from one turn to the next.
    pub spacing: Spacing,
    /// True when nodes and generator share all cores, in place of having a half each.
    pub share_cores: bool,
}

impl Default for CapacitySettings {
    fn default() -> Self {
        CapacitySettings {
            promise: None,
            slot: Duration::from_secs(1),
            lead: Duration::from_millis(300),
            warm_up: Duration::from_millis(500),
            users: 16,
            open_users: 512,
            // As many independent people would; even distances keep queues shorter than they
            // would be.
            spacing: Spacing::Poisson,
            share_cores: false,
        }
    }
}

/// A variant of a plan: what it has in another way, and the pattern that it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The pattern that it is about, such as `caching`; its own name without one.
    pub pattern: String,
    /// The variant in a few words.
    pub about: Option<String>,
    /// The number of replicas that the pattern's other variants differ by, for the law by which
    /// capacity grows with them.
    pub replicas: Option<u32>,
    /// Tables that are laid over those of the plan.
    pub(super) overlay: Table,
}

/// Changes of a plan that relieve one tier of its system, to see whether it is what limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Relief {
    /// The tier: a role of nodes.
    pub role: String,
    /// Tables that are laid over those of the plan.
    pub(super) overlay: Table,
}

impl Plan {
    /// The plan as the variant has it.
    ///
    /// # Errors
    ///
    /// It makes no sense.
    pub(crate) fn varied(&self, variant: &Variant) -> Result<Plan, InvalidPlan> {
        self.overlaid(&variant.overlay)
    }

    /// The plan with a tier relieved.
    ///
    /// # Errors
    ///
    /// It makes no sense.
    pub(crate) fn relieved(&self, relief: &Relief) -> Result<Plan, InvalidPlan> {
        self.overlaid(&relief.overlay)
    }

    fn overlaid(&self, overlay: &Table) -> Result<Plan, InvalidPlan> {
        let foreign = self.foreign.as_ref();
        let of = PlanOf {
            application: &self.application,
            // A system that is described in the plan is described in its variants, too.
            system: foreign.filter(|system| system.path != self.file),
        };
        let source = laid_over(&self.source, overlay);
        super::file::parse(&self.file.to_string_lossy(), &source, of)
    }
}

/// Names of the tables that variants are written in.
pub(super) const VARIANT: &str = "variant";
/// Name of the table that reliefs are written in.
pub(super) const RELIEF: &str = "relief";

/// The TOML of a plan without variants, with an overlay in place of what it has at the same
/// places.
pub(super) fn laid_over(source: &str, overlay: &Table) -> String {
    let mut plan: Table = source.parse().expect("a plan that was read is TOML");
    for name in [VARIANT, RELIEF] {
        plan.remove(name);
    }
    merge(&mut plan, overlay);
    plan.to_string()
}

fn merge(plan: &mut Table, overlay: &Table) {
    for (key, value) in overlay {
        match (plan.get_mut(key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            _ => {
                plan.insert(key.clone(), value.clone());
            }
        }
    }
}
