//! The shares of users that scenarios get.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{ScenarioIndex, ScenarioKind};

/// Weights of scenarios by their name in plans: the share of users that follow each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Mix(BTreeMap<String, u32>);

impl Mix {
    /// The mix of these weights, with a weight of nothing for other scenarios of the program.
    pub(super) fn of(weights: BTreeMap<String, u32>, scenarios: &[ScenarioKind]) -> Self {
        let mut all: BTreeMap<_, _> = scenarios.iter().map(|kind| (kind.key(), 0)).collect();
        all.extend(weights);
        Mix(all)
    }

    /// The weight of a scenario.
    pub fn weight(&self, scenario: &str) -> u32 {
        self.0.get(scenario).copied().unwrap_or(0)
    }

    /// True when no scenario has users.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|weight| *weight == 0)
    }

    /// The scenario of each of `users` users. The first n of them have the mix as well as
    /// n users can, so that a stage with fewer users is no other mix (smooth
    /// weighted round robin, as nginx deals requests to unequal servers).
    pub(crate) fn roster(&self, users: usize, scenarios: &[ScenarioKind]) -> Vec<ScenarioIndex> {
        let weights = scenarios
            .iter()
            .map(|kind| i64::from(self.weight(&kind.key())));
        let weights = weights.enumerate().filter(|(_, weight)| *weight > 0);
        let mut credits: Vec<_> = weights.map(|(s, weight)| (s, weight, 0)).collect();
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
    use crate::testing;

    proptest! {
        #[test]
        fn any_first_users_of_a_roster_have_the_mix(
            weights in prop::array::uniform3(0u32..20),
            users in 1usize..200,
        ) {
            let application = testing::application();
            let keys = application.scenarios.iter().map(ScenarioKind::key);
            let mix = Mix(keys.zip(weights).collect());
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let roster = mix.roster(users, &application.scenarios);
            prop_assert_eq!(roster.len(), users);
            for first in 1..=users {
                for (scenario, weight) in weights.iter().enumerate() {
                    let dealt = roster[..first].iter().filter(|s| **s == scenario).count();
                    let due = first as f64 * f64::from(*weight) / f64::from(total);
                    // With three scenarios, nobody is ever further off than this.
                    prop_assert!((dealt as f64 - due).abs() < 1.5);
                }
            }
        }
    }

    #[test]
    fn a_mix_of_nothing_has_no_roster() {
        let application = testing::application();
        assert!(Mix::default().is_empty());
        assert!(Mix::default().roster(3, &application.scenarios).is_empty());
    }
}
