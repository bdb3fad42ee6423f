//! The value of an expression after a run, or why nobody can see it. What isn't shown is
//! not zero.

use std::collections::BTreeSet;

use harness::Topology;

use super::expression::{Counter, Expression};
use crate::program::{Counts, Over, Seen};
use crate::samples::Fault;

/// Everything that was counted over a part of a run.
pub(super) struct Books<'a> {
    generator: Vec<Entry>,
    nodes: Option<Counts<'a>>,
    topology: Option<&'a Topology>,
}

/// A count of the generator's.
struct Entry {
    word: &'static str,
    route: Option<String>,
    status: Option<String>,
    count: u64,
}

/// A sum of what was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) value: f64,
    /// The nodes that took along some of what they had counted.
    pub(super) taken_along: BTreeSet<String>,
}

/// The generator's counts, by name, and the labels that each has.
pub(super) const OF_GENERATOR: [(&str, &[&str]); 5] = [
    ("sent", &["route"]),
    ("answered", &["route", "status"]),
    ("failed", &["route"]),
    ("not_connected", &["route"]),
    ("unanswered", &["route"]),
];

impl Sum {
    /// Counters are whole numbers, whatever their format says.
    pub(super) fn count(&self) -> u64 {
        self.value.round() as u64
    }

    pub(super) fn add(&mut self, other: Sum) {
        self.value += other.value;
        self.taken_along.extend(other.taken_along);
    }
}

impl<'a> Books<'a> {
    pub(super) fn new(seen: &Seen<'a>, topology: Option<&'a Topology>, over: Over) -> Self {
        Books {
            generator: entries(seen, over),
            nodes: seen.counts(over),
            topology,
        }
    }

    /// The value of an expression; or the reason why it can't be seen. A counter that isn't
    /// shown is none of zero, unless it `starts_absent`.
    pub(super) fn sum(&self, expression: &Expression, starts_absent: bool) -> Result<Sum, String> {
        let mut sum = Sum::default();
        for addend in &expression.addends {
            let mut of = match addend.counter.is_of_generator() {
                true => self.of_generator(&addend.counter),
                false => self.of_nodes(&addend.counter, starts_absent)?,
            };
            of.value *= addend.factor;
            sum.add(of);
        }
        Ok(sum)
    }

    fn of_generator(&self, counter: &Counter) -> Sum {
        let meant = self.generator.iter().filter(|entry| {
            let label = |label: &str| match label {
                "route" => entry.route.as_deref(),
                _ => entry.status.as_deref(),
            };
            entry.word == counter.name && counter.means(label)
        });
        let count: u64 = meant.map(|entry| entry.count).sum();
        Sum {
            value: count as f64,
            ..Sum::default()
        }
    }

    fn of_nodes(&self, counter: &Counter, starts_absent: bool) -> Result<Sum, String> {
        let counts = self
            .nodes
            .ok_or("nobody could see what the nodes counted")?;
        let nodes = self
            .topology
            .into_iter()
            .flat_map(|t| t.named(&counter.whose));
        let mut sum = Sum::default();
        for node in nodes {
            let Some(counted) = counts.all().iter().find(|of| of.name == node.name) else {
                sum.taken_along.insert(node.name.to_string());
                continue;
            };
            let name = &counter.name;
            if !counted.counters.has(name) && !starts_absent {
                return Err(format!("{} doesn't show {name}", node.name));
            }
            for matcher in &counter.matchers {
                let mut series = counted.counters.series(name);
                let label = &matcher.label;
                if counted.counters.has(name)
                    && !series.any(|(labels, _)| labels.contains_key(label))
                {
                    return Err(format!(
                        "{} shows {name} without a label {label}",
                        node.name
                    ));
                }
            }
            let series = counted
                .counters
                .series(name)
                .filter(|(labels, _)| counter.means(|label| labels.get(label).map(String::as_str)));
            sum.value += series.map(|(_, value)| value).sum::<f64>();
            if counted.counters.began_anew() {
                sum.taken_along.insert(node.name.to_string());
            }
        }
        Ok(sum)
    }
}

/// Everything that the generator counted over a part of a run.
fn entries(seen: &Seen<'_>, over: Over) -> Vec<Entry> {
    let sights = seen.sights();
    let is_meant = |stage: &Option<usize>| seen.is_within(*stage, over);
    let mut entries = Vec::new();
    for ((stage, _, route), samples) in &sights.samples.routes {
        if !is_meant(stage) {
            continue;
        }
        let mut add = |word, status: Option<u16>, count| {
            entries.push(Entry {
                word,
                route: Some(route.name()),
                status: status.map(|status| status.to_string()),
                count,
            });
        };
        add("sent", None, samples.count());
        add("failed", None, samples.failed());
        for (status, count) in &samples.statuses {
            add("answered", Some(*status), *count);
        }
    }
    for ((stage, route, fault), faults) in &sights.samples.faults {
        let word = match fault {
            _ if !is_meant(stage) => continue,
            Fault::NotConnected | Fault::Tls(_) => "not_connected",
            fault if fault.is_in_the_dark() => "unanswered",
            _ => continue,
        };
        entries.push(Entry {
            word,
            route: Some(route.name()),
            status: None,
            count: faults.count,
        });
    }
    // Requests that nobody waited for to their end had been sent all the same.
    if over == Over::Run {
        for word in ["sent", "unanswered"] {
            entries.push(Entry {
                word,
                route: None,
                status: None,
                count: sights.broken_off,
            });
        }
    }
    entries
}
