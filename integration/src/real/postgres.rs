//! PostgreSQL as the home of items and tasks, each in a schema of its own of one database.

use std::time::Duration;

use harness::topology::{CountersAt, Demands, NodePlan, Program, Ready, Signal, Text};
use xxhash_rust::xxh3::xxh3_64;

use super::{About, script, text};

pub(super) const ABOUT: About = About {
    name: "postgres",
    variable: "POSTGRES",
    schemes: &["postgres", "postgresql"],
    image: "postgres:17-alpine",
    needs: &["postgres", "initdb"],
    // Debian keeps them out of the way, one folder a version.
    folders: &["/usr/lib/postgresql/*/bin"],
    package: "postgresql",
};

pub(super) fn program() -> Program {
    const SCRIPT: &str = include_str!("postgres.sh");
    let mut postgres = Program {
        // No more than what is under way is finished: "fast shutdown" in its manual.
        stop: Signal::SIGINT,
        ..script(SCRIPT)
    };
    // A cluster that another script has made is none to copy.
    let recipe = format!(
        "{}-{:x}",
        env!("CARGO_PKG_VERSION"),
        xxh3_64(SCRIPT.as_bytes())
    );
    postgres
        .environment
        .insert("RECIPE".to_owned(), Text::literal(recipe));
    postgres
        .files
        .insert("password".to_owned(), text("{nonce}"));
    postgres
}

pub(super) fn as_node(node: NodePlan) -> NodePlan {
    const STARTS: Duration = Duration::from_secs(120);
    let ready = Ready::Log("database system is ready to accept connections".to_owned());
    let url = text("postgres://skein:{nonce}@{address}/skein");
    let statistics = CountersAt::Postgres(text("{url}"));
    let node = node.ready(ready).within(STARTS).url(url);
    node.counters_at(statistics).demands(Demands {
        schemes: ABOUT.schemes,
        oldest: 0,
        empty: true,
    })
}
