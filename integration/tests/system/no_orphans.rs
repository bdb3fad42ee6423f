//! If the harness itself is killed, no node survives it. The harness that is
//! killed is this very program, started once more with a hidden word.

use std::env;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use integration::{System, Topology};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;

use crate::support::{RunFolder, no_node_is_left, nodes_of, options};

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

pub(crate) async fn the_environment_of_the_harness_sets_nothing() {
    let folder = RunFolder::new();
    // No node would start with this filter for its log.
    let _harness = harness(&folder, "SKEIN_LOG", "=nonsense=").await;
    assert_eq!(nodes_of(folder.path()).len(), 9);
}

/// Another process that has started the laboratory and paused one node of it.
async fn harness(folder: &RunFolder, variable: &str, value: &str) -> Child {
    let mut harness = Command::new(env::current_exe().expect("this program"))
        .arg(HIDDEN_WORD)
        .arg(folder.path())
        .env(variable, value)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("this program runs once more");
    let output = harness.stdout.take().expect("piped");
    let mut line = String::new();
    let read = BufReader::new(output).read_line(&mut line).await;
    read.expect("readable output");
    assert_eq!(line, "started\n");
    harness
}

/// Is that other process, when this one was started to be it.
pub(crate) fn be_the_harness_if_asked() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != HIDDEN_WORD {
        return None;
    }
    let folder = arguments.next().expect("the folder of the run");
    let live = async {
        let system = System::start(&Topology::laboratory(), options(Path::new(&folder))).await;
        let system = system.expect("the laboratory starts");
        system.pause("cache-1").expect("it runs");
        println!("started");
        std::future::pending::<()>().await;
    };
    Runtime::new().expect("a runtime").block_on(live);
    Some(ExitCode::SUCCESS)
}
