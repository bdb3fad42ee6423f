//! The system that a run is about: one that the run starts and can look into, or
//! one that is there and shows only its answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Launcher, NodeName, StartOptions, System};

use super::{Order, RunError};
use crate::client::{self, ExchangeError, InvalidTarget, Target};
use crate::doubt::Doubt;
use crate::environment::own_cpu_time;
use crate::events::{Event, Events, millis};
use crate::interruption::Interruption;
use crate::observation::{Glance, Observation, ObservationError, StageUse};
use crate::plan::Plan;
use crate::program::NodeCounts;
use crate::record::{MachineRecord, ServerRecord};
use crate::timeline::CoresAt;
use crate::workload::Workload;

/// What the generator's own process is called beside the nodes.
pub(super) const GENERATOR: &str = "load generator";

/// The system that a run is about.
pub(super) enum Subject {
    Started(System),
    There(Target),
}

/// CPU time and counters over the stages that are no warm-up.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) counts: Vec<NodeCounts>,
    pub(super) cpu: Vec<(NodeName, Duration)>,
    pub(super) own_cpu: Duration,
    pub(super) servers: Vec<ServerRecord>,
    pub(super) machines: BTreeMap<NodeName, MachineRecord>,
    /// Nodes of which nobody tells what they use, each with the reason.
    pub(super) not_observable: BTreeMap<NodeName, String>,
    /// Nodes that run once, each with the time that it took.
    pub(super) done: BTreeMap<NodeName, Duration>,
}

impl Measured {
    /// Counts of nodes, and nothing else.
    pub(crate) fn of_counts(counts: Vec<NodeCounts>) -> Self {
        Measured {
            counts,
            cpu: Vec::new(),
            own_cpu: Duration::ZERO,
            servers: Vec::new(),
            machines: BTreeMap::new(),
            not_observable: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }
}

/// What was seen of processes while the load went on.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    pub(super) looks: Vec<CoresAt>,
    /// The nodes that ended.
    pub(super) events: Vec<Event>,
}

/// Two looks, at the begin and the end of the stages that are no warm-up.
pub(super) type Looks = Option<Result<(Observation, Observation), ObservationError>>;

impl Subject {
    /// Starts the plan's system, with logs and data in `folder`, unless one is there.
    pub(super) async fn prepare(order: &Order, folder: &Path) -> Result<Self, RunError> {
        if let Some(url) = &order.target {
            let target = Target::new(url, &order.plan.connection)?;
            // A connection will do: what anybody asks there, the load asks and counts.
            let url = url.clone();
            return match client::reach(&target).await {
                Ok(()) => Ok(Subject::There(target)),
                Err(source @ ExchangeError::Tls { .. }) => Err(RunError::NotAgreed { url, source }),
                Err(source) => match source.fault() {
                    Err(shortage) => Err(RunError::NearSide {
                        url,
                        shortage,
                        source,
                    }),
                    Ok(_) => Err(RunError::NobodyThere { url, source }),
                },
            };
        }
        let options = StartOptions {
            launcher: Launcher::this_program(),
            folder: folder.to_owned(),
        };
        let topology = order.plan.system()?;
        Ok(Subject::Started(System::start(&topology, options).await?))
    }

    pub(super) fn url(&self) -> String {
        match self {
            Subject::Started(system) => system.url(),
            Subject::There(target) => target.as_str().to_owned(),
        }
    }

    /// The target of its users.
    pub(super) fn target(&self, plan: &Plan) -> Result<Target, InvalidTarget> {
        match self {
            Subject::Started(system) => Target::new(&system.url(), &plan.connection),
            Subject::There(target) => Ok(target.clone()),
        }
    }

    /// Looks at every node, if they can be seen.
    pub(super) async fn observe(
        &self,
        plan: &Plan,
        warnings: &mut Vec<Doubt>,
    ) -> Option<Observation> {
        let Subject::Started(system) = self else {
            return None;
        };
        let observation = Observation::of(system, plan).await;
        observation.map_err(|e| warnings.push(unreadable(&e))).ok()
    }

    /// Looks when the warm-up is over and when the load is. Without a warm-up, the look is taken
    /// that was the last `before` the load, for a look of its own would miss what comes meanwhile.
    pub(super) async fn observe_measured_stages(
        &self,
        plan: &Plan,
        workload: &Workload,
        before: Option<&Observation>,
    ) -> Looks {
        let Subject::Started(system) = self else {
            return None;
        };
        let schedule = &workload.schedule;
        let first = plan.stages.iter().position(|stage| !stage.warm_up)?;
        let looks = async {
            let begin = match before {
                Some(before) if first == 0 => before.clone(),
                _ => {
                    workload.clock.reaches(schedule.begin_of(first)).await;
                    Observation::of(system, plan).await?
                }
            };
            workload.clock.reaches(schedule.length()).await;
            Ok((begin, Observation::of(system, plan).await?))
        };
        while_load_lasts(workload, looks).await
    }

    /// Glances at the begin and the end of each stage, and tells what was used between;
    /// `None` for stages that the load didn't reach the end of.
    pub(super) async fn watch_stages(
        &self,
        plan: &Plan,
        workload: &Workload,
    ) -> Vec<Option<StageUse>> {
        let system = match self {
            Subject::Started(system) => Some(system),
            Subject::There(_) => None,
        };
        let schedule = &workload.schedule;
        let mut used = Vec::new();
        let looks = async {
            workload.clock.reaches(Duration::ZERO).await;
            let mut begin = Glance::at(system);
            for stage in 0..plan.stages.len() {
                workload.clock.reaches(schedule.end_of(stage)).await;
                let end = Glance::at(system);
                used.push(Some(end.since(&begin)));
                begin = end;
            }
        };
        // What was seen until then is kept.
        let _ = while_load_lasts(workload, looks).await;
        used.resize_with(plan.stages.len(), || None);
        used
    }

    /// Looks at the CPU time of every process once in a `tick`, and at which nodes have
    /// ended since, which is told. A look costs a system call for each process.
    pub(super) async fn watch_cores(
        &self,
        tick: Duration,
        workload: &Workload,
        events: &Events,
    ) -> Watched {
        let mut watched = Watched::default();
        let looks = async {
            let mut number = 0;
            loop {
                workload.clock.reaches(tick * number).await;
                let elapsed = workload.clock.elapsed();
                let used = self.cpu_times();
                watched.looks.push(CoresAt { elapsed, used });
                let new = not_yet_told(self.ended(elapsed), &watched.events);
                new.iter().for_each(|event| events.emit(event.clone()));
                watched.events.extend(new);
                let is_finished = workload.clock.finished().is_some();
                if is_finished || elapsed >= workload.schedule.length() {
                    break;
                }
                // What a busy machine made late is left out, and not caught up with.
                number = (elapsed.as_nanos() / tick.as_nanos()) as u32 + 1;
            }
        };
        // What was seen until then is kept.
        let _ = while_load_lasts(workload, looks).await;
        watched
    }

    /// The CPU time that each process has used, of those that tell; the generator last.
    fn cpu_times(&self) -> Vec<(String, Duration)> {
        let nodes = match self {
            Subject::Started(system) => system.topology().nodes(),
            Subject::There(_) => &[],
        };
        let used = nodes.iter().filter_map(|node| {
            let Subject::Started(system) = self else {
                return None;
            };
            let used = system.cpu_time(node.name.as_str()).ok()?;
            Some((node.name.to_string(), used))
        });
        let own = own_cpu_time().ok().map(|own| (GENERATOR.to_owned(), own));
        used.chain(own).collect()
    }

    /// Tells of nodes that ended after the last look at them, which saw `known`.
    pub(super) fn tell_of_exits(&self, known: &[Event], workload: &Workload, events: &Events) {
        let ended = self.ended(workload.clock.elapsed());
        for event in not_yet_told(ended, known) {
            events.emit(event);
        }
    }

    /// The nodes that ended although nobody had told them to, as noticed `elapsed` after the
    /// beginning of the load.
    fn ended(&self, elapsed: Duration) -> Vec<Event> {
        let Subject::Started(system) = self else {
            return Vec::new();
        };
        let exits = system.unexpected_exits().into_iter();
        let ended = exits.map(|exit| Event::NodeEnded {
            node: exit.node.to_string(),
            status: exit.status.to_string(),
            elapsed_ms: millis(elapsed),
        });
        ended.collect()
    }

    /// Waits until nothing goes on behind the answers any more, as far as the program knows
    /// of it, or `deadline` has come.
    pub(super) async fn drain(&self, plan: &Plan, deadline: Instant, warnings: &mut Vec<Doubt>) {
        let Subject::Started(system) = self else {
            return;
        };
        let known = plan.application.under_way.filter(|_| plan.is_at_home());
        let Some(work) = known else {
            return;
        };
        loop {
            let mut open = 0;
            for node in system.topology().named(work.role) {
                // What can't be read now won't be readable afterwards, where it is reported.
                let Ok(counters) = system.counters(node.name.as_str()).await else {
                    return;
                };
                // A page without them doesn't say that there are none.
                let Some(left) = (work.left)(&counters) else {
                    return;
                };
                open += left;
            }
            if open == 0 {
                return;
            }
            if Instant::now() > deadline {
                let what = work.name.to_owned();
                warnings.push(Doubt::NotDrained { tasks: open, what });
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the nodes counted between two looks at all of them.
    pub(super) fn counted_between(
        &self,
        before: Option<Observation>,
        after: Option<Observation>,
    ) -> Option<Vec<NodeCounts>> {
        match self {
            Subject::Started(system) => Some(after?.counted_since(&before?, system)),
            Subject::There(_) => None,
        }
    }

    pub(super) fn measured_between(
        &self,
        looks: Looks,
        warnings: &mut Vec<Doubt>,
    ) -> Option<Measured> {
        let Subject::Started(system) = self else {
            return None;
        };
        let (begin, end) = looks?.map_err(|e| warnings.push(unreadable(&e))).ok()?;
        Some(Measured {
            counts: end.counted_since(&begin, system),
            cpu: end.cpu_since(&begin),
            own_cpu: end.own_cpu_since(&begin),
            servers: end.servers(system),
            machines: Observation::machines(system),
            not_observable: Observation::not_observable(system),
            done: Observation::done(system),
        })
    }

    /// Stops what was started, or kills it when an interruption has lasted. Its data is
    /// only kept when something is amiss.
    pub(super) async fn stop(
        self,
        folder: &Path,
        interruption: &Interruption,
        warnings: &mut Vec<Doubt>,
    ) {
        let Subject::Started(system) = self else {
            return;
        };
        for exit in system.unexpected_exits() {
            warnings.push(Doubt::NodeEnded {
                node: exit.node.to_string(),
                status: exit.status.to_string(),
            });
        }
        let amiss = tokio::select! {
            stopped = system.stop() => stopped.err().map(|error| error.to_string()),
            () = interruption.cuts_short() => Some("it was killed, for lack of time".to_owned()),
        };
        if let Some(reason) = amiss {
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            warnings.push(Doubt::UntidyStop { reason });
        }
        if warnings.is_empty() {
            // Nobody misses it; at worst it takes up room.
            let _ = std::fs::remove_dir_all(folder.join("data"));
        }
    }
}

/// The nodes that ended, in no order, without those that have been told already; the same may
/// happen twice, and when it is noticed makes no difference.
fn not_yet_told(mut ended: Vec<Event>, told: &[Event]) -> Vec<Event> {
    let is_same = |one: &Event, other: &Event| match (one, other) {
        (
            Event::NodeEnded { node, status, .. },
            Event::NodeEnded {
                node: of,
                status: with,
                ..
            },
        ) => (node, status) == (of, with),
        _ => false,
    };
    for event in told {
        if let Some(known) = ended.iter().position(|other| is_same(event, other)) {
            ended.remove(known);
        }
    }
    ended
}

/// What `looks` saw, unless the load broke off and never gets to where they wait for.
async fn while_load_lasts<T>(workload: &Workload, looks: impl Future<Output = T>) -> Option<T> {
    // A load that no user ever began has no end either.
    let patience = workload.schedule.length() + Duration::from_secs(30);
    tokio::select! {
        seen = tokio::time::timeout(patience, looks) => seen.ok(),
        () = workload.clock.broken_off() => None,
    }
}

fn unreadable(error: &ObservationError) -> Doubt {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Doubt::CountersUnreadable { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_twice_is_told_twice_and_in_whatever_order_nodes_are_asked() {
        let ended = |node: &&str, elapsed_ms| Event::NodeEnded {
            node: (*node).to_owned(),
            status: "signal 9".to_owned(),
            elapsed_ms,
        };
        let told = [ended(&"shop-2", 1000)];
        let new = |nodes: &[&str]| {
            let noticed = nodes.iter().map(|node| ended(node, 1250));
            not_yet_told(noticed.collect(), &told)
        };
        assert_eq!(new(&["shop-2"]), []);
        assert_eq!(new(&["shop-1", "shop-2"]), [ended(&"shop-1", 1250)]);
        assert_eq!(new(&["shop-2", "shop-2"]), [ended(&"shop-2", 1250)]);
    }
}
