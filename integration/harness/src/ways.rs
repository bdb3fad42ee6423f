//! The choice among the ways in which a node can run: the first that can be had here.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::container::{self, Fetch};
use crate::error::StartError;
use crate::topology::{NodePlan, Program, Run};

/// The way in which a node will run here. An image that is not here is fetched only where no
/// other way is left: nobody wants to wait for a registry with the program at hand.
///
/// # Errors
///
/// The reason why each way can't be had.
pub(crate) async fn settle(plan: &NodePlan) -> Result<Run, StartError> {
    let plan = plan.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let mut reasons = Vec::new();
        for fetch in [Fetch::Never, Fetch::IfNeeded] {
            reasons.clear();
            for way in plan.ways() {
                match missing(way, fetch) {
                    None => return Ok(way.clone()),
                    Some(reason) => reasons.push(reason),
                }
            }
        }
        Err(StartError::NoWay {
            node: plan.name,
            reasons: reasons.join(", and "),
            remedy: plan
                .remedy
                .map_or_else(String::new, |remedy| format!(": {remedy}")),
        })
    });
    looked.await.expect("a look doesn't panic")
}

/// The reason why a way can't be had, or `None` when it can.
fn missing(way: &Run, fetch: Fetch) -> Option<String> {
    match way {
        // Its answer is waited for later.
        Run::Elsewhere(_) => None,
        Run::Container { image, .. } => container::missing(image, fetch),
        Run::Program(program) => {
            let folders = search_folders(program);
            let found = |name: &str| folders.iter().any(|folder| folder.join(name).is_file());
            let missing = program.needs.iter().find(|name| !found(name))?;
            Some(format!("{missing} is not installed"))
        }
    }
}

/// The `PATH` of a program that has folders beside those of the harness.
pub(crate) fn search_path(program: &Program) -> Option<OsString> {
    let folders = (!program.folders.is_empty()).then(|| search_folders(program))?;
    env::join_paths(folders).ok()
}

fn search_folders(program: &Program) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let further = program.folders.iter().flat_map(|folder| expanded(folder));
    env::split_paths(&path).chain(further).collect()
}

/// The folders that a pattern means: with a `*` for one name, the last one first, as versions
/// are numbered.
fn expanded(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once("/*") else {
        return vec![pattern.into()];
    };
    let entries = fs::read_dir(Path::new(before)).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join(after.trim_start_matches('/'))))
        .collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(number(folder, before)));
    folders
}

/// The version that a folder's name is, if it is one.
fn number(folder: &Path, before: &str) -> u32 {
    let name = folder
        .strip_prefix(before)
        .ok()
        .and_then(|rest| rest.iter().next());
    let number = name.and_then(|name| name.to_str()?.parse().ok());
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::ProgramFile;

    #[test]
    fn the_latest_version_of_a_program_is_looked_for_first() {
        let folder = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "17"] {
            fs::create_dir_all(folder.path().join(version).join("bin")).expect("a folder");
        }
        let before = folder.path().display();
        let names = |pattern: String| {
            let folders = expanded(&pattern).into_iter();
            let named = folders.map(|path| {
                let rest = path.strip_prefix(folder.path()).expect("below it");
                rest.display().to_string()
            });
            named.collect::<Vec<_>>()
        };
        assert_eq!(
            names(format!("{before}/*/bin")),
            ["17/bin", "15/bin", "9/bin"]
        );
        assert_eq!(names(format!("{before}/9")), ["9"]);
    }

    #[test]
    fn a_program_that_is_nowhere_is_named() {
        let program = Program {
            needs: vec!["sh".to_owned(), "no-such-program".to_owned()],
            ..Program::new(ProgramFile::Path("sh".parse().expect("a text")))
        };
        let reason = missing(&Run::Program(program), Fetch::Never);
        assert_eq!(reason.as_deref(), Some("no-such-program is not installed"));
    }
}
