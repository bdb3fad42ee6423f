//! Figures that a program adds to a run, by name: thresholds judge them, tiles show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::record::share;
use crate::threshold::Unit;

/// A figure that a program adds: its name in thresholds, its unit, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) about: &'static str,
    pub(crate) label: Option<&'static str>,
    pub(crate) is_better_high: bool,
    pub(crate) missing: Option<fn(&Plan) -> Option<&'static str>>,
    pub(crate) kind: Kind,
}

/// The way in which a figure comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program's account tells its reading, or an equation does.
    Told,
    /// Users count it.
    Counted,
    /// Users measure it, again and again.
    Measured,
}

/// A figure's reading in one run; where there is none, that is no zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// The figure, in its unit.
    Value(f64),
    /// There was nothing to measure it on; a threshold on it fails.
    NoSamples,
    /// It can't be seen from where the run was made; a threshold on it says so.
    OutOfSight,
}

/// A figure's reading as a record keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureRecord {
    /// The name in thresholds, such as `hit-ratio`.
    pub name: String,
    /// The name for people, of a figure that the page shows among the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The unit of the value.
    pub unit: Unit,
    /// The value; `None` without samples or sight.
    pub value: Option<f64>,
    /// True when more of it is better.
    #[serde(default)]
    pub is_better_high: bool,
}

impl Figure {
    /// A figure; `name` is made of lowercase letters and `-`, and `about` is a few words for
    /// the list of rules.
    pub const fn new(name: &'static str, unit: Unit, about: &'static str) -> Self {
        Figure {
            name,
            unit,
            about,
            label: None,
            is_better_high: false,
            missing: None,
            kind: Kind::Told,
        }
    }

    /// A figure that users count by [`User::count`](crate::User::count): rules judge its sum
    /// (`orders>=100`) and its rate per second (`orders-rate>=10`). A scenario that counts it
    /// has it among its [`FIGURES`](crate::Scenario::FIGURES).
    pub const fn counted(name: &'static str, about: &'static str) -> Self {
        let mut figure = Figure::new(name, Unit::Count, about);
        figure.kind = Kind::Counted;
        figure
    }

    /// A figure that users measure by [`User::measure`](crate::User::measure): rules judge its
    /// percentiles, mean, least and greatest (`queue-wait-p99<5ms`, `-avg`, `-min`, `-max`). A
    /// scenario that measures it has it among its [`FIGURES`](crate::Scenario::FIGURES).
    pub const fn measured(name: &'static str, unit: Unit, about: &'static str) -> Self {
        let mut figure = Figure::new(name, unit, about);
        figure.kind = Kind::Measured;
        figure
    }

    /// The same among the first figures of a page, under this name.
    pub const fn labelled(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    /// The same, of which more is better.
    pub const fn better_high(mut self) -> Self {
        self.is_better_high = true;
        self
    }

    /// The same, which some plans can't have; `why` says so of such a plan, after "this plan".
    pub const fn unless(mut self, why: fn(&Plan) -> Option<&'static str>) -> Self {
        self.missing = Some(why);
        self
    }

    /// The record of a reading.
    pub fn record(&self, reading: Reading) -> FigureRecord {
        FigureRecord {
            name: self.name.to_owned(),
            label: self.label.map(str::to_owned),
            unit: self.unit,
            value: match reading {
                Reading::Value(value) => Some(value),
                Reading::NoSamples | Reading::OutOfSight => None,
            },
            is_better_high: self.is_better_high,
        }
    }
}

impl Reading {
    /// A number of things among `whole`; nothing of nothing is no sample.
    pub fn among(part: u64, whole: u64) -> Self {
        match whole {
            0 => Reading::NoSamples,
            _ => Reading::Value(part as f64),
        }
    }

    /// The share of `part` in `whole` as percent; nothing of nothing has no share.
    pub fn percent(part: u64, whole: u64) -> Self {
        share(part, whole).map_or(Reading::NoSamples, Reading::Value)
    }
}
