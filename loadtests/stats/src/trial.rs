//! The gate's rule on trial: gates played to their end from rounds that are drawn instead of
//! measured, by the same [`sequence`](crate::sequence) as real ones, and counted.
//!
//! ```text
//! resample     thousands of pseudo-runs from a few recorded rounds
//! outcomes     their conclusions, counted
//! proportion   a count out of a total, and what the true rate may be
//! rivals       other methods on the same rounds
//! ```

mod outcomes;
mod proportion;
mod resample;
mod rivals;

use std::time::Duration;

use crate::sequence::{Event, Finished, Next, RoundFigures, Rules, Sequence};

pub use outcomes::{MetricOutcomes, Outcomes};
pub use proportion::Proportion;
pub use resample::Resampling;
pub use rivals::{Sides, base_then_head, pair_level_t, retry_until_green};

/// A gate by `rules` whose rounds are drawn: `draw` gives as many as a part may have, once for
/// the first part and once more for a repetition. A round is the log-ratio of each metric;
/// one that is missing counts as a round without figures.
pub fn simulate(rules: &Rules, mut draw: impl FnMut() -> Vec<Vec<Option<f64>>>) -> Finished {
    let mut rounds = draw().into_iter();
    let mut sequence = Sequence::begin(rules.clone(), Duration::ZERO);
    loop {
        let round = RoundFigures {
            log_ratios: rounds.next().unwrap_or_default(),
            ..RoundFigures::default()
        };
        match sequence.after(Event::Round(round), Duration::ZERO) {
            Next::Round(next) => sequence = next,
            Next::Repetition(next) => {
                rounds = draw().into_iter();
                sequence = next;
            }
            Next::Over(finished) => return finished,
        }
    }
}
