//! The program that hosts one node, built by cargo from some sources: it is all that a gate
//! needs of either side, and takes a fraction of the time of a load tester.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::child;
use super::record::Side;
use crate::events::{Event, Events};
use crate::interruption::Interruption;

/// Sources, and how the node program is built of them. Both sides of a gate are built alike,
/// so that only their sources differ.
#[derive(Debug)]
pub(super) struct NodeProgram<'a> {
    /// The executable's name, in every build.
    pub(super) name: &'a str,
    /// The workspace.
    pub(super) source: &'a Path,
    /// Where cargo puts the program.
    pub(super) target: &'a Path,
    /// Where cargo keeps what it compiles, when that is not the same folder.
    pub(super) build: Option<&'a Path>,
    /// The profile, by the name of its folder.
    pub(super) profile: &'a str,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo can't be executed.
    #[error("could not execute cargo")]
    Cargo(#[source] io::Error),
    /// There is no folder to build in, or no shell.
    #[error("could not execute a shell in {}", folder.display())]
    NoShell {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The command that a node has for it failed.
    #[error("`{command}` of {node} ended with {status}, and said last\n{output}")]
    OwnCommand {
        /// The node.
        node: String,
        /// The command.
        command: String,
        /// The way in which it ended.
        status: String,
        /// The last lines that it printed.
        output: String,
    },
    /// Cargo gave up.
    #[error("cargo ended with\n{output}")]
    NotBuilt {
        /// The last lines that it printed.
        output: String,
    },
}

impl NodeProgram<'_> {
    /// Builds the program, with the lock file of its sources, and tells where it is.
    ///
    /// Its lines are told as those of `side`. `None` when the gate was interrupted.
    ///
    /// # Errors
    ///
    /// There is no cargo, or it doesn't build it.
    pub(super) fn build(
        &self,
        side: Side,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<Option<PathBuf>, BuildError> {
        let say = lines_of(side, events);
        let ended = child::run(&mut self.command(), interruption, say);
        match ended.map_err(BuildError::Cargo)? {
            None => Ok(None),
            Some(ended) if ended.status.success() => {
                Ok(Some(self.target.join(self.profile).join(self.name)))
            }
            Some(ended) => Err(BuildError::NotBuilt {
                output: ended.last_lines,
            }),
        }
    }

    fn command(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let profile = match self.profile {
            "debug" => "dev",
            other => other,
        };
        let mut command = Command::new(cargo);
        command
            // As one of all packages, though hardly one of them is built: then crates have the
            // features that they have in the load tester, which has compiled them already.
            .args([
                "build",
                "--workspace",
                "--bin",
                self.name,
                "--locked",
                "--profile",
                profile,
            ])
            .arg("--target-dir")
            .arg(self.target)
            .current_dir(self.source);
        if let Some(build) = self.build {
            // Cargo keeps builds of different sources apart by their hash, so that only
            // what differs is built; one that is older than this setting builds it all.
            command.env("CARGO_BUILD_BUILD_DIR", build);
        }
        command
    }
}

/// Tells of each line that a build of `side` says.
pub(super) fn lines_of(side: Side, events: &Events) -> impl FnMut(&str) {
    move |line| {
        let line = line.to_owned();
        events.emit(Event::BuildLine { side, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_built_by_the_same_command_and_differ_in_folders_alone() {
        let node = |source, target, build| NodeProgram {
            name: "node",
            source: Path::new(source),
            target: Path::new(target),
            build,
            profile: "debug",
        };
        let words = |node: NodeProgram<'_>| -> Vec<String> {
            let command = node.command();
            let words = command.get_args().map(|word| word.to_string_lossy());
            let target = node.target.to_string_lossy();
            words
                .map(|word| (if word == target { "TARGET" } else { &*word }).to_owned())
                .collect()
        };
        let baseline = words(node("then", "cache", Some(Path::new("target"))));
        assert_eq!(baseline, words(node("now", "target", None)));
        assert!(baseline.contains(&"dev".to_owned()), "{baseline:?}");
    }
}
