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
//! ```no_run
//! use integration::{Launcher, StartOptions, System, Topology};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = StartOptions {
//!     launcher: Launcher::this_program(),
//!     folder: "reports/runs/one".into(),
//! };
//! let system = System::start(&Topology::laboratory(), options).await?;
//! system.kill("api-gateway-2")?;
//! system.restart("api-gateway-2").await?;
//! let requests = system.counters("load-balancer").await?.get("requests_total", &[]);
//! println!("{} has answered {requests} requests", system.url());
//! system.stop().await?;
//! # Ok(())
//! # }
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written"
)]

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
