//! The builds that a gate compares: programs that are there; for a baseline a git revision,
//! built in a worktree of its own, once, and kept by its commit and what built it; and for a
//! candidate the working tree. Of sources both sides build the program that hosts a node,
//! and by the same command, since a load tester with the same services in it is another
//! program: laid out otherwise, and not to be compared within a few percent.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use harness::error::ImageError;
use xxhash_rust::xxh3::xxh3_64;

use super::child::LOOK_EVERY;
use super::git::{GitError, Repository};
use super::node_program::{BuildError, NodeProgram};
use super::record::{Build, Side};
use super::setup::this_build;
use crate::events::{Event, Events, millis};
use crate::interruption::Interruption;
use crate::plan::SystemError;
use crate::program::application::Application;

/// Why there is no build to compare with.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The revision can't be had.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A path leads to no program.
    #[error(
        "{} has no program to start nodes with: name the executable {} of a build, or the folder that it is in",
        path.display(),
        names.join(" or ")
    )]
    NoProgram {
        /// The path that was asked for.
        path: PathBuf,
        /// The names of executables that would do.
        names: Vec<String>,
    },
    /// The program hosts no nodes, so that no revision of it can be started.
    #[error(
        "{program} hosts no nodes of its own, so that there is nothing of {asked} to build: \
         name another system with --baseline-topology FILE, or compare a build with itself with --aa"
    )]
    HostsNothing {
        /// The program.
        program: String,
        /// The revision that was asked for.
        asked: String,
    },
    /// There is no candidate of the baseline's kind.
    #[error(
        "{} is not there, which would be the candidate: build it with \
         `cargo build`, or name another with --candidate",
        path.display()
    )]
    NoNode {
        /// Where it would be.
        path: PathBuf,
    },
    /// A path leads to no program, and a branch is called the same.
    #[error(
        "{name} is a path here that has no program to start nodes with, and a branch too: \
         write refs/heads/{name} for the branch"
    )]
    PathOrBranch {
        /// What was asked for.
        name: String,
    },
    /// A file or folder of the cache can't be used.
    #[error("could not {what} {}", path.display())]
    Cache {
        /// What was attempted.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A signal came before the build was there.
    #[error("the gate was interrupted while a side of it was built")]
    Interrupted,
    /// The revision's version of the system's file describes none.
    #[error("the file of the system describes none in {revision}")]
    System {
        /// The revision.
        revision: String,
        /// Why not.
        #[source]
        source: Box<SystemError>,
    },
    /// An image that the baseline's build should have made.
    #[error(transparent)]
    NoImage(#[from] ImageError),
    /// The baseline can't be built.
    #[error("the baseline {commit} could not be built")]
    Baseline {
        /// The commit.
        commit: String,
        /// Why not.
        #[source]
        source: BuildError,
    },
    /// The working tree can't be built.
    #[error(
        "the candidate, which is the working tree in {}, could not be built; another build can be named with --candidate",
        path.display()
    )]
    Candidate {
        /// The working tree.
        path: PathBuf,
        /// Why not.
        #[source]
        source: BuildError,
    },
}

impl BaselineError {
    /// Whether another command line would help.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            BaselineError::Git(_)
                | BaselineError::NoProgram { .. }
                | BaselineError::NoNode { .. }
                | BaselineError::HostsNothing { .. }
                | BaselineError::PathOrBranch { .. }
        )
    }
}

/// The build that `asked` means: a program, a folder with one, or else a revision, which
/// is built with the profile of this very program unless that has been done.
///
/// # Errors
///
/// There is no such build or revision, it can't be built, or a signal came meanwhile.
pub(crate) fn find(
    asked: &str,
    application: &Application,
    events: &Events,
    interruption: &Interruption,
) -> Result<Build, BaselineError> {
    let path = Path::new(asked);
    if path.exists() {
        return match at(path, application) {
            Err(_) if is_branch(asked) => Err(BaselineError::PathOrBranch {
                name: asked.to_owned(),
            }),
            found => found,
        };
    }
    let repository = Repository::here()?;
    let commit = repository.commit_of(asked)?;
    let node = application.node_executable;
    let node = node.ok_or_else(|| BaselineError::HostsNothing {
        program: application.name.clone(),
        asked: asked.to_owned(),
    })?;
    let cache = Cache::of(&repository, node);
    let program = cache.program(&repository, &commit, events, interruption)?;
    Ok(Build {
        asked: Some(asked.to_owned()),
        program: program.display().to_string(),
        commit: Some(commit),
        modified: Some(false),
        profile: Some(cache.profile),
    })
}

/// Whether a branch is called `name` here.
fn is_branch(name: &str) -> bool {
    let branch = format!("refs/heads/{name}");
    Repository::here().is_ok_and(|here| here.commit_of(&branch).is_ok())
}

/// The working tree's build that is comparable with `baseline`: of a node program the working
/// tree's, which is built as the baseline's is, or else lies beside this very program; of
/// anything else, this very program.
///
/// # Errors
///
/// It can't be built, there is no program beside this one, or a signal came meanwhile.
pub(crate) fn candidate_for(
    baseline: &Build,
    application: &Application,
    events: &Events,
    interruption: &Interruption,
) -> Result<Build, BaselineError> {
    let this = this_build();
    let node = application.node_executable;
    let is_node = |node: &&str| Path::new(&baseline.program).file_name() == Some(node.as_ref());
    let Some(node) = node.filter(is_node) else {
        return Ok(this);
    };
    let own = std::env::current_exe().unwrap_or_default();
    let program = if target_and_profile(&own).0.is_some() {
        let repository = Repository::here()?;
        let path = repository.root().to_owned();
        let (cache, side, began) = (
            Cache::of(&repository, node),
            Side::Candidate,
            Instant::now(),
        );
        events.emit(cache.build_began(side, None));
        let built = cache.build(&path, side, events, interruption);
        let built = built.map_err(|source| BaselineError::Candidate { path, source })?;
        let built = built.ok_or(BaselineError::Interrupted)?;
        events.emit(build_ended(side, None, began));
        built
    } else {
        let beside = Some(own.with_file_name(node)).filter(|path| path.is_file());
        beside.ok_or_else(|| BaselineError::NoNode {
            path: own.with_file_name(node),
        })?
    };
    Ok(Build {
        program: program.display().to_string(),
        ..this
    })
}

/// The build whose program is at `path`, or in that folder: its load tester, or else its
/// node program, which tests leave behind and a newer load tester doesn't replace.
pub(crate) fn at(path: &Path, application: &Application) -> Result<Build, BaselineError> {
    let node = application.node_executable;
    let names = [application.name.as_str()].into_iter().chain(node);
    let program = if path.is_dir() {
        let mut programs = names.clone().map(|name| path.join(name));
        programs.find(|program| program.is_file())
    } else {
        Some(path.to_owned())
    };
    let program = program.and_then(|program| fs::canonicalize(program).ok());
    let program = program.filter(|program| program.is_file());
    let program = program.ok_or_else(|| BaselineError::NoProgram {
        path: path.to_owned(),
        names: names.map(|name| format!("`{name}`")).collect(),
    })?;
    Ok(Build {
        asked: Some(path.display().to_string()),
        commit: None,
        modified: None,
        profile: None,
        program: program.display().to_string(),
    })
}

/// Where builds of revisions are kept:
/// `<target>/gate/<commit>/<profile>/<compiler>/node`.
struct Cache {
    folder: PathBuf,
    /// The executable that hosts nodes.
    node: &'static str,
    /// The target folder that this program was built in, if it was: what it shares with
    /// the baseline is built already.
    own_target: Option<PathBuf>,
    profile: String,
    /// What stands for the compiler and its flags.
    compiler: String,
}

impl Cache {
    fn of(repository: &Repository, node: &'static str) -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        let (own_target, profile) = target_and_profile(&program);
        let folder = own_target.clone();
        let folder = folder.unwrap_or_else(|| repository.root().join("target"));
        Cache {
            folder: folder.join("gate"),
            node,
            own_target,
            profile,
            compiler: compiler(repository.root()),
        }
    }

    /// The program of `commit`, built unless it is there.
    fn program(
        &self,
        repository: &Repository,
        commit: &str,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<PathBuf, BaselineError> {
        let kept = self.folder.join(commit).join(&self.profile);
        let kept = kept.join(&self.compiler).join(self.node);
        if kept.is_file() {
            return Ok(kept);
        }
        create(&self.folder)?;
        // Two gates that want a build take turns; the lock ends with the file.
        let lock = self.folder.join("lock");
        let cache = |what, path: &Path| {
            let path = path.to_owned();
            move |source| BaselineError::Cache { what, path, source }
        };
        let turn = File::create(&lock).map_err(cache("create", &lock))?;
        while let Err(taken) = turn.try_lock() {
            if let TryLockError::Error(source) = taken {
                return Err(cache("lock", &lock)(source));
            }
            if interruption.happened() {
                return Err(BaselineError::Interrupted);
            }
            thread::sleep(LOOK_EVERY);
        }
        if kept.is_file() {
            return Ok(kept);
        }
        let began = Instant::now();
        let side = Side::Baseline;
        events.emit(self.build_began(side, Some(commit)));
        let source = repository.check_out(commit, &self.folder.join("source"), interruption)?;
        let source = source.ok_or(BaselineError::Interrupted)?;
        let built = self.build(source.path(), side, events, interruption);
        let built = built.map_err(|source| BaselineError::Baseline {
            commit: commit.to_owned(),
            source,
        })?;
        let built = built.ok_or(BaselineError::Interrupted)?;
        // Under its final name only when it is whole.
        create(kept.parent().unwrap_or(&self.folder))?;
        let unfinished = kept.with_extension("unfinished");
        fs::copy(&built, &unfinished).map_err(cache("copy", &built))?;
        fs::rename(&unfinished, &kept).map_err(cache("keep", &kept))?;
        events.emit(build_ended(side, Some(commit), began));
        Ok(kept)
    }

    /// Builds the node program of the sources in `source`, which are those of `side`; `None`
    /// when the gate was interrupted.
    fn build(
        &self,
        source: &Path,
        side: Side,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<Option<PathBuf>, BuildError> {
        let node = NodeProgram {
            name: self.node,
            source,
            target: &self.folder.join(side.word()),
            build: self.own_target.as_deref(),
            profile: &self.profile,
        };
        node.build(side, events, interruption)
    }

    /// The event that the program of `side` is built.
    fn build_began(&self, side: Side, commit: Option<&str>) -> Event {
        Event::BuildBegan {
            side,
            commit: commit.map(str::to_owned),
            profile: self.profile.clone(),
        }
    }
}

/// The event that the program of `side`, which was begun at a moment, is there.
fn build_ended(side: Side, commit: Option<&str>, began: Instant) -> Event {
    Event::BuildEnded {
        side,
        commit: commit.map(str::to_owned),
        took_ms: millis(began.elapsed()),
    }
}

fn create(folder: &Path) -> Result<(), BaselineError> {
    fs::create_dir_all(folder).map_err(|source| BaselineError::Cache {
        what: "create",
        path: folder.to_owned(),
        source,
    })
}

/// The target folder and the profile's folder that a program was built in:
/// `target/debug/loadtests` is of `target` and `debug`. Without one, the profile is that
/// which the program itself was built with.
fn target_and_profile(program: &Path) -> (Option<PathBuf>, String) {
    let folder = program.parent();
    let target = folder.and_then(Path::parent);
    match folder.and_then(Path::file_name).zip(target) {
        Some((profile, target)) if target.join("CACHEDIR.TAG").is_file() => (
            Some(target.to_owned()),
            profile.to_string_lossy().into_owned(),
        ),
        _ => (None, env!("SKEIN_PROFILE").to_owned()),
    }
}

/// What stands for the compiler that cargo uses in `folder` and for the flags of the
/// environment; `unknown` when the compiler doesn't answer.
fn compiler(folder: &Path) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return "unknown".to_owned();
    };
    let says = String::from_utf8_lossy(&output.stdout);
    let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];
    let flags = flags.map(|name| std::env::var(name).unwrap_or_default());
    compiler_tag(&says, &flags.join("\0"))
}

/// The compiler's release, for people, and a hash of all that it says of itself and of
/// the flags: `1.89.0-` and 16 digits.
fn compiler_tag(says: &str, flags: &str) -> String {
    let mut lines = says.lines();
    let release = lines.find_map(|line| line.strip_prefix("release: "));
    // Unlike the standard library's, this hash is the same in every build of this program.
    let hash = xxh3_64(format!("{says}\0{flags}").as_bytes());
    format!("{}-{hash:016x}", release.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laboratory() -> Application {
        let mut application = Application::new("loadtests".to_owned());
        application.node_executable = Some("node");
        application
    }

    #[test]
    fn another_compiler_or_other_flags_make_another_build() {
        let says = "rustc 1.89.0\nhost: x86_64-unknown-linux-gnu\nrelease: 1.89.0\n";
        let tag = compiler_tag(says, "");
        assert!(tag.starts_with("1.89.0-"), "{tag}");
        assert_eq!(tag, compiler_tag(says, ""));
        assert_ne!(tag, compiler_tag(says, "-Ctarget-cpu=native"));
        assert_ne!(tag, compiler_tag(&says.replace("x86_64", "aarch64"), ""));
    }

    #[test]
    fn a_program_knows_the_target_folder_and_the_profile_that_it_was_built_in() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("release/loadtests");
        assert_eq!(target_and_profile(&program).0, None);
        fs::write(folder.path().join("CACHEDIR.TAG"), "").expect("written");
        assert_eq!(
            target_and_profile(&program),
            (Some(folder.path().to_owned()), "release".to_owned())
        );
    }

    #[test]
    fn a_folder_without_a_program_is_refused_with_what_to_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = at(folder.path(), &laboratory()).expect_err("there is nothing in it");
        assert!(error.is_usage());
        assert!(
            error
                .to_string()
                .contains("executable `loadtests` or `node`"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_means_its_load_tester_or_else_its_node_program() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["node", "loadtests"] {
            fs::write(folder.path().join(name), "").expect("written");
            let build = at(folder.path(), &laboratory()).expect("a program");
            assert!(build.program.ends_with(&format!("/{name}")), "{build:?}");
        }
    }

    #[test]
    fn a_load_tester_is_compared_with_this_very_program() {
        let baseline = Build {
            program: "/elsewhere/debug/loadtests".to_owned(),
            ..this_build()
        };
        let (events, never) = (Events::silent(), Interruption::never());
        let candidate = candidate_for(&baseline, &laboratory(), &events, &never);
        let candidate = candidate.expect("a build");
        assert_eq!(candidate.program, "/proc/self/exe");
    }
}
