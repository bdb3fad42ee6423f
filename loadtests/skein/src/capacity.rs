//! The capacity of a system: the greatest open rate at which it keeps a promise, what limits it,
//! and what each variant of it would buy.
//!
//! ```text
//! promise      rules that a share of requests may break
//! subject      one system: the plan's own, a variant of it, or one with a tier relieved
//!    ↓
//! slot         open load at one rate, and everything that was seen of it
//!    ↑ pools   places of nodes that requests wait for besides CPU time
//!    ↑ rest    the moment from which a system has nothing left to do of what came before
//!       slowed starts and slots during which others slowed the machine down
//! round        one fresh start: some slots, each after the system has come to rest
//! study        the searches of all systems, whose starts follow each other as they are drawn
//!    ↓
//! tiers        what each tier used and took
//! limit        the tier that limits
//! conclusion   the record, its verdict and its sentences
//!    ↓
//! record       everything that is kept, and that pages are made of
//! ```
//!
//! How a search goes on, and what follows from its slots, is decided by [`stats::capacity`],
//! which knows no processes; here is what measures.

mod conclusion;
#[cfg(test)]
pub(crate) mod example;
mod first_look;
mod limit;
mod pools;
mod promise;
pub(crate) mod record;
mod rest;
mod round;
mod scaling;
mod sentences;
mod slot;
mod slowed;
mod study;
mod subject;
mod tiers;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::NodeName;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

pub(crate) use promise::Promise;

use crate::arrivals::Rate;
use crate::events::{Event, Events, millis};
use crate::interruption::Interruption;
use crate::keeping::Losses;
use crate::plan::{NoSystem, Plan, Relief};
use crate::slots::{RoundLog, allowed_cores};
use crate::wall::{Beginning, WallClock};
use conclusion::{Measured, Relieved};
use record::{CapacityRecord, Limit};
use study::{Study, StudyError};
use subject::Subject;

/// A study before its first start.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The study's name, which is that of its folder.
    pub(crate) id: String,
    /// The plan, whose system is studied.
    pub(crate) plan: Plan,
    /// Variants of the plan that are studied beside it, each with its own.
    pub(crate) variants: Vec<Varied>,
    /// Plans in which a tier is relieved, each with the change that makes it.
    pub(crate) reliefs: Vec<(Relief, Plan)>,
    pub(crate) promise: Promise,
    /// The rate that has to be shown, in turns a second, if one has to.
    pub(crate) at_least: Option<Rate>,
    /// True when the tier that seems to limit is relieved, to see whether it does.
    pub(crate) relieves: bool,
    /// The time that each system is given.
    pub(crate) budget: Duration,
    /// The program that the nodes run.
    pub(crate) program: String,
    /// The seed of every random choice.
    pub(crate) seed: u64,
    /// The command that makes the same study again.
    pub(crate) command: String,
}

/// A variant, and the plan as it has it.
#[derive(Clone, Debug)]
pub(crate) struct Varied {
    pub(crate) variant: crate::plan::Variant,
    pub(crate) plan: Plan,
}

/// A reason why a study has no record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CapacityError {
    /// The plan has no system to start.
    #[error(transparent)]
    NoSystem(#[from] NoSystem),
    /// A node runs elsewhere.
    #[error(
        "a study starts its system afresh again and again, and {0} runs already: have it as a \
         container or a program"
    )]
    Elsewhere(NodeName),
    /// There is no time for as many fresh starts as an interval takes.
    #[error(
        "a budget of {} s is too short for systems that take {:.1} s to start: give {} s or more",
        budget.as_secs(), start.as_secs_f64(), needs.as_secs() + 1
    )]
    TooShort {
        budget: Duration,
        start: Duration,
        needs: Duration,
    },
    /// A folder can't be made, or the operating system doesn't tell what has to be known.
    #[error("could not {what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    /// The study broke off.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A signal came before there was anything to keep.
    #[error("the study was interrupted before its first start")]
    Interrupted,
}

impl CapacityError {
    /// True when the system could not be started.
    pub(crate) fn is_not_started(&self) -> bool {
        matches!(self, CapacityError::Study(StudyError::NotStarted { .. }))
    }

    /// Whether another command line would help.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            CapacityError::NoSystem(_)
                | CapacityError::Elsewhere(_)
                | CapacityError::TooShort { .. }
        )
    }
}

/// A study that is over.
#[derive(Debug)]
pub(crate) struct CapacityRun {
    /// Its record, which isn't kept yet.
    pub(crate) record: CapacityRecord,
    /// Everything of it that could not be kept as it came.
    pub(crate) losses: Losses,
}

/// Carries a study out; raw rounds are kept in `folder` as they come.
///
/// # Errors
///
/// The system can't be started, the machine refuses what measuring takes, or the study was
/// interrupted before its first start was over.
pub(crate) fn run(
    setup: &Setup,
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<CapacityRun, CapacityError> {
    let (beginning, began) = (Beginning::now(WallClock::SYSTEM), Instant::now());
    let refused = |what| move |source| CapacityError::System { what, source };
    let cores = allowed_cores().map_err(refused("read which cores there are"))?;
    let log = RoundLog::open(folder).map_err(refused("keep rounds in the study's folder"))?;
    let lasting = harness::scratch::folder("capacity");
    let lasting = lasting.map_err(refused("make a folder for the data of nodes"))?;
    let mut subjects = subjects(setup)?;
    events.emit(Event::StudyBegan {
        plan: setup.plan.name.clone(),
        promise: setup.promise.to_string(),
        systems: subjects
            .iter()
            .map(|subject| subject.name.clone())
            .collect(),
        seed: setup.seed,
        budget_ms: millis(setup.budget),
    });
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(setup.seed);
    let mut carry_out = |subjects: &mut [Subject], is_relief: bool, lasting: &Path| {
        let look = first_look::take(subjects, &cores, rng.random(), interruption, lasting)?;
        let Some(look) = look else {
            return Ok(None);
        };
        let turns = look.turns_per_second.iter().copied();
        let slowest = turns.fold(f64::INFINITY, f64::min);
        let needs = first_look::needs(look.start, &setup.plan.capacity, slowest);
        let budget = match is_relief {
            true => needs.max(setup.budget / 2),
            false => setup.budget,
        };
        if budget < needs {
            return Err(CapacityError::TooShort {
                budget,
                start: look.start,
                needs,
            });
        }
        let outcome = Study {
            promise: &setup.promise,
            subjects,
            budget,
            look: &look,
            seed: rng.random(),
            cores: &cores,
            events,
            interruption,
            log: &log,
        };
        Ok::<_, CapacityError>(Some((outcome.carry_out()?, look)))
    };
    let first = carry_out(&mut subjects, false, &lasting.path().join("first"));
    let Some((outcome, look)) = first? else {
        events.emit(Event::interrupted(interruption));
        return Err(CapacityError::Interrupted);
    };
    let limits = conclusion::limits(&subjects, &outcome, &cores);
    let relieved = match limits
        .first()
        .and_then(|limited| relief_of(setup, &limited.limit.by))
    {
        Some((tier, subject)) if !interruption.happened() => {
            events.emit(Event::ReliefBegan { tier: tier.clone() });
            let own = subjects[0].clone();
            let mut both = [own, subject];
            let study = carry_out(&mut both, true, &lasting.path().join("relief"))?;
            study.map(|(outcome, _)| Relieved {
                tier,
                about: both[1].about.clone(),
                outcome,
            })
        }
        _ => None,
    };
    let interrupted = interruption.happened();
    if interrupted {
        events.emit(Event::interrupted(interruption));
    }
    let record = conclusion::record(&Measured {
        subjects: &subjects,
        outcome,
        limits,
        look,
        relieved,
        beginning,
        lasted: began.elapsed(),
        interrupted,
        setup,
    });
    for doubt in record.doubts.iter().cloned() {
        events.emit(Event::Doubted { doubt });
    }
    events.emit(record.judgement.clone().into());
    let losses = log.losses();
    Ok(CapacityRun { record, losses })
}

/// The systems of a study: the plan's own, and its variants.
fn subjects(setup: &Setup) -> Result<Vec<Subject>, CapacityError> {
    let mut subjects = vec![Subject::of(&setup.plan, &setup.program)?];
    for Varied { variant, plan } in &setup.variants {
        let subject = Subject::of(plan, &setup.program)?;
        subjects.push(Subject {
            name: variant.name.clone(),
            about: variant.about.clone().unwrap_or(subject.about),
            pattern: Some(variant.pattern.clone()),
            replicas: variant.replicas,
            ..subject
        });
    }
    let mut nodes = subjects
        .iter()
        .flat_map(|subject| subject.system.topology.nodes());
    match nodes.find(|node| node.is_elsewhere()) {
        Some(node) => Err(CapacityError::Elsewhere(node.name.clone())),
        None => Ok(subjects),
    }
}

/// The system with the tier relieved that seems to limit it, if the plan says how that is
/// done or its nodes have shares of a CPU that can be larger.
fn relief_of(setup: &Setup, limit: &Limit) -> Option<(String, Subject)> {
    if !setup.relieves {
        return None;
    }
    let tier = match limit {
        Limit::Cpu { tier } | Limit::Pool { tier, .. } | Limit::Waits { tier } => tier,
        Limit::SharedCores { most } => most,
        Limit::Generator | Limit::Unknown => return None,
    };
    let mut reliefs = setup.reliefs.iter();
    let planned = reliefs.find(|(relief, _)| relief.role == *tier);
    let subject = match planned {
        Some((_, plan)) => Subject::of(plan, &setup.program).ok()?,
        // More CPU time is no more places.
        None if matches!(limit, Limit::Pool { .. }) => return None,
        None => Subject::of(&setup.plan, &setup.program)
            .ok()?
            .with_more_cpu(tier)?,
    };
    Some((tier.clone(), subject))
}
