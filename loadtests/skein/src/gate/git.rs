//! What the gate asks git for: the commit that a revision means, and its sources in a
//! worktree that is gone when they have been built.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::child;
use crate::interruption::Interruption;

/// Why git has not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Git can't be executed.
    #[error("could not execute git")]
    NoGit(#[source] io::Error),
    /// There is no repository.
    #[error(
        "there is no git repository here to find a revision in; name the path to a build instead"
    )]
    NoRepository,
    /// The clone doesn't reach back so far.
    #[error(
        "the revision {revision} is not in this shallow clone: get it with `git fetch --unshallow`, \
         or have CI check out with `fetch-depth: 0`"
    )]
    Shallow {
        /// What was asked for.
        revision: String,
    },
    /// There is no such revision.
    #[error(
        "{revision} is neither a revision of this repository nor the path to a build; \
         `git log --oneline --all` lists revisions, and `git fetch` gets those of others"
    )]
    Unknown {
        /// What was asked for.
        revision: String,
    },
    /// Git refused something.
    #[error("git could not {what}: {said}")]
    Refused {
        /// What was attempted.
        what: &'static str,
        /// What git said.
        said: String,
    },
}

/// The repository that the program was started in.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    root: PathBuf,
}

/// A commit's sources, in a worktree that is removed with this value.
#[derive(Debug)]
pub(super) struct Sources {
    repository: Repository,
    path: PathBuf,
}

impl Repository {
    /// The repository of the working directory.
    pub(super) fn here() -> Result<Self, GitError> {
        Repository::of(Path::new("."))
    }

    /// The repository that `folder` is in.
    pub(super) fn of(folder: &Path) -> Result<Self, GitError> {
        let root = git(folder, &["rev-parse", "--show-toplevel"])?;
        let root = root.map_err(|_| GitError::NoRepository)?;
        Ok(Repository { root: root.into() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The hash of the commit that `revision` means.
    pub(super) fn commit_of(&self, revision: &str) -> Result<String, GitError> {
        let commit = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ];
        if let Ok(hash) = git(&self.root, &arguments)? {
            return Ok(hash);
        }
        let revision = revision.to_owned();
        let shallow = git(&self.root, &["rev-parse", "--is-shallow-repository"])?;
        Err(match shallow.as_deref() {
            Ok("true") => GitError::Shallow { revision },
            _ => GitError::Unknown { revision },
        })
    }

    /// Checks `commit` out at `path`. What an interrupted gate left there is removed first.
    /// `None` when this one was interrupted meanwhile.
    pub(super) fn check_out(
        &self,
        commit: &str,
        path: &Path,
        interruption: &Interruption,
    ) -> Result<Option<Sources>, GitError> {
        let sources = Sources {
            repository: self.clone(),
            path: path.to_owned(),
        };
        sources.remove();
        let place = path.display().to_string();
        let add = ["worktree", "add", "--detach", "--force", &place, commit];
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.root).args(add);
        let ended = child::run(&mut git, interruption, |_| {});
        match ended.map_err(GitError::NoGit)? {
            None => Ok(None),
            Some(ended) if ended.status.success() => Ok(Some(sources)),
            Some(ended) => Err(GitError::Refused {
                what: "check the baseline out",
                said: ended.last_lines,
            }),
        }
    }
}

impl Sources {
    /// Where they are.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        // What isn't there needn't be removed, and what stays is removed the next time.
        let _ = std::fs::remove_dir_all(&self.path);
        // Not by pruning, which forgets worktrees of others whose folders are away just
        // now. Forced twice, for an interrupted checkout leaves its worktree locked.
        let place = self.path.display().to_string();
        let remove = ["worktree", "remove", "--force", "--force", &place];
        let _ = git(&self.repository.root, &remove);
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.remove();
    }
}

/// What git prints, or what it says is wrong.
fn git(folder: &Path, arguments: &[&str]) -> Result<Result<String, String>, GitError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::NoGit)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with two commits.
    fn repository() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        run(folder.path(), &["init", "--quiet"]);
        for content in ["one", "two"] {
            std::fs::write(folder.path().join("file"), content).expect("written");
            run(folder.path(), &["add", "file"]);
            run(folder.path(), &["commit", "--quiet", "-m", content]);
        }
        let repository = Repository::of(folder.path()).expect("a repository");
        (folder, repository)
    }

    fn run(folder: &Path, arguments: &[&str]) {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let done = git(folder, &[&who, arguments].concat()).expect("git is there");
        done.expect("it does that");
    }

    fn check_out(repository: &Repository, commit: &str, place: &Path) -> Sources {
        let sources = repository.check_out(commit, place, &Interruption::never());
        let sources = sources.expect("checked out");
        sources.expect("nobody interrupts it")
    }

    #[test]
    fn a_revision_is_checked_out_and_gone_afterwards() {
        let (folder, repository) = repository();
        let commit = repository.commit_of("HEAD^").expect("there are two");
        let place = folder.path().join("target/gate/source");
        // Something that an interrupted gate left.
        std::fs::create_dir_all(place.join("rest")).expect("made");
        let sources = check_out(&repository, &commit, &place);
        let content = std::fs::read_to_string(sources.path().join("file")).expect("a file");
        assert_eq!(content, "one");
        drop(sources);
        assert!(!place.exists());
        let left = git(folder.path(), &["worktree", "list"]).expect("git is there");
        assert_eq!(left.expect("a list").lines().count(), 1);
    }

    #[test]
    fn a_worktree_of_others_stays_registered_while_its_folder_is_away() {
        let (folder, repository) = repository();
        let other = folder.path().join("other");
        let path = other.display().to_string();
        let add = ["worktree", "add", "--quiet", "--detach", &path];
        run(folder.path(), &add);
        std::fs::remove_dir_all(&other).expect("removed");
        let commit = repository.commit_of("HEAD").expect("there are two");
        let place = folder.path().join("target/gate/source");
        let sources = check_out(&repository, &commit, &place);
        drop(sources);
        let left = git(folder.path(), &["worktree", "list"]).expect("git is there");
        assert_eq!(left.expect("a list").lines().count(), 2);
    }

    #[test]
    fn a_revision_that_isnt_there_is_told_from_one_that_a_shallow_clone_lacks() {
        let (folder, repository) = repository();
        let unknown = repository.commit_of("no-such-branch").expect_err("unknown");
        assert!(matches!(unknown, GitError::Unknown { .. }), "{unknown}");
        let flag = repository.commit_of("--all").expect_err("no revision");
        assert!(matches!(flag, GitError::Unknown { .. }), "{flag}");

        let clone = tempfile::tempdir().expect("a temporary folder");
        let from = format!("file://{}", folder.path().display());
        run(clone.path(), &["clone", "--quiet", "--depth=1", &from, "c"]);
        let clone = Repository::of(&clone.path().join("c")).expect("a clone");
        let shallow = clone.commit_of("HEAD^").expect_err("it is not there");
        assert!(
            shallow.to_string().contains("git fetch --unshallow"),
            "{shallow}"
        );
    }

    #[test]
    fn without_a_repository_a_path_is_the_way_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = Repository::of(folder.path()).expect_err("there is none");
        assert!(error.to_string().contains("path to a build"), "{error}");
    }
}
