//! Redis as a cache: in memory alone, so that it comes back empty, and nobody is told an old
//! value.

use harness::topology::{CountersAt, Demands, NodePlan, Program, Ready};

use super::{About, program as of_words, text};

pub(super) const ABOUT: About = About {
    name: "redis",
    variable: "REDIS",
    schemes: &["redis"],
    image: "redis:7-alpine",
    needs: &["redis-server"],
    folders: &[],
    package: "redis-server",
};

pub(super) fn program() -> Program {
    of_words([
        "redis-server",
        "--bind",
        "127.0.0.1",
        "--port",
        "{port}",
        "--dir",
        "{dir}",
        "--save",
        "",
        "--appendonly",
        "no",
    ])
}

pub(super) fn as_node(node: NodePlan) -> NodePlan {
    node.ready(Ready::Tcp)
        .url(text("redis://{address}"))
        .counters_at(CountersAt::Redis(text("{url}")))
        .demands(Demands {
            schemes: ABOUT.schemes,
            // The first one with UNLINK.
            oldest: 4,
            empty: true,
        })
}
