//! Steps that are taken once for a whole run: set-up before its load, which gives every user
//! what it captured, and clean-up after it. They are in no figure.

use std::sync::Arc;

use super::Teller;
use crate::client::{InvalidTarget, Target};
use crate::plan::{Plan, Step};
use crate::user::User;
use crate::workload::Workload;

/// Values that steps took from answers, by their places.
pub(crate) type Captured = Vec<(usize, String)>;

/// A reason why there is no load.
#[derive(Debug, thiserror::Error)]
pub enum OnceFailed {
    /// The system's URL, or a file with certificates for it, isn't one.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// A step failed.
    #[error("the {which} of the plan failed at {route}: {reason}")]
    Step {
        /// Set-up or clean-up.
        which: &'static str,
        /// The step's route.
        route: String,
        /// The way in which it failed.
        reason: String,
    },
}

/// Takes the plan's set-up steps at the system at `url`, once it is sure that users can be sent
/// there.
///
/// # Errors
///
/// They can't, or a step failed.
pub(crate) async fn set_up(plan: &Plan, seed: u64, url: &str) -> Result<Captured, OnceFailed> {
    Target::new(url, &plan.connection)?;
    let steps = plan.requests.as_ref().map(|requests| &requests.set_up[..]);
    take(
        "set-up",
        steps.unwrap_or_default(),
        &Captured::new(),
        (plan, seed, url),
    )
    .await
}

/// Takes the plan's clean-up steps, which know what set-up `captured`.
///
/// # Errors
///
/// A step failed.
pub(crate) async fn clean_up(
    plan: &Plan,
    captured: &Captured,
    seed: u64,
    url: &str,
) -> Result<(), OnceFailed> {
    let steps = plan
        .requests
        .as_ref()
        .map(|requests| &requests.clean_up[..]);
    take(
        "clean-up",
        steps.unwrap_or_default(),
        captured,
        (plan, seed, url),
    )
    .await?;
    Ok(())
}

/// Takes steps as a user of a load of its own, whose samples nobody adds to the run's.
async fn take(
    which: &'static str,
    steps: &[Step],
    known: &Captured,
    (plan, seed, url): (&Plan, u64, &str),
) -> Result<Captured, OnceFailed> {
    let Some(requests) = plan.requests.as_ref().filter(|_| !steps.is_empty()) else {
        return Ok(Captured::new());
    };
    let workload = Workload::new(plan, seed, url).knowing(known.clone());
    let workload = Arc::new(workload);
    let mut teller = Teller::of_steps(steps, &requests.slots, &workload);
    let mut user = User::new(0, Arc::clone(&workload));
    if teller.turn(&mut user).await {
        return Ok(teller.captured(steps));
    }
    let samples = workload.recorder.snapshot();
    let failed = samples.faults.iter().next();
    let (route, reason) = match (failed, samples.near_side.values().next()) {
        (Some(((_, route, fault), faults)), _) => {
            (route.name(), format!("{fault} ({})", faults.example))
        }
        (None, Some(shortage)) => ("its first step".to_owned(), shortage.example.clone()),
        (None, None) => ("some step".to_owned(), "it was broken off".to_owned()),
    };
    Err(OnceFailed::Step {
        which,
        route,
        reason,
    })
}
