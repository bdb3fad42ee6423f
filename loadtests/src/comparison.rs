//! Whether a candidate is slower than its baseline, as mathematics: rounds in, and
//! out comes "fail", "pass" or "can't tell", with known rates of error.
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
//!                        power      what so many rounds could see
//! the method on trial    study      plays comparisons to their end, and counts
//!                        resample   makes many of a few recorded rounds
//!                        rivals     what others do with the same rounds
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
mod rate;
mod resample;
mod rivals;
mod round;
mod sign_flip;
mod study;

pub use dependence::{autocorrelation, design_effect, standard_deviation};
pub use design::Design;
pub use judge::{Decision, Estimate, Finding, Look, Role, Series, judge};
pub use metric::{Metric, Rule};
pub use rate::Rate;
pub use resample::Resampling;
pub use rivals::{Sides, base_then_head, pair_level_t, retry_until_green};
pub use round::{quad, round_value};
