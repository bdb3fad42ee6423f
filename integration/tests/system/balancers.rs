//! Balancers of several kinds, over which the promises about balancing are told: this project's
//! own, and those of others that take its place.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use integration::Topology;
use integration::counters::Counters;
use integration::real::{Part, Parts};
use integration::wait::wait_for;
use services::contract::SERVED_BY;

use crate::part_stories::Piece;
use crate::support::{Lab, PATIENCE};

pub(crate) const BALANCER: &str = "load-balancer";

/// The attempts at requests that a balancer has counted.
pub(crate) struct Attempts {
    /// All of them, by gateway.
    pub(crate) attempts: BTreeMap<String, f64>,
    /// Attempts that failed, by gateway.
    pub(crate) failures: BTreeMap<String, f64>,
    /// Attempts that were not the first one at a request.
    pub(crate) retries: f64,
}

/// A kind of balancer.
pub(crate) trait Balancer {
    /// True for one that names errors in a field of the answer (`Proxy-Status`), and counts its
    /// retries.
    const EXPLAINS_ITSELF: bool;

    /// The topology with this balancer.
    fn before(topology: Topology) -> Topology;

    /// The gateways that it gives requests to.
    async fn rotation(lab: &Lab) -> BTreeSet<String>;

    /// The attempts in its counters, of a balancer that counts them.
    fn attempts(_counters: &Counters) -> Attempts {
        panic!("it counts nothing by gateway")
    }

    /// Waits until these are the gateways that it gives requests to.
    async fn until_in_rotation(lab: &Lab, gateways: &[&str]) {
        let look = async || {
            let seen = Self::rotation(lab).await;
            match seen.iter().eq(gateways) {
                true => Ok(()),
                false => Err(format!("{seen:?}")),
            }
        };
        wait_for(format!("{gateways:?} to be in rotation"), PATIENCE, look)
            .await
            .expect("it comes true");
    }
}

/// This project's own.
pub(crate) struct Ours;

impl Balancer for Ours {
    const EXPLAINS_ITSELF: bool = true;

    fn before(topology: Topology) -> Topology {
        topology
    }

    async fn rotation(lab: &Lab) -> BTreeSet<String> {
        let counters = lab.counters(BALANCER).await.expect("it shows them");
        let healthy = counters.by_label("upstream_healthy", "upstream");
        let healthy = healthy.into_iter().filter(|(_, healthy)| *healthy == 1.0);
        healthy.map(|(gateway, _)| gateway).collect()
    }

    fn attempts(counters: &Counters) -> Attempts {
        Attempts {
            attempts: counters.by_label("upstream_requests_total", "upstream"),
            failures: counters.by_label("upstream_failures_total", "upstream"),
            retries: counters.get("upstream_retries_total", &[]),
        }
    }
}

/// nginx, which doesn't tell whom it gives requests to: those who answer some.
pub(crate) struct Nginx;

impl Balancer for Nginx {
    const EXPLAINS_ITSELF: bool = false;

    fn before(topology: Topology) -> Topology {
        taken_by(Part::Nginx, topology)
    }

    async fn rotation(lab: &Lab) -> BTreeSet<String> {
        let answers = (0..12).map(|_| lab.get("/data/item-1"));
        let answers = join_all(answers).await.into_iter();
        let servers = answers.filter_map(|answer| {
            let server = answer.headers().get(SERVED_BY)?;
            Some(server.to_str().expect("text").to_owned())
        });
        servers.collect()
    }
}

/// HAProxy, which checks gateways every two seconds.
pub(crate) struct Haproxy;

impl Balancer for Haproxy {
    const EXPLAINS_ITSELF: bool = false;

    fn before(topology: Topology) -> Topology {
        taken_by(Part::Haproxy, topology)
    }

    async fn rotation(lab: &Lab) -> BTreeSet<String> {
        let counters = lab.counters(BALANCER).await.expect("it shows them");
        let gateways = lab.topology().named("api-gateway").map(|node| &node.name);
        let is_up = |name: &str| {
            let labels = [("server", name), ("state", "UP")];
            counters.get("haproxy_server_status", &labels) == 1.0
        };
        let gateways = gateways.filter(|name| is_up(name.as_str()));
        gateways.map(ToString::to_string).collect()
    }

    fn attempts(counters: &Counters) -> Attempts {
        // What fails is sent elsewhere at once.
        let failures = counters.by_label("haproxy_server_redispatch_warnings_total", "server");
        Attempts {
            attempts: counters.by_label("haproxy_server_sessions_total", "server"),
            retries: failures.values().sum(),
            failures,
        }
    }
}

fn taken_by(part: Part, topology: Topology) -> Topology {
    topology.parts(Piece::program(part).among(Parts::default()))
}
