//! Nodes that run once, such as a migration: those that call them start when they are done.

use std::fs;

use harness::System;
use harness::topology::Topology;

use crate::support::{RunFolder, nodes_of, options};

/// A shop that can't start without what its migration has made.
fn shop(migration: &str) -> Topology {
    let text = r#"
        [node.schema]
        once = true
        run = ["sh", "-c", "MIGRATION"]
        env = { SHELF = "{dir}/../shelf" }
        calls = ["shelf"]

        [node.shelf]
        run = ["PROGRAM", "cache", "--listen={address}"]

        [node.shop]
        run = ["sh", "-c", "test -e \"$SHELF/schema\" && exec \"$0\" cache --listen=\"$1\"", "PROGRAM", "{address}"]
        env = { SHELF = "{dir}/../shelf" }
        calls = ["schema"]
        "#;
    let text = text
        .replace("PROGRAM", env!("CARGO_BIN_EXE_node"))
        .replace("MIGRATION", migration);
    Topology::from_toml(&text).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn those_that_call_a_migration_start_when_it_is_done() {
    let folder = RunFolder::new();
    let migration = "sleep 0.3; echo v1 >> $SHELF/schema";
    let system = System::start(&shop(migration), options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let after = system.done_after("schema").expect("it is done");
    assert!(after.as_millis() >= 300, "{after:?}");
    assert_eq!(system.done_after("shop"), None, "it runs");
    assert!(system.unexpected_exits().is_empty(), "its end was expected");
    system.cpu_time("schema").expect_err("it runs no more");
    system.kill("schema").expect_err("it runs no more");

    system.restart("schema").await.expect("it is done again");
    let schema = fs::read_to_string(folder.path().join("data/shelf/schema"));
    assert_eq!(schema.expect("it was made"), "v1\nv1\n");
    system.stop().await.expect("the others stop");
    assert_eq!(nodes_of(folder.path()), []);
}

pub(crate) async fn a_migration_that_fails_stops_the_start_with_the_end_of_its_log() {
    let folder = RunFolder::new();
    let topology = shop("echo no such table; exit 3");
    let refused = System::start(&topology, options(folder.path())).await;
    let message = refused.expect_err("it failed").to_string();
    assert!(
        message
            .contains("schema runs once and must end with success, but ended with exit status: 3"),
        "{message}"
    );
    assert!(message.ends_with("no such table"), "{message}");
    assert_eq!(nodes_of(folder.path()), [], "the shelf is left");
}

pub(crate) async fn a_migration_that_never_ends_is_late() {
    let folder = RunFolder::new();
    let text = "[node.schema]\nonce = true\nrun = [\"sleep\", \"100\"]\nwithin = \"200ms\"\n\
                [node.shop]\nrun = [\"sleep\", \"100\"]\ncalls = [\"schema\"]\n";
    let topology = Topology::from_toml(text).expect("a topology");
    let refused = System::start(&topology, options(folder.path())).await;
    let message = refused.expect_err("it is late").to_string();
    assert!(
        message.contains("schema was not ready within 200ms"),
        "{message}"
    );
    assert!(message.contains("last seen: it runs"), "{message}");
    assert_eq!(nodes_of(folder.path()), []);
}
