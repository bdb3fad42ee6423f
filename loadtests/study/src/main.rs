//! A study of how often the gate is right: many gates on builds whose difference is known, with
//! and without busy neighbours, and thousands of pseudo-runs of their rounds.
//!
//! ```text
//! cases        differences that are known, for they were made
//! neighbours   processes that keep every core half busy
//! command      holds the gates that are still missing
//!    ↓
//! gates        what is kept of them
//!    ↓
//! table        what they show
//!    ↓
//! readme       where the table goes
//! ```

#![expect(
    unreachable_pub,
    reason = "nothing is reachable from outside a program; here `pub` means to all of it"
)]

mod cases;
mod command;
#[cfg(test)]
mod example;
mod gates;
mod neighbours;
mod readme;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A gate's nodes are this very program.
    if let Some(code) = loadtests::program().node_or_helper() {
        return code;
    }
    match command::GateStudy::parse().execute() {
        Ok(code) => code,
        Err(failure) => {
            skein::output::tell(format_args!("error: {}", failure.sentence()));
            ExitCode::from(failure.code)
        }
    }
}
