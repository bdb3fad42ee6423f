//! The instrument is right about a server whose behaviour is known, or says that this
//! machine is too busy to tell.

mod frame;

use std::env;
use std::fs;
use std::process::{Command, ExitCode, Stdio};

use frame::{Story, Told, TooBusy};

/// What the program's exit codes mean.
const PASS: i32 = 0;
const INVALID: i32 = 3;

/// Set, it adds a story that can't tell anything, to see what becomes of it.
const AT_A_LOSS: &str = "SKEIN_WITH_A_STORY_AT_A_LOSS";

fn main() -> ExitCode {
    let mut stories = frame::stories! {
        stories {
            what_is_reported_is_what_happened,
            a_story_that_could_check_nothing_is_ignored_and_fails_where_it_is_demanded,
        }
    }
    .to_vec();
    if env::var_os(AT_A_LOSS).is_some() {
        stories.push(Story {
            name: "at_a_loss",
            tell: || Err(TooBusy("as always".to_owned())),
            is_long: false,
        });
    }
    frame::run(&stories)
}

fn what_is_reported_is_what_happened() -> Told {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let told = folder.path().join("events.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["self-check", "--quick", "--events"])
        .arg(&told)
        .output()
        .expect("the program starts");
    let table = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    // Other programs are told each line of the table.
    let events = fs::read_to_string(told).expect("events");
    let figures = events.matches("\"event\":\"case_checked\"").count();
    assert_eq!(figures + 1, table.lines().count(), "{table}{events}");
    let ends = format!(
        "\"event\":\"ended\",\"exit_code\":{}}}\n",
        code.unwrap_or(-1)
    );
    assert!(events.ends_with(&ends), "{events}");
    let doubt = table.lines().find(|line| line.contains("too busy"));
    match (code, doubt) {
        (Some(PASS), _) => Ok(()),
        (Some(INVALID), Some(doubt)) => Err(TooBusy(doubt.trim().to_owned())),
        _ => panic!("{code:?}\n{table}{errors}"),
    }
}

fn a_story_that_could_check_nothing_is_ignored_and_fails_where_it_is_demanded() -> Told {
    for (demanded, comes_out, succeeds) in [
        ("", "0 passed; 0 failed; 1 ignored", true),
        ("1", "0 passed; 1 failed; 0 ignored", false),
    ] {
        let run = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "at_a_loss"])
            .env(AT_A_LOSS, "")
            .env("SKEIN_REQUIRE_MEASURED", demanded)
            .stdin(Stdio::null())
            .output()
            .expect("this program runs once more");
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(output.contains(comes_out), "{output}");
        assert!(output.contains("too busy (as always)"), "{output}");
        assert_eq!(run.status.success(), succeeds, "{output}");
    }
    Ok(())
}
