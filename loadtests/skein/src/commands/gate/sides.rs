//! The two sides of a gate: which builds, and which systems.

use std::path::Path;
use std::sync::Arc;

use clap::ArgMatches;
use harness::Topology;
use harness::topology::{Setting, SettingError};

use super::super::{amended, foreign_system};
use super::Gate;
use crate::events::Events;
use crate::gate::baseline::{self, BaselineError};
use crate::gate::own_system::{self, Then};
use crate::gate::record::Build;
use crate::gate::this_build;
use crate::interruption::Interruption;
use crate::plan::{ForeignSystem, Plan, PlanOf};
use crate::program::application::Application;

/// The two sides of a gate, and what they are loaded with.
pub(super) struct Sides {
    pub(super) plan: Plan,
    /// The systems: baseline, candidate.
    pub(super) systems: [Topology; 2],
    /// The program's own flags that changed the plan, as they are written.
    pub(super) amended: String,
}

/// The builds that are compared.
pub(super) struct Builds {
    pub(super) baseline: Build,
    pub(super) candidate: Build,
    /// The sources that the baseline's programs are in.
    pub(super) then: Option<Then>,
}

impl Gate {
    pub(super) fn plan(&self, application: &Arc<Application>) -> anyhow::Result<Plan> {
        let system = self.topology.as_deref().map(foreign_system).transpose()?;
        let of = PlanOf {
            application,
            system: system.as_ref(),
        };
        let plan = Plan::load(&self.plan, of)?;
        anyhow::ensure!(plan.has_mix(), "{}", plan.lacks_mix("a gate's"));
        anyhow::ensure!(
            plan.requests.is_none() || plan.foreign.is_some(),
            "a gate starts both systems itself, so a plan of plain requests needs one: name it with --topology FILE, or describe it in the plan as [node.NAME]"
        );
        plan.gate.check(self.budget())?;
        let has_rows = plan.has_rows_for(plan.gate.users, "gate");
        has_rows.map_err(anyhow::Error::msg)?;
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
        if let Some(systems) = self.with_settings(&as_it_is)? {
            return Ok(Sides {
                plan,
                systems,
                amended: String::new(),
            });
        }
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

    /// The systems of both sides, where one setting tells them apart.
    fn with_settings(&self, now: &Topology) -> anyhow::Result<Option<[Topology; 2]>> {
        let [baseline, candidate] = self.settings()?;
        if baseline.is_none() && candidate.is_none() {
            return Ok(None);
        }
        anyhow::ensure!(
            self.baseline_topology.is_none()
                && (baseline.is_some() || self.baseline.is_none())
                && (candidate.is_some() || self.candidate.is_none()),
            "a setting is compared with another, and not with a build or a file; leave one of them out"
        );
        let with = |setting: Option<Setting>| match setting {
            Some(setting) => now.with(&setting),
            None => Ok(now.clone()),
        };
        let systems = [with(baseline)?, with(candidate)?];
        anyhow::ensure!(
            systems[0] != systems[1],
            "both sides have the same setting, so that there is nothing to compare"
        );
        Ok(Some(systems))
    }

    /// The settings that `--baseline` and `--candidate` name, where they name any.
    pub(super) fn settings(&self) -> Result<[Option<Setting>; 2], SettingError> {
        let baseline = self.baseline.as_deref().map(Path::new);
        let candidate = self.candidate.as_deref();
        let setting = |named: Option<&Path>| {
            let text = named.filter(|path| !path.exists())?.to_str()?;
            text.contains('=').then(|| text.parse())
        };
        Ok([
            setting(baseline).transpose()?,
            setting(candidate).transpose()?,
        ])
    }

    /// The revision that the baseline of somebody's own system is of. Where the program hosts
    /// nodes of the system, a revision is one of that program.
    fn revision_of<'a>(&'a self, plan: &'a Plan) -> Option<(&'a str, &'a ForeignSystem)> {
        let system = plan.foreign.as_ref()?;
        let hosts = system
            .topology
            .nodes()
            .iter()
            .any(|node| node.run.is_hosted());
        let asked = self.baseline.as_deref()?;
        let is_revision = !hosts && self.candidate.is_none() && !Path::new(asked).exists();
        is_revision.then_some((asked, system))
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
        plan: &Plan,
        systems: &mut [Topology; 2],
        amended: &str,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<Builds, BaselineError> {
        let application = &plan.application;
        if let Ok([baseline, candidate]) = self.settings()
            && let Some(setting) = candidate.or(baseline)
        {
            let build = own_system::working_tree(&systems[1], events, interruption)?;
            let named = |system: &Topology| Build {
                asked: Some(setting.now(system)),
                ..build.clone()
            };
            return Ok(Builds {
                baseline: named(&systems[0]),
                candidate: named(&systems[1]),
                then: None,
            });
        }
        if let Some((revision, system)) = self.revision_of(plan) {
            let then = own_system::at_revision(revision, system, events, interruption)?;
            systems[0] = then.topology.clone();
            return Ok(Builds {
                baseline: then.build.clone(),
                candidate: own_system::working_tree(&systems[1], events, interruption)?,
                then: Some(then),
            });
        }
        let (baseline, candidate) = self.programs(application, amended, events, interruption)?;
        if let Some(file) = &self.baseline_topology {
            let name = file.display().to_string();
            let baseline = systems[0].clone();
            systems[0] = own_system::baseline(baseline, &name, events, interruption)?;
        }
        if plan.foreign.is_some() {
            own_system::working_tree(&systems[1], events, interruption)?;
        }
        Ok(Builds {
            baseline,
            candidate,
            then: None,
        })
    }

    /// The programs that are compared: baseline, candidate.
    fn programs(
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
