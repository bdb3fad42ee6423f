//! The finding of a search: the capacity of the promise and of each clause, and every slot
//! that it follows from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bistable::{Bistable, Recovery};
use super::estimate::Estimate;
use super::model::Curve;
use super::slot::{Clause, SlotSeen};

/// A search that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finished {
    /// The capacity of the promise as a whole: the least of its clauses'.
    pub capacity: Capacity,
    /// The clause that is broken first beyond it, by its place in the promise.
    pub breaks_first: Option<usize>,
    /// The capacity by clause, in the order of the promise.
    pub clauses: Vec<ClauseFinding>,
    /// The confidence of all intervals, such as 0.95.
    pub confidence: f64,
    /// True when the interval is as narrow as was asked; `None` when nothing was asked, or
    /// when there is no interval.
    pub is_narrow: Option<bool>,
    /// The number of rounds that were played.
    pub rounds: usize,
    /// Every slot of the search, in the order in which they were played.
    pub slots: Vec<KeptSlot>,
    /// The looks at whether the system comes back by itself after an overload.
    pub recoveries: Vec<Recovery>,
    /// Both edges of a system that doesn't always come back.
    pub bistable: Option<Bistable>,
    /// The long slot at the lower end of the interval.
    pub confirmation: Option<Confirmation>,
    /// The starts in which the system ended by itself.
    pub crashes: usize,
    /// True when somebody interrupted the search.
    pub interrupted: bool,
}

/// The capacity that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// It is this rate, within an interval.
    Found(Estimate),
    /// It is at least this rate; the generator, or the search, didn't go higher.
    AtLeast(f64),
    /// It is below this rate, the lowest that was tried.
    Below(f64),
    /// It isn't known.
    Unknown(Unknown),
}

/// A reason why a capacity isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The time was too short for as many rounds as an interval needs.
    TooFewRounds {
        /// The number of rounds that were played.
        played: usize,
        /// The least number that is needed.
        needed: usize,
    },
    /// Somebody interrupted the search before there were rounds enough.
    Interrupted,
    /// The system ended by itself again and again.
    Crashes,
    /// The share that is broken doesn't follow the rate, in the range that was tried.
    NoBoundary,
}

impl Capacity {
    /// The estimate, if there is one.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Capacity::Found(estimate) => Some(estimate),
            Capacity::AtLeast(_) | Capacity::Below(_) | Capacity::Unknown(_) => None,
        }
    }

    /// The rate that the promise is surely kept at, if there is one.
    pub fn surely_kept_at(&self) -> Option<f64> {
        match self {
            Capacity::Found(estimate) => Some(estimate.low),
            Capacity::AtLeast(rate) => Some(*rate),
            Capacity::Below(_) | Capacity::Unknown(_) => None,
        }
    }
}

/// The finding on one clause of a promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClauseFinding {
    /// The clause.
    pub clause: Clause,
    /// Its capacity.
    pub capacity: Capacity,
    /// The rate that half of the starts keep the clause at.
    pub typical: Option<Estimate>,
    /// The share that is broken over the rate, as fitted, for a chart.
    pub curve: Option<Curve>,
    /// The influence of each round on the logarithm of the capacity, by which two searches are
    /// compared: how far the estimate would move without the round, the other way.
    pub influences: Vec<f64>,
}

/// A slot with its place in a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptSlot {
    /// The stage of the search.
    pub stage: Stage,
    /// The number of the fresh start that it was played in, from 0.
    pub start: usize,
    /// True when the estimates are made of it, which they are of all slots of rounds but of
    /// those after an undrained one and those far from the boundary.
    pub counts: bool,
    /// The slot.
    pub seen: SlotSeen,
}

/// A stage of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Probes at rates that double until the promise breaks.
    Doubling,
    /// Probes that halve the bracket.
    Halving,
    /// Rounds of several slots around the boundary.
    Rounds,
    /// An overload from which the system should come back.
    Overload,
    /// The load that follows an overload.
    AfterOverload,
    /// A long slot at the lower end of the interval.
    Confirmation,
}

/// A long slot of a fresh start at the lower end of the interval, held against the rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmation {
    /// The slot.
    pub seen: SlotSeen,
    /// The promise's fate.
    pub held: Held,
}

/// The ways in which a promise fares in a confirmation, the best first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It was kept.
    Kept,
    /// It was broken, no worse than a slow start does at that rate.
    BrokenBySlowStart,
    /// It was broken worse than starts differ: a long load is worse than short slots show.
    Contradicts,
}
