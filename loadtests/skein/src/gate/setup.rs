//! The setup of a gate: the two builds, the load, the budget, and what follows from them for
//! every round.

use std::path::Path;
use std::time::Duration;

use harness::Topology;

use super::calibration::Calibration;
use super::record::{Build, Side};
use super::round::{RoundError, RoundSetup};
use super::shape::Shape;
use crate::environment::Environment;
use crate::plan::Plan;
use crate::slots::SystemPlan;

/// The setup of a gate: what is to be compared, and how.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The gate's name, which is that of its folder.
    pub id: String,
    /// The build that is compared against.
    pub baseline: Build,
    /// The build that is judged.
    pub candidate: Build,
    /// The systems that are started: the baseline's and the candidate's. Where they are one
    /// and the same, the builds alone may differ.
    pub systems: [Topology; 2],
    /// True when both are the same on purpose.
    pub is_aa: bool,
    /// The load of both, and how much of a slowdown is too much.
    pub plan: Plan,
    /// The time that measuring may take, without the confirmation of a fail.
    pub budget: Duration,
    /// True when all rounds are played, whatever looks would say, and a fail is left
    /// unconfirmed.
    pub to_the_end: bool,
    /// The calibration of this machine and the file that it is from, if there is one.
    pub calibration: Option<(String, Calibration)>,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same gate again.
    pub command: String,
}

/// The build of the program that runs, also when its file has been replaced by a newer build
/// meanwhile.
pub fn this_build() -> Build {
    let environment = Environment::look();
    let revision = environment.revision.as_ref();
    Build {
        asked: None,
        commit: revision.map(|revision| revision.commit.clone()),
        modified: revision.map(|revision| revision.modified),
        program: "/proc/self/exe".to_owned(),
        profile: Some(environment.profile.clone()),
    }
}

/// The budget that `text` names, such as `2m`: 10 s to 2 h.
///
/// # Errors
///
/// A sentence for people, when it is no duration or out of range.
pub fn budget(text: &str) -> Result<Duration, String> {
    /// Less has no room for the fewest rounds that an exact test needs.
    const SHORTEST: Duration = Duration::from_secs(10);
    /// More shows nothing that a margin asks for.
    const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(budget) if (SHORTEST..=LONGEST).contains(&budget) => Ok(budget),
        Ok(_) => Err("a budget is between 10s and 2h".to_owned()),
        Err(_) => Err("write a number with a unit, such as 2m".to_owned()),
    }
}

/// Both sides, and how rounds are made up before it is known how fast the baseline is.
pub(super) fn round_setup(setup: &Setup) -> RoundSetup {
    let plan = &setup.plan;
    let [baseline, candidate] = setup.systems.clone();
    let gate = &plan.gate;
    RoundSetup {
        shape: Shape {
            users: gate.users,
            // Enough for the stalls that a system at half its capacity may have.
            open_users: gate.users * 4,
            slot: gate.slot,
            dropped: gate.dropped,
            closed_quads: gate.closed_quads,
            open_quads: gate.open_quads,
            warm_up: gate.warm_up,
            apart: !gate.share_cores,
        },
        baseline: SystemPlan::new(&setup.baseline.program, baseline),
        candidate: SystemPlan::new(&setup.candidate.program, candidate),
        plan: plan.clone(),
    }
}

impl RoundSetup {
    /// Starts what lasts longer than a round; `folder` is for its logs and data.
    pub(super) async fn start_lasting(&mut self, folder: &Path) -> Result<(), RoundError> {
        for (side, plan) in [
            (Side::Baseline, &mut self.baseline),
            (Side::Candidate, &mut self.candidate),
        ] {
            let started = plan.start_lasting(&folder.join(side.word())).await;
            started.map_err(|source| RoundError::Start { side, source })?;
        }
        Ok(())
    }
}
