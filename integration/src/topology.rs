//! The laboratory as data: which nodes there are, who is whose upstream, on which
//! ports, with which settings.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;

use harness::topology::{Cpus, NodePlan, Pool, PoolSize, Ready, Run, Text};
use harness::{NodeName, topology};
use services::contract::Service;

use crate::real::Parts;

/// The plan of a laboratory, or of one node of it. Each method returns the plan with one
/// thing changed, and the order in which they are called doesn't matter.
///
/// It is a topology of the [`harness`] like any other.
#[derive(Clone, Debug)]
pub struct Topology {
    shape: Shape,
    topology: topology::Topology,
}

/// A flag of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    /// The flag, without its dashes.
    flag: String,
    /// Its value; none for a switch.
    value: Option<String>,
}

impl Topology {
    /// Most replicas of one service.
    pub const MAX_REPLICAS: usize = 32;

    /// The laboratory: a balancer, three gateways, two caches, a database, a
    /// microservice and a worker, on ports that the system chooses.
    pub fn laboratory() -> Self {
        Shape {
            replicas: Replicas::Laboratory {
                gateways: 3,
                caches: 2,
            },
            ports: Ports::Free,
            parts: Parts::default(),
            settings: Vec::new(),
            cpus: Vec::new(),
        }
        .into()
    }

    /// One node alone, whose upstreams, if it has any, are given by [`Topology::with`].
    pub fn single(service: Service) -> Self {
        Shape {
            replicas: Replicas::Single(service),
            ports: Ports::Free,
            parts: Parts::default(),
            settings: Vec::new(),
            cpus: Vec::new(),
        }
        .into()
    }

    /// A balancer alone, before gateways that run elsewhere, at these URLs. They are named as
    /// those of a laboratory are, and nobody waits for their answer.
    pub fn balancer_before(gateways: &[String]) -> Self {
        Shape {
            replicas: Replicas::Balancer(gateways.to_vec()),
            ports: Ports::Free,
            parts: Parts::default(),
            settings: Vec::new(),
            cpus: Vec::new(),
        }
        .into()
    }

    /// The same with this many gateways.
    ///
    /// # Panics
    ///
    /// Unless `n` is 1 to [`Topology::MAX_REPLICAS`], and for a [`Topology::single`].
    pub fn gateways(mut self, n: usize) -> Self {
        assert!(
            (1..=Self::MAX_REPLICAS).contains(&n),
            "a system has 1 to {} gateways, not {n}",
            Self::MAX_REPLICAS
        );
        *self.shape.laboratory().0 = n;
        self.shape.into()
    }

    /// The same with this many caches.
    ///
    /// # Panics
    ///
    /// When `n` exceeds [`Topology::MAX_REPLICAS`], and for a [`Topology::single`].
    pub fn caches(mut self, n: usize) -> Self {
        assert!(
            n <= Self::MAX_REPLICAS,
            "a system has 0 to {} caches, not {n}",
            Self::MAX_REPLICAS
        );
        *self.shape.laboratory().1 = n;
        self.shape.into()
    }

    /// The same with caches that run elsewhere, such as `redis://127.0.0.1:6379`, in
    /// place of cache nodes. The gateways know them as `cache-1`, `cache-2` and so on.
    ///
    /// # Panics
    ///
    /// For a [`Topology::single`].
    pub fn external_caches(self, urls: &[String]) -> Self {
        (1..)
            .zip(urls)
            .fold(self.caches(0), |topology, (number, url)| {
                topology.with(
                    Service::ApiGateway,
                    "cache",
                    format!("{}-{number}={url}", Service::Cache),
                )
            })
    }

    /// The same with these parts in place of ours.
    ///
    /// # Panics
    ///
    /// For a [`Topology::single`].
    pub fn parts(mut self, parts: Parts) -> Self {
        match (&mut self.shape.replicas, &parts.cache) {
            (Replicas::Single(service), _) => {
                panic!("nobody takes the place of a single {service}")
            }
            (Replicas::Laboratory { caches, .. }, Some(real)) => {
                *caches = real.servers().unwrap_or(*caches);
            }
            _ => {}
        }
        self.shape.parts = parts;
        self.shape.into()
    }

    /// The same on the laboratory's ports; further replicas stay on free ones.
    pub fn on_laboratory_ports(mut self) -> Self {
        self.shape.ports = Ports::Laboratory;
        self.shape.into()
    }

    /// The same with one more setting for every node of `service`: a flag of the
    /// service without its dashes, such as `storage-latency`, and its value. A flag
    /// that may be repeated may be set repeatedly.
    pub fn with(mut self, service: Service, flag: &str, value: impl Display) -> Self {
        let setting = Setting::new(flag, Some(value.to_string()));
        self.shape.settings.push((service, setting));
        self.shape.into()
    }

    /// The same on small machines: every node of a role, such as `api-gateway` or `postgres`,
    /// is given this share of the CPUs. Where no other means can be had, ours simulate it.
    pub fn cpus(mut self, role: &str, cpus: Cpus) -> Self {
        self.shape.cpus.push((role.to_owned(), cpus));
        self.shape.into()
    }

    /// The same with a switch for every node of `service`: a flag without a value.
    pub fn with_switch(mut self, service: Service, flag: &str) -> Self {
        let setting = Setting::new(flag, None);
        self.shape.settings.push((service, setting));
        self.shape.into()
    }
}

impl Deref for Topology {
    type Target = topology::Topology;

    fn deref(&self) -> &topology::Topology {
        &self.topology
    }
}

/// The service that a node of the laboratory runs, or whose place it takes.
///
/// # Panics
///
/// When it is of no service, such as PostgreSQL, or of another topology.
pub fn service_of(node: &NodePlan) -> Service {
    Service::ALL
        .into_iter()
        .find(|service| service.as_str() == node.role)
        .expect("a node of the laboratory has a service as its role")
}

/// What a topology was asked to be; its nodes follow from it.
#[derive(Clone, Debug)]
struct Shape {
    replicas: Replicas,
    ports: Ports,
    parts: Parts,
    settings: Vec<(Service, Setting)>,
    /// The shares of the CPUs by role, the last one counting.
    cpus: Vec<(String, Cpus)>,
}

#[derive(Clone, Debug)]
enum Replicas {
    Laboratory {
        gateways: usize,
        caches: usize,
    },
    Single(Service),
    /// A balancer, and the URLs of its gateways.
    Balancer(Vec<String>),
}

impl Replicas {
    /// The URL of a node that runs elsewhere.
    fn elsewhere(&self, service: Service, number: usize) -> Option<String> {
        match self {
            Replicas::Balancer(urls) if service == Service::ApiGateway => {
                urls.get(number - 1).cloned()
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Ports {
    Free,
    Laboratory,
}

impl Shape {
    fn laboratory(&mut self) -> (&mut usize, &mut usize) {
        match &mut self.replicas {
            Replicas::Laboratory { gateways, caches } => (gateways, caches),
            Replicas::Single(service) => panic!("a single {service} has no replicas"),
            Replicas::Balancer(_) => panic!("a balancer alone has the gateways that it was given"),
        }
    }

    fn count(&self, service: Service) -> usize {
        match &self.replicas {
            Replicas::Single(only) => usize::from(service == *only),
            Replicas::Balancer(urls) => match service {
                Service::LoadBalancer => 1,
                Service::ApiGateway => urls.len(),
                _ => 0,
            },
            Replicas::Laboratory { gateways, caches } => match service {
                Service::ApiGateway => *gateways,
                Service::Cache => *caches,
                _ => 1,
            },
        }
    }

    fn names(&self, service: Service) -> impl Iterator<Item = NodeName> {
        (1..=self.count(service)).map(move |number| name(service, number))
    }

    /// Every node, in the order in which a request meets them.
    fn nodes(&self) -> impl Iterator<Item = NodePlan> {
        let services = Service::ALL.into_iter();
        let numbered = services
            .flat_map(|service| (1..=self.count(service)).map(move |number| (service, number)));
        let of_services = numbered.map(|(service, number)| self.node(service, number));
        of_services
            .chain(self.behind_services())
            .map(|node| self.on_its_machine(node))
    }

    fn on_its_machine(&self, node: NodePlan) -> NodePlan {
        let mut given = self.cpus.iter().rev();
        match given.find(|(role, _)| *role == node.role) {
            Some((_, cpus)) => node.cpus(*cpus),
            None => node,
        }
    }

    /// The nodes that services keep things in, and no service is replaced by.
    fn behind_services(&self) -> impl Iterator<Item = NodePlan> {
        let behind = [&self.parts.queue, &self.parts.database]
            .into_iter()
            .flatten();
        behind.map(|real| {
            let name = real.part.name().parse();
            real.node(name.expect("a part's name is a node's"), 1, &|_| None)
        })
    }

    fn node(&self, service: Service, number: usize) -> NodePlan {
        let in_its_place = match service {
            Service::LoadBalancer => &self.parts.balancer,
            Service::Cache => &self.parts.cache,
            _ => &None,
        };
        match in_its_place {
            Some(real) => real
                .node(name(service, number), number, &|flag| {
                    self.value_of(service, flag)
                })
                .in_role(service.as_str(), number)
                .port(self.port(service, number)),
            None => match self.replicas.elsewhere(service, number) {
                Some(url) => NodePlan::running(name(service, number), Run::Elsewhere(url))
                    .in_role(service.as_str(), number)
                    .ready(Ready::AtOnce),
                None => self.node_of_ours(service, number),
            },
        }
    }

    /// The value of a flag of a service, the last one where it was set several times.
    fn value_of(&self, service: Service, flag: &str) -> Option<String> {
        let mut settings = self.settings.iter().rev();
        let set = settings.find(|(of, setting)| *of == service && setting.flag == flag);
        set.and_then(|(_, setting)| setting.value.clone())
    }

    fn port(&self, service: Service, number: usize) -> u16 {
        let fixed = service.laboratory_ports().get(number - 1).copied();
        match self.ports {
            Ports::Free => 0,
            Ports::Laboratory => fixed.unwrap_or(0),
        }
    }

    fn node_of_ours(&self, service: Service, number: usize) -> NodePlan {
        let port = self.port(service, number);
        let text = |text: &str| -> Text { text.parse().expect("a text of ours") };
        let mut arguments = vec![
            Text::literal(service.as_str()),
            text("--name={name}"),
            text("--listen={address}"),
        ];
        // So that the harness can keep a free port for the node while it is down.
        arguments.extend((port == 0).then(|| text("--share-port")));
        for &upstream in upstreams(service) {
            let flag = match upstream {
                Service::ApiGateway => "gateway",
                other => other.as_str(),
            };
            let wired = self
                .names(upstream)
                .map(|name| text(&format!("--{flag}={name}={{{name}.url}}")));
            arguments.extend(wired);
        }
        let keeps_data = matches!(service, Service::Database | Service::Worker);
        let store = self.parts.database.as_ref().filter(|_| keeps_data);
        let queue = self
            .parts
            .queue
            .as_ref()
            .filter(|_| service == Service::Worker);
        if keeps_data && store.is_none() {
            arguments.push(text("--file={dir}/data.sqlite"));
        }
        let settings = self.settings(service);
        let has_channels = settings
            .iter()
            .any(|setting| setting.flag == "storage-channels");
        let (secret, shown): (Vec<Setting>, Vec<Setting>) =
            settings.into_iter().partition(|s| s.secret().is_some());
        arguments.extend(shown.into_iter().map(Setting::into_argument));
        let node = NodePlan::hosted(name(service, number), arguments);
        let secrets = secret.iter().filter_map(Setting::secret);
        let secrets = secrets.map(|(name, value)| (name, Text::literal(value)));
        let servers = [("SKEIN_STORE", store), ("SKEIN_QUEUE", queue)].into_iter();
        let servers = servers.filter_map(|(variable, real)| {
            let url = format!("{{{}.url}}", real?.part);
            Some((variable, text(&url)))
        });
        let node = match service {
            Service::Worker => node.pool("executors", shown_pool("executor_busy", "executors")),
            Service::Database if has_channels => {
                node.pool("storage", shown_pool("storage_busy", "storage_channels"))
            }
            _ => node,
        };
        secrets
            .chain(servers)
            .fold(node, |node, (name, value)| node.env(name, value))
            .in_role(service.as_str(), number)
            .env("SKEIN_NONCE", text("{nonce}"))
            .cpus_told_by("SKEIN_CPUS")
            .port(port)
            .counters("/metrics")
    }

    fn settings(&self, service: Service) -> Vec<Setting> {
        let of_service = self.settings.iter().filter(|(of, _)| *of == service);
        let mut settings: Vec<Setting> = of_service.map(|(_, setting)| setting.clone()).collect();
        let is_ttl = |of: Service, flag: &str| of == Service::Cache && flag == "ttl";
        if service == Service::ApiGateway && self.parts.cache.is_some() {
            // What our caches are told, gateways tell Redis.
            let ttl = self
                .settings
                .iter()
                .filter(|(of, setting)| is_ttl(*of, &setting.flag));
            let ttl = ttl.map(|(_, setting)| Setting::new("redis-ttl", setting.value.clone()));
            settings.extend(ttl);
        }
        let caches_are_settled = self.count(Service::Cache) > 0
            || settings
                .iter()
                .any(|s| ["cache", "no-cache"].contains(&s.flag.as_str()));
        if service == Service::ApiGateway && !caches_are_settled {
            // Else it would take the laboratory's caches, by its default.
            settings.push(Setting::new("no-cache", None));
        }
        settings
    }
}

impl Setting {
    fn new(flag: &str, value: Option<String>) -> Self {
        Setting {
            flag: flag.to_owned(),
            value,
        }
    }

    /// The variable by which a node is told a flag's value that is a secret, and the value:
    /// every user of the machine sees command lines, and only this one environments.
    fn secret(&self) -> Option<(&'static str, &str)> {
        let variable = match self.flag.as_str() {
            "jwt-secret" => "SKEIN_JWT_SECRET",
            // URLs with passwords in them.
            "store" => "SKEIN_STORE",
            "queue" => "SKEIN_QUEUE",
            _ => return None,
        };
        Some((variable, self.value.as_deref()?))
    }

    /// The setting as it is on a command line.
    fn into_argument(self) -> Text {
        Text::literal(match self.value {
            Some(value) => format!("--{}={value}", self.flag),
            None => format!("--{}", self.flag),
        })
    }
}

impl From<Shape> for Topology {
    fn from(shape: Shape) -> Self {
        let nodes = shape.nodes().enumerate();
        // A request meets the first one first.
        let nodes = nodes.map(|(position, node)| if position == 0 { node.entry() } else { node });
        let topology = topology::Topology::of(nodes).expect("the laboratory's nodes fit together");
        Topology { shape, topology }
    }
}

/// Whom the nodes of a service call.
fn upstreams(service: Service) -> &'static [Service] {
    match service {
        Service::LoadBalancer => &[Service::ApiGateway],
        Service::ApiGateway => &[
            Service::Cache,
            Service::Database,
            Service::Microservice,
            Service::Worker,
        ],
        Service::Cache | Service::Database | Service::Microservice | Service::Worker => &[],
    }
}

/// A pool of a service, whose busy time and size it shows under these names.
fn shown_pool(busy: &str, size: &str) -> Pool {
    Pool {
        busy: format!("{busy}_seconds_total"),
        size: PoolSize::Shown(size.to_owned()),
        labels: BTreeMap::new(),
    }
}

/// The name of a node: only services that come in several replicas number theirs.
fn name(service: Service, number: usize) -> NodeName {
    let name = match service {
        Service::ApiGateway | Service::Cache => format!("{service}-{number}"),
        _ => service.to_string(),
    };
    name.parse()
        .expect("a service and a number are a node name")
}

#[cfg(test)]
mod tests;
