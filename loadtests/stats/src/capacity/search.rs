//! The search for a capacity as a state machine from events (slots that were seen, a crash,
//! an interruption, and the time at which they happened) to the next action.
//!
//! ```text
//! begin ─→ probe ─→ probe ─→ … ─→ round ─→ round ─→ … ─→ recovery ─→ confirm ─→ over
//!          doubles   halves        around the estimate,    comes back   holds at the
//!          the rate  the bracket   re-centred by each      by itself?   lower end?
//! ```
//!
//! Every action is a fresh start of the system. When nothing at all is broken in the first rounds,
//! there is a new bracket above them. Estimates are made of rounds alone: probes are
//! where they are because of what earlier ones happened to show.

mod bracket;
mod conclude;
mod recovering;
mod rounds;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bistable::Recovery;
use super::finding::{ClauseFinding, Confirmation, Finished, KeptSlot, Stage, Unknown};
use super::slot::{Clause, SlotSeen};

use bracket::{Bracket, Bracketed};
use recovering::Recovering;
use rounds::Rounds;

/// The settings of a search, made before its first probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The clauses of the promise, at least one.
    pub clauses: Vec<Clause>,
    /// The rate of the first probe, per second.
    pub first_rate: f64,
    /// The rate below which no capacity is looked for.
    pub lowest_rate: f64,
    /// The greatest rate that the generator can offer, if it is known.
    pub ceiling: Option<f64>,
    /// The time that the search may take, from its beginning to its end.
    pub budget: Duration,
    /// The most rounds that are played, however much time there is.
    pub most_rounds: Option<usize>,
    /// The confidence of the intervals, such as 0.95.
    pub confidence: f64,
    /// Half the width of the interval, in proportion to the capacity, that is narrow enough to
    /// stop; `None` to use all of the time.
    pub narrow: Option<f64>,
    /// The length of a slot of a round, without its lead-in.
    pub slot: Duration,
    /// True when the search ends with looks at whether an overloaded system comes back.
    pub overloads: bool,
    /// True when the search ends with a long slot at the lower end of the interval.
    pub confirms: bool,
}

impl Settings {
    /// The usual settings of a search that begins at `first_rate`: four minutes, 95 %, slots
    /// of a second, everything checked.
    pub fn of(clauses: Vec<Clause>, first_rate: f64) -> Self {
        Settings {
            clauses,
            first_rate,
            lowest_rate: first_rate / 16.0,
            ceiling: None,
            budget: Duration::from_secs(240),
            most_rounds: None,
            confidence: 0.95,
            narrow: None,
            slot: Duration::from_secs(1),
            overloads: true,
            confirms: true,
        }
    }
}

/// An event that decides how a search goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe's slot.
    Probe(SlotSeen),
    /// The slots of a round, in the order in which they were played. They may be fewer than
    /// were asked for.
    Round(Vec<SlotSeen>),
    /// An overload, and the slot after it.
    Recovery {
        /// The slot beyond the capacity.
        overload: SlotSeen,
        /// The slot below it.
        after: SlotSeen,
    },
    /// A confirmation's slot.
    Confirmed(SlotSeen),
    /// The system ended by itself, or didn't start. The slots are those that were begun before
    /// it did; of the last one everything that wasn't answered counts as broken.
    Crashed(Vec<SlotSeen>),
    /// Somebody interrupted the search.
    Interrupted,
}

/// The next action.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A fresh start, its warm-up, and one slot.
    Probe {
        /// The rate, per second.
        rate: f64,
    },
    /// A fresh start, its warm-up, and a slot at each of these rates, in this order; the queue
    /// is drained between them.
    Round {
        /// The rates, per second.
        rates: Vec<f64>,
    },
    /// A fresh start, its warm-up, a slot at `overload`, and straight after it, without
    /// draining, load at `rate`: for `settle` without counting, and then for a slot.
    Recovery {
        /// The rate beyond the capacity.
        overload: f64,
        /// The rate below it.
        rate: f64,
        /// The time that a plain queue needs to settle, and more.
        settle: Duration,
    },
    /// A fresh start, its warm-up, and one long slot.
    Confirm {
        /// The rate, per second.
        rate: f64,
        /// The length of the slot.
        lasting: Duration,
    },
    /// Nothing: the search is over.
    Over(Box<Finished>),
}

/// A search that isn't over.
#[derive(Clone, Debug)]
pub struct Search {
    settings: Settings,
    rng: Xoshiro256PlusPlus,
    began: Duration,
    phase: Phase,
    /// The action that it waits for.
    asked: Next,
    rounds: Rounds,
    /// The first start of the present rounds.
    rounds_from: usize,
    /// True when the first rounds were so far off that a new bracket was made.
    looked_again: bool,
    slots: Vec<KeptSlot>,
    starts: usize,
    /// The findings on the clauses, when all rounds are played.
    found: Vec<ClauseFinding>,
    recoveries: Vec<Recovery>,
    confirmation: Option<Confirmation>,
    crashes: Crashes,
}

#[derive(Clone, Debug)]
enum Phase {
    Bracket(Bracket),
    Rounds,
    Recovering(Recovering),
    Confirming,
}

/// The starts in which the system ended by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Crashes {
    all: usize,
    /// Starts in a row in which it did so before it had a slot.
    idle: usize,
}

/// The starts in a row that may end before there is any load.
const IDLE_CRASHES: usize = 3;

/// The reason why a search ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is done.
    Done,
    /// Even the lowest rate breaks the promise.
    Below,
    Interrupted,
    Crashes,
}

impl Search {
    /// A search before its first probe, which begins `now`. Its rates follow from the `seed`
    /// and from what it is told.
    pub fn begin(settings: Settings, seed: u64, now: Duration) -> Self {
        let (bracket, rate) = Bracket::begin(&settings, now);
        Search {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            began: now,
            phase: Phase::Bracket(bracket),
            asked: Next::Probe { rate },
            rounds: Rounds::default(),
            rounds_from: 0,
            looked_again: false,
            slots: Vec::new(),
            starts: 0,
            found: Vec::new(),
            recoveries: Vec::new(),
            confirmation: None,
            crashes: Crashes::default(),
            settings,
        }
    }

    /// The action that the search waits for: at its beginning the first probe.
    pub fn asked(&self) -> &Next {
        &self.asked
    }

    /// The next action after an `event` that happened `now`.
    pub fn after(&mut self, event: Event, now: Duration) -> Next {
        self.asked = match event {
            Event::Interrupted => self.over(End::Interrupted),
            Event::Crashed(slots) => self.after_crash(slots, now),
            Event::Probe(seen) => self.after_slots(vec![seen], now),
            Event::Round(slots) => self.after_slots(slots, now),
            Event::Recovery { overload, after } => self.after_slots(vec![overload, after], now),
            Event::Confirmed(seen) => self.after_slots(vec![seen], now),
        };
        self.asked.clone()
    }

    /// The number of rounds that were played.
    pub fn rounds(&self) -> usize {
        self.rounds.played.len()
    }

    /// The stage that the search is at.
    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Bracket(bracket) => bracket.stage(),
            Phase::Rounds => Stage::Rounds,
            Phase::Recovering(_) => Stage::Overload,
            Phase::Confirming => Stage::Confirmation,
        }
    }

    /// The rate that rounds are drawn around at present, when there are some.
    pub fn centre(&self) -> Option<f64> {
        matches!(self.phase, Phase::Rounds).then(|| self.rounds.centre.exp())
    }

    fn after_crash(&mut self, mut slots: Vec<SlotSeen>, now: Duration) -> Next {
        self.crashes.all += 1;
        let Some(last) = slots.last_mut() else {
            self.crashes.idle += 1;
            return if self.crashes.idle >= IDLE_CRASHES {
                self.over(End::Crashes)
            } else {
                self.asked.clone()
            };
        };
        last.drained = false;
        self.after_slots(slots, now)
    }

    fn after_slots(&mut self, slots: Vec<SlotSeen>, now: Duration) -> Next {
        self.crashes.idle = 0;
        self.keep(&slots);
        let Some(last) = slots.last() else {
            return self.asked.clone();
        };
        match &mut self.phase {
            Phase::Bracket(bracket) => {
                let breaks = last.breaks(&self.settings.clauses);
                match bracket.after(breaks, now, &self.settings) {
                    Bracketed::Probe(rate) => Next::Probe { rate },
                    Bracketed::Below => self.over(End::Below),
                    Bracketed::Around(rate) => {
                        self.rounds = Rounds::begin(rate, now);
                        self.rounds_from = self.starts;
                        self.phase = Phase::Rounds;
                        self.round()
                    }
                }
            }
            Phase::Rounds => {
                self.rounds.add(slots, &self.settings);
                if self.looks_again(now) {
                    // A probe had bad luck, and rounds go up by a few percent each.
                    self.looked_again = true;
                    let kept = self.rounds.highest();
                    let (bracket, rate) = Bracket::above(kept, &self.settings, now);
                    self.phase = Phase::Bracket(bracket);
                    Next::Probe { rate }
                } else if self.rounds.are_enough(&self.settings, self.ends(), now) {
                    self.found = self.findings(End::Done);
                    self.recover_or_confirm(now)
                } else {
                    self.round()
                }
            }
            Phase::Recovering(recovering) => {
                let came_back = !last.breaks(&self.settings.clauses);
                let next = recovering.after(came_back);
                if let [overload, after] = slots.as_slice() {
                    self.recoveries.push(Recovery {
                        overload: overload.clone(),
                        after: after.clone(),
                        came_back,
                    });
                }
                // A system that came back at once leaves time for more rounds.
                let is_plain = recovering.always_came_back();
                match next {
                    Some(rate) => self.recovery(rate),
                    None if is_plain
                        && !self.rounds.are_enough(&self.settings, self.ends(), now) =>
                    {
                        self.found.clear();
                        self.phase = Phase::Rounds;
                        self.round()
                    }
                    None => self.confirm(),
                }
            }
            Phase::Confirming => {
                self.confirmation = Some(self.held(last));
                self.over(End::Done)
            }
        }
    }

    /// Keeps the slots of one start.
    fn keep(&mut self, slots: &[SlotSeen]) {
        let stage = self.stage();
        for (index, seen) in slots.iter().enumerate() {
            let stage = match stage {
                Stage::Overload if index > 0 => Stage::AfterOverload,
                stage => stage,
            };
            self.slots.push(KeptSlot {
                stage,
                start: self.starts,
                counts: false,
                seen: seen.clone(),
            });
        }
        self.starts += 1;
    }

    /// The moment by which the last round should be over, unless an interval needs more.
    fn rounds_end(&self) -> Duration {
        let settings = &self.settings;
        let mut rest = Duration::ZERO;
        if settings.confirms {
            rest += settings.confirmation() + 2 * settings.slot;
        }
        if settings.overloads && self.recoveries.is_empty() {
            rest += settings.budget.mul_f64(RECOVERY_SHARE);
        }
        (self.began + settings.budget).saturating_sub(rest)
    }

    /// The moments by which the last round and the whole search should be over.
    fn ends(&self) -> (Duration, Duration) {
        (self.rounds_end(), self.budget_end())
    }

    fn budget_end(&self) -> Duration {
        self.began + self.settings.budget
    }

    fn round(&mut self) -> Next {
        Next::Round {
            rates: self.rounds.rates(self.settings.ceiling, &mut self.rng),
        }
    }

    /// True when the first rounds are far below the boundary, and there is time to begin anew.
    fn looks_again(&self, now: Duration) -> bool {
        !self.looked_again
            && self.settings.most_rounds.is_none()
            && self.rounds.are_far_below(&self.settings)
            && self.rounds.leave_time(self.budget_end(), now)
    }

    fn recover_or_confirm(&mut self, now: Duration) -> Next {
        // Rounds that an interval needs may have had the time for it.
        let looks = self.settings.overloads && now <= self.rounds_end();
        match Recovering::begin(self.capacity_found(), &self.settings) {
            Some((recovering, rate)) if looks && self.recoveries.is_empty() => {
                self.phase = Phase::Recovering(recovering);
                self.recovery(rate)
            }
            _ => self.confirm(),
        }
    }

    fn recovery(&self, rate: f64) -> Next {
        match &self.phase {
            Phase::Recovering(recovering) => recovering.action(rate, self.settings.slot),
            Phase::Bracket(_) | Phase::Rounds | Phase::Confirming => self.asked.clone(),
        }
    }

    fn confirm(&mut self) -> Next {
        let rate = self.capacity_found().surely_kept_at();
        match rate.filter(|_| self.settings.confirms) {
            Some(rate) => {
                self.phase = Phase::Confirming;
                Next::Confirm {
                    rate,
                    lasting: self.settings.confirmation(),
                }
            }
            None => self.over(End::Done),
        }
    }
}

impl Settings {
    /// The length of a confirmation's slot: a twelfth of the time, but not for ever.
    fn confirmation(&self) -> Duration {
        (self.budget / 12).clamp(2 * self.slot, Duration::from_secs(30))
    }
}

/// The share of the time that is kept for looks at how the system comes back.
const RECOVERY_SHARE: f64 = 0.18;

impl From<End> for Option<Unknown> {
    fn from(end: End) -> Self {
        match end {
            End::Interrupted => Some(Unknown::Interrupted),
            End::Crashes => Some(Unknown::Crashes),
            End::Done | End::Below => None,
        }
    }
}
