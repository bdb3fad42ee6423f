//! The statistics of the load tester, as pure functions: whether a candidate is slower than
//! its baseline, when a gate stops, how much load a system bears and what more replicas of it
//! would, and what chance and popularity would do by themselves.
//! Nothing here knows processes, files or clocks.
//!
//! ```text
//! comparison   rounds in; fail, pass, go on or can't tell out, with known rates of error
//! sequence     the one rule of who plays on, what is repeated and what a gate concludes
//! trial        thousands of simulated gates by that rule, counted
//! capacity     the search for the greatest rate at which a promise is kept, and its trial
//! scaling      the capacity over the number of replicas, as steps and as a law
//! evenness     whether requests were shared out evenly, or as unevenly as by lot
//! occupancy    the hit ratio that caches should have
//! ```
//!
//! Imports run one way: `comparison ← sequence ← trial ← capacity`; the last only takes its
//! counts from `trial`.
//!
//! # A gate from figures
//!
//! A candidate needs 5 % more CPU time per request in every round, and some noise. The first
//! part of the gate finds it slower, and the repetition confirms that:
//!
//! ```
//! use std::time::Duration;
//!
//! use stats::comparison::{Design, Metric, Role, Rule};
//! use stats::sequence::{Conclusion, Event, Next, Regression, RoundFigures, Rules, Sequence};
//!
//! let two_minutes = Duration::from_secs(120);
//! let rules = Rules {
//!     metrics: vec![(Rule::within(Metric::CpuPerRequest, two_minutes), Role::Judged)],
//!     design: Design::of_rounds(20),
//!     ends_early: true,
//!     repeats: true,
//!     time: None,
//! };
//! let mut sequence = Sequence::begin(rules, Duration::ZERO);
//! let finished = loop {
//!     let noise = [0.01, -0.02, 0.0, 0.02, -0.01][sequence.rounds() % 5];
//!     let round = RoundFigures {
//!         log_ratios: vec![Some(1.05_f64.ln() + noise)],
//!         ..RoundFigures::default()
//!     };
//!     match sequence.after(Event::Round(round), Duration::ZERO) {
//!         Next::Round(next) | Next::Repetition(next) => sequence = next,
//!         Next::Over(finished) => break finished,
//!     }
//! };
//! let slower = Regression::Slower(vec![Metric::CpuPerRequest]);
//! assert_eq!(finished.conclusion(), Conclusion::Fail(slower));
//! assert!(finished.rounds() < 40);
//! ```
//!
//! # A capacity from slots
//!
//! A search says what to play next, and is told what was seen. Here a simulated queue plays,
//! with one executor that serves 2000 per second; it promises 99 % within 20 ms, which it keeps
//! up to 2000 − ln 100 ÷ 20 ms:
//!
//! ```
//! use std::time::Duration;
//!
//! use stats::capacity::Settings;
//! use stats::capacity::trial::{Server, simulate};
//!
//! let server = Server::promising(1, Duration::from_micros(500), Duration::from_millis(20));
//! let found = simulate(&server, &Settings::of(server.clauses(), 200.0), 1).capacity;
//! let capacity = found.estimate().expect("the search ended at a boundary");
//! assert!(capacity.low < 1770.0 && 1770.0 < capacity.high);
//! assert!(capacity.half_width() < 0.06);
//! ```

pub mod capacity;
pub mod comparison;
pub mod evenness;
pub mod occupancy;
pub mod scaling;
pub mod sequence;
pub mod trial;
