//! `loadtests plans`: the built-in plans, to look at and to start one's own from.

use std::sync::Arc;

use clap::Args;

use super::print_all;
use crate::exit_code::{Failure, Outcome};
use crate::plan::{Plan, PlanError, PlanOf};
use crate::program::application::Application;

/// The plan to print, if one is.
#[derive(Debug, Args)]
pub(super) struct Plans {
    /// Print this plan as TOML, such as `plans default > mine.toml`.
    name: Option<String>,
}

impl Plans {
    pub(super) fn execute(self, application: &Arc<Application>) -> Outcome {
        match self.name {
            Some(name) => match application.built_in(&name) {
                Some(source) => print_all(source),
                None => Err(Failure::usage(PlanError::unknown(&name, application))),
            },
            None => {
                let mut list = String::new();
                for (name, _) in application.plans() {
                    let plan =
                        Plan::load(&name, PlanOf::program(application)).map_err(Failure::usage)?;
                    let length = humantime::format_duration(plan.schedule().length()).to_string();
                    list += &format!("{name:<10}{length:<10}{}\n", plan.description);
                }
                print_all(list)
            }
        }
    }
}
