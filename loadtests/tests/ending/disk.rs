//! What doesn't fit on the disk is said, after everything that is known.

use std::fs;
use std::process::Stdio;

use crate::run::{Place, code_of};
use crate::server::{Manner, Server};

#[test]
fn a_run_whose_record_doesnt_fit_shows_its_figures_and_says_what_is_lost() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    // Files of a few kilobytes: no record fits, whoever runs this.
    let output = place
        .in_shell("ulimit -f 4", "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the program runs");
    let (shown, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(shown.contains("Again"), "{shown}{said}");
    for lost in ["run.json", "index.html"] {
        assert!(said.contains(&format!("{lost}: ")), "{said}");
    }
    // A pass without a record has a code of its own; an invalid run is one anyway.
    assert!(matches!(output.status.code(), Some(3 | 6)), "{output:?}");
    let left = fs::read_dir(place.run()).expect("readable").flatten();
    for file in left {
        let name = file.file_name();
        let name = name.to_string_lossy();
        // What fits is there, and nothing is there by half.
        assert!(
            !name.starts_with(".tmp") && !name.contains("unfinished"),
            "{name}"
        );
        assert_ne!(name, "run.json");
        assert_ne!(name, "goose");
    }
}

#[test]
fn a_list_of_all_runs_that_cant_be_written_takes_nothing_else_along() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    fs::create_dir_all(place.path().join("reports/index.html/in-the-way")).expect("made");
    let output = place.in_shell("", "").output().expect("the program runs");
    let (shown, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(shown.contains("Again"), "{shown}{said}");
    assert!(
        said.contains("warning: not kept: could not write reports/index.html"),
        "{said}"
    );
    let record = place.record();
    assert_eq!(output.status.code(), Some(code_of(&record)));
    assert!(place.run().join("index.html").is_file());
}
