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

pub mod load_balancer;

pub mod api_gateway;

pub mod cache;

pub mod database;

pub mod microservice;

pub mod worker;

mod answer_rules;
mod body;
pub mod client;
pub mod command_line;
pub mod connection;
pub mod contract;
pub mod exposure;
pub mod identity;
pub mod json;
pub mod metrics;
pub mod planted;
mod private_file;
pub mod problem;
mod request_rules;
pub mod server;
pub mod setting;
pub mod trace;
mod wire;
