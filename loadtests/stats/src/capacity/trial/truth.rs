//! The true capacity of simulated servers, from queueing theory where it has a formula, else
//! from a simulation much longer than any search.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::server::{Server, ServiceTimes};
use crate::capacity::model::normal_grid;

/// The true capacity of a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// That of all starts together.
    pub capacity: f64,
    /// That of a typical start.
    pub typical: f64,
}

/// The logarithms of rates, from the greatest that could be served, between which a capacity
/// is looked for.
const RANGE: (f64, f64) = (-0.7, 0.0);
const STEPS: usize = 36;
/// The seconds that a share is simulated for.
const SECONDS: f64 = 400.0;

/// The capacity of a `server` for the first clause of its promise.
pub fn truth(server: &Server) -> Truth {
    let shares = Shares::of(server);
    let allowed = server.promise[0].allowed;
    let greatest = server.executors as f64 / server.service.as_secs_f64();
    let pooled = |log: f64| -> f64 {
        let starts = normal_grid(401);
        starts
            .map(|(u, weight)| weight * shares.at(log - u * server.between_starts))
            .sum()
    };
    let solve = |share: &dyn Fn(f64) -> f64| {
        let (mut low, mut high) = (RANGE.0, RANGE.1);
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if share(middle) > allowed {
                high = middle;
            } else {
                low = middle;
            }
        }
        greatest * low.exp()
    };
    Truth {
        capacity: solve(&pooled),
        typical: solve(&|log| shares.at(log)),
    }
}

/// The share of broken requests of a typical start in the steady state, by the logarithm of
/// the rate from the greatest that could be served.
enum Shares {
    /// M/M/c.
    Exponential { executors: f64, service_times: f64 },
    /// The logarithms of simulated shares, at even steps.
    Simulated(Vec<f64>),
}

impl Shares {
    fn of(server: &Server) -> Self {
        let is_plain = server.longest_queue.is_none() && server.thrashing.is_none();
        let within = server.promise[0].within;
        match (server.times, within) {
            (ServiceTimes::Exponential, Some(within)) if is_plain => Shares::Exponential {
                executors: server.executors as f64,
                service_times: within.as_secs_f64() / server.service.as_secs_f64(),
            },
            _ => Shares::Simulated(simulated(server)),
        }
    }

    fn at(&self, log: f64) -> f64 {
        if log >= RANGE.1 {
            return 1.0;
        }
        match self {
            Shares::Exponential {
                executors,
                service_times,
            } => sojourn_beyond(*executors, log.exp() * executors, *service_times),
            Shares::Simulated(logs) => {
                let step = (RANGE.1 - RANGE.0) / STEPS as f64;
                let place = ((log - RANGE.0) / step).max(0.0);
                let index = (place as usize).min(STEPS - 1);
                let part = place - index as f64;
                (logs[index] * (1.0 - part) + logs[index + 1] * part).exp()
            }
        }
    }
}

/// The share of requests of an M/M/c queue that take longer than `service_times` mean service
/// times, when the offered load is `load` executors (D. Gross et al., Fundamentals of Queueing
/// Theory, 2008, §2.3).
fn sojourn_beyond(executors: f64, load: f64, service_times: f64) -> f64 {
    // Erlang's B by its recursion, and C from it.
    let mut blocked = 1.0;
    for servers in 1..=executors as usize {
        blocked = load * blocked / (servers as f64 + load * blocked);
    }
    let waits = blocked / (1.0 - load / executors * (1.0 - blocked));
    let spare = executors - 1.0 - load;
    let grown = if spare.abs() < 1e-9 {
        service_times
    } else {
        -(-spare * service_times).exp_m1() / spare
    };
    (-service_times).exp() * (1.0 + waits * grown)
}

fn simulated(server: &Server) -> Vec<f64> {
    let typical = Server {
        between_starts: 0.0,
        ..server.clone()
    };
    let greatest = server.executors as f64 / server.service.as_secs_f64();
    let step = (RANGE.1 - RANGE.0) / STEPS as f64;
    let share = |index: usize| {
        let rate = greatest * (RANGE.0 + step * index as f64).exp();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(index as u64);
        let mut start = typical.start(&mut rng);
        start.lead_in(rate, 5.0, &mut rng);
        start.slot(rate, SECONDS, &mut rng);
        start.drain(&mut rng);
        let slot = &start.into_slots()[0];
        (slot.broken[0] as f64 + 0.5) / slot.requests as f64
    };
    (0..=STEPS).map(|index| share(index).ln()).collect()
}
