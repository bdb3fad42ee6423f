//! Open load as mathematics: a rate that may rise or fall in a line, and the exact
//! moments at which requests should start, planned before anything is sent.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arrivals per second; finite, and from zero, which is a pause, up to a million.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Rate(f64);

/// How arrivals follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Evenly: each as far from the last as the rate says.
    #[default]
    Constant,
    /// As independent people would: a Poisson process, whose gaps are exponential.
    Poisson,
}

/// The rate of one stage: a line from one rate to another, and level from there on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateCurve {
    /// Arrivals per second at the begin; zero is allowed.
    pub from: f64,
    /// The rate at the end of the ramp, and after it.
    pub to: Rate,
    /// How long the ramp takes, from the begin; zero is a step.
    pub ramp: Duration,
    /// How long the stage lasts, with its ramp.
    pub duration: Duration,
}

/// The moments of one stage's arrivals, from its begin, in order. They are made as
/// they are asked for, and the same for the same seed.
#[derive(Clone, Debug)]
pub struct Arrivals {
    curve: RateCurve,
    /// How many arrivals the curve holds up to the last one given.
    reached: f64,
    gaps: Gaps,
}

#[derive(Clone, Debug)]
enum Gaps {
    Even,
    Exponential(Box<Xoshiro256PlusPlus>),
}

impl Rate {
    /// More than one generator can ask for; a plan that does has a slip of the pen.
    const MOST: f64 = 1e6;

    /// No arrivals at all.
    pub const NONE: Rate = Rate(0.0);

    /// A number of arrivals a second; `None` unless it is greater than zero and within
    /// the range.
    pub fn per_second(rate: f64) -> Option<Self> {
        (rate > 0.0 && rate <= Self::MOST).then_some(Rate(rate))
    }

    /// How many a second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no rate; write a number up to a million with its unit of time, such as \"1000/s\" or \"90/min\""
)]
pub struct InvalidRate(String);

impl FromStr for Rate {
    type Err = InvalidRate;

    /// `1000/s`, `90/min`, `3600/h`; a number alone is per second.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit.trim() {
            "s" => Some(1.0),
            "min" => Some(60.0),
            "h" => Some(3600.0),
            _ => None,
        };
        let number = number.trim().parse::<f64>().ok();
        let rate = number.zip(seconds).and_then(|(number, seconds)| {
            let is_pause = number == 0.0;
            is_pause
                .then_some(Rate::NONE)
                .or_else(|| Rate::per_second(number / seconds))
        });
        rate.ok_or_else(|| InvalidRate(text.to_owned()))
    }
}

impl RateCurve {
    /// The moments at which requests should start; `stream` sets the stages of one
    /// run apart, so that they don't repeat each other's gaps.
    pub fn arrivals(self, spacing: Spacing, seed: u64, stream: u64) -> Arrivals {
        /// Sets these random numbers apart from those of users (from the digits of π).
        const PURPOSE: u64 = 0x2436_a888_85a3_08d3;
        let seed = seed ^ PURPOSE ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Arrivals {
            curve: self,
            reached: 0.0,
            gaps: match spacing {
                Spacing::Constant => Gaps::Even,
                Spacing::Poisson => {
                    Gaps::Exponential(Box::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
                }
            },
        }
    }

    /// How many arrivals are expected up to `t` seconds: the integral of the rate.
    pub fn expected_by(&self, t: f64) -> f64 {
        let (ramp, to) = (self.ramp.as_secs_f64(), self.to.get());
        if t <= ramp && ramp > 0.0 {
            return self.from * t + (to - self.from) * t * t / (2.0 * ramp);
        }
        (self.from + to) / 2.0 * ramp + to * (t - ramp)
    }

    /// How many arrivals are expected in all.
    pub fn expected(&self) -> f64 {
        self.expected_by(self.duration.as_secs_f64())
    }

    /// The rate on average over the stage, per second.
    pub fn mean(&self) -> f64 {
        self.expected() / self.duration.as_secs_f64()
    }

    /// The rate on average over the first `seconds`; over all of the stage where there are none.
    pub fn mean_until(&self, seconds: f64) -> f64 {
        match seconds > 0.0 {
            true => self.expected_by(seconds) / seconds,
            false => self.mean(),
        }
    }

    /// When `count` arrivals are expected, in seconds: the inverse of the integral.
    fn reaches(&self, count: f64) -> f64 {
        let (ramp, to) = (self.ramp.as_secs_f64(), self.to.get());
        let on_ramp = (self.from + to) / 2.0 * ramp;
        if count >= on_ramp {
            return ramp + (count - on_ramp) / to;
        }
        // The root of from·t + slope/2·t² = count, in the form that doesn't cancel:
        // W. H. Press et al., Numerical Recipes, §5.6.
        let slope = (to - self.from) / ramp;
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        2.0 * count / (self.from + root)
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    /// Even arrivals stand where the integral of the rate passes ½, 1½, 2½, …; those
    /// of a Poisson process where it passes the sums of exponential gaps of mean 1,
    /// which is the inversion method for a rate that changes (E. Çinlar,
    /// Introduction to Stochastic Processes, 1975, §4.7).
    fn next(&mut self) -> Option<Duration> {
        self.reached += match &mut self.gaps {
            Gaps::Even if self.reached == 0.0 => 0.5,
            Gaps::Even => 1.0,
            // The open end of the unit interval keeps the logarithm finite.
            Gaps::Exponential(rng) => -(1.0 - rng.random::<f64>()).ln(),
        };
        if self.reached >= self.curve.expected() {
            return None;
        }
        let seconds = self.curve.reaches(self.reached);
        Some(Duration::from_secs_f64(seconds).min(self.curve.duration))
    }
}

#[cfg(test)]
mod tests;
