//! The laboratory as a topology for the [`harness`]: a balancer, gateways, caches, a
//! database, a microservice and a worker, hosted by the program that starts them.
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

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written"
)]

pub mod topology;

pub mod host;
pub mod occupancy;
pub mod real;

pub use harness::{
    Helper, Launcher, NodeName, StartOptions, System, UnexpectedExit, Usage, counters, error,
    launcher, system, usage, wait,
};
pub use topology::{Topology, service_of};
