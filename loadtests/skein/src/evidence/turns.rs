//! The turns that open load asked for, and how many of them began when they should.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StageEvidence;

/// The turns that a stage of open load asked for, or a scenario in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turns {
    /// How many the plan holds.
    pub requested: u64,
    /// How many came up in time for a user to take them.
    pub released: u64,
    /// How many a user began before the stage's end.
    pub begun: u64,
    /// How many found no user free when they came up, those that never began included.
    pub queued: u64,
    /// How many users the rate takes if each request takes the shortest time that was
    /// seen on its route; none where no request went well.
    pub users_at_least: Option<f64>,
    /// The 99th percentile of the send lag of turns that found a user free, in
    /// microseconds; none without any.
    pub lag_p99_micros: Option<u64>,
}

/// The turns of a scenario with a rate of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioTurns {
    /// The scenario.
    pub scenario: String,
    /// Users at work.
    pub users: u64,
    /// Its turns.
    pub turns: Turns,
}

/// The turns of one open load, with the words for it in doubts.
pub(super) struct LoadTurns {
    pub(super) name: String,
    pub(super) users: u64,
    pub(super) turns: Turns,
}

impl StageEvidence {
    /// The turns of each open load of the stage.
    pub(super) fn open_loads(&self) -> impl Iterator<Item = LoadTurns> {
        let of_mix = self.turns.map(|turns| LoadTurns {
            name: self.stage.clone(),
            users: self.users,
            turns,
        });
        let own = self.scenarios.iter().map(|own| LoadTurns {
            name: format!("{} in {}", own.scenario, self.stage),
            users: own.users,
            turns: own.turns,
        });
        of_mix.into_iter().chain(own)
    }

    /// The longest 99th percentile of the send lag of turns that found a user free, in
    /// microseconds.
    pub fn lag_p99_micros(&self) -> Option<u64> {
        let lags = self.open_loads();
        lags.filter_map(|load| load.turns.lag_p99_micros).max()
    }
}
