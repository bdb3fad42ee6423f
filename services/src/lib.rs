//! The system under test: six small services that together scale one API.
//!
//! A request meets them in this order, and each calls only those to its right:
//!
//! ```text
//! load_balancer → api_gateway ×3 ─┬→ cache ×2
//!                                 ├→ database
//!                                 ├→ microservice
//!                                 └→ worker
//! ```
//!
//! Each service is a module with its `Config` and `serve(listener, config, shutdown)`.
//! They meet only over HTTP; what crosses the wire is in [`contract`].
//!
//! ```
//! use clap::Parser;
//! use services::client::{Client, Upstream};
//! use services::microservice::{self, Processed, digest};
//! use tokio::net::TcpListener;
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Parser)]
//! struct Flags {
//!     #[command(flatten)]
//!     config: microservice::Config,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Listener and shutdown are the caller's, so that the system can choose the port.
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let microservice: Upstream = format!("microservice=http://{}", listener.local_addr()?).parse()?;
//! let flags = ["microservice", "--name=microservice", "--iterations=3"];
//! let config = Flags::try_parse_from(flags)?.config;
//! let shutdown = CancellationToken::new();
//! let service = tokio::spawn(microservice::serve(listener, config, shutdown.clone()));
//!
//! let (fields, body, limit) = (http::HeaderMap::new(), "abc".into(), std::time::Duration::from_secs(10));
//! let answer = Client::new()
//!     .call(&microservice, http::Method::POST, "/process", fields, body, limit)
//!     .await?;
//! let processed: Processed = serde_json::from_slice(answer.body())?;
//! assert_eq!(processed.digest, digest(b"abc", 3));
//!
//! shutdown.cancel();
//! service.await??;
//! # Ok(())
//! # }
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written"
)]

pub mod load_balancer;

pub mod api_gateway;

pub mod cache;

pub mod database;

pub mod microservice;

pub mod worker;

mod answer_rules;
mod body;
mod busy;
pub mod client;
pub mod command_line;
pub mod connection;
pub mod contract;
pub mod cpu_share;
pub mod exposure;
pub mod identity;
pub mod json;
pub mod metrics;
pub mod planted;
pub mod postgres;
mod private_file;
pub mod problem;
mod request_rules;
pub mod secret_url;
pub mod server;
pub mod setting;
pub mod signing;
pub mod statements;
pub mod trace;
mod wire;
