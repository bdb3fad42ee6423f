//! The bracket of a capacity: probes at rates that double until the promise breaks, and then
//! halve the rest.

use std::time::Duration;

use super::Settings;
use crate::capacity::finding::Stage;

/// A bracket that isn't narrow yet. Rates are logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bracket {
    /// The greatest rate that kept the promise.
    kept: Option<f64>,
    /// The least rate that broke it.
    broke: Option<f64>,
    probed: f64,
    /// True when the lowest rate was probed already.
    was_lowest: bool,
    began: Duration,
}

/// The step after a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bracketed {
    /// Another probe at this rate.
    Probe(f64),
    /// The boundary is around this rate.
    Around(f64),
    /// Even the lowest rate breaks the promise, twice.
    Below,
}

/// The width of a bracket that is narrow enough for rounds to find the boundary in it.
const NARROW: f64 = 0.15;
/// The first step of a bracket above a rate that kept the promise: the boundary may be near.
const STEP_ABOVE: f64 = 1.25;
/// The share of the time that halving may take.
const HALVING_SHARE: f64 = 0.25;

impl Bracket {
    /// A bracket before its first probe, and the rate of that.
    pub(super) fn begin(settings: &Settings, now: Duration) -> (Self, f64) {
        Self::from(None, settings.first_rate, settings, now)
    }

    /// A bracket above a rate that surely kept the promise, and the rate of its first probe.
    pub(super) fn above(kept: f64, settings: &Settings, now: Duration) -> (Self, f64) {
        Self::from(Some(kept), kept * STEP_ABOVE, settings, now)
    }

    fn from(kept: Option<f64>, rate: f64, settings: &Settings, now: Duration) -> (Self, f64) {
        let rate = rate.min(settings.ceiling.unwrap_or(f64::INFINITY));
        let bracket = Bracket {
            kept: kept.map(f64::ln),
            broke: None,
            probed: rate.ln(),
            was_lowest: false,
            began: now,
        };
        (bracket, rate)
    }

    pub(super) fn stage(&self) -> Stage {
        match (self.kept, self.broke) {
            (Some(_), Some(_)) => Stage::Halving,
            _ => Stage::Doubling,
        }
    }

    /// The step after a probe that broke the promise or didn't.
    pub(super) fn after(&mut self, breaks: bool, now: Duration, settings: &Settings) -> Bracketed {
        let ceiling = settings.ceiling.unwrap_or(f64::INFINITY).ln();
        let lowest = settings.lowest_rate.ln().min(ceiling);
        if breaks {
            self.broke = Some(self.probed);
        } else {
            self.kept = Some(self.probed);
        }
        let next = match (self.kept, self.broke) {
            (Some(kept), None) if kept >= ceiling - 1e-9 => return Bracketed::Around(kept.exp()),
            (Some(kept), None) => (kept + 2_f64.ln()).min(ceiling),
            (None, Some(broke)) if broke <= lowest + 1e-9 => {
                // One probe may have had bad luck.
                if self.was_lowest {
                    return Bracketed::Below;
                }
                self.was_lowest = true;
                lowest
            }
            (None, Some(broke)) => (broke - 2_f64.ln()).max(lowest),
            (Some(kept), Some(broke)) => {
                let spent = now.saturating_sub(self.began);
                let is_late = spent > settings.budget.mul_f64(HALVING_SHARE);
                let middle = f64::midpoint(kept, broke);
                if broke - kept <= NARROW || is_late {
                    return Bracketed::Around(middle.exp());
                }
                middle
            }
            (None, None) => self.probed,
        };
        self.probed = next;
        Bracketed::Probe(next.exp().min(settings.ceiling.unwrap_or(f64::INFINITY)))
    }
}
