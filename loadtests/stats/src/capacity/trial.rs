//! Searches on trial: servers whose capacity is known, put to the same
//! [`Search`] as real ones, and counted.
//!
//! ```text
//! server   simulated servers, start by start
//! truth    their capacity
//! tally    many searches on one of them
//! ```

mod server;
mod tally;
mod truth;

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Event, Finished, Next, Search, Settings};

pub use server::{Promised, Server, ServiceTimes, Start, Thrashing};
pub use tally::Tally;
pub use truth::{Truth, truth};

/// The times that actions take beside their slots, in seconds: a start and its warm-up, and
/// the lead-in of a slot.
const START: f64 = 0.8;
const LEAD_IN: f64 = 0.3;

/// A search for the capacity of a `server`, in simulated time. The search and the server
/// follow the `seed`.
pub fn simulate(server: &Server, settings: &Settings, seed: u64) -> Finished {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let own_seed = server::seed(&mut rng);
    let mut now = Duration::ZERO;
    let mut search = Search::begin(settings.clone(), own_seed, now);
    let mut next = search.asked().clone();
    loop {
        let (event, took) = match play(server, settings, &next, &mut rng) {
            Played::Over(finished) => return finished,
            Played::Slots(event, took) => (event, took),
        };
        now += Duration::from_secs_f64(took);
        next = search.after(event, now);
    }
}

enum Played {
    Slots(Event, f64),
    Over(Finished),
}

/// One action on a fresh start of a `server`, and the seconds that it takes.
fn play(server: &Server, settings: &Settings, next: &Next, rng: &mut Xoshiro256PlusPlus) -> Played {
    let seconds = settings.slot.as_secs_f64();
    let mut start = server.start(rng);
    let mut one = |rate: f64, seconds: f64| {
        start.lead_in(rate, LEAD_IN, rng);
        start.slot(rate, seconds, rng);
        start.drain(rng);
        LEAD_IN + seconds
    };
    let (event, took): (fn(Vec<_>) -> Event, f64) = match next {
        Next::Probe { rate } => (
            |mut slots| Event::Probe(slots.remove(0)),
            one(*rate, seconds),
        ),
        Next::Round { rates } => (
            Event::Round,
            rates.iter().map(|rate| one(*rate, seconds)).sum(),
        ),
        Next::Confirm { rate, lasting } => (
            |mut slots| Event::Confirmed(slots.remove(0)),
            one(*rate, lasting.as_secs_f64()),
        ),
        Next::Recovery {
            overload,
            rate,
            settle,
        } => {
            let settle = settle.as_secs_f64();
            start.slot(*overload, seconds, rng);
            start.lead_in(*rate, settle, rng);
            start.slot(*rate, seconds, rng);
            start.drain(rng);
            let event = |slots: Vec<_>| {
                let [overload, after] = <[_; 2]>::try_from(slots).expect("two slots were played");
                Event::Recovery { overload, after }
            };
            (event, 2.0 * seconds + settle)
        }
        Next::Over(finished) => return Played::Over(Finished::clone(finished)),
    };
    Played::Slots(event(start.into_slots()), START + took)
}
