//! The turns of several open stages together.

use super::{OpenRecord, StageRecord};

/// The turns of all judged open stages.
#[derive(Clone, Debug)]
pub struct OpenTotal<'a> {
    /// The stages, in order.
    pub stages: Vec<(&'a StageRecord, &'a OpenRecord)>,
    /// Turns per second that were asked for, on average over the stages.
    pub requested_per_second: f64,
    /// Turns per second that were sent.
    pub achieved_per_second: f64,
}

impl<'a> OpenTotal<'a> {
    /// Those of a run's `stages` that are open and judged; `None` without any.
    pub fn of(stages: &'a [StageRecord]) -> Option<Self> {
        let judged = stages.iter().filter(|stage| !stage.warm_up);
        let open = judged.filter_map(|stage| Some((stage, stage.open.as_ref()?)));
        let stages: Vec<_> = open.collect();
        let (mut seconds, mut requested, mut achieved) = (0.0, 0.0, 0.0);
        for (stage, open) in &stages {
            seconds += stage.seconds;
            requested += open.requested_per_second * stage.seconds;
            achieved += open.achieved_per_second.unwrap_or(0.0) * stage.seconds;
        }
        (seconds > 0.0).then(|| OpenTotal {
            stages,
            requested_per_second: requested / seconds,
            achieved_per_second: achieved / seconds,
        })
    }

    /// A number that each stage has, added up.
    pub fn sum(&self, of: fn(&OpenRecord) -> u64) -> u64 {
        self.stages
            .iter()
            .fold(0, |sum, (_, open)| sum.saturating_add(of(open)))
    }

    /// The stage with the largest share of its turns never sent; `None` where all were.
    pub fn worst(&self) -> Option<(&'a StageRecord, &'a OpenRecord)> {
        let short = self.stages.iter().filter(|(_, open)| open.unsent > 0);
        let share = |open: &OpenRecord| open.share(open.unsent).unwrap_or(0.0);
        short
            .max_by(|a, b| share(a.1).total_cmp(&share(b.1)))
            .copied()
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
