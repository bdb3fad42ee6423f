//! The build to compare against: a program that is there, or a git revision that is
//! built in a worktree of its own, once, and kept by its commit and what built it.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;

use super::child::{self, LOOK_EVERY};
use super::git::{GitError, Repository};
use super::record::Build;
use crate::interruption::Interruption;
use crate::progress::Progress;

/// Why there is no build to compare with.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The revision can't be had.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A path leads to no program.
    #[error(
        "{} has no program to start nodes with: name the executable `loadtests` of a build, or the folder that it is in",
        path.display()
    )]
    NoProgram {
        /// What was asked for.
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
    #[error("the gate was interrupted while its baseline was built")]
    Interrupted,
    /// Cargo can't be executed.
    #[error("could not execute cargo to build the baseline")]
    Cargo(#[source] io::Error),
    /// Cargo gave up.
    #[error("the baseline {commit} could not be built; cargo ended with\n{output}")]
    NotBuilt {
        /// The commit.
        commit: String,
        /// The last lines that cargo printed.
        output: String,
    },
}

impl BaselineError {
    /// Whether another command line would help.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            BaselineError::Git(_)
                | BaselineError::NoProgram { .. }
                | BaselineError::PathOrBranch { .. }
        )
    }
}

/// The executable's name, in every build.
const PROGRAM: &str = "loadtests";
/// How much of cargo's output an error shows.
const OUTPUT_LINES: usize = 30;

/// The build that `asked` means: a program, a folder with one, or else a revision, which
/// is built with the profile of this very program unless that has been done.
///
/// # Errors
///
/// There is no such build or revision, it can't be built, or a signal came meanwhile.
pub fn find(
    asked: &str,
    progress: &Progress,
    interruption: &Interruption,
) -> Result<Build, BaselineError> {
    let path = Path::new(asked);
    if path.exists() {
        return match at(path) {
            Err(_) if is_branch(asked) => Err(BaselineError::PathOrBranch {
                name: asked.to_owned(),
            }),
            found => found,
        };
    }
    let repository = Repository::here()?;
    let commit = repository.commit_of(asked)?;
    let cache = Cache::of(&repository);
    let program = cache.program(&repository, &commit, progress, interruption)?;
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

/// The build whose program is at `path`, or in that folder.
pub fn at(path: &Path) -> Result<Build, BaselineError> {
    let program = if path.is_dir() {
        path.join(PROGRAM)
    } else {
        path.to_owned()
    };
    let program = fs::canonicalize(&program).ok().filter(|p| p.is_file());
    let program = program.ok_or_else(|| BaselineError::NoProgram {
        path: path.to_owned(),
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
/// `<target>/gate/<commit>/<profile>/<compiler>/loadtests`.
struct Cache {
    folder: PathBuf,
    /// The target folder that this program was built in, if it was: what it shares with
    /// the baseline is built already.
    own_target: Option<PathBuf>,
    profile: String,
    /// What stands for the compiler and its flags.
    compiler: String,
}

impl Cache {
    fn of(repository: &Repository) -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        let (own_target, profile) = target_and_profile(&program);
        let folder = own_target.clone();
        let folder = folder.unwrap_or_else(|| repository.root().join("target"));
        Cache {
            folder: folder.join("gate"),
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
        progress: &Progress,
        interruption: &Interruption,
    ) -> Result<PathBuf, BaselineError> {
        let kept = self.folder.join(commit).join(&self.profile);
        let kept = kept.join(&self.compiler).join(PROGRAM);
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
        let short = &commit[..commit.len().min(7)];
        progress.note(&format!(
            "building the baseline {short} (profile {}), which takes a while and is kept",
            self.profile
        ));
        let source = repository.check_out(commit, &self.folder.join("source"), interruption)?;
        let source = source.ok_or(BaselineError::Interrupted)?;
        let built = self.build(source.path(), commit, progress, interruption)?;
        // Under its final name only when it is whole.
        create(kept.parent().unwrap_or(&self.folder))?;
        let unfinished = kept.with_extension("unfinished");
        fs::copy(&built, &unfinished).map_err(cache("copy", &built))?;
        fs::rename(&unfinished, &kept).map_err(cache("keep", &kept))?;
        let seconds = began.elapsed().as_secs();
        progress.note(&format!("built the baseline {short} in {seconds} s"));
        Ok(kept)
    }

    /// Builds the program of the sources in `source`, with their own lock file.
    fn build(
        &self,
        source: &Path,
        commit: &str,
        progress: &Progress,
        interruption: &Interruption,
    ) -> Result<PathBuf, BaselineError> {
        let target = self.folder.join("build");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let profile = if self.profile == "debug" {
            "dev"
        } else {
            &self.profile
        };
        let mut command = Command::new(cargo);
        command
            .args(["build", "--package", PROGRAM, "--bin", PROGRAM, "--locked"])
            .args(["--profile", profile])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(source);
        if let Some(own) = &self.own_target {
            // Cargo keeps builds of different sources apart by their hash, so that only
            // what differs is built; one that is older than this setting builds it all.
            command.env("CARGO_BUILD_BUILD_DIR", own);
        }
        let mut output = VecDeque::new();
        let ended = child::run(&mut command, interruption, |line| {
            progress.glimpse(&format!("building the baseline: {}", line.trim()));
            if output.len() == OUTPUT_LINES {
                output.pop_front();
            }
            output.push_back(line);
        });
        let status = ended.map_err(BaselineError::Cargo)?;
        if status.ok_or(BaselineError::Interrupted)?.success() {
            return Ok(target.join(&self.profile).join(PROGRAM));
        }
        Err(BaselineError::NotBuilt {
            commit: commit.to_owned(),
            output: Vec::from(output).join("\n"),
        })
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
    fn a_folder_without_the_program_is_refused_with_what_to_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = at(folder.path()).expect_err("there is nothing in it");
        assert!(error.is_usage());
        assert!(
            error.to_string().contains("executable `loadtests`"),
            "{error}"
        );
        fs::write(folder.path().join(PROGRAM), "").expect("written");
        let build = at(folder.path()).expect("a program");
        assert!(build.program.ends_with("/loadtests"));
    }
}
