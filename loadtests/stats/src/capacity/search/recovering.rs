//! Looks at whether the system comes back after an overload: first close below its capacity,
//! and when it doesn't there, further down until it does.

use std::time::Duration;

use super::{Next, Settings};
use crate::capacity::finding::Capacity;

/// The looks of a search. Rates are shares of the capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Recovering {
    capacity: f64,
    overload: f64,
    looked_at: f64,
    looks: usize,
    /// The least rate at which it didn't come back.
    stuck: Option<f64>,
    /// The greatest rate at which it did.
    came_back: Option<f64>,
}

/// The overload.
const OVERLOAD: f64 = 1.3;
/// The least overload that is one.
const LEAST_OVERLOAD: f64 = 1.1;
/// The rate that every plain queue comes back at.
const CLOSE_BELOW: f64 = 0.85;
/// The lowest rate that is looked at.
const LOWEST: f64 = 0.1;
/// The width of the rest when both edges are known well enough.
const NARROW: f64 = 0.12;
/// The time that a system has to come back which didn't do so close below its capacity.
const SLOTS_TO_COME_BACK: u32 = 6;
/// Looks at most.
const MOST_LOOKS: usize = 7;

impl Recovering {
    /// The looks at a system of this capacity, and the rate of the first.
    pub(super) fn begin(capacity: Capacity, settings: &Settings) -> Option<(Self, f64)> {
        let estimate = *capacity.estimate()?;
        let ceiling = settings.ceiling.unwrap_or(f64::INFINITY);
        let overload = (OVERLOAD * estimate.high).min(ceiling) / estimate.rate;
        let recovering = Recovering {
            capacity: estimate.rate,
            overload,
            looked_at: CLOSE_BELOW,
            looks: 0,
            stuck: None,
            came_back: None,
        };
        (overload >= LEAST_OVERLOAD).then_some((recovering, CLOSE_BELOW))
    }

    /// The rate of the next look after one that it came back in or didn't; `None` when there
    /// is no need for another.
    pub(super) fn after(&mut self, came_back: bool) -> Option<f64> {
        self.looks += 1;
        if came_back {
            self.came_back = Some(self.looked_at);
        } else {
            self.stuck = Some(self.looked_at);
        }
        self.looked_at = match (self.stuck, self.came_back) {
            (None, _) => return None,
            // A single look may have had bad luck.
            (Some(stuck), None) if self.looks == 1 => stuck,
            (Some(stuck), None) if stuck <= LOWEST => return None,
            (Some(stuck), None) => (stuck / 2.0).max(LOWEST),
            (Some(stuck), Some(back)) if back >= stuck => return None,
            (Some(stuck), Some(back)) if stuck - back <= NARROW => return None,
            (Some(stuck), Some(back)) => f64::midpoint(stuck, back),
        };
        (self.looks < MOST_LOOKS).then_some(self.looked_at)
    }

    /// True when it came back in every look so far.
    pub(super) fn always_came_back(&self) -> bool {
        self.stuck.is_none()
    }

    /// The look at `rate`. A plain queue has (overload − 1) × slot of its capacity to catch up
    /// on, with what is left of it; it gets twice that and a slot more. One that isn't plain
    /// gets longer, for it may be slow in coming back.
    pub(super) fn action(&self, rate: f64, slot: Duration) -> Next {
        let catching_up = slot.mul_f64(2.0 * (self.overload - 1.0) / (1.0 - rate));
        let plain = catching_up + slot;
        Next::Recovery {
            overload: self.capacity * self.overload,
            rate: self.capacity * rate,
            settle: if rate < CLOSE_BELOW {
                plain.max(SLOTS_TO_COME_BACK * slot)
            } else {
                plain
            },
        }
    }
}
