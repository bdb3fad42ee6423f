//! `loadtests init`: a file that describes a system of one's own and its load, to be started
//! from. It runs as it is.

mod compose;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;

use super::quoted;
use crate::exit_code::{Failure, Outcome};
use crate::output::say;
use crate::program::application::Application;
use compose::Imported;

/// The file to write, and what to make it of.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file, which isn't there yet.
    #[arg(value_name = "FILE", default_value = "skein.toml")]
    file: PathBuf,

    /// Make it of this compose file, as far as that can be said here; what can't is listed with
    /// the reason.
    #[arg(long, value_name = "COMPOSE_FILE")]
    from: Option<PathBuf>,
}

/// The file that everybody begins with.
const BEGINNING: &str = include_str!("init/skein.toml");

impl Init {
    pub(super) fn execute(self, application: &Application) -> Outcome {
        let Imported { toml, left_out } = match &self.from {
            Some(compose) => imported(compose).map_err(Failure::usage)?,
            None => Imported {
                toml: BEGINNING.to_owned(),
                left_out: Vec::new(),
            },
        };
        let place = self.file.display();
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.file);
        let written = made.and_then(|mut file| file.write_all(toml.as_bytes()));
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::usage(anyhow!(
                "{place} is there already, and stays as it is; name another file"
            )),
            _ => Failure::not_kept(
                anyhow::Error::new(error).context(format!("could not write {place}")),
            ),
        })?;
        let program = &application.command;
        let file = quoted(&self.file.to_string_lossy());
        if !left_out.is_empty() {
            say("Left out:\n");
            left_out
                .iter()
                .for_each(|what| say(format_args!("  {what}")));
            say("");
        }
        say(format_args!(
            "{place} describes a system, its load and what must hold. Try it:\n\n  \
             {program} up --topology {file}\n  \
             {program} run --plan {file}\n  \
             {program} gate --plan {file} --baseline HEAD    # once it is committed, with a change to it"
        ));
        Ok(ExitCode::SUCCESS)
    }
}

/// The plan that a compose file becomes.
fn imported(compose: &Path) -> anyhow::Result<Imported> {
    let place = compose.display();
    let text = fs::read_to_string(compose).with_context(|| format!("could not read {place}"))?;
    // Seen from here, as other paths in the file are, so that it means the same in a revision's
    // worktree and on another machine.
    let folder = std::path::absolute(compose)?;
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let folder = folder
        .strip_prefix(std::env::current_dir()?)
        .unwrap_or(folder);
    compose::import(&text, folder).with_context(|| format!("{place} is no compose file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_file_to_begin_with_is_a_plan_and_so_is_what_it_has_in_comments() {
        let plan = testing::try_parse(BEGINNING).expect("a plan");
        assert_eq!(plan.system().expect("a system").nodes().len(), 1);
        // Comments that begin without a space are lines to be switched on.
        let switched_on: String = BEGINNING
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let plan = testing::try_parse(&switched_on).expect("a plan");
        assert_eq!(plan.system().expect("a system").nodes().len(), 4);
        assert!(!plan.equations.is_empty());
    }
}
