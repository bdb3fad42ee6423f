//! Everything that was seen of a run: what its evidence and its record are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::system::Measured;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit, looks};
use crate::observation::StageUse;
use crate::program::{NodeCounts, TypeMap};
use crate::record::{StoppedEarly, Timeline};
use crate::samples::Samples;
use crate::timing::RouteTiming;

/// Everything that was seen of a run; by default, of one that ended before its load began.
#[derive(Default)]
pub(crate) struct Sights {
    pub(crate) samples: Samples,
    /// Requests that nobody waited for to their end, which aren't among the samples.
    pub(crate) broken_off: u64,
    /// What the nodes counted over the whole run, if that can be seen.
    pub(crate) whole: Option<Vec<NodeCounts>>,
    /// The same, and CPU time, over the stages that are no warm-up.
    pub(crate) measured: Option<Measured>,
    /// Values that the users shared.
    pub(crate) shared: TypeMap,
    /// What was used in each stage, as far as the operating system tells.
    pub(crate) stages: Vec<Option<StageUse>>,
    /// What looks at the generator saw in each stage.
    pub(crate) looks: BTreeMap<usize, looks::Seen>,
    pub(crate) tenths: Arc<Tenths>,
    pub(crate) timeline: Timeline,
    pub(crate) timing: Vec<RouteTiming>,
    pub(crate) ceiling: Option<Ceiling>,
    pub(crate) files: Option<FileLimit>,
    /// How far the load got in its schedule.
    pub(crate) reached: Duration,
    /// The early end of the load, when a rule was surely lost.
    pub(crate) stopped_early: Option<StoppedEarly>,
    /// Connections that were given up for bytes that belong to no answer.
    pub(crate) unasked: u64,
}
