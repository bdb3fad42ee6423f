//! A slot of open load: the turns that begin in it, and when.

use std::time::Duration;

use crate::arrivals::{Rate, RateCurve, Spacing};

/// The turns of one slot of open load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenSlot {
    /// The moment at which each turn begins, from the beginning of the slot.
    pub(crate) arrivals: Vec<Duration>,
    /// The length of the slot.
    pub(crate) lasts: Duration,
}

impl OpenSlot {
    /// A slot whose turns begin at even distances: bursts would only add queues that
    /// scatter.
    pub(crate) fn evenly(rate: Rate, lasts: Duration) -> Self {
        // Even distances have nothing to draw.
        OpenSlot::of(rate, lasts, Spacing::Constant, 0)
    }

    /// A slot at a rate, with spacings drawn by a seed.
    pub(crate) fn of(rate: Rate, lasts: Duration, spacing: Spacing, seed: u64) -> Self {
        let curve = RateCurve {
            from: rate.get(),
            to: rate,
            ramp: Duration::ZERO,
            duration: lasts,
        };
        OpenSlot {
            arrivals: curve.arrivals(spacing, seed, 0).collect(),
            lasts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_open_load_are_as_many_as_the_rate_says() {
        let rate = Rate::per_second(2000.0).expect("a rate");
        let slot = OpenSlot::evenly(rate, Duration::from_millis(100));
        assert_eq!(slot.arrivals.len(), 200);
    }
}
