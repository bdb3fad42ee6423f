//! A shop of three small programs, and its load tester: what it takes to have the whole
//! instrument for a system of one's own.
//!
//! ```sh
//! cargo run -p loadtests --example shop                # ten seconds of load, a verdict, a page
//! cargo run -p loadtests --example shop -- --help      # gates, comparisons, and all else
//! ```
//!
//! ```text
//! users ──→ door ──┬→ catalogue-1, catalogue-2
//!                  └→ orders, which keeps the book
//! ```

mod account;
mod programs;
mod scenarios;
mod server;
mod system;

use std::process::ExitCode;

use skein::Program;

fn main() -> ExitCode {
    // The shop's programs are this very one, started with other words.
    if let Some(code) = programs::serve_if_asked() {
        return code;
    }
    Program::new("shop")
        .about("Load a shop of three small programs, and see whether its book is right.")
        .started_by("cargo run -p loadtests --example shop --")
        .plan(include_str!("plans/default.toml"))
        .plan(include_str!("plans/smoke.toml"))
        .plan(include_str!("plans/gate.toml"))
        .system(|_| system::topology())
        .scenario::<scenarios::Browsers>()
        .scenario::<scenarios::Buyers>()
        .shared(|_| scenarios::Receipts::default())
        .figure(account::ORDERS_LOST)
        .account(account::account)
        .run()
}
