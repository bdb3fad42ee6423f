//! The table in the README is the one that the data give.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The program, asked for its table of the study's data.
fn study(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gate-study"));
    command
        .arg("--folder")
        .arg(folder.join("data"))
        .current_dir(folder);
    command
}

#[test]
#[ignore = "200,000 pseudo-runs, a minute; `cargo test -p gate-study -- --ignored` makes them"]
fn the_table_in_the_readme_is_the_one_that_the_data_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = study(folder).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).expect("text");
    let readme = fs::read_to_string(folder.join("README.md")).expect("it is there");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (_, rest) = readme
        .split_once("<!-- gate-study begins -->\n\n")
        .expect("there is a table");
    let (kept, _) = rest
        .split_once("\n<!-- gate-study ends -->")
        .expect("the table ends");
    for (made, kept) in lines(&table).iter().zip(lines(kept)) {
        assert_eq!(*made, kept);
    }
    assert_eq!(lines(&table).len(), lines(kept).len());
}

#[test]
fn a_file_without_marks_for_the_table_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("mine.md");
    fs::write(&file, "mine\n").expect("written");
    let output = study(folder.path()).arg("--into").arg(&file).output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("has no place for the table"), "{message}");
    assert_eq!(fs::read_to_string(&file).expect("there"), "mine\n");
}

#[cfg(not(feature = "planted-slowdowns"))]
#[test]
fn a_build_that_cant_plant_a_slowdown_says_how_to_get_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = study(folder.path()).args(["cpu", "--gates", "1"]).output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("scripts/gate-study"), "{message}");
}
