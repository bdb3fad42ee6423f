//! The performance gate: is the candidate slower than the baseline, not slower, or
//! can't it be told? Both run side by side and are loaded by turns.
//!
//! ```text
//! baseline     the build to compare with: a program, or a revision that is built
//!    ↓
//! shape        what a round is made of, and what is drawn for each
//!    ↓
//! round        both systems started afresh, loaded slot by slot by their users
//!    ↓
//! runner       rounds, for as long as the sequence wants more
//!    ↓
//! trust        whether all that may be believed
//!    ↓
//! conclusion   the record and its figures; judgement has the verdict and its sentences
//!    ↓
//! record       what is kept, and what pages are made of
//! ```
//!
//! Whether a round shows a slowdown, who plays on and what is repeated is decided by
//! [`stats`], which knows no processes; here is what measures.

pub(crate) mod baseline;
pub mod calibration;
mod child;
mod conclusion;
mod git;
mod judgement;
pub mod metrics;
mod near_side;
mod node_program;
pub(crate) mod own_system;
pub mod record;
mod round;
mod runner;
mod setup;
mod shape;
mod trust;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::NodeName;
use stats::comparison::{Design, FEWEST_ROUNDS, Metric, Role, Rule};
use stats::sequence::{Break, Ended, Rules, TimeLimit};

pub use round::RoundError;
pub use setup::{Setup, budget, this_build};

use crate::arrivals::Rate;
use crate::events::{Event, Events, millis};
use crate::interruption::Interruption;
use crate::keeping::Losses;
use crate::slots::{RoundLog, allowed_cores};
use crate::wall::{Beginning, WallClock};
use crate::words::counted;
use record::{GateRecord, RecordedDoubt, Side};
use round::{Capacity, RoundSetup, measure_capacity};
use runner::{GeneratorPlace, RoundRunner};
use setup::round_setup;
use shape::{RoundPlan, Shape};

/// The requests in a slot; fewer make a quad's ratio too coarse: ±7 % by chance alone, for counts.
const REQUESTS_A_SLOT: f64 = 200.0;

/// Why a gate has no record.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A system did not start.
    #[error("{}", not_started(*side, baseline))]
    NotStarted {
        /// The side that it is of.
        side: Side,
        /// The baseline, as it was asked for.
        baseline: String,
        /// Why not.
        #[source]
        source: Box<RoundError>,
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
        "the baseline answers {0:.0} requests a second, and slots of a second need {REQUESTS_A_SLOT:.0}: give [gate] more `users`, or the plan lighter requests"
    )]
    TooSlow(f64),
    /// There is no time for as many rounds as a verdict takes.
    #[error(
        "a budget of {} s has room for {} of {:.1} s, and a verdict takes {}: give it {} s or more",
        budget.as_secs(),
        counted(*rounds as u64, "round", "rounds"),
        each.as_secs_f64(),
        FEWEST_ROUNDS,
        needs.as_secs() + 1
    )]
    TooShort {
        /// The time that the gate may measure.
        budget: Duration,
        /// The number of rounds that it has room for.
        rounds: usize,
        /// The time that a round takes.
        each: Duration,
        /// The time that the fewest rounds take.
        needs: Duration,
    },
    /// A node of a side runs elsewhere.
    #[error(
        "a gate starts both sides afresh in each round, and {0} runs already: have it as a container \
         or a program"
    )]
    Elsewhere(NodeName),
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

/// A gate that is over.
#[derive(Debug)]
pub struct GateRun {
    /// Its record, which isn't kept yet.
    pub record: GateRecord,
    /// Everything of it that could not be kept as it came.
    pub losses: Losses,
}

/// Holds a gate; raw rounds are kept in `folder` as they come.
///
/// # Errors
///
/// A side can't be started, the budget has no room for a verdict, the machine refuses what
/// measuring takes, or the gate was interrupted before its first round was over. What ends
/// later rounds is in the record.
pub fn run(
    setup: Setup,
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<GateRun, GateError> {
    let (beginning, began) = (Beginning::now(WallClock::SYSTEM), Instant::now());
    let place = GeneratorPlace {
        interruption: interruption.clone(),
        cores: allowed_cores().map_err(GateError::Prepare)?,
    };
    let mut nodes = setup.systems.iter().flat_map(|system| system.nodes());
    if let Some(node) = nodes.find(|node| node.is_elsewhere()) {
        return Err(GateError::Elsewhere(node.name.clone()));
    }
    let log = RoundLog::open(folder).map_err(GateError::Log)?;
    // What lasts ends with the setup below, and before its folder goes.
    let lasting = harness::scratch::folder("gate").map_err(GateError::Folder)?;
    let mut of_rounds = round_setup(&setup);
    rounds_within(setup.budget, Duration::ZERO, &of_rounds.shape)?;
    events.emit(Event::GateBegan {
        plan: setup.plan.name.clone(),
        baseline: setup.baseline.program.clone(),
        candidate: setup.candidate.program.clone(),
        seed: setup.seed,
        budget_ms: millis(setup.budget),
    });
    events.emit(Event::CapacityMeasuring);
    let capacity = capacity(&place, &mut of_rounds, &setup, lasting.path());
    if let Err(GateError::Interrupted) = capacity {
        events.emit(Event::interrupted(interruption));
    }
    let capacity = capacity?;
    of_rounds.shape = with_slots_for(&of_rounds.shape, capacity)?;
    let open_share = setup.plan.gate.open_share / 100.0;
    let open_rate =
        Rate::per_second(capacity.turns * open_share).ok_or(GateError::TooSlow(capacity.turns))?;

    let most_rounds = rounds_within(setup.budget, began.elapsed(), &of_rounds.shape)?;
    let design = Design::of_rounds(most_rounds);
    let most_rounds = design.most_rounds();
    let rules = rules(&setup, &design);
    let metrics = rules.iter().map(|(rule, coarse)| match coarse {
        Some(_) => (*rule, Role::Coarse),
        None => (*rule, Role::Judged),
    });
    let held_by = Rules {
        metrics: metrics.collect(),
        design,
        ends_early: !setup.to_the_end,
        repeats: !setup.to_the_end,
        time: Some(TimeLimit {
            deadline: setup.budget,
            round: of_rounds.shape.round(),
        }),
    };
    let runner = RoundRunner {
        setup: &of_rounds,
        open_rate,
        place: &place,
        limits: &setup.plan.limits,
        began,
        log: &log,
        events,
    };
    let played = runner.play(held_by, setup.seed)?;
    let was_interrupted = played.finished.first.ended == Ended::Broken(Break::Interrupted);
    if played.first.rounds.is_empty() && was_interrupted {
        return Err(GateError::Interrupted);
    }
    let record = conclusion::record(conclusion::Measured {
        setup,
        shape: of_rounds.shape,
        capacity,
        open_rate,
        rules,
        most_rounds,
        played,
        beginning,
        lasted: began.elapsed(),
    });
    for doubt in &record.doubts {
        if let RecordedDoubt::Typed(doubt) = doubt.clone() {
            events.emit(Event::Doubted { doubt });
        }
    }
    events.emit(record.judgement.clone().into());
    Ok(GateRun {
        record,
        losses: log.losses(),
    })
}

/// The number of rounds that there is room for when some of the budget is spent.
fn rounds_within(budget: Duration, spent: Duration, shape: &Shape) -> Result<usize, GateError> {
    let each = shape.round();
    let left = budget.saturating_sub(spent);
    let rounds = (left.as_secs_f64() / each.as_secs_f64()) as usize;
    if rounds >= FEWEST_ROUNDS {
        return Ok(rounds);
    }
    Err(GateError::TooShort {
        budget,
        rounds,
        each,
        needs: each * FEWEST_ROUNDS as u32 + spent.max(CAPACITY_TAKES),
    })
}

/// The time that measuring the capacity takes, with starting both sides, and a little more.
const CAPACITY_TAKES: Duration = Duration::from_secs(3);

/// Starts both sides for the first time, and sees what the baseline can do. The folder is for
/// what lasts longer than a round.
fn capacity(
    place: &GeneratorPlace,
    of_rounds: &mut RoundSetup,
    setup: &Setup,
    lasting: &Path,
) -> Result<Capacity, GateError> {
    let plan = RoundPlan::draw(&of_rounds.shape, &place.cores, setup.seed);
    let data = harness::scratch::folder("gate").map_err(GateError::Folder)?;
    let measured = place.on_generator_cores(&plan, || async {
        of_rounds.start_lasting(lasting).await?;
        measure_capacity(of_rounds, &plan, data.path()).await
    });
    match measured {
        Ok(Some(capacity)) => Ok(capacity),
        Ok(None) => Err(GateError::Interrupted),
        Err(GateError::Round(error @ RoundError::Start { side, .. }))
            if error.crashed().is_some() =>
        {
            let build = &setup.baseline;
            let named = build.asked.clone().unwrap_or_else(|| build.program.clone());
            Err(GateError::NotStarted {
                side,
                baseline: named,
                source: Box::new(error),
            })
        }
        Err(error) => Err(error),
    }
}

/// A slot long enough for what a slot has to show.
fn with_slots_for(shape: &Shape, capacity: Capacity) -> Result<Shape, GateError> {
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

/// The rule of each metric, and the reason why it is too coarse for its margin, if it is.
fn rules(setup: &Setup, design: &Design) -> Vec<(Rule, Option<String>)> {
    let settings = &setup.plan.gate;
    let rules = Metric::ALL.into_iter().map(|metric| {
        let rule = settings.rule(metric, setup.budget);
        let known = setup.calibration.as_ref();
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
