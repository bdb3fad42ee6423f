//! Simulated servers: one queue before some executors, whose capacity is known.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::capacity::slot::{Clause, SlotSeen};

/// A server: requests wait in one queue, in order, until one of its executors is free.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The number of requests that are served at once.
    pub executors: usize,
    /// The mean of the time that one of them takes in a typical start.
    pub service: Duration,
    /// The distribution of that time.
    pub times: ServiceTimes,
    /// The standard deviation of the logarithm of the speed of starts.
    pub between_starts: f64,
    /// The length of the queue at which requests are turned away, which fails them.
    pub longest_queue: Option<usize>,
    /// The growth of service times with the queue.
    pub thrashing: Option<Thrashing>,
    /// The promise that it is held to.
    pub promise: Vec<Promised>,
}

/// A distribution of service times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTimes {
    /// All are alike.
    Equal,
    /// They are exponentially distributed.
    Exponential,
}

/// Work that grows with the queue, so that an overload keeps itself up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thrashing {
    /// The growth of a service time with each request that waits.
    pub per_waiting: f64,
    /// The most that it grows to.
    pub most: f64,
}

/// A clause of a promise and what breaks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promised {
    /// The share of requests that may break it.
    pub allowed: f64,
    /// The response time that breaks it when it is exceeded; `None` when a failure does.
    pub within: Option<Duration>,
}

/// A fresh start of a server.
#[derive(Debug)]
pub struct Start<'a> {
    server: &'a Server,
    /// The speed of this start: 1.0 is typical.
    speed: f64,
    now: f64,
    /// The moments from which the executors are free.
    free: Vec<f64>,
    /// The requests that wait: when they arrived, and in which slot.
    waiting: VecDeque<(f64, Option<usize>)>,
    slots: Vec<SlotSeen>,
}

/// Queues that take longer than this to drain don't count as drained, in seconds.
const DRAIN_LIMIT: f64 = 2.0;

impl Server {
    /// A server that promises 99 % of its answers within `within`.
    pub fn promising(executors: usize, service: Duration, within: Duration) -> Self {
        Server {
            executors,
            service,
            times: ServiceTimes::Exponential,
            between_starts: 0.0,
            longest_queue: None,
            thrashing: None,
            promise: vec![Promised {
                allowed: 0.01,
                within: Some(within),
            }],
        }
    }

    /// The clauses of its promise.
    pub fn clauses(&self) -> Vec<Clause> {
        let clause = |promised: &Promised| Clause {
            allowed: promised.allowed,
        };
        self.promise.iter().map(clause).collect()
    }

    /// A fresh start, whose speed is by lot.
    pub fn start(&self, rng: &mut Xoshiro256PlusPlus) -> Start<'_> {
        let z: f64 = StandardNormal.sample(rng);
        Start {
            server: self,
            speed: (z * self.between_starts).exp(),
            now: 0.0,
            free: vec![0.0; self.executors],
            waiting: VecDeque::new(),
            slots: Vec::new(),
        }
    }
}

impl Start<'_> {
    /// Requests at `rate` for `seconds`, by a Poisson process, that aren't counted.
    pub fn lead_in(&mut self, rate: f64, seconds: f64, rng: &mut Xoshiro256PlusPlus) {
        self.load(rate, seconds, None, rng);
    }

    /// A slot: requests at `rate` for `seconds` that are counted.
    pub fn slot(&mut self, rate: f64, seconds: f64, rng: &mut Xoshiro256PlusPlus) {
        self.slots.push(SlotSeen {
            rate,
            requests: 0,
            broken: vec![0; self.server.promise.len()],
            drained: true,
        });
        self.load(rate, seconds, Some(self.slots.len() - 1), rng);
    }

    /// Waits until the queue is empty, and notes of the last slot if that takes long.
    pub fn drain(&mut self, rng: &mut Xoshiro256PlusPlus) {
        let began = self.now;
        self.serve_until(f64::INFINITY, rng);
        let idle = self.free.iter().copied().fold(began, f64::max);
        if let Some(slot) = self.slots.last_mut() {
            slot.drained = idle - began <= DRAIN_LIMIT;
        }
        self.now = idle;
    }

    /// The slots so far.
    pub fn into_slots(self) -> Vec<SlotSeen> {
        self.slots
    }

    fn load(&mut self, rate: f64, seconds: f64, slot: Option<usize>, rng: &mut Xoshiro256PlusPlus) {
        let end = self.now + seconds;
        loop {
            let gap: f64 = Exp1.sample(rng);
            self.now += gap / rate;
            if self.now >= end {
                break;
            }
            self.serve_until(self.now, rng);
            if let Some(slot) = slot {
                self.slots[slot].requests += 1;
            }
            let longest = self.server.longest_queue.unwrap_or(usize::MAX);
            if self.waiting.len() >= longest {
                self.answer(slot, None);
            } else {
                self.waiting.push_back((self.now, slot));
            }
        }
        self.now = end;
    }

    /// Serves the requests that wait and whose turn is by `moment`.
    fn serve_until(&mut self, moment: f64, rng: &mut Xoshiro256PlusPlus) {
        while let Some((arrived, slot)) = self.waiting.front().copied() {
            let (mut first, mut free) = (0, f64::INFINITY);
            for (executor, at) in self.free.iter().enumerate() {
                if *at < free {
                    (first, free) = (executor, *at);
                }
            }
            let begins = arrived.max(free);
            if begins > moment {
                break;
            }
            self.waiting.pop_front();
            let ends = begins + self.service_time(rng);
            self.free[first] = ends;
            self.answer(slot, Some(ends - arrived));
        }
    }

    fn service_time(&self, rng: &mut Xoshiro256PlusPlus) -> f64 {
        let mean = self.server.service.as_secs_f64() / self.speed;
        let grown = self.server.thrashing.map_or(1.0, |thrashing| {
            let waiting = self.waiting.len() as f64;
            (1.0 + thrashing.per_waiting * waiting).min(thrashing.most)
        });
        let draw: f64 = match self.server.times {
            ServiceTimes::Equal => 1.0,
            ServiceTimes::Exponential => Exp1.sample(rng),
        };
        mean * grown * draw
    }

    /// Counts an answer after `seconds`, or that there was none.
    fn answer(&mut self, slot: Option<usize>, seconds: Option<f64>) {
        let Some(slot) = slot else { return };
        let broken = &mut self.slots[slot].broken;
        for (broken, promised) in broken.iter_mut().zip(&self.server.promise) {
            let breaks = match (promised.within, seconds) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(within), Some(seconds)) => seconds > within.as_secs_f64(),
            };
            *broken += u64::from(breaks);
        }
    }
}

/// A seed for each of many searches.
pub(super) fn seed(rng: &mut Xoshiro256PlusPlus) -> u64 {
    rng.random()
}
