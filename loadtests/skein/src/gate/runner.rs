//! Round after round, as the sequence says, until it is decided or time is up. Every round is
//! kept as it comes, so that nothing is lost with the rest.

use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use stats::comparison::{Look, Metric};
use stats::sequence::{Event, Finished, Next, Regression, RoundFigures, Rules, Sequence};

use super::GateError;
use super::conclusion::outcome_of;
use super::metrics;
use super::record::{Round, Side};
use super::round::{RoundError, RoundPlace, RoundResult, RoundSetup, play};
use super::shape::RoundPlan;
use super::trust::response_times_diluted;
use crate::arrivals::Rate;
use crate::events::{self, Events, RoundsSoFar, Suspicion, millis};
use crate::evidence::Limits;
use crate::interruption::Interruption;
use crate::slots::{RoundLog, on_cores};

/// The generator's place: its cores, until somebody interrupts the gate.
pub(super) struct GeneratorPlace {
    /// The cores that nodes and generator share out.
    pub(super) cores: Vec<usize>,
    pub(super) interruption: Interruption,
}

/// The runner of a gate's rounds.
pub(super) struct RoundRunner<'a> {
    pub(super) setup: &'a RoundSetup,
    pub(super) open_rate: Rate,
    pub(super) place: &'a GeneratorPlace,
    /// The limits beyond which response times are diluted.
    pub(super) limits: &'a Limits,
    /// The moment from which those of the sequence count.
    pub(super) began: Instant,
    /// The file that rounds are kept in.
    pub(super) log: &'a RoundLog,
    pub(super) events: &'a Events,
}

/// A gate that is over: the rounds that were measured, and what the sequence made of them.
#[derive(Debug)]
pub(super) struct PlayedGate {
    pub(super) finished: Finished,
    pub(super) first: PlayedPart,
    /// The repetition, if there was one.
    pub(super) repetition: Option<PlayedPart>,
}

/// The rounds of one part of a gate.
#[derive(Debug)]
pub(super) struct PlayedPart {
    /// The seed of every round's seed.
    pub(super) seed: u64,
    pub(super) rounds: Vec<RoundResult>,
    /// The crash that ended it, if one did.
    pub(super) crash: Option<RoundError>,
}

impl RoundRunner<'_> {
    /// Plays by `rules` until the gate is over. A repetition has another seed.
    pub(super) fn play(mut self, rules: Rules, seed: u64) -> Result<PlayedGate, GateError> {
        let metrics: Vec<Metric> = rules.metrics.iter().map(|(rule, _)| rule.metric).collect();
        let mut sequence = Sequence::begin(rules, self.now());
        let mut first = None;
        let (mut part, mut seeds) = PlayedPart::begin(seed);
        loop {
            let event = self.next_event(&sequence, seeds.random(), &metrics, &mut part)?;
            let (confirming, looked) = (sequence.is_repeating(), sequence.looks().len());
            let next = sequence.after(event, self.now());
            for look in &looks_of_part(&next)[looked..] {
                self.events.emit(events::Event::LookTaken {
                    confirming,
                    rounds: look.rounds as u64,
                    outcome: outcome_of(look).to_owned(),
                });
            }
            match next {
                Next::Round(next) => sequence = next,
                Next::Repetition(next) => {
                    self.tell_of_repetition(&next);
                    let (repetition, its_seeds) = PlayedPart::begin(!seed);
                    first = Some(std::mem::replace(&mut part, repetition));
                    seeds = its_seeds;
                    sequence = next;
                }
                Next::Over(finished) => {
                    let (first, repetition) = match first {
                        Some(first) => (first, Some(part)),
                        None => (part, None),
                    };
                    return Ok(PlayedGate {
                        finished,
                        first,
                        repetition,
                    });
                }
            }
        }
    }

    /// Plays the next round into `part`, and tells what the sequence has to know of it.
    fn next_event(
        &mut self,
        sequence: &Sequence,
        seed: u64,
        metrics: &[Metric],
        part: &mut PlayedPart,
    ) -> Result<Event, GateError> {
        match self.round(sequence, seed) {
            Ok(Some(played)) => part.rounds.push(played),
            Ok(None) => {
                let signal = events::Event::interrupted(&self.place.interruption);
                self.events.emit(signal);
                return Ok(Event::Interrupted);
            }
            Err(GateError::Round(error)) => {
                let Some(side) = error.crashed() else {
                    return Err(GateError::Round(error));
                };
                let event = match side {
                    Side::Candidate => Event::CandidateCrashed,
                    Side::Baseline => Event::BaselineCrashed,
                };
                let reason = error.to_string();
                self.events
                    .emit(events::Event::SideCrashed { side, reason });
                part.crash = Some(error);
                return Ok(event);
            }
            Err(error) => return Err(error),
        }
        let rounds = part.rounds.iter().map(|played| &played.round);
        Ok(Event::Round(figures(&rounds, metrics, self.limits)))
    }

    /// Plays a round and keeps it; `None` when it was interrupted.
    fn round(&mut self, sequence: &Sequence, seed: u64) -> Result<Option<RoundResult>, GateError> {
        let (setup, open_rate) = (self.setup, self.open_rate);
        let plan = RoundPlan::draw(&setup.shape, &self.place.cores, seed);
        let place = RoundPlace {
            number: sequence.rounds() + 1,
            confirmation: sequence.is_repeating(),
        };
        let data = harness::scratch::folder("gate").map_err(GateError::Folder)?;
        let so_far = self.so_far(sequence, sequence.rounds());
        self.events.emit(events::Event::RoundBegan { so_far });
        let work = || play(setup, &plan, place, open_rate, data.path());
        let Some(played) = self.place.on_generator_cores(&plan, work)? else {
            return Ok(None);
        };
        self.log.keep(&played.round);
        let so_far = self.so_far(sequence, place.number);
        self.events.emit(round_played(&played.round, so_far));
        Ok(Some(played))
    }

    /// The state of the gate when `done` rounds of this part are done.
    fn so_far(&self, sequence: &Sequence, done: usize) -> RoundsSoFar {
        let now = self.now();
        let left = sequence.deadline().unwrap_or(now).saturating_sub(now);
        RoundsSoFar {
            confirming: sequence.is_repeating(),
            done: done as u64,
            most: sequence.most_rounds() as u64,
            elapsed_ms: millis(now.saturating_sub(sequence.began())),
            left_ms: millis(left),
            next_look: sequence.next_look(done) as u64,
        }
    }

    fn tell_of_repetition(&self, sequence: &Sequence) {
        let because = match sequence.to_confirm() {
            Some(Regression::Slower(_)) => Suspicion::Slower,
            _ => Suspicion::Fails,
        };
        self.events
            .emit(events::Event::ConfirmationBegan { because });
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

impl PlayedPart {
    /// A part without rounds, and the seeds of those that will be in it.
    fn begin(seed: u64) -> (Self, Xoshiro256PlusPlus) {
        let part = PlayedPart {
            seed,
            rounds: Vec::new(),
            crash: None,
        };
        (part, Xoshiro256PlusPlus::seed_from_u64(seed))
    }
}

impl GeneratorPlace {
    /// Does a part of a round where the generator belongs; `None` when it was interrupted.
    pub(super) fn on_generator_cores<T: Send, F: Future<Output = Result<T, RoundError>>>(
        &self,
        plan: &RoundPlan,
        work: impl FnOnce() -> F + Send,
    ) -> Result<Option<T>, GateError> {
        if self.interruption.happened() {
            return Ok(None);
        }
        let interruption = &self.interruption;
        let interruptible = || async move {
            tokio::select! {
                done = work() => Some(done),
                () = interruption.happens() => None,
            }
        };
        let done = on_cores(&plan.generator_cores, interruptible).map_err(|source| {
            let what = "start the generator on its cores";
            RoundError::System { what, source }
        })?;
        Ok(done.transpose()?)
    }
}

/// The looks at the rounds of the part that was played until now.
fn looks_of_part(next: &Next) -> &[Look] {
    match next {
        Next::Round(sequence) => sequence.looks(),
        Next::Repetition(sequence) => sequence.first().map_or(&[], |part| &part.looks),
        Next::Over(finished) => {
            let part = finished.repetition.as_ref().unwrap_or(&finished.first);
            &part.looks
        }
    }
}

/// The event that a round was played.
fn round_played(round: &Round, so_far: RoundsSoFar) -> events::Event {
    events::Event::RoundPlayed {
        number: round.number as u64,
        lasted_ms: (round.seconds * 1e3) as u64,
        baseline_requests: round.baseline.requests,
        baseline_failed: round.baseline.failed,
        candidate_requests: round.candidate.requests,
        candidate_failed: round.candidate.failed,
        so_far,
    }
}

/// The figures of the last of a part's `rounds`, and what all of them say of each other.
fn figures<'r>(
    rounds: &(impl DoubleEndedIterator<Item = &'r Round> + Clone),
    metrics: &[Metric],
    limits: &Limits,
) -> RoundFigures {
    let diluted = response_times_diluted(rounds, limits).is_some();
    let Some(round) = rounds.clone().next_back() else {
        return RoundFigures::default();
    };
    RoundFigures {
        log_ratios: metrics
            .iter()
            .map(|metric| metrics::log_ratio(round, *metric))
            .collect(),
        failed: metrics::failures(round),
        diluted,
        lasted: Duration::from_secs_f64(round.seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::round;

    #[test]
    fn response_times_of_late_requests_are_diluted() {
        let figures = |lag: u64| {
            let late = |number| Round {
                send_lag_p99_micros: Some(lag),
                ..round(number, false)
            };
            let rounds: Vec<Round> = (1..=3).map(late).collect();
            figures(&rounds.iter(), &Metric::ALL, &Limits::default())
        };
        assert!(!figures(300).diluted);
        assert!(figures(5000).diluted);
    }

    #[test]
    fn the_sequence_hears_of_the_last_round() {
        let mut rounds = [round(1, false), round(2, false)];
        rounds[1].candidate.failed = 7;
        rounds[1].seconds = 6.5;
        rounds[1].candidate.open_micros = None;
        let heard = figures(&rounds.iter(), &Metric::ALL, &Limits::default());
        let ratios = Metric::ALL.map(|metric| metrics::log_ratio(&rounds[1], metric));
        assert_eq!(heard.log_ratios, ratios);
        assert!(ratios[0].is_some() && ratios[4].is_none());
        assert_eq!((heard.failed.baseline, heard.failed.candidate), (0, 7));
        assert_eq!(heard.lasted, Duration::from_millis(6500));
    }
}
