//! The true capacity of simulated servers, from queueing theory where it has a formula, else
//! from a simulation much longer than any search.
//!
//! A server that may tip over has no steady state below the rate at which it surely does, only
//! a time that it takes. Its share is that of slots as short as a search's, each in a fresh
//! start.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::server::{Server, ServiceTimes};
use crate::capacity::model::normal_grid;

/// The true capacity of a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// The capacity of all starts together.
    pub capacity: f64,
    /// The capacity of a typical start.
    pub typical: f64,
}

/// The logarithms of rates, from the greatest that could be served, between which a capacity
/// is looked for.
const RANGE: (f64, f64) = (-0.5, 0.0);
const STEPS: usize = 50;
/// The seconds that a share is simulated for.
const SECONDS: f64 = 1500.0;

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
        let (starts, lead_in, seconds) = if server.thrashing.is_some() {
            (SECONDS as usize, super::LEAD_IN, 1.0)
        } else {
            (1, 5.0, SECONDS)
        };
        let (mut broken, mut requests) = (0.5_f64, 0.0);
        for _ in 0..starts {
            let mut start = typical.start(&mut rng);
            start.lead_in(rate, lead_in, &mut rng);
            start.slot(rate, seconds, &mut rng);
            start.drain(&mut rng);
            let slot = &start.into_slots()[0];
            broken += slot.broken[0] as f64;
            requests += slot.requests as f64;
        }
        broken / requests
    };
    let logs: Vec<f64> = (0..=STEPS).map(|index| share(index).ln()).collect();
    smoothed(&logs)
}

/// Each value as the straight line through its neighbours has it.
fn smoothed(values: &[f64]) -> Vec<f64> {
    const NEIGHBOURS: usize = 3;
    let line = |index: usize| {
        let near = index.saturating_sub(NEIGHBOURS)..(index + NEIGHBOURS + 1).min(values.len());
        let count = near.len() as f64;
        let at = |other: usize| other as f64 - index as f64;
        let (x, y) = near.clone().fold((0.0, 0.0), |(x, y), other| {
            (x + at(other) / count, y + values[other] / count)
        });
        let (xy, xx) = near.fold((0.0, 0.0), |(xy, xx), other| {
            let off = at(other) - x;
            (xy + off * values[other], xx + off * off)
        });
        y - x * xy / xx
    };
    (0..values.len()).map(line).collect()
}
