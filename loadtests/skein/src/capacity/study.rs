//! A study as it is carried out: each system's search says what it wants next, and fresh starts
//! of several systems follow each other in an order that is drawn.

use std::io;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use stats::capacity::{Clause, Event, Finished, Next, Search, Settings, SlotSeen};

use super::Promise;
use super::first_look::FirstLook;
use super::record::{Purpose, RoundRecord, SlotRecord};
use super::round::{self, RoundError, RoundOrder};
use super::slot::SlotShape;
use super::slowed::Usual;
use super::subject::Subject;
use crate::events::{self, Events, millis};
use crate::interruption::Interruption;
use crate::slots::{OwnCosts, RoundLog, dealt_out, on_cores};

/// A study before its first start.
pub(super) struct Study<'a> {
    pub(super) promise: &'a Promise,
    pub(super) subjects: &'a [Subject],
    /// The time that each system is given.
    pub(super) budget: Duration,
    /// The first look at the systems and the generator.
    pub(super) look: &'a FirstLook,
    pub(super) seed: u64,
    pub(super) cores: &'a [usize],
    pub(super) events: &'a Events,
    pub(super) interruption: &'a Interruption,
    /// The log of rounds as they come.
    pub(super) log: &'a RoundLog,
}

/// A system's part in a study that is over.
#[derive(Debug)]
pub(super) struct Studied {
    pub(super) finding: Finished,
    pub(super) rounds: Vec<RoundRecord>,
    /// Starts on a machine that others slowed down, in place of which there was another.
    pub(super) set_aside: Vec<RoundRecord>,
}

/// A study that is over.
#[derive(Debug)]
pub(super) struct Outcome {
    /// By system, in order.
    pub(super) studied: Vec<Studied>,
    /// The low rate that all systems had in common.
    pub(super) common: Option<f64>,
}

/// A reason why there is nothing to conclude from.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A system did not start the first time.
    #[error("{system} could not be started")]
    NotStarted {
        /// Its name.
        system: String,
        /// The reason.
        #[source]
        source: Box<RoundError>,
    },
    /// A round broke off for something that isn't the system's.
    #[error("a round of {system} broke off")]
    Broken {
        /// The system's name.
        system: String,
        /// The reason.
        #[source]
        source: Box<RoundError>,
    },
    /// The operating system refused something.
    #[error("could not {what}")]
    System {
        /// The attempt.
        what: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// A round as the log has it.
#[derive(Serialize)]
struct Kept<'a> {
    system: &'a str,
    round: &'a RoundRecord,
}

/// One system while the study goes on.
struct Player<'a> {
    subject: &'a Subject,
    search: Search,
    /// The time that its own starts have taken, by which its search knows the time.
    spent: Duration,
    rounds: Vec<RoundRecord>,
    set_aside: Vec<RoundRecord>,
    finished: Option<Finished>,
}

/// Everything that all systems of a study have in common while it goes on.
struct Course {
    rng: Xoshiro256PlusPlus,
    /// The low rate at which every start is measured, from when it is known.
    common: Option<f64>,
    /// The generator's own costs in the starts that count.
    costs: OwnCosts,
}

impl Study<'_> {
    /// Carries the study out.
    ///
    /// # Errors
    ///
    /// A system never started, or the machine refuses what measuring takes.
    pub(super) fn carry_out(self) -> Result<Outcome, StudyError> {
        let mut course = Course {
            rng: Xoshiro256PlusPlus::seed_from_u64(self.seed),
            common: None,
            costs: OwnCosts::default(),
        };
        let mut players = self.players(&mut course.rng);
        // Roughly first, one system after the other: until then nobody knows which low rate
        // all of them keep up with.
        for player in &mut players {
            while matches!(player.search.asked(), Next::Probe { .. }) && player.finished.is_none() {
                self.step(player, &mut course)?;
            }
        }
        let estimates = players.iter().filter_map(|player| player.estimate());
        course.common = estimates.reduce(f64::min).map(|lowest| lowest / 2.0);
        loop {
            let mut turn: Vec<usize> = (0..players.len())
                .filter(|place| players[*place].finished.is_none())
                .collect();
            if turn.is_empty() {
                break;
            }
            turn.shuffle(&mut course.rng);
            for place in turn {
                self.step(&mut players[place], &mut course)?;
            }
        }
        let studied = players.into_iter().map(|player| Studied {
            finding: player.finished.expect("every search is over"),
            rounds: player.rounds,
            set_aside: player.set_aside,
        });
        Ok(Outcome {
            studied: studied.collect(),
            common: course.common,
        })
    }

    fn players(&self, rng: &mut Xoshiro256PlusPlus) -> Vec<Player<'_>> {
        let players = self.subjects.iter().enumerate().map(|(place, subject)| {
            let settings = Settings {
                ceiling: self.look.ceiling_of(place),
                budget: self.budget,
                slot: subject.plan.capacity.slot,
                ..Settings::of(
                    self.clauses(),
                    first_rate(self.look.turns_per_second[place]),
                )
            };
            Player {
                subject,
                search: Search::begin(settings, rng.random(), Duration::ZERO),
                spent: Duration::ZERO,
                rounds: Vec::new(),
                set_aside: Vec::new(),
                finished: None,
            }
        });
        players.collect()
    }

    /// Does what a system's search wants next. A start on a machine that others slowed down is set
    /// aside, and the search goes on to want the same, as long as that takes no more time than
    /// the system was given anyway.
    fn step(&self, player: &mut Player<'_>, course: &mut Course) -> Result<(), StudyError> {
        let began = Instant::now();
        let next = player.search.asked().clone();
        let (purpose, shapes) = shapes(&next, player.subject);
        let event = match self.start(player, (purpose, &shapes), course)? {
            Some(mut round) => {
                let usual = Usual {
                    stolen: player.subject.plan.limits.stolen,
                    costs: &course.costs,
                };
                let is_lost = usual.is_lost(&round);
                if !is_lost {
                    usual.set_slots_aside(&mut round);
                }
                self.log.keep(&Kept {
                    system: &player.subject.name,
                    round: &round,
                });
                let event = event_of(&next, &shapes, &round, self.promise.clauses().len());
                if is_lost && player.lost() < self.budget && !self.tells_anyway(&event, player) {
                    player.set_aside.push(round);
                    self.tell(player, true);
                    return Ok(());
                }
                if let Some(cost) = round.own_cost_micros() {
                    course.costs.add(cost);
                }
                player.rounds.push(round);
                event
            }
            None => Event::Interrupted,
        };
        player.spent += began.elapsed();
        if let Next::Over(finished) = player.search.after(event, player.spent) {
            player.finished = Some(*finished);
        }
        self.tell(player, false);
        Ok(())
    }

    /// True of a probe that tells roughly where the capacity is, although the machine was slowed
    /// down: one that kept the promise all the same, or broke it time and again.
    fn tells_anyway(&self, event: &Event, player: &Player<'_>) -> bool {
        /// Probes in a row.
        const TIME_AND_AGAIN: usize = 2;
        let Event::Probe(seen) = event else {
            return false;
        };
        !seen.breaks(&self.clauses()) || player.lost_in_a_row() >= TIME_AND_AGAIN
    }

    fn clauses(&self) -> Vec<Clause> {
        let clauses = self.promise.clauses().iter();
        let clauses = clauses.map(|clause| Clause {
            allowed: clause.allowed,
        });
        clauses.collect()
    }

    /// A fresh start with these slots; `None` when the study was interrupted.
    fn start(
        &self,
        player: &Player<'_>,
        (purpose, slots): (Purpose, &[SlotShape]),
        course: &mut Course,
    ) -> Result<Option<RoundRecord>, StudyError> {
        if self.interruption.happened() {
            return Ok(None);
        }
        let subject = player.subject;
        let capacity = &subject.plan.capacity;
        let (node_cores, generator_cores) =
            dealt_out(self.cores, !capacity.share_cores, &mut course.rng);
        let order = RoundOrder {
            promise: self.promise,
            number: player.starts() + 1,
            purpose,
            slots: slots.to_vec(),
            common: course.common,
            seed: course.rng.random(),
            node_cores,
            generator_cores: generator_cores.clone(),
        };
        let folder = harness::scratch::folder("capacity").map_err(|source| StudyError::System {
            what: "make a folder for the data of a round",
            source,
        })?;
        let interruption = self.interruption;
        let work = || async {
            tokio::select! {
                played = round::play(subject, order, folder.path()) => Some(played),
                () = interruption.happens() => None,
            }
        };
        let played = on_cores(&generator_cores, work).map_err(|source| StudyError::System {
            what: "start the generator on its cores",
            source,
        })?;
        played.transpose().map_err(|error| {
            let (system, source) = (subject.name.clone(), Box::new(error));
            match player.starts() == 0 {
                true => StudyError::NotStarted { system, source },
                false => StudyError::Broken { system, source },
            }
        })
    }

    fn tell(&self, player: &Player<'_>, set_aside: bool) {
        let estimate = player.estimate();
        self.events.emit(events::Event::StartPlayed {
            system: player.subject.name.clone(),
            number: player.starts() as u64,
            set_aside,
            rounds: player.search.rounds() as u64,
            estimate_per_second: estimate,
            elapsed_ms: millis(player.spent),
            left_ms: millis(self.budget.saturating_sub(player.spent)),
        });
    }
}

/// The rate that a search begins at and doubles from, by what closed load reached: a promise
/// about percentiles holds at a fraction of that.
fn first_rate(turns_per_second: f64) -> f64 {
    (turns_per_second / 8.0).max(1.0)
}

impl Player<'_> {
    /// The starts that were played, those among them that were set aside.
    fn starts(&self) -> usize {
        self.rounds.len() + self.set_aside.len()
    }

    /// The time that starts took which were set aside.
    fn lost(&self) -> Duration {
        let seconds = self.set_aside.iter().map(|round| round.seconds);
        Duration::from_secs_f64(seconds.sum())
    }

    /// The starts that were set aside since the last one that counts.
    fn lost_in_a_row(&self) -> usize {
        let last = self.rounds.last().map_or(0, |round| round.number);
        let later = self.set_aside.iter().filter(|round| round.number > last);
        later.count()
    }

    /// The capacity as far as it is known.
    fn estimate(&self) -> Option<f64> {
        match &self.finished {
            Some(finished) => finished.capacity.surely_kept_at(),
            None => self.search.centre(),
        }
    }
}

/// The slots that a search wants of one fresh start.
fn shapes(next: &Next, subject: &Subject) -> (Purpose, Vec<SlotShape>) {
    let settings = &subject.plan.capacity;
    let at = |rate: f64| SlotShape {
        rate,
        lead: settings.lead,
        lasts: settings.slot,
        rests: true,
    };
    match next {
        Next::Probe { rate } => (Purpose::Probe, vec![at(*rate)]),
        Next::Round { rates } => (
            Purpose::Measure,
            rates.iter().map(|rate| at(*rate)).collect(),
        ),
        Next::Recovery {
            overload,
            rate,
            settle,
        } => (
            Purpose::Recover,
            vec![
                SlotShape {
                    rests: false,
                    ..at(*overload)
                },
                SlotShape {
                    lead: *settle,
                    ..at(*rate)
                },
            ],
        ),
        Next::Confirm { rate, lasting } => (
            Purpose::Confirm,
            vec![SlotShape {
                lasts: *lasting,
                ..at(*rate)
            }],
        ),
        Next::Over(_) => (Purpose::Probe, Vec::new()),
    }
}

/// The event that a search is told of: what it wanted came about, or the system crashed.
fn event_of(next: &Next, shapes: &[SlotShape], round: &RoundRecord, clauses: usize) -> Event {
    let counted = round.counted().filter(|slot| !slot.is_common);
    let mut slots: Vec<SlotSeen> = counted.map(seen).collect();
    if round.crash.is_some() {
        // Nobody was served in the slot that it crashed in.
        let played = round.slots.iter().filter(|slot| !slot.is_common).count();
        slots.extend(shapes.get(played).map(|shape| lost(*shape, clauses)));
        return Event::Crashed(slots);
    }
    match (next, slots.as_slice()) {
        (Next::Probe { .. }, [slot]) => Event::Probe(slot.clone()),
        (Next::Confirm { .. }, [slot]) => Event::Confirmed(slot.clone()),
        (Next::Recovery { .. }, [overload, after]) => Event::Recovery {
            overload: overload.clone(),
            after: after.clone(),
        },
        _ => Event::Round(slots),
    }
}

/// A slot in which nobody was served.
fn lost(shape: SlotShape, clauses: usize) -> SlotSeen {
    let requests = (shape.rate * shape.lasts.as_secs_f64()).ceil() as u64;
    SlotSeen {
        rate: shape.rate,
        requests,
        broken: vec![requests; clauses],
        drained: false,
    }
}

/// A slot as the statistics see it.
fn seen(slot: &SlotRecord) -> SlotSeen {
    let requests = slot.requests + slot.unsent;
    // A rule about one route has fewer requests; its share of them is what counts.
    let broken = slot.clauses.iter().map(|clause| {
        let share = clause.broken as f64 / clause.due.max(1) as f64;
        (share * requests as f64).round() as u64
    });
    SlotSeen {
        rate: slot.per_second,
        requests,
        broken: broken.collect(),
        drained: !slot.rests || slot.rest_millis.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;

    #[test]
    fn a_system_that_crashed_served_nobody_in_the_slot_after_those_that_it_lived_through() {
        let mut round = example().systems.remove(0).rounds.remove(0);
        let rates: Vec<f64> = round.slots.iter().map(|slot| slot.per_second).collect();
        let shapes: Vec<SlotShape> = [&rates[..], &[4321.0]]
            .concat()
            .iter()
            .map(|rate| SlotShape {
                rate: *rate,
                lead: Duration::ZERO,
                lasts: Duration::from_secs(1),
                rests: true,
            })
            .collect();
        round.slots[0].set_aside = true;
        round.crash = Some("it ended".to_owned());
        let next = Next::Round {
            rates: rates.clone(),
        };
        let Event::Crashed(slots) = event_of(&next, &shapes, &round, 1) else {
            panic!("it crashed");
        };
        let told: Vec<f64> = slots.iter().map(|slot| slot.rate).collect();
        assert_eq!(told, [&rates[1..], &[4321.0]].concat());
        assert_eq!(slots.last().map(|slot| slot.broken[0]), Some(4321));
    }
}
