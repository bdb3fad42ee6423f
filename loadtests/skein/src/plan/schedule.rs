//! When each stage of a plan begins, and how many users are at work at a moment.

use std::time::Duration;

use super::{OpenLoad, Stage};

/// A plan's stages laid out in time, from the moment that the load begins.
#[derive(Clone, Debug)]
pub struct Schedule(Vec<Slot>);

#[derive(Clone, Debug)]
struct Slot {
    begins: Duration,
    ends: Duration,
    ramp: Duration,
    users_before: usize,
    users: usize,
    open: Option<OpenLoad>,
}

impl Schedule {
    /// Lays out `stages` one after another; the first ramps up from no users.
    pub fn new(stages: &[Stage]) -> Self {
        let mut begins = Duration::ZERO;
        let mut users_before = 0;
        let slots = stages.iter().map(|stage| {
            let slot = Slot {
                begins,
                // A record from elsewhere may claim anything; a plan is checked for sense.
                ends: begins.saturating_add(stage.duration),
                // In open load it is the rate that ramps; users are only there for it.
                ramp: stage.open.map_or(stage.ramp, |_| Duration::ZERO),
                users_before,
                users: stage.users,
                open: stage.open,
            };
            begins = slot.ends;
            users_before = stage.users;
            slot
        });
        Schedule(slots.collect())
    }

    /// When the last stage ends.
    pub fn length(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |slot| slot.ends)
    }

    /// When a stage begins.
    pub fn begin_of(&self, stage: usize) -> Duration {
        self.0[stage].begins
    }

    /// When a stage ends.
    pub fn end_of(&self, stage: usize) -> Duration {
        self.0[stage].ends
    }

    /// A stage's open load, if it is open.
    pub fn open_load_of(&self, stage: usize) -> Option<OpenLoad> {
        self.0[stage].open
    }

    /// The stages that are open, in order.
    pub fn open_stages(&self) -> impl Iterator<Item = (usize, OpenLoad)> {
        let stages = self.0.iter().enumerate();
        stages.filter_map(|(stage, slot)| Some((stage, slot.open?)))
    }

    /// The most users that are ever at work.
    pub fn seats(&self) -> usize {
        self.0.iter().map(|slot| slot.users).max().unwrap_or(0)
    }

    /// The stage that a moment belongs to; `None` once all are over.
    pub fn stage_at(&self, elapsed: Duration) -> Option<usize> {
        self.0.iter().position(|slot| elapsed < slot.ends)
    }

    /// How many users are at work at a moment: those with the lowest seats.
    pub fn users_at(&self, elapsed: Duration) -> usize {
        let Some(slot) = self.stage_at(elapsed).map(|stage| &self.0[stage]) else {
            return 0;
        };
        let into = elapsed.saturating_sub(slot.begins);
        if into >= slot.ramp {
            return slot.users;
        }
        let progress = into.as_secs_f64() / slot.ramp.as_secs_f64();
        let (from, to) = (slot.users_before as f64, slot.users as f64);
        (from + (to - from) * progress).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(users: usize, seconds: u64, ramp: u64) -> Stage {
        Stage {
            name: "a stage".to_owned(),
            users,
            duration: Duration::from_secs(seconds),
            ramp: Duration::from_secs(ramp),
            warm_up: false,
            turns: None,
            open: None,
        }
    }

    #[test]
    fn users_ramp_up_and_down_and_go_home() {
        let schedule = Schedule::new(&[stage(10, 4, 2), stage(30, 2, 0), stage(10, 4, 2)]);
        let users = |seconds: f64| schedule.users_at(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.0, 1.0, 2.0, 3.9].map(users),
            [0, 5, 10, 10],
            "up from nobody"
        );
        assert_eq!([4.0, 5.9].map(users), [30, 30], "at once");
        assert_eq!([6.0, 7.0, 8.0].map(users), [30, 20, 10], "down");
        assert_eq!(users(10.0), 0, "over");
        assert_eq!(schedule.seats(), 30);
        assert_eq!(schedule.length(), Duration::from_secs(10));
    }

    #[test]
    fn a_moment_belongs_to_the_stage_that_begins_with_it() {
        let schedule = Schedule::new(&[stage(1, 1, 0), stage(1, 1, 0)]);
        let at = |millis| schedule.stage_at(Duration::from_millis(millis));
        assert_eq!(
            [0, 999, 1000, 1999].map(at),
            [Some(0), Some(0), Some(1), Some(1)]
        );
        assert_eq!(at(2000), None);
    }
}
