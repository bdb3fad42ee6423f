//! `loadtests convert`: a plan made of a browser's recording, of a description of an
//! interface, or of command lines of curl.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::print_all;
use crate::convert::draft::Draft;
use crate::convert::{curl, har, openapi};
use crate::exit_code::{Failure, Outcome};
use crate::program::application::Application;

/// The source to make a plan of.
#[derive(Debug, Args)]
#[command(
    after_help = "The plan goes to standard output: `loadtests convert curl line.txt > mine.toml`."
)]
pub(super) struct Convert {
    /// The form that it is in.
    #[arg(value_enum)]
    from: From,

    /// The file, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// A recording that a browser's tools for developers saved (HTTP Archive).
    Har,
    /// A description of an interface (OpenAPI 3, as JSON).
    Openapi,
    /// One command line of curl or several.
    Curl,
}

impl Convert {
    pub(super) fn execute(self, application: &Arc<Application>) -> Outcome {
        let name = application.name.as_str();
        let draft = self.draft().map_err(Failure::usage)?;
        print_all(
            draft
                .to_toml(&plan_name(&self.file))
                .replace("`loadtests ", &format!("`{name} ")),
        )
    }

    fn draft(&self) -> anyhow::Result<Draft> {
        let text = match self.file == Path::new("-") {
            true => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map(|_| text)
                    .context("could not read standard input")?
            }
            false => std::fs::read_to_string(&self.file)
                .with_context(|| format!("could not read {}", self.file.display()))?,
        };
        let (form, read): (_, fn(&str, String) -> _) = match self.from {
            From::Har => ("har", har::read),
            From::Openapi => ("openapi", openapi::read),
            From::Curl => ("curl", curl::read),
        };
        let made_by = format!("convert {form} {}", self.file.display());
        read(&text, made_by).with_context(|| self.file.display().to_string())
    }
}

/// A name for the plan of a file.
fn plan_name(file: &Path) -> String {
    let stem = file
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase());
    let letters = stem.unwrap_or_default();
    let letters = letters
        .chars()
        .map(|c| match c.is_ascii_lowercase() || c.is_ascii_digit() {
            true => c,
            false => '-',
        });
    let name: String = letters.collect();
    match name.trim_matches('-') {
        "" => "converted".to_owned(),
        name => name.to_owned(),
    }
}
