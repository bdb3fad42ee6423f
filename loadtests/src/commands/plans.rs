//! `loadtests plans`: the built-in plans, to look at and to start one's own from.

use clap::Args;

use super::print_all;
use crate::exit_code::{Failure, Outcome};
use crate::plan::{Plan, PlanError, built_in, built_in_names};
use crate::threshold;

/// Which plan to print.
#[derive(Debug, Args)]
#[command(after_help = threshold::HELP)]
pub(super) struct Plans {
    /// Print this plan as TOML, such as `loadtests plans default > mine.toml`.
    name: Option<String>,
}

impl Plans {
    pub(super) fn execute(self) -> Outcome {
        match self.name {
            Some(name) => {
                let source = built_in(&name)
                    .ok_or_else(|| Failure::usage(PlanError::Unknown { name: name.clone() }))?;
                print_all(source)
            }
            None => {
                let mut list = String::new();
                for name in built_in_names() {
                    let plan = Plan::load(name).map_err(Failure::usage)?;
                    let length = humantime::format_duration(plan.schedule().length()).to_string();
                    list += &format!("{name:<10}{length:<10}{}\n", plan.description);
                }
                print_all(list)
            }
        }
    }
}
