//! Rounds: fresh starts with a few slots each at rates drawn around the estimate, which
//! follows the boundary.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

use super::Settings;
use crate::capacity::estimate::Jackknife;
use crate::capacity::fit::{Fit, Place, fit, follow};
use crate::capacity::model::Curve;
use crate::capacity::slot::SlotSeen;

/// The rounds of a search.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// The slots of each round.
    pub(super) played: Vec<Vec<SlotSeen>>,
    /// The logarithm of the rate that rates are drawn around.
    pub(super) centre: f64,
    /// The logarithm of the rate that the bracket ended at.
    bracketed: f64,
    /// The distance from the centre within which rates are drawn.
    spread: f64,
    began: Duration,
    /// The end of each clause's fit after the last round.
    places: Vec<Place>,
}

/// Where in units of the spread the rates of a round are drawn: one in each stratum. More of
/// them are below the boundary, since slots far beyond it say little.
const STRATA: [(f64, f64); 4] = [(-1.2, -0.5), (-0.5, 0.2), (0.2, 0.8), (0.8, 1.4)];
/// The spread of the first rounds, and its least and greatest afterwards.
const FIRST_SPREAD: f64 = 0.06;
const SPREADS: (f64, f64) = (0.008, 0.08);
/// The logarithm by which the share should differ over one spread.
const SHARES_APART: f64 = 1.3;
/// Rounds before the centre moves.
const FIRST_ROUNDS: usize = 2;
/// The distance by which the centre moves after a round, at most.
const LONGEST_MOVE: f64 = 0.1;
/// The distance from the boundary within which a slot counts, in spreads.
const WINDOW: f64 = 3.0;
/// Rounds that an interval needs.
pub(super) const FEWEST_ROUNDS: usize = 8;
/// Rounds between looks at whether the interval is narrow enough.
const LOOK_EVERY: usize = 4;

impl Rounds {
    /// No rounds yet; the boundary is around `rate`.
    pub(super) fn begin(rate: f64, now: Duration) -> Self {
        Rounds {
            played: Vec::new(),
            centre: rate.ln(),
            bracketed: rate.ln(),
            spread: FIRST_SPREAD,
            began: now,
            places: Vec::new(),
        }
    }

    /// The rates of the next round, in an order by lot, none above the `ceiling`.
    pub(super) fn rates(&self, ceiling: Option<f64>, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        let ceiling = ceiling.unwrap_or(f64::INFINITY);
        let draw = |(low, high): (f64, f64), rng: &mut Xoshiro256PlusPlus| {
            let offset = rng.random_range(low..high) * self.spread;
            (self.centre + offset).exp().min(ceiling)
        };
        let mut rates: Vec<f64> = STRATA.iter().map(|stratum| draw(*stratum, rng)).collect();
        rates.shuffle(rng);
        rates
    }

    /// Adds a round, and moves the centre.
    pub(super) fn add(&mut self, slots: Vec<SlotSeen>, settings: &Settings) {
        self.played.push(slots);
        if self.played.len() < FIRST_ROUNDS {
            return;
        }
        let mut places = std::mem::take(&mut self.places);
        places.resize(settings.clauses.len(), Place::default());
        let counted = self.all_counted();
        let bracketed = self.bracketed.exp();
        let broken = places.iter_mut().enumerate();
        let broken = broken.filter(|(clause, _)| self.has_broken(*clause));
        let curves = broken.map(|(clause, place)| {
            let allowed = settings.clauses[clause].allowed;
            follow(&counted, clause, allowed, bracketed, place)
        });
        let least = curves
            .map(|curve| (curve.capacity().ln(), curve))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let (there, spread) = least.map_or((f64::INFINITY, self.spread), |(there, curve)| {
            let within = SHARES_APART / curve.slope;
            (there, within.hypot(curve.between_starts))
        });
        let ceiling = settings.ceiling.unwrap_or(f64::INFINITY).ln();
        let moved = (there - self.centre).clamp(-LONGEST_MOVE, LONGEST_MOVE);
        self.centre = (self.centre + moved).min(ceiling);
        self.spread = spread.clamp(SPREADS.0.max(self.spread * 0.8), SPREADS.1);
        self.places = places;
    }

    /// True when a request broke the clause in a slot that counts. Without any, nothing is
    /// known of the boundary but that it is higher up.
    pub(super) fn has_broken(&self, clause: usize) -> bool {
        let slots = self.played.iter().flat_map(|slots| self.counted(slots));
        let mut broken = slots.map(|slot| slot.broken[clause]);
        broken.any(|broken| broken > 0)
    }

    /// True of the first rounds when not one of their requests broke anything, although the
    /// generator could send more: the boundary is higher up.
    pub(super) fn are_far_below(&self, settings: &Settings) -> bool {
        let mut slots = self.played.iter().flatten();
        let ceiling = settings.ceiling.unwrap_or(f64::INFINITY);
        self.played.len() == FIRST_ROUNDS
            && (f64::MIN_POSITIVE..ceiling * 0.999).contains(&self.highest())
            && slots.all(|slot| slot.drained && slot.broken.iter().all(|broken| *broken == 0))
    }

    /// True when there is time until `end` for a new bracket and all rounds of an interval.
    pub(super) fn leave_time(&self, end: Duration, now: Duration) -> bool {
        /// Probes take a third of the time of a round, and a bracket some six of them.
        const OF_A_BRACKET: u32 = 2;
        let each = now.saturating_sub(self.began) / self.played.len().max(1) as u32;
        now + each * (FEWEST_ROUNDS as u32 + OF_A_BRACKET) <= end
    }

    /// The highest rate of a slot that counts.
    pub(super) fn highest(&self) -> f64 {
        let slots = self.played.iter().flat_map(|slots| self.counted(slots));
        slots.map(|slot| slot.rate).fold(0.0, f64::max)
    }

    /// The model of a clause from the slots that count.
    pub(super) fn fit(&self, clause: usize, settings: &Settings) -> Fit {
        let allowed = settings.clauses[clause].allowed;
        fit(&self.all_counted(), clause, allowed, self.bracketed.exp())
    }

    fn all_counted(&self) -> Vec<Vec<&SlotSeen>> {
        let rounds = self.played.iter();
        rounds.map(|slots| self.counted(slots).collect()).collect()
    }

    /// The slots of a round that estimates are made of: none after an undrained one, which
    /// began with the queue of another; and none far from the boundary, where the line of the
    /// model need not hold.
    pub(super) fn counted<'a>(
        &self,
        slots: &'a [SlotSeen],
    ) -> impl Iterator<Item = &'a SlotSeen> + use<'a> {
        let window = (WINDOW * self.spread).max(0.12);
        let centre = self.centre;
        let clean = slots.iter().scan(true, |is_clean, slot| {
            let was_clean = *is_clean;
            *is_clean &= slot.drained;
            was_clean.then_some(slot)
        });
        clean.filter(move |slot| {
            let distance = (slot.rate.ln() - centre).abs();
            slot.requests > 0 && distance <= window
        })
    }

    /// True when there is no need for another round, or no time: until `end`, and for those that
    /// an interval needs until `budget_end`.
    pub(super) fn are_enough(
        &self,
        settings: &Settings,
        (end, budget_end): (Duration, Duration),
        now: Duration,
    ) -> bool {
        let done = self.played.len();
        let each = now.saturating_sub(self.began) / done.max(1) as u32;
        let is_last = settings.most_rounds.is_some_and(|most| done >= most);
        // What comes after the rounds gives way to those without which there is no interval.
        let end = if done < FEWEST_ROUNDS {
            budget_end
        } else {
            end
        };
        let is_late = now + each > end;
        let is_looked_at = done >= FEWEST_ROUNDS && done.is_multiple_of(LOOK_EVERY);
        let is_at_ceiling = |ceiling: f64| {
            let spotless = !(0..settings.clauses.len()).any(|clause| self.has_broken(clause));
            spotless && self.highest() >= ceiling * 0.999
        };
        is_last
            || is_late
            || (is_looked_at && settings.ceiling.is_some_and(is_at_ceiling))
            || (is_looked_at && self.are_narrow(settings))
    }

    fn are_narrow(&self, settings: &Settings) -> bool {
        let Some(narrow) = settings.narrow else {
            return false;
        };
        let broken = (0..settings.clauses.len()).filter(|clause| self.has_broken(*clause));
        let estimates = broken.filter_map(|clause| {
            let fit = self.fit(clause, settings);
            Jackknife::of(&fit, Curve::capacity).estimate(settings.confidence)
        });
        let first = estimates.min_by(|a, b| a.rate.total_cmp(&b.rate));
        first.is_some_and(|estimate| estimate.half_width() <= narrow)
    }
}
