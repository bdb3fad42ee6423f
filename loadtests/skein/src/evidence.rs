//! What a run knows about itself, and whether it may be believed: evidence in, doubts
//! out. Collecting it is [`ceiling`]'s, [`files`](mod@files)', [`looks`]', [`machine`]'s and [`tenths`]'
//! work; what is decided here is decided from figures alone.
//!
//! A slow server is no reason for doubt: its users wait, its response times grow, and
//! thresholds judge that. A generator that couldn't send is one.

pub mod ceiling;
pub mod files;
mod limits;
pub mod looks;
pub mod machine;
pub mod tenths;
mod turns;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ceiling::Ceiling;
pub use files::FileLimit;
pub use limits::Limits;
pub use machine::MachineUse;
pub use turns::{ScenarioTurns, Turns};

use crate::doubt::Doubt;
use turns::LoadTurns;

/// What a run knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What was doubted from when on.
    pub limits: Limits,
    /// What the generator does at its limit, if that could be measured.
    pub ceiling: Option<Ceiling>,
    /// How many files the process may open, if that is known.
    pub files: Option<FileLimit>,
    /// The stages that are no warm-up.
    pub stages: Vec<StageEvidence>,
}

/// What is known of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageEvidence {
    /// Its name.
    pub stage: String,
    /// How long it lasted, in seconds.
    pub seconds: f64,
    /// Users at work.
    pub users: u64,
    /// Requests sent.
    pub requests: u64,
    /// The mean of their service times, in microseconds; none without any.
    pub mean_service_micros: Option<f64>,
    /// The turns that were asked for, in open load.
    pub turns: Option<Turns>,
    /// The turns of each scenario that has a rate of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<ScenarioTurns>,
    /// Requests in flight, as sampled.
    pub in_flight: Option<InFlight>,
    /// How long answers lay unread in the generator, as sampled.
    #[serde(default)]
    pub unread: Option<Unread>,
    /// What became of all cores' time, if the operating system tells.
    pub machine: Option<MachineUse>,
    /// What the generator took, if the operating system tells.
    pub generator: Option<GeneratorUse>,
    /// Requests by tenths of the stage, unless its load was meant to change.
    pub tenths: Vec<Tenth>,
}

/// Requests in flight, over a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InFlight {
    /// How often it was looked.
    pub samples: u64,
    /// The mean of what was seen.
    pub mean: f64,
    /// The most that was seen.
    pub most: u64,
}

/// How long answers lay unread because the generator was busy or had no core, as pulses
/// show that go the same way at random moments of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// How many pulses arrived.
    pub samples: u64,
    /// The mean, in microseconds: a part of each service time.
    pub mean_micros: f64,
}

/// What the generator took from the operating system in a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorUse {
    /// CPU seconds a second.
    pub cores: f64,
    /// How long its threads were ready to run and had no core, in seconds.
    pub waited_seconds: f64,
}

/// The requests of one tenth of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tenth {
    /// How many were over.
    pub count: u64,
    /// The median of their response times, in microseconds; none without any.
    pub p50: Option<u64>,
    /// The 99th percentile, in microseconds; none without any.
    pub p99: Option<u64>,
}

impl StageEvidence {
    /// How many requests should have been in flight on average, by Little's law
    /// (L = λW); `None` for a stage without length or without requests.
    pub fn expected_in_flight(&self) -> Option<f64> {
        let busy_seconds = self.requests as f64 * self.mean_service()? / 1e6;
        (self.seconds > 0.0).then(|| busy_seconds / self.seconds)
    }

    /// The mean service time in microseconds; `None` without requests, for which records
    /// of earlier programs have a zero.
    pub fn mean_service(&self) -> Option<f64> {
        self.mean_service_micros.filter(|_| self.requests > 0)
    }

    /// How long the generator waited for a core, in microseconds for each request;
    /// `None` without requests, or when it isn't known.
    pub fn waited_micros_per_request(&self) -> Option<f64> {
        let waited = self.generator?.waited_seconds * 1e6;
        (self.requests > 0).then(|| waited / self.requests as f64)
    }
}

/// Fewer requests in flight than this say little: nothing is compared.
const IN_FLIGHT_AT_LEAST: f64 = 0.5;
/// Requests in a half that make its percentiles worth comparing.
const HALF_AT_LEAST: u64 = 1000;
/// Requests in a tenth that make its median worth comparing.
const TENTH_AT_LEAST: u64 = 100;
/// A share of turns that find no user free, in percent, that is remarked on.
const EXHAUSTED: f64 = 5.0;
/// Answers that lie unread for less than this, in microseconds, are read as soon as a
/// thread wakes up.
const UNREAD_AT_LEAST: f64 = 300.0;
/// Idle time of all cores, in percent, that a generator at its limit would have used.
const HEADROOM: f64 = 15.0;

/// Every doubt that the evidence gives reason for.
pub fn doubts(evidence: &Evidence) -> Vec<Doubt> {
    let limits = &evidence.limits;
    let mut doubts = Vec::new();
    doubts.extend(evidence.files.and_then(files));
    for (index, stage) in evidence.stages.iter().enumerate() {
        doubts.extend(stolen(stage, limits));
        doubts.extend(starved(stage, limits));
        doubts.extend(saturated(stage, evidence.ceiling.as_ref(), limits));
        doubts.extend(unread(stage, limits));
        for load in stage.open_loads() {
            doubts.extend(too_few_users(&load));
            doubts.extend(sent_late(&load, limits));
            doubts.extend(missed(&load, limits));
            doubts.extend(exhausted(&load));
        }
        doubts.extend(disagreement(stage, limits));
        if index == 0 {
            doubts.extend(still_warming_up(stage, limits));
        }
        doubts.extend(unsteady(stage, limits));
    }
    doubts
}

fn files(files: FileLimit) -> Option<Doubt> {
    let FileLimit { limit, needed } = files;
    (limit < needed).then_some(Doubt::TooFewFiles { limit, needed })
}

fn stolen(stage: &StageEvidence, limits: &Limits) -> Option<Doubt> {
    let machine = stage.machine?;
    (machine.stolen > limits.stolen).then(|| Doubt::TimeStolen {
        stage: stage.stage.clone(),
        percent: whole(machine.stolen),
    })
}

/// Both must hold: the cores are busy, and the generator feels it. A machine that a
/// fast system keeps busy, with a generator that gets its share at once, is no doubt.
fn starved(stage: &StageEvidence, limits: &Limits) -> Option<Doubt> {
    let machine = stage.machine?;
    let waited_micros = stage.waited_micros_per_request()?;
    let bearable = stage.mean_service()? * limits.waiting / 100.0;
    (machine.busy > limits.busy && waited_micros > bearable).then(|| Doubt::MachineStarved {
        stage: stage.stage.clone(),
        busy: whole(machine.busy),
        others: whole(machine.others),
        waited_micros: whole(waited_micros),
    })
}

/// A generator that could still have had more of the machine isn't at its limit, even
/// if it uses more than when its limit was measured.
fn saturated(stage: &StageEvidence, ceiling: Option<&Ceiling>, limits: &Limits) -> Option<Doubt> {
    let load = stage.generator?.cores / ceiling?.available() * 100.0;
    let headroom = stage.machine.is_some_and(|m| 100.0 - m.busy > HEADROOM);
    (load > limits.generator_load && !headroom).then(|| Doubt::GeneratorSaturated {
        stage: stage.stage.clone(),
        percent: whole(load),
    })
}

/// Whoever keeps the generator from reading, it is no longer the system that is measured.
fn unread(stage: &StageEvidence, limits: &Limits) -> Option<Doubt> {
    let lay = stage.unread?.mean_micros;
    let percent = lay / stage.mean_service()? * 100.0;
    (lay > UNREAD_AT_LEAST && percent > limits.unread).then(|| Doubt::AnswersUnread {
        stage: stage.stage.clone(),
        micros: whole(lay),
        percent: whole(percent),
    })
}

/// Only when no server could have kept up: one that slows down under load makes users
/// busy too, and that is its own fault.
fn too_few_users(load: &LoadTurns) -> Option<Doubt> {
    let needed = load.turns.users_at_least?.ceil() as u64;
    (needed > load.users).then(|| Doubt::TooFewUsers {
        stage: load.name.clone(),
        users: load.users,
        needed,
    })
}

fn sent_late(load: &LoadTurns, limits: &Limits) -> Option<Doubt> {
    let p99_micros = load.turns.lag_p99_micros?;
    (u128::from(p99_micros) > limits.send_lag.as_micros()).then(|| Doubt::SentLate {
        stage: load.name.clone(),
        p99_micros,
    })
}

/// Turns that came up and waited for a user are the system's doing, or that of too few
/// users; those that didn't come up in time are the generator's.
fn missed(load: &LoadTurns, limits: &Limits) -> Option<Doubt> {
    let Turns {
        requested,
        released,
        ..
    } = load.turns;
    let missing = requested.saturating_sub(released) as f64 / requested.max(1) as f64 * 100.0;
    (missing > limits.missed).then(|| Doubt::RateMissed {
        stage: load.name.clone(),
        requested,
        released,
    })
}

/// Little's law, L = λW: the mean number in flight is the rate times the mean time.
/// Requests that are in flight over an end of the stage blur it, by a mean service
/// time at most.
fn disagreement(stage: &StageEvidence, limits: &Limits) -> Option<Doubt> {
    let sampled = stage.in_flight?;
    let expected = stage.expected_in_flight()?;
    if expected.max(sampled.mean) < IN_FLIGHT_AT_LEAST || sampled.samples == 0 {
        return None;
    }
    let mean_service = stage.mean_service()? / 1e6;
    let ends = mean_service / stage.seconds;
    // Neighbouring samples are alike for about a service time, so they count for fewer.
    let apart = mean_service.max(stage.seconds / sampled.samples as f64);
    let independent = (stage.seconds / apart).max(1.0);
    // No spread between 0 and `most` with this mean is wider (Bhatia and Davis, 2000).
    let variance = (sampled.most as f64 - sampled.mean).max(0.0) * sampled.mean;
    let chance = 4.0 * (variance / independent).sqrt();
    let bearable = expected * (limits.disagreement / 100.0 + ends) + chance;
    ((sampled.mean - expected).abs() > bearable).then(|| Doubt::CountsDisagree {
        stage: stage.stage.clone(),
        sampled_milli: whole(sampled.mean * 1e3),
        expected_milli: whole(expected * 1e3),
    })
}

fn exhausted(load: &LoadTurns) -> Option<Doubt> {
    let Turns {
        requested, queued, ..
    } = load.turns;
    let percent = queued as f64 / requested.max(1) as f64 * 100.0;
    (percent > EXHAUSTED).then(|| Doubt::UsersExhausted {
        stage: load.name.clone(),
        percent: whole(percent),
    })
}

fn still_warming_up(stage: &StageEvidence, limits: &Limits) -> Option<Doubt> {
    let first = stage.tenths.first()?;
    let (_, later) = halves(&stage.tenths);
    let (first_micros, later_micros) = (first.known_p50()?, later.p50?);
    let settled = first_micros as f64 <= later_micros as f64 * (1.0 + limits.drift / 100.0);
    (first.count >= TENTH_AT_LEAST && !settled).then(|| Doubt::WarmUpNotOver {
        stage: stage.stage.clone(),
        first_micros,
        later_micros,
    })
}

fn unsteady(stage: &StageEvidence, limits: &Limits) -> Vec<Doubt> {
    let (first, second) = halves(&stage.tenths);
    if first.count.max(second.count) < HALF_AT_LEAST {
        return Vec::new();
    }
    let bearable = 1.0 + limits.drift / 100.0;
    let enough = first.count.min(second.count) >= HALF_AT_LEAST;
    let not_steady = |figure: &str, percent| Doubt::NotSteady {
        stage: stage.stage.clone(),
        figure: figure.to_owned(),
        percent,
    };
    if first.count == 0 {
        // There is nothing to take a share of.
        return vec![not_steady("rate", None)];
    }
    let counts = (Some(first.count), Some(second.count));
    let figures = [
        ("rate", counts, bearable),
        ("p50", (first.p50, second.p50), bearable),
        ("p99", (first.p99, second.p99), 2.0_f64.max(bearable)),
    ];
    let unlike = figures
        .into_iter()
        .filter_map(|(figure, (first, second), bearable)| {
            let ratio = second? as f64 / first?.max(1) as f64;
            let unlike = ratio > bearable || ratio < 1.0 / bearable;
            // A half that is all but empty is unlike the other in any case.
            (unlike && (enough || figure == "rate"))
                .then(|| not_steady(figure, Some(whole(ratio * 100.0))))
        });
    unlike.collect()
}

/// Two halves out of tenths: counts add up, and of the percentiles the middle tenth's
/// stands for all, so that one stalled tenth isn't taken for a drift. A tenth without
/// requests has no percentiles, and is none of those.
fn halves(tenths: &[Tenth]) -> (Tenth, Tenth) {
    let half = |tenths: &[Tenth]| {
        let middle = |pick: fn(&Tenth) -> Option<u64>| {
            let mut values: Vec<u64> = tenths.iter().filter_map(pick).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        Tenth {
            count: tenths.iter().map(|tenth| tenth.count).sum(),
            p50: middle(Tenth::known_p50),
            p99: middle(Tenth::known_p99),
        }
    };
    let (first, second) = tenths.split_at(tenths.len() / 2);
    (half(first), half(second))
}

impl Tenth {
    /// The median; `None` without requests, for which records of earlier programs have a
    /// zero.
    fn known_p50(&self) -> Option<u64> {
        self.p50.filter(|_| self.count > 0)
    }

    /// The 99th percentile, likewise.
    fn known_p99(&self) -> Option<u64> {
        self.p99.filter(|_| self.count > 0)
    }
}

/// For a sentence: figures in doubts are whole numbers.
pub(crate) fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests;
