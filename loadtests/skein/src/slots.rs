//! Load in slots: users who are at work for a second or less and rest in between, on cores
//! of their own. A gate and a study of capacity load their systems so, in rounds that start
//! them afresh.

mod cores;
mod log;
mod machine;
mod open;
mod system;
mod users;

pub(crate) use cores::{allowed_cores, dealt_out, on_cores};
pub(crate) use log::{ROUNDS_FILE, RoundLog};
pub(crate) use machine::{OwnCosts, stolen_from, used_by_others};
pub(crate) use open::OpenSlot;
pub(crate) use system::{LoadedSystem, NotLoaded, SlotLoad, SystemPlan};
pub(crate) use users::{Done, SlotTraffic};
