//! The harness: it starts a topology of real processes on this machine, disturbs
//! it, reads what it counts, and leaves nothing behind.
//!
//! ```text
//! topology   what there is to be: nodes, replicas, upstreams, settings
//!    ↓
//! system     what runs: start, faults, counters, stop
//!    ↓
//! node       one of it: launcher → spawner → process → readiness on our side,
//!            host on the other
//! ```
//!
//! A program that starts a system also hosts its nodes, by executing itself, unless
//! [`Launcher::program`] names another:
//!
//! ```standalone_crate
//! use std::process::ExitCode;
//!
//! use integration::{Launcher, StartOptions, System, Topology, host};
//! use tokio::net::TcpStream;
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = host::run_if_asked() {
//!         return code; // It was a node, and has been told to stop.
//!     }
//!     example().expect("a system that can be killed in part and mended");
//!     ExitCode::SUCCESS
//! }
//!
//! #[tokio::main]
//! async fn example() -> Result<(), Box<dyn std::error::Error>> {
//!     let folder = tempfile::tempdir()?;
//!     let options = StartOptions {
//!         launcher: Launcher::this_program(),
//!         folder: folder.path().into(),
//!     };
//!     let system = System::start(&Topology::laboratory(), options).await?;
//!     system.kill("cache-1")?;
//!     assert!(TcpStream::connect(system.address_of("cache-1")).await.is_err());
//!     system.restart("cache-1").await?; // It is ready now, where it was before.
//!     TcpStream::connect(system.address_of("cache-1")).await?;
//!     assert!(system.counters("database").await?.has("database_writes_total"));
//!     system.stop().await?;
//!     Ok(())
//! }
//! ```

pub mod topology;

pub mod system;

pub mod counters;
pub mod error;
pub mod wait;

pub mod occupancy;
pub mod usage;

pub mod helper;
pub mod host;
pub mod launcher;
mod node;
mod port;
mod process;
mod readiness;
mod spawner;

pub use helper::Helper;
pub use launcher::Launcher;
pub use node::UnexpectedExit;
pub use system::{StartOptions, System};
pub use topology::Topology;
pub use usage::Usage;
