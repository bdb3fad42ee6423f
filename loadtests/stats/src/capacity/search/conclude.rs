//! The end of a search: the finding from all of its slots.

use super::rounds::FEWEST_ROUNDS;
use super::{End, Next, Search};
use crate::capacity::bistable::{Bistable, Recovery};
use crate::capacity::estimate::{Estimate, Jackknife};
use crate::capacity::finding::{
    Capacity, ClauseFinding, Confirmation, Finished, Held, KeptSlot, Stage, Unknown,
};
use crate::capacity::model::Curve;
use crate::capacity::slot::SlotSeen;

impl Search {
    /// The capacity of the promise, when all rounds are played.
    pub(super) fn capacity_found(&self) -> Capacity {
        self.least(&self.found).0
    }

    pub(super) fn over(&mut self, end: End) -> Next {
        let clauses = if self.found.is_empty() {
            self.findings(end)
        } else {
            std::mem::take(&mut self.found)
        };
        let (capacity, breaks_first) = self.least(&clauses);
        let narrow = self.settings.narrow.zip(capacity.estimate());
        let mut slots = std::mem::take(&mut self.slots);
        let mut rounds = self.rounds.played.iter();
        let from = self.rounds_from;
        let is_round = |kept: &KeptSlot| kept.stage == Stage::Rounds && kept.start >= from;
        let by_start = slots.chunk_by_mut(|one, next| one.start == next.start);
        for start in by_start.filter(|start| is_round(&start[0])) {
            let Some(round) = rounds.next() else { break };
            let counted: Vec<*const SlotSeen> =
                self.rounds.counted(round).map(std::ptr::from_ref).collect();
            for (kept, seen) in start.iter_mut().zip(round) {
                kept.counts = counted.contains(&std::ptr::from_ref(seen));
            }
        }
        Next::Over(Box::new(Finished {
            capacity,
            breaks_first,
            clauses,
            confidence: self.settings.confidence,
            is_narrow: narrow.map(|(narrow, estimate)| estimate.half_width() <= narrow),
            rounds: self.rounds.played.len(),
            slots,
            bistable: bistable(&self.recoveries, capacity),
            recoveries: std::mem::take(&mut self.recoveries),
            confirmation: self.confirmation.take(),
            crashes: self.crashes.all,
            interrupted: end == End::Interrupted,
        }))
    }

    /// The finding on each clause.
    pub(super) fn findings(&self, end: End) -> Vec<ClauseFinding> {
        (0..self.settings.clauses.len())
            .map(|clause| self.finding(clause, end))
            .collect()
    }

    fn finding(&self, clause: usize, end: End) -> ClauseFinding {
        let played = self.rounds.played.len();
        let unknown = |capacity| ClauseFinding {
            clause: self.settings.clauses[clause],
            capacity,
            typical: None,
            curve: None,
            influences: Vec::new(),
        };
        if end == End::Below {
            return unknown(Capacity::Below(self.settings.lowest_rate));
        }
        if played < FEWEST_ROUNDS {
            return unknown(Capacity::Unknown(Option::from(end).unwrap_or(
                Unknown::TooFewRounds {
                    played,
                    needed: FEWEST_ROUNDS,
                },
            )));
        }
        if !self.rounds.has_broken(clause) {
            return unknown(Capacity::AtLeast(self.rounds.highest()));
        }
        let fit = self.rounds.fit(clause, &self.settings);
        let confidence = self.settings.confidence;
        let of_capacity = Jackknife::of(&fit, Curve::capacity);
        let estimate = of_capacity.estimate(confidence);
        let typical = Jackknife::of(&fit, |curve| curve.typical).estimate(confidence);
        ClauseFinding {
            capacity: estimate.map_or(Capacity::Unknown(Unknown::NoBoundary), |estimate| {
                self.within_reach(estimate)
            }),
            typical,
            curve: Some(fit.curve),
            influences: of_capacity.influences,
            ..unknown(Capacity::Unknown(Unknown::NoBoundary))
        }
    }

    /// The capacity that an estimate stands for when rates end at the highest that was tried.
    fn within_reach(&self, estimate: Estimate) -> Capacity {
        let highest = self.rounds.highest();
        let ceiling = self.settings.ceiling.unwrap_or(f64::INFINITY);
        if estimate.high > ceiling || estimate.rate > highest {
            Capacity::AtLeast(estimate.low.min(highest))
        } else {
            Capacity::Found(estimate)
        }
    }

    /// The least of the clauses' capacities, and whose it is.
    fn least(&self, clauses: &[ClauseFinding]) -> (Capacity, Option<usize>) {
        let found = clauses.iter().enumerate().filter_map(|(index, clause)| {
            let estimate = clause.capacity.estimate()?;
            Some((index, *estimate))
        });
        if let Some((first, estimate)) = found.min_by(|a, b| a.1.rate.total_cmp(&b.1.rate)) {
            return (Capacity::Found(estimate), Some(first));
        }
        let at_least = clauses.iter().filter_map(|clause| match clause.capacity {
            Capacity::AtLeast(rate) => Some(rate),
            _ => None,
        });
        let unknown = clauses.iter().map(|clause| clause.capacity);
        let mut unknown = unknown.filter(|capacity| !matches!(capacity, Capacity::AtLeast(_)));
        let capacity = unknown
            .next()
            .unwrap_or_else(|| Capacity::AtLeast(at_least.fold(f64::INFINITY, f64::min)));
        (capacity, None)
    }

    /// A confirmation held against what rounds showed of starts.
    pub(super) fn held(&self, seen: &SlotSeen) -> Confirmation {
        let by_clause = self.found.iter().enumerate();
        let worst = by_clause
            .map(|(index, finding)| held(finding, seen, index))
            .max();
        Confirmation {
            seen: seen.clone(),
            held: worst.unwrap_or(Held::Kept),
        }
    }
}

/// The deviation beyond which a start is none that the rounds know: less than once in a hundred
/// times.
const SURPRISE: f64 = 2.6;

/// A clause's fate in a long slot.
fn held(finding: &ClauseFinding, seen: &SlotSeen, clause: usize) -> Held {
    let Some(share) = seen.share(clause) else {
        return Held::Kept;
    };
    if seen.drained && share <= finding.clause.allowed {
        return Held::Kept;
    }
    let (Some(curve), Some(typical)) = (finding.curve, finding.typical) else {
        return Held::Contradicts;
    };
    // The start's own speed, as far as bursts let it be known, among those of starts.
    let bursts = seen.broken[clause] as f64 / curve.burst.max(1.0);
    let known = (2.0 / bursts.max(1.0)).sqrt() / curve.slope;
    let deviation = known
        .hypot(curve.between_starts)
        .hypot(typical.half_width() / 2.0);
    let is_known = curve.speed_of(seen.rate, share) >= -SURPRISE * deviation;
    if seen.drained && is_known {
        Held::BrokenBySlowStart
    } else {
        Held::Contradicts
    }
}

/// Both edges, when the system was overloaded and didn't come back, twice.
fn bistable(recoveries: &[Recovery], capacity: Capacity) -> Option<Bistable> {
    let rates = |came_back: bool| {
        let alike = recoveries
            .iter()
            .filter(move |look| look.came_back == came_back);
        alike.map(|look| look.after.rate)
    };
    if rates(false).count() < 2 {
        return None;
    }
    let stuck_down_to = rates(false).fold(f64::INFINITY, f64::min);
    let back = rates(true).filter(|rate| *rate < stuck_down_to);
    Some(Bistable {
        fresh_keeps: capacity.surely_kept_at()?,
        stuck_down_to,
        comes_back_at: back.reduce(f64::max),
    })
}
