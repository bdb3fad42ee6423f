//! Open loads of a run's stages, each by itself and all together.

use std::borrow::Cow;

use super::{OpenRecord, RequestFigures, StageRecord};

/// One open load: a stage's, or that of a scenario in it.
#[derive(Clone, Copy, Debug)]
pub struct OpenPart<'a> {
    /// The stage.
    pub stage: &'a StageRecord,
    /// The scenario whose load it is, unless it is that of all.
    pub scenario: Option<&'a str>,
    /// The time that it lasted, in seconds.
    pub seconds: f64,
    /// The requests that were sent in it.
    pub requests: &'a RequestFigures,
    /// The fates of its arrivals.
    pub open: &'a OpenRecord,
}

/// The turns of all judged open stages.
#[derive(Clone, Debug)]
pub struct OpenTotal<'a> {
    /// The open loads, in order.
    pub parts: Vec<OpenPart<'a>>,
    /// Turns per second that were asked for, on average over the stages.
    pub requested_per_second: f64,
    /// Turns per second that were sent.
    pub achieved_per_second: f64,
}

impl StageRecord {
    /// Its open loads.
    pub fn open_parts(&self) -> impl Iterator<Item = OpenPart<'_>> {
        let of_all = self.open.iter().map(|open| OpenPart {
            stage: self,
            scenario: None,
            seconds: self.seconds,
            requests: &self.requests,
            open,
        });
        let own = self.scenarios.iter().filter_map(|own| {
            Some(OpenPart {
                stage: self,
                scenario: Some(&own.scenario),
                seconds: own.seconds,
                requests: &own.requests,
                open: own.open.as_ref()?,
            })
        });
        of_all.chain(own)
    }

    /// True when turns begin in it that don't wait for answers.
    pub fn is_open(&self) -> bool {
        self.open_parts().next().is_some()
    }

    /// True when users in it wait for answers before the next turn.
    pub fn is_closed(&self) -> bool {
        match &self.scenarios[..] {
            [] => self.open.is_none(),
            scenarios => scenarios.iter().any(|own| own.open.is_none()),
        }
    }
}

impl<'a> OpenPart<'a> {
    /// The name: `steady`, or `checkout in steady`.
    pub fn name(&self) -> Cow<'a, str> {
        match self.scenario {
            None => Cow::Borrowed(&self.stage.name),
            Some(scenario) => Cow::Owned(format!("{scenario} in {}", self.stage.name)),
        }
    }
}

impl<'a> OpenTotal<'a> {
    /// Those of a run's `stages` that are open and judged; `None` without any.
    pub fn of(stages: &'a [StageRecord]) -> Option<Self> {
        let judged = stages.iter().filter(|stage| !stage.warm_up);
        let open = judged.filter(|stage| stage.is_open());
        let seconds: f64 = open.clone().map(|stage| stage.seconds).sum();
        let parts: Vec<_> = open.flat_map(StageRecord::open_parts).collect();
        let (mut requested, mut achieved) = (0.0, 0.0);
        for part in &parts {
            requested += part.open.requested_per_second * part.seconds;
            achieved += part.open.achieved_per_second.unwrap_or(0.0) * part.seconds;
        }
        (seconds > 0.0).then(|| OpenTotal {
            parts,
            requested_per_second: requested / seconds,
            achieved_per_second: achieved / seconds,
        })
    }

    /// A number that each load has, added up.
    pub fn sum(&self, of: fn(&OpenRecord) -> u64) -> u64 {
        self.parts
            .iter()
            .fold(0, |sum, part| sum.saturating_add(of(part.open)))
    }

    /// The load with the largest share of its turns never sent; `None` where all were.
    pub fn worst(&self) -> Option<OpenPart<'a>> {
        let short = self.parts.iter().filter(|part| part.open.unsent > 0);
        let share = |part: &OpenPart<'_>| part.open.share(part.open.unsent).unwrap_or(0.0);
        short.max_by(|a, b| share(a).total_cmp(&share(b))).copied()
    }
}

impl OpenRecord {
    /// A number of turns in percent of those that came up; `None` where none did.
    pub fn share(&self, turns: u64) -> Option<f64> {
        share(turns, self.planned)
    }
}

/// A part in percent of a whole; `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}
