//! The performance gate: is the candidate slower than the baseline, not slower, or
//! can't it be told? Both run side by side and are loaded by turns.
//!
//! ```text
//! baseline   the build to compare with: a program, or a revision that is built
//!    ↓
//! shape      what a round is made of, and what is drawn for each
//!    ↓
//! round      both systems started afresh, loaded slot by slot by their crews
//!    ↓
//! contest    rounds, and looks at them, until it is decided or time is up
//!    ↓
//! trust      whether all that may be believed
//!    ↓
//! record     what is kept, and what pages are made of
//! ```
//!
//! What is decided is decided by [`comparison`](crate::comparison), which knows no
//! processes; here is what measures.

pub mod baseline;
pub mod calibration;
mod conclusion;
mod contest;
mod crew;
mod git;
mod metrics;
mod place;
pub mod record;
mod round;
mod shape;
pub mod study;
mod trust;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use integration::{Launcher, Topology};
use jiff::Timestamp;
use services::contract::Service;

pub use contest::ROUNDS_FILE;
pub use round::RoundError;

use crate::arrivals::Rate;
use crate::comparison::{Decision, Design, Metric, Role, Rule};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::topology;
use crate::words::counted;
use calibration::Calibration;
use contest::{Contest, Ended, Ground, Terms, open_log};
use place::{Interruption, allowed_cores};
use record::{Build, GateRecord, Side};
use round::{Arena, Capacity, SidePlan, measure_capacity};
use shape::{RoundPlan, Shape};

/// What is to be compared, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is compared against.
    pub baseline: Build,
    /// What is judged.
    pub candidate: Build,
    /// Settings of the candidate's services that the baseline's don't have, for studies:
    /// a service, a flag without its dashes, and a value.
    pub planted: Vec<(Service, String, String)>,
    /// The same the other way round.
    pub planted_before: Vec<(Service, String, String)>,
    /// Whether both are the same on purpose.
    pub is_aa: bool,
    /// What both are loaded with, and what is too much.
    pub plan: Plan,
    /// How long measuring may take, without the confirmation of a fail.
    pub budget: Duration,
    /// Whether all rounds are played, whatever looks would say, and a fail is left
    /// unconfirmed.
    pub to_the_end: bool,
    /// What this machine is known to be able to tell.
    pub calibration: Option<(String, Calibration)>,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same gate again.
    pub command: String,
}

/// Why a gate has no record.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A system did not start.
    #[error("{}", not_started(*side, baseline))]
    NotStarted {
        /// Whose.
        side: Side,
        /// What the baseline is.
        baseline: String,
        /// Why not.
        #[source]
        source: RoundError,
    },
    /// A round broke off.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A folder for the nodes' data can't be made.
    #[error("could not make a folder for the data of a round")]
    Folder(#[source] io::Error),
    /// Rounds can't be kept.
    #[error("could not keep the rounds in the gate's folder")]
    Log(#[source] io::Error),
    /// The operating system doesn't tell what a gate has to know.
    #[error("could not prepare the measurement")]
    Prepare(#[source] io::Error),
    /// The baseline answers too seldom for slots of a second.
    #[error(
        "the baseline answers {0:.0} requests a second, which is too few to compare it in short slots"
    )]
    TooSlow(f64),
    /// There is no time for as many rounds as a verdict takes.
    #[error(
        "a budget of {} s has room for {} of {:.1} s, and a verdict takes {}: give it {} s or more",
        budget.as_secs(),
        counted(*rounds as u64, "round", "rounds"),
        each.as_secs_f64(),
        Design::FEWEST_ROUNDS,
        needs.as_secs() + 1
    )]
    TooShort {
        /// How long the gate may measure.
        budget: Duration,
        /// How many rounds that is room for.
        rounds: usize,
        /// How long one is.
        each: Duration,
        /// How long the fewest rounds take.
        needs: Duration,
    },
    /// A signal came before there was anything to keep.
    #[error("the gate was interrupted before its first round")]
    Interrupted,
}

fn not_started(side: Side, baseline: &str) -> String {
    match side {
        Side::Candidate => "the candidate could not be started".to_owned(),
        Side::Baseline => format!(
            "the baseline {baseline} could not be started by this build; if its services are \
             older than the flags that they are started with, choose a newer baseline"
        ),
    }
}

/// Holds a gate; raw rounds are kept in `folder` as they come.
pub fn run(order: Order, folder: &Path, progress: &Progress) -> Result<GateRecord, GateError> {
    let (started, began) = (Timestamp::now(), Instant::now());
    let interruption = Interruption::listen().map_err(GateError::Prepare)?;
    let cores = allowed_cores().map_err(GateError::Prepare)?;
    let mut log = open_log(folder)?;
    let mut arena = arena(&order);
    rounds_within(order.budget, Duration::ZERO, &arena.shape)?;
    let any_rate = Rate::per_second(1.0).expect("it is a rate");
    progress.say("measuring what the baseline can do");
    let capacity = capacity(
        &Ground {
            arena: &arena,
            open_rate: any_rate,
            cores: &cores,
            interruption: &interruption,
            log: &mut log,
            progress,
        },
        &order,
    )?;
    arena.shape = with_slots_for(&arena.shape, capacity)?;
    let open_share = order.plan.gate.open_share / 100.0;
    let open_rate =
        Rate::per_second(capacity.turns * open_share).ok_or(GateError::TooSlow(capacity.turns))?;
    let mut ground = Ground {
        arena: &arena,
        open_rate,
        cores: &cores,
        interruption: &interruption,
        log: &mut log,
        progress,
    };

    let rounds = rounds_within(order.budget, began.elapsed(), &arena.shape)?;
    let design = Design::of_rounds(rounds);
    let rules = rules(&order, &design);
    let terms = Terms {
        rules: rules
            .iter()
            .map(|(rule, coarse)| match coarse {
                Some(_) => (*rule, Role::Coarse),
                None => (*rule, Role::Judged),
            })
            .collect(),
        limits: order.plan.limits,
        design,
        may_end_early: !order.to_the_end,
        deadline: began + order.budget,
        seed: order.seed,
        confirmation: false,
    };
    let contest = Contest::hold(&mut ground, &terms)?;
    let confirmation = if order.to_the_end {
        None
    } else {
        confirm(&mut ground, &terms, &contest)?
    };
    if contest.rounds.is_empty() && matches!(contest.ended, Ended::Interrupted) {
        return Err(GateError::Interrupted);
    }
    Ok(conclusion::record(conclusion::Held {
        order,
        shape: arena.shape,
        capacity,
        open_rate,
        rules,
        terms,
        contest,
        confirmation,
        started,
        seconds: began.elapsed().as_secs_f64(),
    }))
}

/// How many rounds there are to be, when some of the budget is spent.
fn rounds_within(budget: Duration, spent: Duration, shape: &Shape) -> Result<usize, GateError> {
    let each = shape.round();
    let left = budget.saturating_sub(spent);
    let rounds = (left.as_secs_f64() / each.as_secs_f64()) as usize;
    if rounds >= Design::FEWEST_ROUNDS {
        return Ok(rounds);
    }
    Err(GateError::TooShort {
        budget,
        rounds,
        each,
        needs: each * Design::FEWEST_ROUNDS as u32 + spent.max(CAPACITY_TAKES),
    })
}

/// What measuring the capacity takes, with starting both sides, and a little more.
const CAPACITY_TAKES: Duration = Duration::from_secs(3);

/// A fail has to stand a repetition: everything is started afresh with another seed,
/// and within as many rounds as the budget has, one of the metrics that failed has to fail
/// again, of which only those are judged; what crashed or failed requests has to do so
/// again. As many rounds as it took the first time would be too few: that was a lucky look.
/// It can only take fails away, so that the chance of a false one is at most what the first
/// contest had, and its price is some of the power.
fn confirm(
    ground: &mut Ground<'_>,
    terms: &Terms,
    contest: &Contest,
) -> Result<Option<(u64, Contest)>, GateError> {
    let failed = match &contest.ended {
        Ended::Decided(Decision::Fail { metrics }) => metrics.clone(),
        Ended::CandidateFails | Ended::Crashed(Side::Candidate, _) => Vec::new(),
        _ => return Ok(None),
    };
    let what = if failed.is_empty() {
        "the candidate seems to fail"
    } else {
        "the candidate seems slower"
    };
    let making_sure = "making sure with a fresh start and another seed";
    ground.progress.note(&format!("{what}; {making_sure}"));
    let seed = !terms.seed;
    let planned = ground.arena.shape.round();
    let longest = contest.rounds.iter().map(|played| played.round.seconds);
    let each = longest.fold(planned.as_secs_f64(), f64::max);
    // A slower minute must not take the last look away.
    let lasts = Duration::from_secs_f64(each * terms.design.most_rounds() as f64);
    let again = |rule: Rule, role: Role| {
        let has_failed = failed.contains(&rule.metric);
        (rule, role.when_repeated(has_failed))
    };
    let rules = terms.rules.iter();
    let terms = Terms {
        rules: rules.map(|(rule, role)| again(*rule, *role)).collect(),
        limits: terms.limits,
        design: terms.design.clone(),
        may_end_early: true,
        deadline: Instant::now() + lasts.mul_f64(1.25),
        seed,
        confirmation: true,
    };
    Ok(Some((seed, Contest::hold(ground, &terms)?)))
}

/// The nodes of either side, without what is planted.
fn topology_of(order: &Order) -> Topology {
    let plan = &order.plan;
    topology(&plan.shape).with(Service::Database, "items", plan.behaviour.items)
}

/// Both sides, and how rounds are made up before it is known how fast the baseline is.
fn arena(order: &Order) -> Arena {
    let plan = &order.plan;
    let nodes = topology_of(order);
    let plant = |planted: &[(Service, String, String)]| {
        let planted = planted.iter();
        planted.fold(nodes.clone(), |nodes, (service, flag, value)| {
            nodes.with(*service, flag, value)
        })
    };
    let gate = &plan.gate;
    Arena {
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
        baseline: side(&order.baseline, plant(&order.planted_before)),
        candidate: side(&order.candidate, plant(&order.planted)),
        plan: plan.clone(),
    }
}

fn side(build: &Build, topology: Topology) -> SidePlan {
    SidePlan {
        launcher: Launcher::program(&build.program),
        topology,
    }
}

/// Starts both sides for the first time, and sees what the baseline can do.
fn capacity(ground: &Ground<'_>, order: &Order) -> Result<Capacity, GateError> {
    let plan = RoundPlan::draw(&ground.arena.shape, ground.cores, order.seed);
    let data = tempfile::Builder::new()
        .prefix("skein-gate-")
        .tempdir()
        .map_err(GateError::Folder)?;
    let arena = ground.arena;
    let measured = ground.on_generator_cores(&plan, || measure_capacity(arena, &plan, data.path()));
    match measured {
        Ok(Some(capacity)) => Ok(capacity),
        Ok(None) => Err(GateError::Interrupted),
        Err(GateError::Round(error @ RoundError::Start { side, .. })) => {
            let build = &order.baseline;
            let named = build.asked.clone().unwrap_or_else(|| build.program.clone());
            Err(GateError::NotStarted {
                side,
                baseline: named,
                source: error,
            })
        }
        Err(error) => Err(error),
    }
}

/// A slot long enough for what a slot has to show.
fn with_slots_for(shape: &Shape, capacity: Capacity) -> Result<Shape, GateError> {
    /// Fewer make a quad's ratio too coarse: ±7 % by chance alone, for counts.
    const REQUESTS_A_SLOT: f64 = 200.0;
    const LONGEST: Duration = Duration::from_secs(1);
    let needs = Duration::try_from_secs_f64(REQUESTS_A_SLOT / capacity.requests)
        .map_err(|_| GateError::TooSlow(capacity.requests))?;
    let slot = shape.slot.max(shape.dropped + needs);
    if slot > LONGEST {
        return Err(GateError::TooSlow(capacity.requests));
    }
    Ok(Shape {
        slot,
        ..shape.clone()
    })
}

/// How each metric is judged, and why it is too coarse for its margin, if so.
fn rules(order: &Order, design: &Design) -> Vec<(Rule, Option<String>)> {
    let settings = &order.plan.gate;
    let rules = Metric::ALL.into_iter().map(|metric| {
        let rule = settings.rule(metric, order.budget);
        let known = order.calibration.as_ref();
        let (scatter, where_from) = match known.and_then(|(_, known)| known.scatter(metric)) {
            Some(scatter) => (scatter, "on this machine"),
            None => (
                calibration::typical(metric),
                "on machines like those of CI, for this one isn't calibrated",
            ),
        };
        let coarse = scatter.too_coarse_for(rule, design);
        (rule, coarse.map(|reason| format!("{where_from}, {reason}")))
    });
    rules.collect()
}
