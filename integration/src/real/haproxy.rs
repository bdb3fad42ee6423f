//! HAProxy as the balancer. It checks gateways itself, and counts exactly, by gateway too.

use harness::topology::{CountersAt, NodePlan, Program, Ready};

use super::settings::filled;
use super::{About, program as of_words, template, text};

pub(super) const ABOUT: About = About {
    name: "haproxy",
    variable: "HAPROXY",
    schemes: &[],
    image: "haproxy:lts-alpine",
    needs: &["haproxy"],
    folders: &["/usr/sbin"],
    package: "haproxy",
};

pub(super) fn program(set: &dyn Fn(&str) -> Option<String>) -> Program {
    // A master that stays in the foreground, so that it ends when it is told to.
    let mut haproxy = of_words(["haproxy", "-W", "-db", "-f", "haproxy.cfg"]);
    let cfg = template(&filled(include_str!("haproxy.cfg"), set));
    haproxy.files.insert("haproxy.cfg".to_owned(), cfg);
    haproxy
}

pub(super) fn as_node(node: NodePlan) -> NodePlan {
    let page = text("http://127.0.0.1:{port.metrics}/metrics");
    node.ready(Ready::Tcp).counters_at(CountersAt::PageAt(page))
}
