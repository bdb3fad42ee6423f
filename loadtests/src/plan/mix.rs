//! How users share out among the scenarios.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenarios::Scenario;

/// How many of so many users follow each scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Users who read items, some far more often than others.
    #[serde(default)]
    pub readers: u32,
    /// Users who write a value and read it back.
    #[serde(default)]
    pub writers: u32,
    /// Users who have something computed.
    #[serde(default)]
    pub processors: u32,
    /// Users who submit long tasks and follow them until they are done.
    #[serde(default)]
    pub task_submitters: u32,
    /// Users without a valid token.
    #[serde(default)]
    pub intruders: u32,
}

impl Mix {
    /// The weight of one scenario.
    pub fn weight(&self, scenario: Scenario) -> u32 {
        match scenario {
            Scenario::Readers => self.readers,
            Scenario::Writers => self.writers,
            Scenario::Processors => self.processors,
            Scenario::TaskSubmitters => self.task_submitters,
            Scenario::Intruders => self.intruders,
            // Plain requests make up a plan of their own.
            Scenario::Plain => 0,
        }
    }

    /// The scenarios that have users.
    pub fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        Scenario::ALL
            .into_iter()
            .filter(|scenario| self.weight(*scenario) > 0)
    }

    /// What each of `users` users does. The first n of them have the mix as well as
    /// n users can, so that a stage with fewer users is no other mix (smooth
    /// weighted round robin, as nginx deals requests to unequal servers).
    pub fn roster(&self, users: usize) -> Vec<Scenario> {
        let weights = self.scenarios().map(|s| (s, i64::from(self.weight(s))));
        let mut credits: Vec<(Scenario, i64, i64)> = weights.map(|(s, w)| (s, w, 0)).collect();
        let total: i64 = credits.iter().map(|(_, weight, _)| weight).sum();
        let mut deal = || {
            for (_, weight, credit) in &mut credits {
                *credit += *weight;
            }
            // The first of equals, so that the order doesn't depend on luck.
            let next = credits.iter_mut().rev().max_by_key(|(_, _, c)| *c)?;
            next.2 -= total;
            Some(next.0)
        };
        (0..users).map_while(|_| deal()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_first_users_of_a_roster_have_the_mix(
            weights in prop::array::uniform5(0u32..20),
            users in 1usize..200,
        ) {
            let [readers, writers, processors, task_submitters, intruders] = weights;
            let mix = Mix { readers, writers, processors, task_submitters, intruders };
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let roster = mix.roster(users);
            prop_assert_eq!(roster.len(), users);
            for first in 1..=users {
                for scenario in Scenario::ALL {
                    let dealt = roster[..first].iter().filter(|s| **s == scenario).count();
                    let due = first as f64 * f64::from(mix.weight(scenario)) / f64::from(total);
                    // With five scenarios, nobody is ever further off than this.
                    prop_assert!((dealt as f64 - due).abs() < 2.5);
                }
            }
        }
    }

    #[test]
    fn a_mix_of_nothing_has_no_roster() {
        let mix: Mix = toml::from_str("").expect("all weights default to nothing");
        assert!(mix.roster(3).is_empty());
    }
}
