//! If the harness itself is killed, no node survives it. The harness that is
//! killed is this very program, started once more with a hidden word.

use std::env;
use std::io::{self, BufRead};
use std::os::unix::process::{ExitStatusExt, parent_id};
use std::path::Path;
use std::process::{self, ChildStdin, ExitCode, ExitStatus, Stdio};
use std::thread;

use integration::real::{Part, Parts};
use integration::wait::wait_for;
use integration::{System, Topology, host};
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;

use crate::part_stories::Piece;
use crate::support::{PATIENCE, RunFolder, no_node_is_left, nodes_of, options};
use crate::whole::Whole;

/// The first argument of a program that is to be the harness; its folder follows.
const HIDDEN_WORD: &str = "__harness";

pub(crate) async fn no_node_survives_a_harness_that_was_killed() {
    let folder = RunFolder::new();
    let mut harness = harness(&folder, "SKEIN_UNUSED", "").await;
    assert_eq!(nodes_of(folder.path()).len(), 9);
    // SIGKILL: the harness runs none of its own code any more.
    harness.kill().await.expect("it runs");
    no_node_is_left(folder.path()).await;
}

pub(crate) async fn nothing_of_a_part_survives_a_harness_that_was_killed() {
    let parts = [Part::Nginx, Part::Redis, Part::RabbitMq, Part::Postgres].map(Piece::program);
    let folder = RunFolder::new();
    let (mut harness, _) = harness_with(&folder, &parts, "SKEIN_UNUSED", "").await;
    let whole = Whole::of(folder.path());
    // Two of nginx and of Redis each, and those whom PostgreSQL and Erlang keep around.
    assert!(whole.processes().len() > 10, "{:?}", whole.processes());
    harness.kill().await.expect("it runs");
    no_node_is_left(folder.path()).await;
    whole.is_gone().await;
}

pub(crate) async fn no_container_survives_a_harness_that_was_killed() {
    let parts = [Part::Haproxy, Part::Redis, Part::Postgres].map(Piece::container);
    let folder = RunFolder::new();
    let (mut harness, nonce) = harness_with(&folder, &parts, "SKEIN_UNUSED", "").await;
    assert_eq!(containers_of(&nonce).len(), 4);
    harness.kill().await.expect("it runs");
    let look = async || match containers_of(&nonce) {
        left if left.is_empty() => Ok(()),
        left => Err(left.join(", ")),
    };
    wait_for("the end of every container", PATIENCE, look)
        .await
        .expect("none is left");
    no_node_is_left(folder.path()).await;
}

/// The names of a system's containers, stopped ones included.
pub(crate) fn containers_of(nonce: &str) -> Vec<String> {
    let filter = format!("name=skein-{}", &nonce[..12]);
    let words = ["ps", "--all", "--format", "{{.Names}}", "--filter", &filter];
    let listed = process::Command::new("docker").args(words).output();
    let listed = listed.expect("docker is there");
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8_lossy(&listed.stdout);
    names.lines().map(str::to_owned).collect()
}

pub(crate) async fn the_environment_of_the_harness_sets_nothing() {
    let folder = RunFolder::new();
    // No node would start with this filter for its log.
    let _harness = harness(&folder, "SKEIN_LOG", "=nonsense=").await;
    assert_eq!(nodes_of(folder.path()).len(), 9);
}

pub(crate) async fn a_node_ends_with_the_thread_that_started_it() {
    let start = || node(process::id());
    let (mut node, lifeline) = thread::spawn(start).join().expect("no panic");
    let status = end_of(&mut node).await;
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
    drop(lifeline);
}

pub(crate) async fn a_node_ends_when_its_lifeline_does() {
    let (mut node, lifeline) = node(process::id());
    drop(lifeline);
    let status = end_of(&mut node).await;
    assert_eq!(status.code(), Some(1), "{status}");
}

pub(crate) async fn a_node_does_not_start_for_a_harness_that_is_gone() {
    let somebody_else = parent_id();
    let node = node_command(somebody_else).output();
    let node = node.expect("the node's program starts");
    assert_eq!(node.status.code(), Some(1), "{}", node.status);
    let log = String::from_utf8_lossy(&node.stderr);
    assert!(log.contains("is gone already"), "{log}");
    assert!(node.stdout.is_empty(), "it announced something");
}

/// A node that is ready, without a system around it, and its lifeline.
fn node(harness: u32) -> (process::Child, ChildStdin) {
    let mut node = node_command(harness)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the node's program starts");
    let output = node.stdout.take().expect("piped");
    let mut line = String::new();
    io::BufReader::new(output)
        .read_line(&mut line)
        .expect("readable output");
    assert!(line.contains("ready"), "{line:?}");
    let lifeline = node.stdin.take().expect("piped");
    (node, lifeline)
}

/// How a node ended that was not told to, but should.
async fn end_of(node: &mut process::Child) -> ExitStatus {
    let look = async || node.try_wait().expect("it is our child").ok_or("it runs");
    let end = wait_for("the end of the node", PATIENCE, look).await;
    end.unwrap_or_else(|overdue| {
        let _ = node.kill();
        panic!("{overdue}")
    })
}

fn node_command(harness: u32) -> process::Command {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_node"));
    command
        .args([host::HIDDEN_WORD, &harness.to_string(), "cache"])
        .args(["--listen=127.0.0.1:0", "--name=cache-1"]);
    command
}

/// Another process that has started the laboratory and paused one node of it.
async fn harness(folder: &RunFolder, variable: &str, value: &str) -> Child {
    let (harness, _) = harness_with(folder, &[], variable, value).await;
    harness
}

/// The same for a laboratory with parts of others, and the nonce of its system.
async fn harness_with(
    folder: &RunFolder,
    parts: &[Piece],
    variable: &str,
    value: &str,
) -> (Child, String) {
    let none = Parts::default();
    let parts = parts.iter().fold(none, |parts, part| part.among(parts));
    let mut harness = Command::new(env::current_exe().expect("this program"))
        .arg(HIDDEN_WORD)
        .arg(folder.path())
        .arg(serde_json::to_string(&parts).expect("parts are data"))
        .env(variable, value)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("this program runs once more");
    let output = harness.stdout.take().expect("piped");
    let mut line = String::new();
    let read = BufReader::new(output).read_line(&mut line).await;
    read.expect("readable output");
    let nonce = line.trim_end().strip_prefix("started ");
    let nonce = nonce.expect("it starts").to_owned();
    (harness, nonce)
}

/// Is that other process, when this one was started to be it.
pub(crate) fn be_the_harness_if_asked() -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != HIDDEN_WORD {
        return None;
    }
    let folder = arguments.next().expect("the folder of the run");
    let parts = arguments.next().expect("the parts");
    let parts: Parts = serde_json::from_str(&parts).expect("parts as data");
    let live = async {
        let topology = Topology::laboratory().parts(parts);
        let system = System::start(&topology, options(Path::new(&folder))).await;
        let system = system.expect("the laboratory starts");
        system.pause("cache-1").expect("it runs");
        println!("started {}", system.nonce());
        std::future::pending::<()>().await;
    };
    Runtime::new().expect("a runtime").block_on(live);
    Some(ExitCode::SUCCESS)
}
