//! The laboratory as a topology for the [`harness`]: a balancer, gateways, caches, a
//! database, a microservice and a worker, hosted by the program that starts them.
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

pub mod topology;

pub mod host;
pub mod occupancy;

pub use harness::{
    Helper, Launcher, NodeName, StartOptions, System, UnexpectedExit, Usage, counters, error,
    launcher, system, usage, wait,
};
pub use topology::{Topology, service_of};
