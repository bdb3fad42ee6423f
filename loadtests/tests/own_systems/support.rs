//! What these stories share: the programs of others that some need, and a run with its record.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;

use crate::ability;

/// A program without which a story can't be told.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    program: &'static str,
    /// The variable that, set to `1`, makes it a failure that the program isn't there.
    required_by: &'static str,
}

pub(crate) const NGINX: Need = Need::real("nginx");
pub(crate) const GIT: Need = Need::real("git");
pub(crate) const PROMETHEUS: Need = Need::real("prometheus");
pub(crate) const PYTHON: Need = Need::real("python3");
/// `scripts/install-kinto` gets it.
pub(crate) const KINTO: Need = Need::real("kinto");
pub(crate) const DOCKER: Need = Need {
    program: "docker",
    required_by: "SKEIN_REQUIRE_DOCKER",
};

impl Need {
    const fn real(program: &'static str) -> Self {
        Need {
            program,
            required_by: "SKEIN_REQUIRE_REAL",
        }
    }

    fn is_met(self) -> bool {
        env::split_paths(&path()).any(|folder| folder.join(self.program).is_file())
    }
}

/// Something else that a story couldn't do without, as the story found.
pub(crate) struct Missing(pub(crate) String);

/// The end of a story that has not failed.
pub(crate) type Told = Result<(), Missing>;

/// Stories of a module, all of which need the same programs.
macro_rules! stories {
    ($needs:expr, $module:ident { $($story:ident,)* }) => {
        [$($crate::support::story(stringify!($story), $needs, $crate::$module::$story),)*]
    };
}
pub(crate) use stories;

/// A story as a test, which is ignored where something that it needs isn't there.
pub(crate) fn story(name: &str, needs: &'static [Need], tell: fn() -> Told) -> Trial {
    Trial::ignorable_test(name, move || -> Result<Completion, Failed> {
        if let Some(need) = needs.iter().find(|need| !need.is_met()) {
            let reason = format!("{} is not installed", need.program);
            return ability::unable(&reason, need.required_by);
        }
        match tell() {
            Ok(()) => Ok(Completion::Completed),
            Err(Missing(what)) => {
                let required_by = needs.last().map_or("", |need| need.required_by);
                ability::unable(&what, required_by)
            }
        }
    })
}

/// Where programs are looked for: also where administrators have theirs, and where
/// `scripts/install-kinto` puts Kinto.
fn path() -> OsString {
    let target = Path::new(env!("CARGO_BIN_EXE_loadtests"))
        .ancestors()
        .nth(2);
    let kinto = target.map(|target| target.join("kinto/bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    env::join_paths(folders.chain(kinto)).expect("folders without a colon")
}

/// The program's command with these arguments, in `folder`.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtests"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path());
    command
}

/// The text with the beginning of a configuration of nginx in place of `PREAMBLE`: it stays in the
/// foreground, and writes nowhere but in its own folder.
pub(crate) fn with_preamble(text: &str) -> String {
    const PREAMBLE: &str = "\
daemon off; pid nginx.pid; events {}
http {
  access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;";
    text.replace("PREAMBLE", PREAMBLE)
}

/// Does something in the repository at `folder`.
pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let mut git = Command::new("git");
    let done = git.args(who).args(arguments).current_dir(folder).output();
    let done = done.expect("git is there");
    assert!(done.status.success(), "{arguments:?}: {}", said(&done));
}

pub(crate) fn loadtests(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output();
    output.expect("it can be executed")
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A run of the file, and its record.
pub(crate) fn run(folder: &Path, path: &Path) -> (Output, Value) {
    let file = path.display().to_string();
    let output = loadtests(folder, &["run", "--plan", &file, "--seed", "7", "--quiet"]);
    let record = kept(folder, "runs/*/run.json", &output);
    (output, record)
}

/// The only record of a kind that is kept in `folder`, such as `runs/*/run.json`.
pub(crate) fn kept(folder: &Path, kind: &str, output: &Output) -> Value {
    let (parent, file) = kind.split_once("/*/").expect("a folder and a file");
    let reports = std::fs::read_dir(folder.join("reports").join(parent));
    let mut reports = reports
        .unwrap_or_else(|_| panic!("{}", said(output)))
        .flatten();
    let report: PathBuf = reports
        .next()
        .unwrap_or_else(|| panic!("{}", said(output)))
        .path();
    let record = std::fs::read(report.join(file)).expect("a record");
    serde_json::from_slice(&record).expect("JSON")
}

/// The code that a run ends with where it can be trusted, and else 3.
#[track_caller]
pub(crate) fn ends_with(output: &Output, record: &Value, code: i32) {
    let is_trusted = record["judgement"]["verdict"] != "invalid";
    let expected = if is_trusted { code } else { 3 };
    assert_eq!(output.status.code(), Some(expected), "{}", said(output));
}

pub(crate) fn line<'a>(record: &'a Value, claim: &str) -> &'a Value {
    let mut lines = record["ledger"].as_array().expect("a ledger").iter();
    lines.find(|line| line["claim"] == claim).expect(claim)
}

/// True when every threshold of a record held.
pub(crate) fn all_passed(record: &Value) -> bool {
    let mut rules = record["thresholds"].as_array().expect("thresholds").iter();
    rules.all(|judged| judged["state"] == "passed")
}
