//! One system of a study: the plan's own, a variant of it, or one with a tier relieved.

use harness::Topology;

use super::record::MachineRecord;
use crate::plan::{NoSystem, Plan};
use crate::slots::SystemPlan;

/// One system of a study, before its first start.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Its name.
    pub(super) name: String,
    /// The system in a few words.
    pub(super) about: String,
    /// The pattern that it shows, if it is a variant.
    pub(super) pattern: Option<String>,
    /// The replicas that tell it from other variants of its pattern.
    pub(super) replicas: Option<u32>,
    /// Its plan, whose stages are those that are judged.
    pub(super) plan: Plan,
    pub(super) system: SystemPlan,
}

/// The name of the plan's own system.
pub(super) const AS_IT_IS: &str = "as it is";

impl Subject {
    /// The system of a plan, whose nodes run `program`.
    ///
    /// # Errors
    ///
    /// The plan has none.
    pub(super) fn of(plan: &Plan, program: &str) -> Result<Self, NoSystem> {
        let topology = plan.system()?;
        let mut plan = plan.clone();
        // What users record belongs to the first of them, which is then a judged one.
        plan.stages.retain(|stage| !stage.warm_up);
        let describe = plan.application.description.as_ref();
        let about = describe
            .filter(|_| plan.is_at_home())
            .map_or_else(|| in_words(&topology), |describe| describe(&plan));
        Ok(Subject {
            name: AS_IT_IS.to_owned(),
            about,
            pattern: None,
            replicas: None,
            system: SystemPlan::new(program, topology),
            plan,
        })
    }

    /// The roles of its nodes, from the users inwards.
    pub(super) fn roles(&self) -> Vec<String> {
        let mut roles: Vec<String> = Vec::new();
        for node in self.system.topology.tiers().into_iter().flatten() {
            if !roles.contains(&node.role) {
                roles.push(node.role.clone());
            }
        }
        roles
    }

    /// The same with more CPU time for a tier; `None` where its nodes have no shares of their
    /// own.
    pub(super) fn with_more_cpu(self, _tier: &str) -> Option<Self> {
        None
    }

    /// The machines that its nodes are given, where they are given any.
    pub(super) fn machines(&self) -> Vec<MachineRecord> {
        Vec::new()
    }
}

/// A system that a file describes, in a few words.
fn in_words(topology: &Topology) -> String {
    let mut roles: Vec<(&str, usize)> = Vec::new();
    for node in topology.tiers().into_iter().flatten() {
        match roles.iter_mut().find(|(role, _)| *role == node.role) {
            Some((_, nodes)) => *nodes += 1,
            None => roles.push((&node.role, 1)),
        }
    }
    let roles = roles.iter().map(|(role, nodes)| match nodes {
        1 => (*role).to_owned(),
        nodes => format!("{nodes} × {role}"),
    });
    roles.collect::<Vec<_>>().join(", ")
}
