//! nginx as the balancer. It goes round exactly, since its workers share the memory that says
//! whose turn it is. It has no active checks: a gateway that fails three times is left out for
//! ten seconds. It counts requests, and nothing by gateway.

use harness::topology::{CountersAt, NodePlan, Program, Ready};

use super::settings::filled;
use super::{About, program as of_words, template};

pub(super) const ABOUT: About = About {
    name: "nginx",
    variable: "NGINX",
    schemes: &[],
    image: "nginx:1-alpine",
    needs: &["nginx"],
    folders: &["/usr/sbin"],
    package: "nginx-light",
};

pub(super) fn program(set: &dyn Fn(&str) -> Option<String>) -> Program {
    let mut nginx = of_words(["nginx", "-e", "stderr", "-p", "{dir}", "-c", "nginx.conf"]);
    let conf = template(&filled(include_str!("nginx.conf"), set));
    nginx.files.insert("nginx.conf".to_owned(), conf);
    nginx
}

pub(super) fn as_node(node: NodePlan) -> NodePlan {
    let status = CountersAt::Nginx("/nginx-status".to_owned());
    node.ready(Ready::Tcp).counters_at(status)
}
