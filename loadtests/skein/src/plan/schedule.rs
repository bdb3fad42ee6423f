//! When each stage of a plan begins, and who is at work at a moment.

use std::ops::Range;
use std::time::Duration;

use super::seating::Seating;
use super::{OpenLoad, Stage};

/// The place of a load among all of a plan, which is the stage's where each stage has one.
pub type LoadIndex = usize;

/// A plan's stages laid out in time, from the moment that the load begins.
#[derive(Clone, Debug)]
pub struct Schedule {
    stages: Vec<Slot>,
    loads: Vec<Load>,
    scenarios: Vec<String>,
}

#[derive(Clone, Debug)]
struct Slot {
    begins: Duration,
    ends: Duration,
    loads: Range<LoadIndex>,
}

/// Users at work side by side: those of the mix, or of one scenario.
#[derive(Clone, Debug)]
pub struct Load {
    /// The stage that it is part of.
    pub stage: usize,
    /// Those who are at work.
    pub whose: Whose,
    /// When it begins.
    pub begins: Duration,
    /// When it ends.
    pub ends: Duration,
    /// When turns should begin, if it is open.
    pub open: Option<OpenLoad>,
    ramp: Duration,
    users_before: usize,
    users: usize,
}

/// Those who are at work in a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Users of all scenarios, by the mix.
    Mix,
    /// Users of the scenario at this place among those with loads of their own.
    Scenario(usize),
}

impl Schedule {
    /// Lays out `stages` one after another; the first ramps up from no users.
    pub fn new(stages: &[Stage]) -> Self {
        let mut schedule = Schedule {
            stages: Vec::new(),
            loads: Vec::new(),
            scenarios: Vec::new(),
        };
        let mut before: Option<&Stage> = None;
        for (index, stage) in stages.iter().enumerate() {
            let begins = schedule.length();
            let first = schedule.loads.len();
            match &stage.scenarios[..] {
                [] => schedule.add_mix(index, stage, before, begins),
                _ => schedule.add_scenarios(index, stage, before, begins),
            }
            schedule.stages.push(Slot {
                begins,
                // A record from elsewhere may claim anything; a plan is checked for sense.
                ends: begins.saturating_add(stage.duration),
                loads: first..schedule.loads.len(),
            });
            before = Some(stage);
        }
        schedule
    }

    fn add_mix(&mut self, index: usize, stage: &Stage, before: Option<&Stage>, begins: Duration) {
        let mixed_before = before.filter(|before| before.scenarios.is_empty());
        self.loads.push(Load {
            stage: index,
            whose: Whose::Mix,
            begins,
            ends: begins.saturating_add(stage.duration),
            // In open load it is the rate that ramps; users are only there for it.
            ramp: stage.open.map_or(stage.ramp, |_| Duration::ZERO),
            users_before: mixed_before.map_or(0, |before| before.users),
            users: stage.users,
            open: stage.open,
        });
    }

    fn add_scenarios(
        &mut self,
        index: usize,
        stage: &Stage,
        before: Option<&Stage>,
        begins: Duration,
    ) {
        for load in &stage.scenarios {
            let known = self.scenarios.iter().position(|s| *s == load.scenario);
            let scenario = known.unwrap_or_else(|| {
                self.scenarios.push(load.scenario.clone());
                self.scenarios.len() - 1
            });
            let load_before = before.and_then(|before| before.load_of(&load.scenario));
            let begins = begins.saturating_add(load.begins);
            self.loads.push(Load {
                stage: index,
                whose: Whose::Scenario(scenario),
                begins,
                ends: begins.saturating_add(load.duration),
                ramp: load.open.map_or(load.ramp, |_| Duration::ZERO),
                users_before: load_before.map_or(0, |before| before.users),
                users: load.users,
                open: load.open,
            });
        }
    }

    /// When the last stage ends.
    pub fn length(&self) -> Duration {
        self.stages.last().map_or(Duration::ZERO, |slot| slot.ends)
    }

    /// When a stage begins.
    pub fn begin_of(&self, stage: usize) -> Duration {
        self.stages[stage].begins
    }

    /// When a stage ends.
    pub fn end_of(&self, stage: usize) -> Duration {
        self.stages[stage].ends
    }

    /// The loads of all stages, in the order of stages.
    pub fn loads(&self) -> &[Load] {
        &self.loads
    }

    /// The loads of a stage, with their places among all.
    pub fn loads_of(&self, stage: usize) -> impl Iterator<Item = (LoadIndex, &Load)> {
        let places = self.stages[stage].loads.clone();
        places.map(|place| (place, &self.loads[place]))
    }

    /// The scenarios with loads of their own, by their names in plans.
    pub fn scenarios(&self) -> &[String] {
        &self.scenarios
    }

    /// The most users that are ever at work in a load of these.
    pub fn most_users(&self, whose: Whose) -> usize {
        let loads = self.loads.iter().filter(|load| load.whose == whose);
        loads.map(|load| load.users).max().unwrap_or(0)
    }

    /// The stage that a moment belongs to; `None` once all are over.
    pub fn stage_at(&self, elapsed: Duration) -> Option<usize> {
        self.stages.iter().position(|slot| elapsed < slot.ends)
    }

    /// The load in which the user on a seat is at work at a moment: those with the lowest
    /// seats are.
    pub fn load_at(&self, elapsed: Duration, seat: &Seating) -> Option<LoadIndex> {
        let mut loads = self.loads_of(self.stage_at(elapsed)?);
        let at_work = loads.find(|(_, load)| {
            let place = seat.place_in(load.whose);
            place.is_some_and(|place| place < load.users_at(elapsed))
        });
        at_work.map(|(load, _)| load)
    }

    /// The moment, not before `elapsed`, from which the user on a seat is at work, if it is any
    /// more; it may be told a little too early.
    pub fn back_at(&self, elapsed: Duration, seat: &Seating) -> Option<Duration> {
        let to_come = self.loads.iter().filter(|load| load.ends > elapsed);
        let moments = to_come.filter_map(|load| {
            let place = seat.place_in(load.whose)?;
            load.needs(place, elapsed.max(load.begins))
        });
        moments.min()
    }

    /// The number of users at work at a moment.
    pub fn users_at(&self, elapsed: Duration) -> usize {
        let stage = self.stage_at(elapsed);
        let loads = stage.into_iter().flat_map(|stage| self.loads_of(stage));
        loads.map(|(_, load)| load.users_at(elapsed)).sum()
    }
}

impl Load {
    /// The number of its users at work at a moment.
    fn users_at(&self, elapsed: Duration) -> usize {
        if !(self.begins..self.ends).contains(&elapsed) {
            return 0;
        }
        let into = elapsed.saturating_sub(self.begins);
        if into >= self.ramp {
            return self.users;
        }
        let progress = into.as_secs_f64() / self.ramp.as_secs_f64();
        let (from, to) = (self.users_before as f64, self.users as f64);
        (from + (to - from) * progress).round() as usize
    }

    /// The moment, not before `from`, from which it needs the user in this place, if it does.
    fn needs(&self, place: usize, from: Duration) -> Option<Duration> {
        if place < self.users_at(from) {
            return Some(from);
        }
        // Who leaves as a ramp goes down doesn't come back.
        if place >= self.users {
            return None;
        }
        let (before, after) = (self.users_before as f64, self.users as f64);
        // Numbers of users are rounded: half of one is enough.
        let progress = (place as f64 + 0.5 - before) / (after - before);
        let moment = self.begins + self.ramp.mul_f64(progress.clamp(0.0, 1.0));
        Some(moment.max(from)).filter(|moment| *moment < self.ends)
    }

    /// The time that it lasts while `reached` of the schedule is gone through.
    pub fn seconds_until(&self, reached: Duration) -> f64 {
        let into = reached.saturating_sub(self.begins);
        into.min(self.ends.saturating_sub(self.begins))
            .as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            scenarios: Vec::new(),
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
        assert_eq!(schedule.most_users(Whose::Mix), 30);
        assert_eq!(schedule.length(), Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn whoever_is_told_when_to_be_back_misses_no_turn_and_is_not_kept_waiting(
            users in prop::collection::vec((0usize..40, 0u64..5), 1..5), seat in 0usize..40,
            at in 0u64..20_000,
        ) {
            let stages = users.iter().map(|(users, ramp)| stage(*users, 4, *ramp));
            let stages: Vec<Stage> = stages.collect();
            let schedule = Schedule::new(&stages);
            let seat = Seating::of_mix(0, seat);
            let at = Duration::from_millis(at);
            let is_at_work = |moment| schedule.load_at(moment, &seat).is_some();
            let length = schedule.length();
            let millis = (0..).map(|millis| at + Duration::from_millis(millis));
            let mut millis = millis.take_while(|moment| *moment < length);
            let first = millis.find(|moment| is_at_work(*moment));
            match (schedule.back_at(at, &seat), first) {
                (Some(back), Some(first)) => {
                    prop_assert!(back <= first, "{back:?} {first:?}");
                    prop_assert!(first - back <= Duration::from_millis(1), "{back:?} {first:?}");
                }
                (back, None) => prop_assert!(back.is_none_or(|back| length - back < Duration::from_millis(2))),
                (None, first) => prop_assert_eq!(first, None),
            }
        }
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
