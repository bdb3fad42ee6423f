//! From when on a run mistrusts itself. Each default has a reason; a plan's
//! `[limits]` can set others.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From when on a run mistrusts itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// The longest 99th percentile of the send lag of turns that found a user free.
    ///
    /// 2 ms: on an idle machine it is 0.2 ms or less, and what comes late by more than
    /// two milliseconds no longer arrives as planned at 1,000 a second.
    pub send_lag: Duration,
    /// The most turns that may be missing from an open stage while users were free,
    /// in percent.
    ///
    /// 2 %: the error that figures may have.
    pub missed: f64,
    /// The most CPU time that the generator may use, in percent of what it can have at
    /// its limit.
    ///
    /// 80 %: beyond it, queues in the generator grow to several times a request's own
    /// cost (in M/M/1, the wait at load ρ is ρ ÷ (1 − ρ) services: 4 at 80 %, 9 at 90 %).
    pub generator_load: f64,
    /// The most time of all cores that other virtual machines may take, in percent.
    ///
    /// 5 %: two and a half times the error that figures may have; an undisturbed
    /// virtual machine shows less than 1 %.
    pub stolen: f64,
    /// How busy the cores may be, in percent, while the generator waits for one.
    ///
    /// 95 %: fuller than that, nobody who wakes up finds an idle core.
    pub busy: f64,
    /// How long the generator may wait for a core with each request, in percent of the
    /// mean service time, while the cores are busy.
    ///
    /// 5 %: the wait is part of what is measured, and this is two and a half times the
    /// error that figures may have.
    pub waiting: f64,
    /// How long answers may lie unread in the generator, in percent of the mean service
    /// time; less than 0.3 ms is never too long.
    ///
    /// 20 %: where a system fills the very cores that its generator is on, it is up to
    /// 10 %; a generator that lacks a core makes it 50 % and more.
    pub unread: f64,
    /// How far requests in flight may be from rate × service time, in percent.
    ///
    /// 20 %: several times what sampling and the ends of a stage make of it.
    pub disagreement: f64,
    /// How far the second half of a stage may be from the first, in percent, before it
    /// is remarked on.
    ///
    /// 20 % of rate and median; a 99th percentile, which rests on few samples, may be
    /// twice or half of what it was.
    pub drift: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            send_lag: Duration::from_millis(2),
            missed: 2.0,
            generator_load: 80.0,
            stolen: 5.0,
            busy: 95.0,
            waiting: 5.0,
            unread: 20.0,
            disagreement: 20.0,
            drift: 20.0,
        }
    }
}
