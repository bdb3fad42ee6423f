//! The comparison of a candidate with its baseline, as mathematics: rounds in, and "fail",
//! "pass" or "can't tell" out, with known rates of error.
//!
//! ```text
//! quads of one round     round      winsorised mean: one log-ratio a metric
//!   ↓
//! log-ratios by round    location   the estimate and its interval
//!   ↓                    sign_flip  exact p-values, whatever the rounds' distribution
//! looks at them          boundary   how sure each look has to be, given the others
//!   ↓                    design     when to look, and what may be spent on it
//! decision               judge      holds bounds against tolerance and margin
//!
//! calibration            dependence whether rounds are independent
//!                        power      the effect that a number of rounds can see
//! what all of it keeps   promise    rates of error, power, fewest and most rounds
//! ```
//!
//! The unit is the round, in which both topologies are started afresh: a process
//! carries a bias of its own for as long as it lives, so that what one round holds
//! counts once, however many requests that was. Nothing here knows processes.
//!
//! Effects are natural logarithms of candidate ÷ baseline until they are shown, and
//! where they are judged they are turned so that more is worse.
//!
//! # Which library
//!
//! `statrs` has the normal, Student's t and the beta distribution. Nothing that is
//! maintained was found for group-sequential boundaries, signed-rank distributions
//! or Hodges–Lehmann intervals, so these are here, held against published tables.

mod boundary;
mod dependence;
mod design;
mod holm;
mod judge;
mod location;
mod metric;
mod power;
mod promise;
mod round;
mod sign_flip;

pub use dependence::{autocorrelation, design_effect, standard_deviation};
pub use design::Design;
pub use judge::{Decision, Estimate, Finding, Look, Role, Series, judge};
pub use location::hodges_lehmann;
pub use metric::{Metric, Rule};
pub use power::smallest_detectable_effect;
pub use promise::{CONFIDENCE, FALSE_FAIL, FALSE_PASS, FEWEST_ROUNDS, MOST_ROUNDS, POWER};
pub use round::{quad, round_value};
