//! The users of one system: they are at work in slots of a second or less, and rest in
//! between. Users of two systems with the same seed take the same turns in the same order,
//! since each turn's choices follow from its number; in open load, also slot by slot.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::System;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use tokio::task::JoinSet;

use super::open::OpenSlot;
use super::system::SlotLoad;
use crate::pacer::{ArrivalQueue, release_at};
use crate::samples::{Route, Samples};
use crate::scenario::{ScenarioIndex, Seat};
use crate::story::once::Captured;
use crate::timing::{Hops, RouteTiming, Timings};
use crate::user::User;
use crate::workload::Workload;

/// The users of one system.
pub(crate) struct SlotUsers {
    workload: Arc<Workload>,
    turns: Arc<TurnOrder>,
    /// The users who take turns as they come, and after them those whom open load may need
    /// as well. Empty while they are at work.
    seats: Vec<Seat>,
    users: usize,
}

/// The order of turns, and the number of the next one.
struct TurnOrder {
    next: AtomicU64,
    seed: u64,
    roster: Arc<[ScenarioIndex]>,
}

/// The answers of one slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotTraffic {
    /// The moment at which the slot began.
    pub(crate) began: Instant,
    /// Every request, those that ended after the slot included.
    pub(crate) done: Vec<Done>,
    /// Turns that began in it.
    pub(crate) turns: u64,
    /// Turns of open load that should have begun and found nobody until the end.
    pub(crate) unsent: u64,
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// The route that was asked.
    pub(crate) route: Route,
    /// True when its answer was wrong or missing.
    pub(crate) failed: bool,
    /// The moment at which it was over.
    pub(crate) ended: Instant,
    /// The time that it took from its intended time.
    pub(crate) time: Duration,
}

impl SlotUsers {
    /// The users of a `system`, who know what set-up steps captured there. Those of two
    /// systems are alike for one `seed`.
    pub(super) fn new(load: SlotLoad<'_>, seed: u64, system: &System, captured: &Captured) -> Self {
        let SlotLoad {
            plan,
            users,
            open_users,
        } = load;
        let workload = Arc::new(Workload {
            // The plan knows only the hops of its own system.
            timings: Timings::new(Hops::of(system.topology())),
            ..Workload::new(plan, seed, &system.url()).knowing(captured.clone())
        });
        // Where each has a row of its own, there are no more users than rows.
        let most = plan
            .scarcest_table()
            .map_or(usize::MAX, |table| table.rows.len());
        let seats = (0..users.max(open_users.min(most)))
            .map(|seat| Seat::new(User::new(seat, Arc::clone(&workload))))
            .collect();
        SlotUsers {
            turns: Arc::new(TurnOrder {
                next: AtomicU64::new(0),
                seed,
                roster: plan.roster(ROSTER).into(),
            }),
            workload,
            seats,
            users,
        }
    }

    /// Has every user connect, so that no request of the load needs to.
    pub(crate) async fn connect(&mut self) {
        let mut connecting = JoinSet::new();
        for mut seat in self.seats.drain(..) {
            connecting.spawn(async move {
                seat.user.connect().await;
                seat
            });
        }
        self.seats = connecting.join_all().await;
        self.seats.sort_by_key(|seat| seat.user.seat());
    }

    /// Closed load for `lasts`: who has an answer takes the next turn at once. Turns
    /// that have begun are finished.
    pub(crate) async fn closed_slot(&mut self, lasts: Duration) -> SlotTraffic {
        let began = Instant::now();
        let mut at_work = JoinSet::new();
        for mut seat in self.seats.drain(..self.users) {
            let turns = Arc::clone(&self.turns);
            at_work.spawn(async move {
                let mut part = UserSlot::default();
                while began.elapsed() < lasts {
                    part.turn(&turns, &mut seat).await;
                }
                (seat, part)
            });
        }
        self.gather(began, at_work, 0).await
    }

    /// Open load: turns begin when `slot` says, whoever is still waiting for an answer.
    /// The turns follow from the slot's `place` among those of this system.
    ///
    /// # Errors
    ///
    /// The operating system grants no thread.
    pub(crate) async fn open_slot(
        &mut self,
        slot: &OpenSlot,
        place: usize,
    ) -> io::Result<SlotTraffic> {
        let turns = Arc::new(self.turns.of_open_slot(place));
        let queue = Arc::new(ArrivalQueue::default());
        let began = Instant::now();
        let moments = slot.arrivals.iter().map(|after| began + *after).collect();
        let pacer = release_at(&queue, moments, began + slot.lasts)?;
        let mut at_work = JoinSet::new();
        for mut seat in self.seats.drain(..) {
            let (turns, queue) = (Arc::clone(&turns), Arc::clone(&queue));
            at_work.spawn(async move {
                let mut part = UserSlot::default();
                while let Some(arrival) = queue.next(0).await {
                    seat.user.begin_turn(arrival);
                    part.turn(&turns, &mut seat).await;
                }
                (seat, part)
            });
        }
        let planned = slot.arrivals.len() as u64;
        let traffic = self.gather(began, at_work, planned).await;
        // It has ended, for only its end sends the users away.
        let _ = pacer.join();
        Ok(traffic)
    }

    /// Everything that was recorded so far.
    pub(crate) fn samples(&self) -> Samples {
        self.workload.recorder.snapshot()
    }

    /// The shares of the hops in the time of sampled requests, so far or since they were
    /// forgotten.
    pub(crate) fn timings(&self) -> Vec<RouteTiming> {
        self.workload.timings.sum_up(|_| true)
    }

    /// Forgets the shares of the hops so far.
    pub(crate) fn forget_timings(&self) {
        self.workload.timings.clear();
    }

    async fn gather(
        &mut self,
        began: Instant,
        mut at_work: JoinSet<(Seat, UserSlot)>,
        planned: u64,
    ) -> SlotTraffic {
        let mut slot = SlotTraffic {
            began,
            done: Vec::new(),
            turns: 0,
            unsent: 0,
        };
        while let Some(back) = at_work.join_next().await {
            let (seat, part) = back.expect("users don't panic");
            self.seats.push(seat);
            slot.turns += part.turns;
            slot.done.extend(part.done);
        }
        self.seats.sort_by_key(|seat| seat.user.seat());
        slot.unsent = planned.saturating_sub(slot.turns);
        slot
    }
}

/// Turns after which the mix of scenarios repeats: enough for every weight of a plan to
/// come up.
const ROSTER: usize = 1000;

impl TurnOrder {
    /// The turns of a slot of open load: the same for each system, however many turns of closed
    /// load it has taken before.
    fn of_open_slot(&self, place: usize) -> Self {
        TurnOrder {
            // More than there are turns of closed load, and in a slot.
            next: AtomicU64::new((1 + place as u64) << 32),
            seed: self.seed,
            roster: Arc::clone(&self.roster),
        }
    }

    fn next(&self) -> (ScenarioIndex, Xoshiro256PlusPlus) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let scenario = self.roster[number as usize % self.roster.len()];
        // Far apart in the space of seeds, for the generator's own mixing to do the rest.
        let seed = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (scenario, Xoshiro256PlusPlus::seed_from_u64(seed))
    }
}

/// The part of a slot that one user did.
#[derive(Default)]
struct UserSlot {
    turns: u64,
    done: Vec<Done>,
}

impl UserSlot {
    async fn turn(&mut self, turns: &TurnOrder, seat: &mut Seat) {
        let (scenario, rng) = turns.next();
        seat.user.draw_from(rng);
        seat.take_turn(scenario).await;
        self.turns += 1;
        // The requests of a turn follow each other, so each ended when the next began.
        let mut ended = Instant::now();
        for finished in seat.user.take_finished().rev() {
            let time = finished.time;
            self.done.push(Done {
                route: finished.route,
                failed: finished.fault.is_some(),
                ended,
                time,
            });
            ended = ended.checked_sub(time).unwrap_or(ended);
        }
    }
}
