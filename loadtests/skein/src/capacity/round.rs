//! One fresh start of one system: it is started, warmed up, loaded slot by slot, and gone at the
//! end.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::error::{CpuTimeError, StartError};
use jiff::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::Promise;
use super::record::{Purpose, RoundRecord, SlotRecord};
use super::rest;
use super::slot::{self, SlotError, SlotOrder, SlotShape};
use super::subject::Subject;
use crate::environment::own_cpu_time;
use crate::evidence::machine::MachineReading;
use crate::observation::{Observation, ObservationError};
use crate::record::EdgeRecord;
use crate::run::account;
use crate::run::seen::Sights;
use crate::run::system::Measured;
use crate::slots::{LoadedSystem, NotLoaded, SlotLoad};

/// The order for one fresh start: its slots, and where it runs.
#[derive(Clone, Debug)]
pub(super) struct RoundOrder<'a> {
    pub(super) promise: &'a Promise,
    pub(super) number: usize,
    pub(super) purpose: Purpose,
    /// Its slots, in order.
    pub(super) slots: Vec<SlotShape>,
    /// The low rate that all systems of a study have in common, in turns a second, for a slot
    /// before the others.
    pub(super) common: Option<f64>,
    pub(super) seed: u64,
    pub(super) node_cores: Vec<usize>,
    pub(super) generator_cores: Vec<usize>,
}

/// A reason why a fresh start could not be measured to its end.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The system did not start.
    #[error("the system could not be started")]
    Start(#[source] StartError),
    /// Anything else that came before the load.
    #[error("the system could not be loaded")]
    NotLoaded(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A node ended.
    #[error("a node ended while it was measured")]
    Crashed(#[source] CpuTimeError),
    /// The operating system refused something.
    #[error("could not {what}")]
    System {
        /// The attempt.
        what: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A node doesn't tell what it counts.
    #[error("the nodes could not be observed")]
    Observe(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RoundError {
    pub(super) fn slot(error: SlotError) -> Self {
        match error {
            SlotError::Cpu(source) => RoundError::Crashed(source),
            SlotError::System { what, source } => RoundError::System { what, source },
        }
    }

    fn observe(error: ObservationError) -> Self {
        RoundError::Observe(Box::new(error))
    }
}

impl From<NotLoaded> for RoundError {
    fn from(error: NotLoaded) -> Self {
        match error {
            NotLoaded::Start(error) => RoundError::Start(error),
            other => RoundError::NotLoaded(Box::new(other)),
        }
    }
}

/// Plays a round of a system, with logs and data in `folder`.
pub(super) async fn play(
    subject: &Subject,
    order: RoundOrder<'_>,
    folder: &Path,
) -> Result<RoundRecord, RoundError> {
    let (began, started) = (Instant::now(), Timestamp::now());
    let settings = &subject.plan.capacity;
    let load = SlotLoad {
        plan: &subject.plan,
        users: settings.users,
        open_users: settings.open_users,
    };
    let starting = subject
        .system
        .start(load, &order.node_cores, folder, order.seed);
    let mut loaded = starting.await?;
    loaded.users.closed_slot(settings.warm_up).await;
    // From here on everything counts, and what is recorded begins anew.
    loaded.renew_users(load, order.seed);
    let connected = rest::connect(&mut loaded, &subject.plan).await;
    connected.map_err(RoundError::slot)?;

    let machine_before = MachineReading::now().ok();
    let (load_began, own_before) = (Instant::now(), own_cpu_time().ok());
    let mut seeds = Xoshiro256PlusPlus::seed_from_u64(order.seed);
    let mut slots: Vec<SlotRecord> = Vec::new();
    let mut play = async |loaded: &mut LoadedSystem, shape: SlotShape, is_common: bool| {
        let order = SlotOrder {
            plan: &subject.plan,
            promise: order.promise,
            shape,
            place: slots.len(),
            seed: seeds.random(),
            is_common,
        };
        let slot = slot::play(loaded, order).await.map_err(RoundError::slot)?;
        let is_at_rest = slot.rest_millis.is_some();
        slots.push(slot);
        Ok::<bool, RoundError>(is_at_rest)
    };
    let mut account = (Vec::new(), Vec::new());
    if let Some(rate) = order.common {
        let before = Observation::of(&loaded.system, &subject.plan).await;
        let before = before.map_err(RoundError::observe)?;
        let shape = SlotShape {
            rate,
            lead: settings.lead,
            lasts: common_length(rate, settings.slot),
            rests: true,
        };
        play(&mut loaded, shape, true).await?;
        let after = Observation::of(&loaded.system, &subject.plan).await;
        let after = after.map_err(RoundError::observe)?;
        account = account_of(subject, &loaded, &before, &after);
    }
    let mut crash = None;
    for shape in &order.slots {
        match play(&mut loaded, *shape, false).await {
            // What a system has that didn't come to rest would be in the next slot's figures.
            Ok(is_at_rest) if shape.rests && !is_at_rest => break,
            Ok(_) => {}
            Err(RoundError::Crashed(error)) => {
                crash = Some(error.to_string());
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let nodes: u64 = slots
        .iter()
        .flat_map(|slot| &slot.nodes)
        .map(|used| used.cpu_nanos)
        .sum();
    let own = own_cpu_time().ok().zip(own_before);
    let own = own.map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then));
    let machine = MachineReading::now().ok().zip(machine_before);
    let machine = machine.and_then(|(now, then)| {
        now.since(
            &then,
            load_began.elapsed(),
            own + Duration::from_nanos(nodes),
        )
    });
    // Stopping it is a part of the round's time.
    drop(loaded);
    let (edges, figures) = account;
    Ok(RoundRecord {
        number: order.number,
        purpose: order.purpose,
        seed: order.seed,
        started,
        seconds: began.elapsed().as_secs_f64(),
        node_cores: order.node_cores,
        generator_cores: order.generator_cores,
        machine,
        edges,
        figures,
        slots,
        crash,
    })
}

/// The greatest length of a slot at the low rate, in slots.
const MOST_COMMON: u32 = 4;

/// The length of a slot at the low rate: enough for some hundred turns, within reason.
pub(super) fn common_length(rate: f64, slot: Duration) -> Duration {
    const TURNS: f64 = 200.0;
    let wanted = Duration::try_from_secs_f64(TURNS / rate).unwrap_or(slot);
    wanted.clamp(slot, slot * MOST_COMMON)
}

/// Calls between nodes and the program's figures, of what was counted between two looks.
fn account_of(
    subject: &Subject,
    loaded: &LoadedSystem,
    before: &Observation,
    after: &Observation,
) -> (Vec<EdgeRecord>, Vec<crate::figure::FigureRecord>) {
    let counts = after.counted_since(before, &loaded.system);
    let sights = Sights {
        samples: loaded.users.samples(),
        measured: Some(Measured::of_counts(counts.clone())),
        whole: Some(counts),
        ..Sights::default()
    };
    let account = account(&subject.plan, &sights, true);
    let figures = account.figures.iter();
    let figures = figures.map(|(figure, reading)| figure.record(*reading));
    (account.edges, figures.collect())
}
