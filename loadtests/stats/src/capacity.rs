//! The capacity of a system: the greatest open rate at which it keeps a promise, with an
//! interval, found by a search that a real system and a simulated one are put to alike.
//!
//! ```text
//! slot        what one slot of load showed, and the clauses of a promise
//! search      the state machine: doubling, halving, rounds, recovery, confirmation
//!   ↓
//! model       the share of broken requests over the rate, when every start has its own speed
//! bursts      the numbers of broken requests, which come in bursts
//! fit         that model from the slots of rounds
//! estimate    the capacity and its interval, by leaving out one round at a time
//!   ↓
//! finding     what the search found: found, at least, below, or unknown, with every slot
//! bistable    whether an overloaded system comes back by itself, and down to which rate not
//! comparison  two searches: the ratio of their capacities, by round
//! trial       simulated servers whose capacity is known, and searches on them, counted
//! ```
//!
//! # What the capacity is
//!
//! A promise is a list of clauses, each the share of requests that may break it: that 99 % of
//! the answers come within 50 ms allows 1 %. Starts of the same program differ in speed, so
//! that one rate has as many shares as there are starts. The **capacity** is the rate at which
//! the share *over the requests of all fresh starts together* reaches what the clause allows,
//! because that is what somebody gets who starts the system many times, and is promised 99 %.
//! Of a promise with several clauses it is the least of theirs.
//!
//! It isn't the capacity of a typical start, which half of the starts keep the promise at and
//! half don't. Beyond the boundary the share rises steeply, hence a slow start breaks more
//! than a fast one makes up for, and the capacity lies below that of a typical start: by 1 %
//! when starts differ by 2 % and the share grows by 60 % for each percent of the rate. Both
//! are estimated, and how much starts differ; see [`ClauseFinding`] and [`Curve`].
//!
//! # Where others err
//!
//! Bisection errs upwards, for its last "kept" is a lucky one; so does a ramp, for queues lag
//! and good samples of early seconds dilute the bad ones. So does the mean of what single
//! rounds seem to say, for excesses come in bursts, and most rounds look better than the mean.
//! Here the counts of many short slots around the boundary are pooled in one model, as in
//! sequential designs for binary data (C. F. J. Wu, Efficient sequential designs with binary
//! data, 1985), and rounds, which are fresh starts, are the unit of variance (H. Kasture and
//! D. Sanchez, TailBench, 2016).
//!
//! # What it supposes
//!
//! Speeds of starts are normally distributed in the logarithm. Where they differ by as much as
//! the share takes to go from nothing to everything, the capacity is decided by slow starts
//! that are rarer than one in a search, and rests on that. [`ClauseFinding::typical`] doesn't.
//! A slot shows the share of its length: a system that gets worse over minutes is found out by
//! the [`Confirmation`] alone.

mod bistable;
mod bursts;
mod comparison;
mod estimate;
mod finding;
mod fit;
mod model;
mod search;
mod slot;
pub mod trial;

pub use bistable::{Bistable, Recovery};
pub use comparison::{CapacityRatio, compare};
pub use estimate::Estimate;
pub use finding::{
    Capacity, ClauseFinding, Confirmation, Finished, Held, KeptSlot, Stage, Unknown,
};
pub use model::Curve;
pub use search::{Event, Next, Search, Settings};
pub use slot::{Clause, SlotSeen};
