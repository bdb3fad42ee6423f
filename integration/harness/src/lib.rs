//! The harness: it runs a topology of processes on this machine, disturbs it, reads what
//! it counts, and leaves nothing behind. It knows no service by name.
//!
//! ```text
//! topology   data, from Rust or TOML: nodes, how each runs, whom it calls
//!    ↓
//! system     a topology that runs: start, faults, counters, usage, stop
//!    ↓
//! node       one of it: ways → launcher → spawner → process → ready on our side, host
//!            on the other; or a container, or a server that runs elsewhere
//! ```
//!
//! A program that starts systems is its nodes' host, too, so its `main` begins with
//! [`host::run_if_asked`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use harness::{Launcher, StartOptions, System, Topology, host};
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = host::run_if_asked(|_| ExitCode::FAILURE) {
//!         return code;
//!     }
//!     let runtime = tokio::runtime::Runtime::new().expect("a runtime");
//!     let failed = runtime.block_on(try_it()).err();
//!     failed.map_or(ExitCode::SUCCESS, |error| {
//!         eprintln!("error: {error}");
//!         ExitCode::FAILURE
//!     })
//! }
//!
//! async fn try_it() -> Result<(), Box<dyn std::error::Error>> {
//!     let topology = Topology::from_toml(r#"
//!         [node.files]
//!         run = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
//!         ready = { http = "/" }
//!     "#)?;
//!     let options = StartOptions {
//!         launcher: Launcher::this_program(),
//!         folder: "reports/runs/one".into(),
//!     };
//!     let system = System::start(&topology, options).await?;
//!     println!("files are at {}", system.url());
//!     system.kill("files")?;
//!     system.restart("files").await?;
//!     system.stop().await?;
//!     Ok(())
//! }
//! ```

pub mod announcement;
pub mod name;
pub mod topology;

pub mod system;

pub mod counters;
pub mod error;
pub mod usage;
pub mod wait;

pub mod cgroup;
mod container;
mod demands;
mod elsewhere;
mod folder;
pub mod helper;
pub mod host;
mod http;
mod lasting;
pub mod launcher;
mod listener;
pub mod machine;
mod node;
mod port;
mod process;
mod ready;
pub mod scratch;
mod spawner;
mod ways;

pub use crate::http::AskError;
pub use helper::Helper;
pub use lasting::LastingNodes;
pub use launcher::Launcher;
pub use machine::Machine;
pub use name::NodeName;
pub use node::UnexpectedExit;
pub use system::{StartOptions, System};
pub use topology::Topology;
pub use usage::Usage;
