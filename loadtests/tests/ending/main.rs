//! Runs, gates and checks that end before their time, or with nowhere to write to: each
//! ends soon, and tells what it knows.

mod disk;
mod events;
#[path = "../frame/executable.rs"]
mod executable;
#[path = "../frame/order.rs"]
mod order;
mod output;
mod run;
mod server;
mod signals;
mod surroundings;
mod time;
mod verbs;
