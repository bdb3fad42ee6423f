//! What is to be drawn of a system: from the nodes' counters where they were seen, else
//! from the plan, else from what answers told.

use services::contract::Service;

use crate::record::{EdgeRecord, Record, share};
use crate::report::figures::{count, known, parts, per_second, percent};

/// A system in tiers, from the users inwards.
#[derive(Debug)]
pub(super) struct View {
    pub(super) tiers: Vec<Tier>,
    /// Where the figures come from.
    pub(super) remark: &'static str,
}

/// Nodes that are equally far from the users.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) name: &'static str,
    pub(super) nodes: Vec<Node>,
    /// What comes to each node from the tier before, in their order.
    pub(super) links: Vec<Link>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// The style class that gives it its colour.
    pub(super) class: &'static str,
    pub(super) figures: Vec<String>,
    /// What went wrong at it.
    pub(super) alarm: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) label: Option<String>,
    /// How much it carries, of what all users sent.
    pub(super) weight: f64,
    /// What went wrong on it.
    pub(super) alarm: Option<String>,
}

impl View {
    /// What is known of the system of a run.
    pub(super) fn of(record: &Record) -> Self {
        let seen = record
            .traffic
            .as_ref()
            .filter(|traffic| !traffic.nodes.is_empty());
        let mut tiers = vec![users(record)];
        let remark = if let Some(traffic) = seen {
            let names = traffic.nodes.iter();
            let nodes = names.map(|node| (node.name.clone(), service_of(&node.service)));
            tiers.extend(tiers_of(record, nodes.collect()));
            "As the nodes counted, without warm-up. Lines are as wide as what they carry; a share is of what the \
             balancer gave out; cores are CPU seconds a second; ▲ tells of errors, of which there were none where it is missing."
        } else if record.plan.shape.is_some() {
            tiers.extend(tiers_of(record, planned(record)));
            "As the plan says; this record doesn’t hold what the nodes counted."
        } else {
            tiers.extend(from_outside(record));
            "As answers told. What is behind them can’t be seen from outside."
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
    let open = record.stages.iter().any(|stage| stage.open.is_some());
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
        name: "Users",
        nodes: vec![Node {
            name: "load generator".to_owned(),
            class: "hop-generator",
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

/// The nodes of a plan, as the harness names them.
fn planned(record: &Record) -> Vec<(String, Option<Service>)> {
    let Some(shape) = &record.plan.shape else {
        return Vec::new();
    };
    let replicas = |service: Service, most: usize| {
        (1..=most).map(move |number| (format!("{service}-{number}"), Some(service)))
    };
    let single = |service: Service| (service.to_string(), Some(service));
    let mut nodes = vec![single(Service::LoadBalancer)];
    nodes.extend(
        record
            .gateways
            .iter()
            .map(|g| (g.name.clone(), Some(Service::ApiGateway))),
    );
    nodes.extend(replicas(Service::Cache, shape.caches.min(32)));
    nodes.extend([Service::Database, Service::Microservice, Service::Worker].map(single));
    nodes
}

/// Balancer, gateways, and whom they call.
fn tiers_of(record: &Record, nodes: Vec<(String, Option<Service>)>) -> Vec<Tier> {
    let depth = |service: &Option<Service>| match service {
        Some(Service::LoadBalancer) => 0,
        Some(Service::ApiGateway) => 1,
        _ => 2,
    };
    let mut tiers: Vec<Tier> = ["Balancer", "Gateways", "Behind the gateways"]
        .map(|name| Tier {
            name,
            nodes: Vec::new(),
            links: Vec::new(),
        })
        .into();
    for (name, service) in nodes {
        let tier = &mut tiers[depth(&service)];
        tier.links.push(link_to(record, &name, service));
        tier.nodes.push(node(record, name, service));
    }
    tiers.retain(|tier| !tier.nodes.is_empty());
    tiers
}

fn service_of(name: &str) -> Option<Service> {
    Service::ALL
        .into_iter()
        .find(|service| service.as_str() == name)
}

fn node(record: &Record, name: String, service: Option<Service>) -> Node {
    let mut figures = Vec::new();
    if service == Some(Service::Cache) {
        figures.extend(hit_ratio(record, &name));
    }
    figures.extend(cores(record, &name));
    let counted = record.traffic.iter().flat_map(|traffic| &traffic.nodes);
    let errors = counted
        .filter(|node| node.name == name)
        .map(|node| node.errors)
        .sum::<u64>();
    Node {
        class: class(service),
        figures,
        alarm: (errors > 0).then(|| format!("{} answered 5xx", count(errors))),
        name,
    }
}

fn class(service: Option<Service>) -> &'static str {
    match service {
        None => "hop-generator",
        Some(Service::LoadBalancer) => "hop-balancer",
        Some(Service::ApiGateway) => "hop-gateway",
        Some(Service::Cache) => "hop-cache",
        Some(Service::Database) => "hop-database",
        Some(Service::Microservice) => "hop-microservice",
        Some(Service::Worker) => "hop-worker",
    }
}

fn cores(record: &Record, name: &str) -> Option<String> {
    let process = record
        .processes
        .iter()
        .find(|process| process.name == name)?;
    let cores = record.per_measured_second(process.cpu_seconds)?;
    Some(format!("{} cores", parts(cores)))
}

fn hit_ratio(record: &Record, name: &str) -> Option<String> {
    let caches = record.caches.as_ref()?;
    let cache = caches.by_cache.iter().find(|cache| cache.name == name)?;
    let lookups = cache.hits + cache.misses + cache.failed;
    (lookups > 0).then(|| {
        format!(
            "hit ratio {}",
            percent(cache.hits as f64 / lookups as f64 * 100.0)
        )
    })
}

/// What comes to a node, as its callers counted.
fn link_to(record: &Record, name: &str, service: Option<Service>) -> Link {
    let total = sent(record);
    if service == Some(Service::LoadBalancer) {
        return Link {
            label: record.per_measured_second(total).map(per_second),
            weight: 1.0,
            alarm: None,
        };
    }
    let edges = record.traffic.iter().flat_map(|traffic| &traffic.edges);
    let to_it: Vec<&EdgeRecord> = edges.filter(|edge| edge.to == name).collect();
    if to_it.is_empty() {
        return Link::default();
    }
    let calls = to_it.iter().map(|edge| edge.calls).sum::<u64>();
    let failed: u64 = to_it.iter().filter_map(|edge| edge.failed).sum();
    let mut label = known(record.per_measured_second(calls as f64), per_second);
    if service == Some(Service::ApiGateway) {
        let all = record.traffic.iter().flat_map(|traffic| &traffic.edges);
        let given = all.filter(|edge| edge.from == Service::LoadBalancer.as_str());
        let given: u64 = given.map(|edge| edge.calls).sum();
        if let Some(share) = share(calls, given) {
            label = format!("{label} · {}", percent(share));
        }
    }
    Link {
        label: Some(label),
        weight: calls as f64 / total.max(1.0),
        alarm: (failed > 0).then(|| format!("{} failed", count(failed))),
    }
}

/// A system that was there: where it was asked, and who answered.
fn from_outside(record: &Record) -> Vec<Tier> {
    let url = record.plan.target.clone();
    let server = Tier {
        name: "The server",
        nodes: vec![Node {
            name: url.unwrap_or_else(|| "the server".to_owned()),
            class: "hop-balancer",
            figures: Vec::new(),
            alarm: None,
        }],
        links: vec![Link {
            label: record.per_measured_second(sent(record)).map(per_second),
            weight: 1.0,
            alarm: None,
        }],
    };
    let all: u64 = record.gateways.iter().map(|gateway| gateway.answers).sum();
    let gateways = Tier {
        name: "Gateways that answered",
        links: record
            .gateways
            .iter()
            .map(|gateway| Link {
                label: share(gateway.answers, all).map(percent),
                weight: share(gateway.answers, all).unwrap_or(0.0) / 100.0,
                alarm: None,
            })
            .collect(),
        nodes: record
            .gateways
            .iter()
            .map(|gateway| Node {
                name: gateway.name.clone(),
                class: "hop-gateway",
                figures: vec![format!("{} answers", count(gateway.answers))],
                alarm: None,
            })
            .collect(),
    };
    let known = [server, gateways].into_iter();
    known.filter(|tier| !tier.nodes.is_empty()).collect()
}
