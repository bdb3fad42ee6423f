//! The load of one scenario beside those of others, in a stage that has no load of the mix.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OpenLoad, Stage};

/// The load of one scenario, which may begin later than its stage, and end before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioLoad {
    /// The scenario; in a plan of plain requests, the route.
    pub scenario: String,
    /// The time from the beginning of the stage to that of the load.
    pub begins: Duration,
    /// The time that the load lasts, with its ramp.
    pub duration: Duration,
    /// The time from the scenario's number of users, or rate, in the stage before to this one's.
    pub ramp: Duration,
    /// The number of its users once the ramp is over. In open load they bound what is in
    /// flight, and all are there from the beginning.
    pub users: usize,
    /// Open load: when turns should begin. Without it, load is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenLoad>,
}

impl ScenarioLoad {
    /// True when nobody is to send anything.
    pub fn is_pause(&self) -> bool {
        match &self.open {
            Some(open) => open.is_pause(),
            None => self.users == 0 && self.ramp.is_zero(),
        }
    }

    /// True when it is the same from the beginning of the stage to its end.
    pub fn is_level(&self, stage: &Stage) -> bool {
        self.ramp.is_zero() && self.begins.is_zero() && self.duration == stage.duration
    }
}

impl Stage {
    /// The load of a scenario, where it has one of its own.
    pub fn load_of(&self, scenario: &str) -> Option<&ScenarioLoad> {
        self.scenarios.iter().find(|load| load.scenario == scenario)
    }

    /// Every open load of the stage: the mix's, of which no scenario is named, or scenarios'.
    pub fn open_loads(&self) -> impl Iterator<Item = (Option<&str>, &OpenLoad)> {
        let of_mix = self.open.iter().map(|open| (None, open));
        let own = self.scenarios.iter();
        let own = own.filter_map(|load| Some((Some(load.scenario.as_str()), load.open.as_ref()?)));
        of_mix.chain(own)
    }

    /// True when the load is the same from its beginning to its end, which is known.
    pub fn is_level(&self) -> bool {
        self.ramp.is_zero()
            && self.turns.is_none()
            && self.scenarios.iter().all(|load| load.is_level(self))
    }
}
