//! Everything that was seen of a run, for those who give an account of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use harness::NodeName;
use harness::counters::Counters;

use crate::plan::Plan;
use crate::run::seen::Sights;
use crate::samples::{Fault, Route, RouteSamples, StageIndex};

/// Everything that was seen of a run.
pub struct Seen<'a> {
    plan: &'a Plan,
    sights: &'a Sights,
    is_started: bool,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of it, with the warm-up and what was sent afterwards to follow things up.
    Run,
    /// The stages that only prepared the system.
    WarmUp,
    /// The stages that are judged.
    Judged,
}

/// The counts of one node.
#[derive(Clone, Debug)]
pub struct NodeCounts {
    /// The node.
    pub name: NodeName,
    /// The role that it shares with equal nodes.
    pub role: String,
    /// The growth of its counters.
    pub counters: Counters,
}

/// The counts of all nodes over a part of a run.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a>(&'a [NodeCounts]);

impl<'a> Seen<'a> {
    pub(crate) fn new(plan: &'a Plan, sights: &'a Sights, is_started: bool) -> Self {
        Seen {
            plan,
            sights,
            is_started,
        }
    }

    /// The plan that was carried out.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// True when the run started the system, and so can see its counters.
    pub fn is_started(&self) -> bool {
        self.is_started
    }

    /// A value that the run's users shared; `None` when the run ended before its load.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.sights.shared.get()
    }

    /// The counts of the nodes, unless they can't be seen. Over [`Over::WarmUp`] nobody
    /// looks.
    pub fn counts(&self, over: Over) -> Option<Counts<'a>> {
        let counts = match over {
            Over::Run => self.sights.whole.as_deref(),
            Over::Judged => Some(&self.sights.measured.as_ref()?.counts[..]),
            Over::WarmUp => None,
        };
        counts.map(Counts)
    }

    /// Requests that the generator sent over the whole run, those after the load included.
    pub fn sent(&self) -> u64 {
        self.sights.samples.total(|_| true).count() + self.sights.broken_off
    }

    /// Requests that reached nobody, since no connection came about.
    pub fn not_connected(&self) -> u64 {
        let faults = |fault| matches!(fault, Fault::NotConnected | Fault::Tls(_));
        self.sights.samples.faults(faults)
    }

    /// Requests without an answer, so that nobody here knows how far they got.
    pub fn unanswered(&self) -> u64 {
        self.sights.samples.faults(Fault::is_in_the_dark) + self.sights.broken_off
    }

    /// Answers over the whole run, whatever they say.
    pub fn answers(&self) -> u64 {
        self.sights.samples.total(|_| true).statuses.values().sum()
    }

    /// Answers with a status over the whole run.
    pub fn answers_with(&self, status: u16) -> u64 {
        let total = self.sights.samples.total(|_| true);
        total.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Requests to a route.
    pub fn requests(&self, route: Route, over: Over) -> u64 {
        self.of_route(route, over).map(RouteSamples::count).sum()
    }

    /// Answers of a route by their status.
    pub fn statuses(&self, route: Route, over: Over) -> BTreeMap<u16, u64> {
        let mut sums = BTreeMap::new();
        for samples in self.of_route(route, over) {
            for (status, count) in &samples.statuses {
                *sums.entry(*status).or_default() += count;
            }
        }
        sums
    }

    /// Requests to a route that failed, for whatever reason.
    pub fn failed(&self, route: Route, over: Over) -> u64 {
        self.of_route(route, over).map(RouteSamples::failed).sum()
    }

    /// Requests that failed in a way that `is_meant`, over the whole run.
    pub fn faults(&self, is_meant: impl Fn(Fault) -> bool) -> u64 {
        self.sights.samples.faults(is_meant)
    }

    /// Answers by the outcome that they told, where the program reads one.
    pub fn outcomes(&self, over: Over) -> BTreeMap<&'static str, u64> {
        let is_meant = |stage| self.is_within(stage, over);
        self.sights.samples.total(is_meant).outcomes
    }

    /// Answers by the node that named itself, over the whole run.
    pub fn served_by(&self) -> BTreeMap<String, u64> {
        self.sights.samples.total(|_| true).served_by()
    }

    fn of_route(&self, route: Route, over: Over) -> impl Iterator<Item = &'a RouteSamples> {
        let all = self.sights.samples.routes.iter();
        let picked =
            all.filter(move |((stage, _, of), _)| *of == route && self.is_within(*stage, over));
        picked.map(|(_, samples)| samples)
    }

    pub(crate) fn sights(&self) -> &'a Sights {
        self.sights
    }

    pub(crate) fn is_within(&self, stage: StageIndex, over: Over) -> bool {
        let is_judged = self.plan.is_judged(stage);
        match over {
            Over::Run => true,
            Over::WarmUp => stage.is_some() && !is_judged,
            Over::Judged => is_judged,
        }
    }
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl<'a> Counts<'a> {
    /// The counts of these nodes.
    pub fn of(nodes: &'a [NodeCounts]) -> Self {
        Counts(nodes)
    }

    /// Every node, in the order in which a request meets them.
    pub fn all(&self) -> &'a [NodeCounts] {
        self.0
    }

    /// The nodes of a role.
    pub fn nodes(&self, role: &str) -> impl Iterator<Item = &'a NodeCounts> {
        self.0.iter().filter(move |node| node.role == role)
    }

    /// A counter's sum over the nodes of a role and over the labels not given.
    pub fn sum(&self, role: &str, counter: &str, labels: &[(&str, &str)]) -> u64 {
        let nodes = self.nodes(role);
        nodes.map(|node| node.count(counter, labels)).sum()
    }

    /// A counter's sums over the nodes of a role, by the value of one label.
    pub fn by_label(&self, role: &str, counter: &str, label: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for node in self.nodes(role) {
            for (value, count) in node.counters.by_label(counter, label) {
                *sums.entry(value).or_default() += whole(count);
            }
        }
        sums
    }
}

impl NodeCounts {
    /// A counter's sum over the labels not given.
    pub fn count(&self, counter: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.counters.get(counter, labels))
    }
}

/// Counters are whole numbers, whatever the format says.
fn whole(count: f64) -> u64 {
    count.round() as u64
}
