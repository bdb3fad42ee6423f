//! The most that a plan's load can come to, known before anything is sent.

use std::collections::BTreeMap;

use super::{Load, Plan, ScenarioIndex, Whose};
use crate::threshold::{AtMost, PlannedTurns};

impl Plan {
    /// The most requests and turns of judged stages, with the arrivals that `seed` plans.
    pub(crate) fn at_most(&self, seed: u64) -> AtMost {
        let schedule = self.schedule();
        let seats = self.seating(&schedule);
        let loads = schedule.loads().iter().enumerate();
        let loads = loads.map(|(place, load)| {
            let arrivals = load.open.map(|open| {
                let arrivals = open.curve.arrivals(open.spacing, seed, place as u64);
                arrivals.count() as u64
            });
            (load, arrivals.or(self.stages[load.stage].turns))
        });
        let loads: Vec<(&Load, Option<u64>)> = loads.collect();
        let is_judged = |load: &Load| !self.stages[load.stage].warm_up;
        let judged = || loads.iter().filter(|(load, _)| is_judged(load));
        let has_warm_up = self.stages.iter().any(|stage| stage.warm_up);

        let of_scenario = |scenario: ScenarioIndex| {
            let name = self.scenarios[scenario].key();
            let is_of = |whose: Whose| match whose {
                Whose::Mix => seats
                    .iter()
                    .any(|seat| seat.scenario == scenario && seat.place_in(Whose::Mix).is_some()),
                Whose::Scenario(own) => schedule.scenarios()[own] == name,
            };
            let own = judged().filter(|(load, _)| is_of(load.whose));
            let turns = own.map(|(load, turns)| match self.stages[load.stage].is_pause() {
                true => Some(0),
                false => *turns,
            });
            let turns: u64 = turns.sum::<Option<u64>>()?;
            // A turn that begins in a warm-up may end after it.
            let users = seats.iter().filter(|seat| seat.scenario == scenario);
            let spill = if has_warm_up { users.count() as u64 } else { 0 };
            let of_turn = self.requests_of_turn(scenario)?;
            turns.checked_add(spill)?.checked_mul(of_turn)
        };
        let of_scenarios: Vec<Option<u64>> = (0..self.scenarios.len()).map(of_scenario).collect();
        let scenarios = self.scenario_names().zip(&of_scenarios);
        let scenarios = scenarios.filter_map(|(name, most)| Some((name, (*most)?)));
        let scenarios: BTreeMap<String, u64> = scenarios.collect();
        let followed = |scenario: &ScenarioIndex| seats.iter().any(|s| s.scenario == *scenario);
        let all = (0..self.scenarios.len()).filter(followed);
        AtMost {
            // Turns of the mix are counted for each of its scenarios, which is more than there are.
            requests: all.map(|scenario| of_scenarios[scenario]).sum(),
            scenarios,
            turns: judged()
                .filter(|(load, _)| load.open.is_some())
                .map(|(load, turns)| PlannedTurns {
                    stage: self.stages[load.stage].name.clone(),
                    scenario: match load.whose {
                        Whose::Mix => None,
                        Whose::Scenario(own) => Some(schedule.scenarios()[own].clone()),
                    },
                    planned: turns.unwrap_or(0),
                })
                .collect(),
            checks: self.checks_of_request(),
        }
    }

    /// The most requests of one turn; `None` where only Rust knows.
    fn requests_of_turn(&self, scenario: ScenarioIndex) -> Option<u64> {
        let requests = self.requests.as_ref()?;
        let Some(story) = requests.stories.get(scenario) else {
            return Some(1);
        };
        // Those before the first turn are tried again until all went well.
        let steps = story.once.iter().chain(&story.steps);
        Some(steps.map(|step| u64::from(*step.repeat.end())).sum())
    }

    /// The most named checks that are made of one answer.
    fn checks_of_request(&self) -> u64 {
        let all = self.requests.iter().flat_map(|requests| requests.all());
        all.map(|request| request.checks.len() as u64)
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn open_load_of_requests_and_stories_has_a_most_and_closed_load_and_rust_have_none() {
        let stage = "[[stage]]\nname = \"steady\"\nduration = \"10s\"\n";
        let head = "name = \"a\"\nthresholds = []\n";
        let plain = "[[request]]\npath = \"/\"\n";
        let story = "[[scenario]]\nname = \"s\"\n[[scenario.once]]\npath = \"/in\"\n[[scenario.step]]\npath = \"/a\"\nrepeat = { from = 1, to = 3 }\n";
        for (load, users, most) in [
            ("rate = \"20/s\"\n", plain, Some(200)),
            ("users = 3\n", plain, None),
            ("rate = \"20/s\"\n", story, Some(800)),
            (
                "scenario.s = { rate = \"20/s\", begins = \"5s\" }\n",
                story,
                Some(400),
            ),
            ("rate = \"20/s\"\n", "[mix]\nbrowsers = 1\n", None),
        ] {
            let plan = testing::parse(&format!("{head}{stage}{load}{users}"));
            assert_eq!(plan.at_most(1).requests, most, "{load}{users}");
        }
        let warm_up =
            "[[stage]]\nname = \"warm-up\"\nusers = 7\nduration = \"1s\"\nwarm_up = true\n";
        let plan = format!("{head}{warm_up}{stage}rate = \"20/s\"\nusers = 9\n{plain}");
        assert_eq!(
            testing::parse(&plan).at_most(1).requests,
            Some(209),
            "one turn each may spill"
        );
    }
}
