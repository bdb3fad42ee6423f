//! A framework for load tests that own the system under test: it starts a topology of
//! processes, loads it with [Goose](https://docs.rs/goose), judges what was seen, and reports
//! it, with a verdict that a CI job can trust.
//!
//! A [`Program`] is put together from scenarios, a topology, and an [`Account`] of what the
//! system counts; the verbs of its command line (`run`, `gate`, `up`, `compare`, `report` and
//! others) come with it. `loadtests/examples/shop` is a small one, the laboratory in
//! `loadtests/src` a large one. The smallest has no line of Rust that is its own, and loads
//! whatever a file describes:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     // shop run --topology shop.toml --get /items --rate 500
//!     skein::Program::new("shop").run()
//! }
//! ```
//!
//! The pipeline, and where its parts are:
//!
//! ```text
//! program       the pieces that a user gives; commands: one file a verb
//!    ↓
//! plan          which system, which users doing what, for how long, and what must hold
//!    ↓
//! run           starts the system, has attack load it with users, looks at both
//!    ↓          attack → scenario → user → client, which record samples
//! ledger, threshold, verdict     judge, as pure functions; a doubt is a reason not to
//!    ↓                           believe it, and events tell what happens meanwhile
//! record        every figure, from which report makes pages, JUnit XML and Markdown
//!
//! gate          two builds or two systems side by side: slower, not slower, can't tell
//! capacity      the greatest rate at which a promise is kept, and what variants would buy
//!                  slots: the load of both, in slots on systems that are started afresh
//! self_check    the instrument against a server whose behaviour is known
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written; `output` doesn't"
)]
#![expect(
    unreachable_pub,
    reason = "much of this library is for its own modules; `pub` means to all of it"
)]

mod arrivals;
mod attack;
mod capacity;
mod client;
mod commands;
mod convert;
mod decoding;
mod doubt;
mod environment;
mod equations;
mod events;
mod evidence;
pub mod exit_code;
mod figure;
pub mod gate;
mod in_flight;
mod interruption;
mod keeping;
mod ledger;
mod library_log;
mod makeshift_tls;
mod metrics;
mod observation;
pub mod output;
mod pacer;
mod plain;
pub mod plan;
mod program;
mod ready;
mod record;
mod report;
mod run;
mod samples;
mod scenario;
mod secrets;
mod section;
mod self_check;
mod side_by_side;
mod slots;
mod story;
mod supply;
#[cfg(test)]
mod testing;
mod text;
mod threshold;
mod timeline;
mod timing;
pub mod trial;
mod user;
mod verdict;
mod wall;
mod words;
mod workload;

/// Parts of records, for programs that complete those of earlier builds.
pub mod records {
    pub use crate::record::{EdgeRecord, NodeRecord, PlanRecord, Traffic};
}

pub use harness::topology::{NodePlan, Ready, Text};
pub use harness::{NodeName, Topology, scratch};

pub use client::Request;
pub use events::{Event, Events};
pub use figure::{Figure, FigureRecord, Reading};
pub use interruption::Interruption;
pub use keeping::Losses;
pub use ledger::{Balance, Difference, Ledger, Line, Term};
pub use plan::Plan;
pub use program::{Account, Amending, Counts, NodeCounts, Over, PlanTable, Program, Seen, Shaped};
pub use record::{EdgeRecord as Edge, Record, Times, append_whole, replace_file};
pub use report::figures as figures_for_people;
pub use samples::{Fault, Measurement, Route};
pub use scenario::Scenario;
pub use section::{Block, Cell, Mark, Part, Piece, Section, Tone};
pub use threshold::Unit;
pub use user::{Answer, User, Wrong};
pub use verdict::Verdict;
pub use words::counted;
