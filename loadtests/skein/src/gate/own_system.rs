//! Systems of anybody's own on a gate's sides: the programs of a revision, in a worktree of it,
//! and the commands that build what nodes run.

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Topology, scratch};

use super::baseline::BaselineError;
use super::child;
use super::git::{Repository, Sources};
use super::node_program::{BuildError, lines_of};
use super::record::{Build, Side};
use super::setup::this_build;
use crate::events::Events;
use crate::interruption::Interruption;
use crate::plan::ForeignSystem;

/// The system of a revision, whose sources are there as long as this value is.
#[derive(Debug)]
pub(crate) struct Then {
    pub(crate) topology: Topology,
    pub(crate) build: Build,
    _sources: Sources,
    _folder: tempfile::TempDir,
}

/// The system that a revision had: as its own version of the file describes it, where it has
/// one, else as this version does; in either case with the programs of the revision.
///
/// # Errors
///
/// There is no such revision, its file describes no system, its programs can't be built, or a
/// signal came meanwhile.
pub(crate) fn at_revision(
    revision: &str,
    now: &ForeignSystem,
    events: &Events,
    interruption: &Interruption,
) -> Result<Then, BaselineError> {
    let repository = Repository::here()?;
    let commit = repository.commit_of(revision)?;
    let (folder, path) = worktree()?;
    let sources = repository.check_out(&commit, &path, interruption)?;
    let sources = sources.ok_or(BaselineError::Interrupted)?;
    let within = |path: &Path| {
        let path = path.canonicalize().ok()?;
        Some(path.strip_prefix(repository.root()).ok()?.to_owned())
    };
    let then = within(&now.path).map(|file| sources.path().join(file));
    let topology = match then.filter(|file| file.is_file()) {
        Some(file) => {
            ForeignSystem::read(&file)
                .map_err(|source| BaselineError::System {
                    revision: revision.to_owned(),
                    source: Box::new(source),
                })?
                .topology
        }
        None => now.topology.clone(),
    };
    // Programs run where the gate does, seen from the root of the repository.
    let here = within(Path::new(".")).unwrap_or_default();
    let topology = topology.moved_to(&sources.path().join(here));
    let topology = baseline(topology, &commit, events, interruption)?;
    Ok(Then {
        topology,
        build: Build {
            asked: Some(revision.to_owned()),
            commit: Some(commit),
            modified: Some(false),
            ..this_build()
        },
        _sources: sources,
        _folder: folder,
    })
}

/// The baseline's system, which goes by this name, with its programs built. Its images are kept
/// apart from those of the candidate, which is built after it by the same names.
///
/// # Errors
///
/// They can't be built, or a signal came meanwhile.
pub(crate) fn baseline(
    topology: Topology,
    name: &str,
    events: &Events,
    interruption: &Interruption,
) -> Result<Topology, BaselineError> {
    let built = build(&topology, interruption, lines_of(Side::Baseline, events));
    let built = built.map_err(|source| BaselineError::Baseline {
        commit: name.to_owned(),
        source,
    })?;
    built.ok_or(BaselineError::Interrupted)?;
    Ok(topology.with_images_as_built()?)
}

/// A place for a worktree, which programs that run as nobody can read too.
fn worktree() -> Result<(tempfile::TempDir, PathBuf), BaselineError> {
    let folder = scratch::folder_for_all("baseline").map_err(|source| BaselineError::Cache {
        what: "create a folder in",
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("source");
    Ok((folder, path))
}

/// The working tree, whose programs are built as they are now.
///
/// # Errors
///
/// They can't be, or a signal came meanwhile.
pub(crate) fn working_tree(
    topology: &Topology,
    events: &Events,
    interruption: &Interruption,
) -> Result<Build, BaselineError> {
    let built = build(topology, interruption, lines_of(Side::Candidate, events));
    let built = built.map_err(|source| BaselineError::Candidate {
        path: std::env::current_dir().unwrap_or_default(),
        source,
    })?;
    built.ok_or(BaselineError::Interrupted)?;
    Ok(Build {
        asked: Some("the working tree".to_owned()),
        commit: None,
        modified: None,
        ..this_build()
    })
}

/// Has every command of a topology build what its nodes run, and tells each line that they
/// say; `None` when a signal came.
///
/// # Errors
///
/// A command can't be executed, or fails.
pub(crate) fn build(
    topology: &Topology,
    interruption: &Interruption,
    mut say: impl FnMut(&str),
) -> Result<Option<()>, BuildError> {
    for (command, folder, node) in topology.builds() {
        let mut shell = Command::new("sh");
        // Some tools say on their standard output what is wrong.
        shell.args(["-c", &format!("exec 1>&2\n{command}")]);
        let folder = folder.unwrap_or_else(|| ".".into());
        let ended = child::run(shell.current_dir(&folder), interruption, &mut say);
        let ended = ended.map_err(|source| BuildError::NoShell { folder, source })?;
        match ended {
            None => return Ok(None),
            Some(ended) if ended.status.success() => {}
            Some(ended) => {
                return Err(BuildError::OwnCommand {
                    node: node.to_string(),
                    command: command.to_owned(),
                    status: ended.status.to_string(),
                    output: ended.last_lines,
                });
            }
        }
    }
    Ok(Some(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(command: &str, folder: &Path) -> Result<Option<()>, BuildError> {
        let text = format!(
            "[node.shop]\nentry = true\nreplicas = 2\nbuild = {command:?}\nrun = [\"shop\"]\n"
        );
        let topology = Topology::from_toml(&text)
            .expect("a topology")
            .moved_to(folder);
        build(&topology, &Interruption::never(), |_| {})
    }

    #[test]
    fn what_nodes_run_is_built_once_in_the_folder_that_they_run_in() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let done = built("echo built >> log", folder.path());
        assert!(matches!(done, Ok(Some(()))), "{done:?}");
        let log = std::fs::read_to_string(folder.path().join("log")).expect("it was built");
        assert_eq!(log, "built\n");
    }

    #[test]
    fn a_build_that_fails_says_whose_it_was_and_the_end_of_what_it_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = built("seq 50; exit 3", folder.path()).expect_err("it fails");
        let message = error.to_string();
        assert!(message.starts_with("`seq 50; exit 3` of shop-1 ended with exit status: 3"));
        assert!(
            message.ends_with("\n50") && !message.contains("\n20\n"),
            "{message}"
        );
    }
}
