//! Containers of anybody's images as nodes: what they use, and how they meet each other.

use std::env;
use std::process::Command;
use std::time::Duration;

use harness::System;
use harness::topology::Topology;
use integration::wait::wait_for;

use crate::no_orphans::containers_of;
use crate::support::{PATIENCE, RunFolder, options};

/// A topology in TOML, in which `IMAGE` is an image with a shell.
fn topology(text: &str) -> Topology {
    let image = env::var("SKEIN_REDIS_IMAGE").expect("a story about images");
    let topology = Topology::from_toml(&text.replace("IMAGE", &image));
    topology.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn a_container_is_measured_with_all_of_its_processes() {
    let folder = RunFolder::new();
    let lazy = topology(
        r#"
        [node.lazy]
        image = "IMAGE"
        run = ["sh", "-c", "echo at work; exec sleep 1000"]
        ready = { log = "at work" }
        "#,
    );
    let system = System::start(&lazy, options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let before = system.usage("lazy").expect("it runs");
    // No descendant of the container's first process, and soon over.
    let names = containers_of(system.nonce());
    let work = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let mut errand = Command::new("docker");
    let done = errand.args(["exec", &names[0], "sh", "-c", work]).status();
    assert!(done.expect("docker is there").success());
    let look = async || {
        let used = system.usage("lazy").expect("it runs").since(&before);
        let total = system.cpu_time("lazy").expect("it runs");
        assert!(total >= used.cpu);
        assert!(used.peak_memory > 1 << 16, "{used:?}");
        assert_eq!(used.throttled, None, "it has no quota");
        match used.cpu > Duration::from_millis(50) {
            true => Ok(()),
            false => Err(format!("{used:?}")),
        }
    };
    let counted = wait_for("the work of the errand", PATIENCE, look).await;
    counted.unwrap_or_else(|overdue| panic!("{overdue}"));
}
