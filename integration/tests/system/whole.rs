//! Every process of a node, also of those who leave its group and its log: all that are in the
//! PID namespace in which the harness runs a program of anybody's.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use integration::wait::wait_for;
use nix::unistd::Pid;

use crate::support::{Lab, PATIENCE, nodes_of};

/// The namespaces of one node or of several, held open, so that their numbers are nobody
/// else's.
pub(crate) struct Whole(Vec<(u64, File)>);

impl Whole {
    /// The namespaces of all nodes of the system that keeps its logs in a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let ours = number(Pid::this()).expect("we run");
        let namespaces = nodes_of(folder).into_iter().filter_map(|process| {
            let namespace = File::open(path(process)).ok()?;
            let number = namespace.metadata().ok()?.ino();
            (number != ours).then_some((number, namespace))
        });
        Whole(namespaces.collect())
    }

    /// That of one node.
    pub(crate) fn of_node(lab: &Lab, node: &str) -> Self {
        Whole::of(&lab.folder().join(format!("logs/{node}.log")))
    }

    /// The processes in them that have not ended.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let all = fs::read_dir("/proc").expect("Linux shows its processes");
        let all = all.filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok());
        let all = all.map(Pid::from_raw);
        all.filter(|pid| {
            let number = number(*pid);
            let is_in = self.0.iter().any(|(ours, _)| Some(*ours) == number);
            is_in && !matches!(state(*pid), None | Some('Z' | 'X'))
        })
        .collect()
    }

    /// True when no process in them runs.
    pub(crate) fn stands_still(&self) -> bool {
        let mut processes = self.processes().into_iter();
        processes.all(|process| state(process) == Some('T'))
    }

    /// Waits until no process is left in them.
    pub(crate) async fn is_gone(&self) {
        let look = async || match self.processes() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        };
        wait_for("the end of every process", PATIENCE, look)
            .await
            .expect("none is left");
    }
}

fn path(process: Pid) -> String {
    format!("/proc/{process}/ns/pid")
}

/// The number of the namespace that a process is in.
fn number(process: Pid) -> Option<u64> {
    let namespace = fs::metadata(path(process)).ok()?;
    Some(namespace.ino())
}

/// The letter that `/proc` has for a process's state.
fn state(process: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_the_name) = stat.rsplit_once(") ")?;
    after_the_name.chars().next()
}
