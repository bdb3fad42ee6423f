//! Load tests of the whole system: start it, load it with Goose, judge what was
//! seen, and report it.
//!
//! The pipeline, and where its parts are: a [`plan`] says what to do; [`run`] starts
//! the system, has [`attack`] load it with the [`scenarios`]' users, who record
//! [`samples`]; [`threshold`], [`ledger`] and [`verdict`] judge; [`record`] keeps
//! every figure, and [`report`] shows them.

#![expect(
    unreachable_pub,
    reason = "nothing is reachable from outside a program; here `pub` means to all of it"
)]

mod arrivals;
mod attack;
mod client;
mod commands;
mod comparison;
mod distribution;
mod environment;
mod evidence;
mod exit_code;
mod gate;
mod in_flight;
mod ledger;
mod observation;
mod pacer;
mod plan;
mod prediction;
mod progress;
mod record;
mod report;
mod run;
mod samples;
mod scenarios;
mod self_check;
mod side_by_side;
mod threshold;
mod timeline;
mod timing;
mod tokens;
mod verdict;
mod visitor;
mod words;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = integration::host::run_if_asked() {
        return code;
    }
    if let Some(code) = integration::host::help_if_asked(self_check::server::run) {
        return code;
    }
    match commands::run_command_line() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {:#}", failure.error);
            ExitCode::from(failure.code)
        }
    }
}
