//! Who sits where: the scenario of each simulated user, and the loads that it may work in.

use super::schedule::{Schedule, Whose};
use super::{Plan, ScenarioIndex, ScenarioKind};

/// The seat of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seating {
    /// The user's scenario.
    pub scenario: ScenarioIndex,
    /// The place among users of the mix, of those who are.
    in_mix: Option<usize>,
    /// The scenario's place among those with loads of their own, and the user's among its users.
    own: Option<(usize, usize)>,
}

impl Seating {
    /// A user of the mix alone.
    #[cfg(test)]
    pub(super) fn of_mix(scenario: ScenarioIndex, place: usize) -> Self {
        Seating {
            scenario,
            in_mix: Some(place),
            own: None,
        }
    }

    /// The user's place in loads of these, where those with the lowest are at work.
    pub fn place_in(&self, whose: Whose) -> Option<usize> {
        match whose {
            Whose::Mix => self.in_mix,
            Whose::Scenario(scenario) => {
                let own = self.own.filter(|(own, _)| *own == scenario);
                own.map(|(_, place)| place)
            }
        }
    }
}

impl Plan {
    /// The seats of all users who are ever at work. Those whom the mix needs come first, and a
    /// scenario with loads of its own has its users among them, as far as there are enough.
    pub(crate) fn seating(&self, schedule: &Schedule) -> Vec<Seating> {
        let keys: Vec<String> = self.scenarios.iter().map(ScenarioKind::key).collect();
        let mut places = vec![0; schedule.scenarios().len()];
        let mut take = |scenario: ScenarioIndex| {
            let names = schedule.scenarios();
            let own = names.iter().position(|name| *name == keys[scenario])?;
            places[own] += 1;
            Some((own, places[own] - 1))
        };
        let mixed = self.roster(schedule.most_users(Whose::Mix));
        let mixed = mixed.into_iter().enumerate();
        let mut seats: Vec<_> = mixed
            .map(|(place, scenario)| Seating {
                scenario,
                in_mix: Some(place),
                own: take(scenario),
            })
            .collect();
        for (own, name) in schedule.scenarios().iter().enumerate() {
            let Some(scenario) = keys.iter().position(|key| key == name) else {
                continue;
            };
            let more = schedule.most_users(Whose::Scenario(own));
            while places[own] < more {
                seats.push(Seating {
                    scenario,
                    in_mix: None,
                    own: Some((own, places[own])),
                });
                places[own] += 1;
            }
        }
        seats
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing;

    const PLAN: &str = r#"
name = "side-by-side"
thresholds = []
[mix]
browsers = 1
buyers = 1
[[stage]]
name = "warm-up"
users = 4
duration = "2s"
warm_up = true
[[stage]]
name = "steady"
duration = "10s"
scenario.browsers = { rate = "100/s" }
scenario.window_shoppers = { users = 3, begins = "2s", duration = "5s" }
"#;

    #[test]
    fn users_of_the_mix_work_in_their_scenarios_own_loads_and_others_join_them() {
        let plan = testing::parse(PLAN);
        let schedule = plan.schedule();
        let seats = plan.seating(&schedule);
        // Four of the mix, half of them browsers; 32 are enough for their rate.
        assert_eq!(seats.len(), 4 + 30 + 3);
        let at = |seconds: u64| {
            let elapsed = Duration::from_secs(seconds);
            let loads = seats.iter().map(|seat| schedule.load_at(elapsed, seat));
            [0, 1, 2].map(|load| loads.clone().filter(|at| *at == Some(load)).count())
        };
        assert_eq!(at(0), [4, 0, 0]);
        assert_eq!(at(3), [0, 32, 0], "window shoppers haven't begun");
        assert_eq!(at(4), [0, 32, 3]);
        assert_eq!(at(9), [0, 32, 0], "window shoppers have ended");
        assert_eq!(at(12), [0; 3], "over");
        let users = |seconds| schedule.users_at(Duration::from_secs(seconds));
        assert_eq!([0, 3, 4, 9, 12].map(users), [4, 32, 35, 32, 0]);
    }
}
