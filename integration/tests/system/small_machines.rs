//! Small machines made of this one: a node gets its share of the CPUs and no more, and the
//! system tells by which means.

use std::env;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::topology::{Cpus, Topology};
use harness::{StartOptions, System, machine};
use integration::wait::wait_for;
use services::contract::Service;

use crate::support::{Lab, PATIENCE, RunFolder, client, nodes_of, options};

/// A program with two processes that would take two cores, of which it is given a quarter.
const GREEDY: &str = r#"
[node.greedy]
run = ["sh", "-c", "echo at work; (while :; do :; done) & while :; do :; done"]
ready = { log = "at work" }
cpus = 0.25
"#;

/// The reason why no program can be given a cgroup here, or `None` when it can.
pub(crate) fn no_cgroups() -> Option<String> {
    machine::cgroups().err()
}

pub(crate) async fn a_program_with_all_whom_it_starts_gets_its_share_and_no_more() {
    let folder = RunFolder::new();
    let topology = Topology::from_toml(GREEDY).expect("a topology");
    let system = System::start(&topology, options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let machine = system.machine("greedy").expect("a small one").to_string();
    assert!(
        machine.starts_with("0.25 of a CPU by a cgroup (v"),
        "{machine}"
    );
    takes_a_quarter(&system).await;
    assert!(!groups(process::id()).is_empty());
    system.kill("greedy").expect("it runs");
    system.restart("greedy").await.expect("it returns");
    takes_a_quarter(&system).await;
    drop(system);
    assert_eq!(nodes_of(folder.path()), []);
}

pub(crate) async fn a_container_gets_its_share_and_no_more() {
    let image = env::var("SKEIN_REDIS_IMAGE").expect("a story about images");
    let contained = GREEDY.replace("run =", &format!("image = {image:?}\nrun ="));
    let folder = RunFolder::new();
    let topology = Topology::from_toml(&contained).expect("a topology");
    let system = System::start(&topology, options(folder.path())).await;
    let system = system.unwrap_or_else(|error| panic!("{error}"));
    let machine = system.machine("greedy").expect("a small one").to_string();
    assert_eq!(machine, "0.25 of a CPU by its container");
    takes_a_quarter(&system).await;
}

pub(crate) async fn a_service_without_a_cgroup_simulates_its_share() {
    let folder = RunFolder::new();
    let tenth = Cpus::of(0.1).expect("a share");
    let topology = integration::Topology::single(Service::Microservice)
        .with(Service::Microservice, "iterations", 20_000)
        .cpus("microservice", tenth);
    let lab = Lab::start_with(&topology, without_cgroups(folder.path()), folder).await;
    let machine = lab
        .machine("microservice")
        .expect("a small one")
        .to_string();
    assert_eq!(
        machine,
        "0.1 of a CPU simulated by the program itself (told by SKEIN_CPUS)"
    );
    let url = format!("{}/process", lab.url());
    let look = async || {
        let (before, began) = (
            lab.cpu_time("microservice").expect("it runs"),
            Instant::now(),
        );
        let users = (0..4).map(async |_| {
            while began.elapsed() < Duration::from_secs(1) {
                let answer = client().post(&url).body("abc").send().await;
                assert!(answer.expect("an answer").status().is_success());
            }
        });
        join_all(users).await;
        let used = lab.cpu_time("microservice").expect("it runs") - before;
        let cores = used.as_secs_f64() / began.elapsed().as_secs_f64();
        // What each user's last request took beyond it is little; on a busy machine it gets less.
        assert!(cores < 0.14, "{cores} cores");
        match cores > 0.05 {
            true => Ok(()),
            false => Err(format!("{cores} cores")),
        }
    };
    let taken = wait_for("a tenth of a core", PATIENCE, look).await;
    taken.unwrap_or_else(|overdue| panic!("{overdue}"));
}

pub(crate) async fn a_program_without_any_means_fails_the_start_and_is_told_what_to_do() {
    let folder = RunFolder::new();
    let topology = Topology::from_toml(GREEDY).expect("a topology");
    let refused = System::start(&topology, without_cgroups(folder.path())).await;
    let message = refused.expect_err("no means").to_string();
    for says in [
        "greedy can't be given 0.25 of a CPU here, since it is to be started without a cgroup",
        "run it in a container, or leave its `cpus` out",
    ] {
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(nodes_of(folder.path()), []);
}

/// Remains of a harness that was killed, which the next one removes.
pub(crate) async fn the_cgroups_of_a_harness_that_was_killed_are_swept() {
    let mut ended = process::Command::new("true").spawn().expect("it runs");
    let dead = ended.id();
    ended.wait().expect("it ends");
    // A group of ours shows where they are made.
    let folder = RunFolder::new();
    let topology = Topology::from_toml(GREEDY).expect("a topology");
    let start = async || {
        let started = System::start(&topology, options(folder.path())).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    };
    let system = start().await;
    let ours = groups(process::id()).pop().expect("a group");
    drop(system);
    let left = ours.with_file_name(format!("skein-{dead}-1"));
    std::fs::create_dir(&left).expect("a group");
    drop(start().await);
    assert!(!left.exists(), "{} is left", left.display());
}

/// Waits until the node has taken its share for a while, and it has stood still for the rest.
async fn takes_a_quarter(system: &System) {
    let look = async || {
        let (before, began) = (system.usage("greedy").expect("it runs"), Instant::now());
        tokio::time::sleep(Duration::from_millis(600)).await;
        let used = system.usage("greedy").expect("it runs").since(&before);
        let cores = used.cpu.as_secs_f64() / began.elapsed().as_secs_f64();
        // However busy the machine is, it never gets more.
        assert!(cores < 0.30, "{cores} cores");
        let throttled = used.throttled.expect("the kernel tells");
        match cores > 0.15 && throttled.throttled > 20 && !throttled.time.is_zero() {
            true => Ok(()),
            false => Err(format!("{cores} cores, {throttled:?}")),
        }
    };
    let taken = wait_for("a quarter of a core", PATIENCE, look).await;
    taken.unwrap_or_else(|overdue| panic!("{overdue}"));
}

fn without_cgroups(folder: &Path) -> StartOptions {
    let options = options(folder);
    StartOptions {
        launcher: options.launcher.without_cgroups(),
        ..options
    }
}

/// The groups that a process of ours has made.
fn groups(harness: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
        for path in entries.filter(|path| path.is_dir() && !path.is_symlink()) {
            let name = path.file_name().and_then(|name| name.to_str());
            let is_ours = |name: &str| name.starts_with(&format!("skein-{harness}-"));
            if name.is_some_and(is_ours) {
                found.push(path.clone());
            }
            folders.push(path);
        }
    }
    found
}
