//! The two sides of a gate: which builds, and which systems.

use std::path::Path;
use std::sync::Arc;

use clap::ArgMatches;
use harness::Topology;

use super::super::{amended, foreign_system};
use super::Gate;
use crate::events::Events;
use crate::gate::baseline::{self, BaselineError};
use crate::gate::record::Build;
use crate::gate::this_build;
use crate::interruption::Interruption;
use crate::plan::{Plan, PlanOf};
use crate::program::application::Application;

/// The two sides of a gate, and what they are loaded with.
pub(super) struct Sides {
    pub(super) plan: Plan,
    /// The systems: baseline, candidate.
    pub(super) systems: [Topology; 2],
    /// The program's own flags that changed the plan, as they are written.
    pub(super) amended: String,
}

impl Gate {
    pub(super) fn plan(&self, application: &Arc<Application>) -> anyhow::Result<Plan> {
        let system = self.topology.as_deref().map(foreign_system).transpose()?;
        let of = PlanOf {
            application,
            system: system.as_ref(),
        };
        let plan = Plan::load(&self.plan, of)?;
        anyhow::ensure!(
            plan.requests.is_none() || plan.foreign.is_some(),
            "a gate starts both systems itself, so a plan of plain requests needs one: name it with --topology FILE, or describe it in the plan as [node.NAME]"
        );
        plan.gate.check(self.budget())?;
        Ok(plan)
    }

    /// The plan, and the systems of both sides. Flags that change the plan are for both, unless
    /// nothing else tells the sides apart: then they are for the candidate alone.
    pub(super) fn sides(
        &self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> anyhow::Result<Sides> {
        let mut plan = self.plan(application)?;
        let as_it_is = plan.system()?;
        let amended = amended(&mut plan, flags)?;
        let candidate = plan.system()?;
        let baseline = match &self.baseline_topology {
            Some(path) => foreign_system(path)?.topology,
            None if self.is_of_variants() => as_it_is,
            None => candidate.clone(),
        };
        anyhow::ensure!(
            self.has_a_baseline() || self.is_of_variants() && baseline != candidate,
            "there is nothing to compare with; name a build with --baseline REVISION|PATH, or say --aa for this one with itself"
        );
        Ok(Sides {
            plan,
            systems: [baseline, candidate],
            amended,
        })
    }

    /// True when nothing tells the sides apart but what their systems are made of.
    fn is_of_variants(&self) -> bool {
        !self.has_a_baseline() && self.candidate.is_none()
    }

    fn has_a_baseline(&self) -> bool {
        self.baseline.is_some() || self.baseline_topology.is_some() || self.is_aa()
    }

    /// The builds that are compared: baseline, candidate.
    pub(super) fn builds(
        &self,
        application: &Application,
        amended: &str,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<(Build, Build), BaselineError> {
        let baseline = match &self.baseline {
            Some(asked) => baseline::find(asked, application, events, interruption)?,
            None => this_build(),
        };
        let candidate = match &self.candidate {
            _ if self.is_aa() => baseline.clone(),
            Some(path) => baseline::at(path, application)?,
            // Variants are of one build.
            None if self.is_of_variants() => baseline.clone(),
            None => baseline::candidate_for(&baseline, application, events, interruption)?,
        };
        if self.is_of_variants() {
            let [before, after] = ["the plan as it is", amended.trim_start()].map(Path::new);
            return Ok((
                named_by(baseline, Some(before)),
                named_by(candidate, Some(after)),
            ));
        }
        let before = self.baseline_topology.as_deref();
        let after = before.and(self.topology.as_deref());
        Ok((named_by(baseline, before), named_by(candidate, after)))
    }
}

/// The build, which goes by the file of its system where nobody named it otherwise.
fn named_by(build: Build, system: Option<&Path>) -> Build {
    let system = system.map(|path| path.display().to_string());
    Build {
        asked: build.asked.or(system),
        ..build
    }
}
