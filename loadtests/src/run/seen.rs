//! Everything that was seen of a run: what its evidence and its record are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::system::Measured;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit, looks};
use crate::ledger::NodeCounts;
use crate::observation::StageUse;
use crate::record::Timeline;
use crate::samples::Samples;
use crate::timing::RouteTiming;
use crate::tokens::{Flaw, FlawCount};
use crate::visitor::SubmittedTasks;

/// Everything that was seen of a run; by default, of one that ended before its load began.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) samples: Samples,
    /// Requests that nobody waited for to their end, which aren't among the samples.
    pub(super) broken_off: u64,
    /// What the nodes counted over the whole run, if that can be seen.
    pub(super) whole: Option<Vec<NodeCounts>>,
    /// The same, and CPU time, over the stages that are no warm-up.
    pub(super) measured: Option<Measured>,
    pub(super) tasks: SubmittedTasks,
    /// What was used in each stage, as far as the operating system tells.
    pub(super) stages: Vec<Option<StageUse>>,
    /// What looks at the generator saw in each stage.
    pub(super) looks: BTreeMap<usize, looks::Seen>,
    pub(super) tenths: Arc<Tenths>,
    pub(super) timeline: Timeline,
    /// What became of requests with each kind of bad token.
    pub(super) flaws: BTreeMap<Flaw, FlawCount>,
    pub(super) timing: Vec<RouteTiming>,
    pub(super) ceiling: Option<Ceiling>,
    pub(super) files: Option<FileLimit>,
    /// How far the load got in its schedule.
    pub(super) reached: Duration,
    /// Connections that were given up for bytes that belong to no answer.
    pub(super) unasked: u64,
}
