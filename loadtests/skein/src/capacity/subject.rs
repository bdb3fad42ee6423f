//! One system of a study: the plan's own, a variant of it, or one with a tier relieved.

use harness::Topology;
use harness::topology::Cpus;

use super::record::NodeMachine;
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
    /// The machines that its nodes are given, once it has been started.
    pub(super) machines: Vec<NodeMachine>,
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
            machines: Vec::new(),
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
    pub(super) fn with_more_cpu(mut self, tier: &str) -> Option<Self> {
        /// The factor: more than what an interval leaves open, and no more than what would
        /// make another tier the limit at once.
        const MORE: f64 = 1.25;
        let mut nodes = self.system.topology.nodes().to_vec();
        let mut change = None;
        for node in nodes.iter_mut().filter(|node| node.is_called(tier)) {
            let now = node.cpus?;
            let more = Cpus::of(now.get() * MORE).ok()?;
            node.cpus = Some(more);
            change = Some((now, more));
        }
        let (now, more) = change?;
        self.system.topology = Topology::of(nodes).ok()?;
        self.about = format!("{more} in place of {} for {tier}", now.get());
        Some(self)
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
