//! Load tests of the whole system: start it, load it with Goose, judge what was
//! seen, and report it.
//!
//! The pipeline, and where its parts are: a [`plan`] says what to do; [`run`] starts
//! the system, has [`attack`] load it with the [`scenarios`]' users, who record
//! [`samples`]; [`threshold`], [`ledger`] and [`verdict`] judge; [`record`] keeps
//! every figure, and [`report`] shows them. Meanwhile, [`events`] tell what happens, and a
//! [`doubt`] is a reason not to believe it.
//!
//! The program is [`main`]. The rest of what is public is the performance [`gate`], for
//! programs that hold gates of their own, such as the study in `loadtests/study`:
//!
//! ```no_run
//! use std::path::Path;
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use loadtests::{Events, Interruption, Plan, gate};
//!
//! fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     // The nodes of both sides are this very program.
//!     if let Some(code) = integration::host::run_if_asked() {
//!         return Ok(code);
//!     }
//!     let setup = gate::Setup {
//!         id: "against-itself".to_owned(),
//!         baseline: gate::this_build(),
//!         candidate: gate::this_build(),
//!         planted: Vec::new(),
//!         planted_before: Vec::new(),
//!         is_aa: true,
//!         plan: Plan::load("gate")?,
//!         budget: Duration::from_secs(120),
//!         to_the_end: false,
//!         calibration: None,
//!         seed: 7,
//!         command: String::new(),
//!     };
//!     let (events, interruption) = (Events::shown(), Interruption::listen()?);
//!     let record = gate::run(setup, Path::new("."), &events, &interruption)?.record;
//!     println!("{}", record.judgement.sentence);
//!     Ok(ExitCode::from(record.judgement.verdict.exit_code()))
//! }
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written; `output` doesn't"
)]
#![expect(
    unreachable_pub,
    reason = "most of this library is for its program; `pub` means to all of it"
)]

mod arrivals;
mod attack;
mod client;
mod commands;
mod doubt;
mod environment;
mod events;
mod evidence;
pub mod exit_code;
pub mod gate;
mod in_flight;
mod interruption;
mod keeping;
mod ledger;
mod library_log;
mod observation;
pub mod output;
mod pacer;
mod plan;
mod prediction;
mod record;
mod report;
mod run;
mod samples;
mod scenarios;
pub mod scratch;
mod self_check;
mod side_by_side;
mod text;
mod threshold;
mod timeline;
mod timing;
mod tokens;
mod verdict;
mod visitor;
mod wall;
mod words;
mod workload;

use std::process::ExitCode;

pub use events::{Event, Events};
pub use interruption::Interruption;
pub use keeping::Losses;
pub use plan::Plan;
pub use record::{append_whole, replace_file};
pub use verdict::Verdict;

/// The program `loadtests`: a node, when a harness started it as one, and otherwise what
/// the command line says. It ends with one of the codes that `loadtests --help` lists.
pub fn main() -> ExitCode {
    if let Some(code) = integration::host::run_if_asked() {
        return code;
    }
    if let Some(code) = integration::host::help_if_asked(self_check::server::run) {
        return code;
    }
    keeping::outlive_full_files();
    match commands::run_command_line() {
        Ok(code) => code,
        Err(failure) => {
            // The fault may lie in a text that somebody else wrote, such as a record.
            let sentence = failure.sentence();
            output::tell(format_args!("error: {}", text::printable(&sentence)));
            ExitCode::from(failure.code)
        }
    }
}
