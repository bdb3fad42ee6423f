//! Changes to a plan that was read: another amount of load in its judged stage, and more rules.

use std::time::Duration;

use super::{MOST_USERS, OpenLoad, Plan, Stage, rules};
use crate::arrivals::{Rate, RateCurve, Spacing};
use crate::threshold::Threshold;

/// A change; the rest stays as the plan has it.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    /// A rate of turns, in place of users who wait or of another rate.
    pub rate: Option<Rate>,
    /// A number of users.
    pub users: Option<usize>,
    /// A length.
    pub duration: Option<Duration>,
    /// True when the load is to stop as soon as a rule is surely lost.
    pub stop_early: bool,
    /// Further rules.
    pub thresholds: Vec<String>,
}

impl Plan {
    /// Changes the plan.
    ///
    /// # Errors
    ///
    /// A sentence, when the plan has several stages that could be meant, or the change makes
    /// no sense in it.
    pub(crate) fn amend(&mut self, change: &Amendment) -> Result<(), String> {
        self.stop_early |= change.stop_early;
        let is_of_stage =
            change.rate.is_some() || change.users.is_some() || change.duration.is_some();
        if is_of_stage {
            let judged = |stage: &&mut Stage| !stage.warm_up && !stage.is_pause();
            let mut stages: Vec<_> = self.stages.iter_mut().filter(judged).collect();
            let [stage] = &mut stages[..] else {
                let names: Vec<_> = stages.iter().map(|stage| stage.name.as_str()).collect();
                return Err(format!(
                    "this plan has several judged stages ({}), and it isn't clear which is meant; `plans NAME > mine.toml` gives you a plan to change",
                    names.join(", ")
                ));
            };
            change_stage(stage, change)?;
        }
        let figures = self.figures();
        for rule in &change.thresholds {
            let threshold = Threshold::read(rule, &figures);
            let threshold = threshold.map_err(|error| error.to_string())?;
            self.thresholds.push(threshold);
        }
        // A rule about a rate has nothing to be about once there is none.
        self.thresholds
            .iter()
            .try_for_each(|rule| rules::check(rule, self))
    }
}

fn change_stage(stage: &mut Stage, change: &Amendment) -> Result<(), String> {
    if !stage.scenarios.is_empty() {
        return Err(format!(
            "the scenarios of stage {} have loads of their own, and it isn't clear which are meant; `plans NAME > mine.toml` gives you a plan to change",
            stage.name
        ));
    }
    if let Some(duration) = change.duration {
        if duration < Duration::from_millis(10) || duration < stage.ramp {
            return Err(format!(
                "a stage lasts 10ms or longer, and no shorter than its ramp, which is {}",
                humantime::format_duration(stage.ramp)
            ));
        }
        stage.duration = duration;
        if let Some(open) = &mut stage.open {
            open.curve.duration = duration;
        }
    }
    if let Some(rate) = change.rate {
        if stage.turns.is_some() {
            return Err(
                "this plan's stage ends with a number of turns, which have no rate".to_owned(),
            );
        }
        let before = stage.open;
        stage.open = Some(OpenLoad {
            curve: RateCurve {
                from: before.map_or(0.0, |open| open.curve.from),
                to: rate,
                ramp: before.map_or(Duration::ZERO, |open| open.curve.ramp),
                duration: stage.duration,
            },
            spacing: before.map_or_else(Spacing::default, |open| open.spacing),
        });
    }
    match (change.users, &stage.open) {
        (Some(users), _) if !(1..=MOST_USERS).contains(&users) => {
            return Err(format!("a stage has 1 to {MOST_USERS} users"));
        }
        (Some(users), _) => stage.users = users,
        (None, Some(open)) if change.rate.is_some() => stage.users = open.enough_users(),
        (None, _) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn amended(plan: &str, change: &Amendment) -> Result<Plan, String> {
        let mut plan = testing::plan(plan);
        plan.amend(change).map(|()| plan)
    }

    #[test]
    fn a_judged_stage_gets_what_is_said_and_keeps_the_rest() {
        let change = Amendment {
            users: Some(3),
            duration: Some(Duration::from_secs(9)),
            thresholds: vec!["p50<1s".to_owned()],
            ..Amendment::default()
        };
        let before = testing::plan("smoke");
        let after = amended("smoke", &change).expect("amended");
        assert_eq!(after.stages[0], before.stages[0], "the warm-up");
        let stage = &after.stages[1];
        assert_eq!((stage.users, stage.duration.as_secs()), (3, 9));
        assert!(stage.open.is_none());
        assert_eq!(after.thresholds.len(), before.thresholds.len() + 1);
    }

    #[test]
    fn a_rate_makes_closed_load_open_with_users_enough() {
        let change = Amendment {
            rate: Rate::per_second(2000.0),
            ..Amendment::default()
        };
        let stage = amended("smoke", &change).expect("amended").stages.remove(1);
        let open = stage.open.expect("open load");
        assert_eq!(
            (open.curve.to.get(), open.curve.duration),
            (2000.0, stage.duration)
        );
        assert_eq!(stage.users, 200);
    }

    #[test]
    fn what_makes_no_sense_in_the_plan_is_refused() {
        let users = |users| Amendment {
            users: Some(users),
            ..Amendment::default()
        };
        let rule = |rule: &str| Amendment {
            thresholds: vec![rule.to_owned()],
            ..Amendment::default()
        };
        for (change, says) in [
            (users(0), "1 to 100000"),
            (rule("p99<fast"), "not a time"),
            (rule("p99<1s for GET /nothing"), "sends no"),
            (rule("late<1%"), "no judged stage of this plan has a rate"),
        ] {
            let message = amended("smoke", &change).expect_err(says);
            assert!(message.contains(says), "{message}");
        }
        let mut several = testing::plan("smoke");
        let second = Stage {
            name: "peak".to_owned(),
            ..several.stages[1].clone()
        };
        several.stages.push(second);
        let message = several.amend(&users(1)).expect_err("two stages");
        assert!(message.contains("(steady, peak)"), "{message}");
    }
}
