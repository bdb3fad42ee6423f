//! A system as it is drawn: from the nodes' counters where they were seen, else from the
//! plan, else from what answers told.

use crate::record::{EdgeRecord, NodeRecord, Record, Traffic, share};
use crate::report::figures::{count, known, parts, per_second, percent};
use crate::report::tones::{GENERATOR, Tones};

/// A system in tiers, from the users inwards.
#[derive(Debug)]
pub(super) struct View {
    pub(super) tiers: Vec<Tier>,
    /// The source of the figures.
    pub(super) remark: &'static str,
}

/// Nodes that are equally far from the users.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
    /// The link to each node from the tier before, in the nodes' order.
    pub(super) links: Vec<Link>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// The style class that gives it its colour.
    pub(super) class: &'static str,
    pub(super) figures: Vec<String>,
    /// The trouble at it, if there was any.
    pub(super) alarm: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) label: Option<String>,
    /// The share that it carries of all that users sent.
    pub(super) weight: f64,
    /// The trouble on it, if there was any.
    pub(super) alarm: Option<String>,
}

impl View {
    /// The system of a run, as far as it is known.
    pub(super) fn of(record: &Record, tones: &Tones<'_>) -> Self {
        let mut tiers = vec![users(record)];
        let traffic = record.traffic.as_ref();
        let remark = match traffic.filter(|traffic| !traffic.nodes.is_empty()) {
            Some(traffic) => {
                tiers.extend(tiers_of(record, traffic, tones));
                match traffic.nodes.iter().any(|node| node.requests.is_some()) {
                    true => {
                        "As the nodes counted, without warm-up. Lines are as wide as what they carry; a share is of all \
                         calls to nodes of the role; cores are CPU seconds a second; ▲ tells of errors, of which there \
                         were none where it is missing."
                    }
                    false => {
                        "As the plan says; nodes don’t tell what they counted, or this record doesn’t hold it."
                    }
                }
            }
            None => {
                tiers.extend(from_outside(record));
                "As answers told. What is behind them can’t be seen from outside."
            }
        };
        View { tiers, remark }
    }
}

fn users(record: &Record) -> Tier {
    let most = record
        .stages
        .iter()
        .filter(|stage| !stage.warm_up)
        .map(|stage| stage.users);
    let open = record.stages.iter().any(|stage| stage.is_open());
    let most = most.max().unwrap_or(0) as u64;
    let users = count(most);
    let failed: u64 = record
        .routes
        .iter()
        .map(|route| route.requests.failed)
        .sum();
    let mut figures = vec![format!(
        "{}{users} {}",
        if open { "at most " } else { "" },
        if most == 1 { "user" } else { "users" }
    )];
    figures.extend(cores(record, "load generator"));
    Tier {
        name: "Users".to_owned(),
        nodes: vec![Node {
            name: "load generator".to_owned(),
            class: GENERATOR,
            figures,
            alarm: (failed > 0).then(|| format!("{} failed", count(failed))),
        }],
        links: Vec::new(),
    }
}

fn sent(record: &Record) -> f64 {
    let requests: u64 = record.routes.iter().map(|route| route.requests.count).sum();
    requests as f64
}

/// The nodes in their tiers; where a record doesn't tell those, each node behind whom it is
/// called by, which is one after the other.
fn tiers_of(record: &Record, traffic: &Traffic, tones: &Tones<'_>) -> Vec<Tier> {
    let named = |name: &String| traffic.nodes.iter().find(|node| node.name == *name);
    let tiers: Vec<Vec<&NodeRecord>> = match traffic.tiers.is_empty() {
        true => traffic.nodes.iter().map(|node| vec![node]).collect(),
        false => {
            let tiers = traffic.tiers.iter();
            tiers
                .map(|tier| tier.iter().filter_map(named).collect())
                .collect()
        }
    };
    let tiers = tiers.into_iter().filter(|tier| !tier.is_empty());
    let drawn = tiers.enumerate().map(|(depth, tier)| Tier {
        name: name_of(&tier),
        links: tier
            .iter()
            .map(|node| match depth {
                0 => entrance(record),
                _ => link_to(record, traffic, node),
            })
            .collect(),
        nodes: tier
            .iter()
            .map(|node| Node {
                class: tones.of_role(&node.service),
                figures: figures(record, node),
                alarm: (node.errors > 0).then(|| format!("{} answered 5xx", count(node.errors))),
                name: node.name.clone(),
            })
            .collect(),
    });
    drawn.collect()
}

/// The roles of a tier.
fn name_of(tier: &[&NodeRecord]) -> String {
    let mut roles: Vec<&str> = Vec::new();
    for node in tier {
        if !roles.contains(&node.service.as_str()) {
            roles.push(&node.service);
        }
    }
    roles.join(", ")
}

fn figures(record: &Record, node: &NodeRecord) -> Vec<String> {
    let remarks = node.remarks.iter().cloned();
    let cores = cores(record, &node.name).map(|cores| match &node.machine {
        Some(machine) => format!("{cores} of {}", machine.cpus),
        None => cores,
    });
    remarks.chain(cores).collect()
}

fn cores(record: &Record, name: &str) -> Option<String> {
    let process = record
        .processes
        .iter()
        .find(|process| process.name == name)?;
    let cores = record.per_measured_second(process.cpu_seconds)?;
    Some(format!("{} cores", parts(cores)))
}

/// All that users send.
fn entrance(record: &Record) -> Link {
    Link {
        label: record.per_measured_second(sent(record)).map(per_second),
        weight: 1.0,
        alarm: None,
    }
}

/// The calls of a node, as its callers counted, and their share of all calls to its role.
fn link_to(record: &Record, traffic: &Traffic, node: &NodeRecord) -> Link {
    let to = |name: &str| -> Vec<&EdgeRecord> {
        let edges = traffic.edges.iter();
        edges.filter(|edge| edge.to == name).collect()
    };
    let calls_of = |edges: &[&EdgeRecord]| edges.iter().map(|edge| edge.calls).sum::<u64>();
    let to_it = to(&node.name);
    if to_it.is_empty() {
        return Link::default();
    }
    let calls = calls_of(&to_it);
    let failed: u64 = to_it.iter().filter_map(|edge| edge.failed).sum();
    let mut label = known(record.per_measured_second(calls as f64), per_second);
    let equals = traffic.nodes.iter();
    let equals: Vec<&NodeRecord> = equals.filter(|of| of.service == node.service).collect();
    let all: u64 = equals.iter().map(|equal| calls_of(&to(&equal.name))).sum();
    if let Some(share) = share(calls, all).filter(|_| equals.len() > 1) {
        label = format!("{label} · {}", percent(share));
    }
    Link {
        label: Some(label),
        weight: calls as f64 / sent(record).max(1.0),
        alarm: (failed > 0).then(|| format!("{} failed", count(failed))),
    }
}

/// A system that was there: where it was asked, and who answered.
fn from_outside(record: &Record) -> Vec<Tier> {
    let url = record.plan.target.clone();
    let server = Tier {
        name: "The server".to_owned(),
        nodes: vec![Node {
            name: url.unwrap_or_else(|| "the server".to_owned()),
            class: "tone-1",
            figures: Vec::new(),
            alarm: None,
        }],
        links: vec![entrance(record)],
    };
    let answers = &record.answered_by;
    let all: u64 = answers.values().sum();
    let nodes = Tier {
        name: "Nodes that answered".to_owned(),
        links: answers
            .values()
            .map(|answers| Link {
                label: share(*answers, all).map(percent),
                weight: share(*answers, all).unwrap_or(0.0) / 100.0,
                alarm: None,
            })
            .collect(),
        nodes: answers
            .iter()
            .map(|(name, answers)| Node {
                name: name.clone(),
                class: "tone-2",
                figures: vec![format!("{} answers", count(*answers))],
                alarm: None,
            })
            .collect(),
    };
    let tiers = [server, nodes].into_iter();
    tiers.filter(|tier| !tier.nodes.is_empty()).collect()
}
