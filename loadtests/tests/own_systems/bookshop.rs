//! The example bookshop, a system of somebody's own in two files: a stranger starts it, breaks it,
//! and changes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Missing, Told, ends_with, git, line, loadtests, run, said};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bookshop")
}

/// The bookshop's file, changed by `change`, in a folder of its own.
fn file(change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(example().join("skein.toml")).expect("the example");
    let text = text.replace(
        "loadtests/examples/bookshop\"",
        &format!("{}\"", example().display()),
    );
    let path = folder.path().join("skein.toml");
    std::fs::write(&path, change(text)).expect("written");
    (folder, path)
}

pub(crate) fn one_file_holds_system_load_thresholds_and_a_ledger_that_is_even() -> Told {
    let (folder, path) = file(|text| text);
    let (output, record) = run(folder.path(), &path);
    let ledger = record["ledger"].as_array().expect("a ledger");
    assert_eq!(ledger.len(), 4);
    for line in ledger {
        assert_eq!(line["balance"], "even", "{line}");
    }
    assert_eq!(record["figures"][0]["name"], "hit-ratio");
    let mut rules = record["thresholds"].as_array().expect("thresholds").iter();
    let ratio = rules.find(|judged| judged["rule"] == "hit-ratio>=50%");
    assert_eq!(ratio.expect("the rule")["state"], "passed");
    assert_eq!(record["traffic"]["tiers"][0], serde_json::json!(["door"]));
    let judged = record["thresholds"].as_array().expect("thresholds").iter();
    let is_fast = judged.clone().all(|judged| judged["state"] == "passed");
    ends_with(&output, &record, i32::from(!is_fast));
    Ok(())
}

pub(crate) fn a_line_that_doesnt_add_up_fails_the_run_by_its_claim() -> Told {
    let (folder, path) = file(|text| {
        text.replace("\"generator:sent + door:", "\"2 * generator:sent + door:")
            .replace(
                "\"accounts:http_requests_total{",
                "\"accounts:no_such_total{",
            )
            .replace(
                "'accounts:http_requests_total{route=\"GET",
                "'accounts:no_such_total{route=\"GET",
            )
    });
    let (output, record) = run(folder.path(), &path);
    let sent = line(&record, "What the generator sent, nginx took in.");
    assert!(
        sent["balance"]["off"].as_i64().is_some_and(|off| off > 100),
        "{sent}"
    );
    let asked = line(
        &record,
        "The accounts were asked about everybody who bought.",
    );
    assert_eq!(asked["balance"], "not_observable");
    assert_eq!(asked["reason"], "accounts doesn't show no_such_total");
    ends_with(&output, &record, 1);
    Ok(())
}

pub(crate) fn what_a_node_that_ended_took_along_is_a_difference_with_its_name() -> Told {
    let (folder, path) = file(|text| {
        let brief = "run = [\"timeout\", \"4\", \"python3\", \"accounts.py\"";
        text.replace("run = [\"python3\", \"accounts.py\"", brief)
    });
    let (_, record) = run(folder.path(), &path);
    let asked = line(
        &record,
        "The accounts were asked about everybody who bought.",
    );
    let difference = &asked["differences"][0]["name"];
    let name = "taken along by accounts, which ended or began to count anew";
    assert_eq!(difference, name, "{asked}");
    assert_eq!(asked["balance"], "even");
    let priced = line(&record, "Each item that was shown had a price.");
    assert_eq!(priced["balance"], "even", "others are as they were");
    Ok(())
}

pub(crate) fn a_gate_of_settings_says_what_makes_no_sense_before_it_starts() -> Told {
    let (folder, path) = file(|text| text);
    let file = path.display().to_string();
    let refused = |arguments: &[&str]| {
        let output = loadtests(
            folder.path(),
            &[&["gate", "--plan", &file], arguments].concat(),
        );
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };
    for (arguments, says) in [
        (
            &["--candidate", "store.env.CACHE=on"][..],
            "both sides have the same setting",
        ),
        (
            &["--candidate", "shelf.env.CACHE=on"],
            "no node is called shelf; there are accounts",
        ),
        (
            &["--candidate", "store=store:2"],
            "store-1 runs as a program of this machine",
        ),
        (
            &["--baseline", "store.port=1"],
            "NODE=IMAGE or NODE.env.VARIABLE=VALUE",
        ),
        (
            &["--baseline", "HEAD", "--candidate", "store.env.CACHE=off"],
            "a setting is compared",
        ),
        (
            &[
                "--candidate",
                "store.env.CACHE=off",
                "--baseline-topology",
                "x",
            ],
            "leave one of them out",
        ),
        (&[], "there is nothing to compare with"),
    ] {
        let sentence = refused(arguments);
        assert!(sentence.contains(says), "{arguments:?}: {sentence}");
    }
    let other = path.with_file_name("other.toml").display().to_string();
    std::fs::copy(&path, &other).expect("copied");
    let twice = refused(&["--topology", &other, "--aa"]);
    assert!(
        twice.contains("this plan has a system of its own"),
        "{twice}"
    );
    Ok(())
}

pub(crate) fn a_side_that_cant_be_built_has_its_own_exit_code() -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = |build: &str| {
        let text = format!(
            "name = \"mine\"\nthresholds = []\nstage = [{{ name = \"s\", users = 1, duration = \"1s\" }}]\n\
             [[request]]\npath = \"/\"\n[node.web]\nbuild = {build:?}\nrun = [\"./web\", \"{{port}}\"]\n"
        );
        std::fs::write(folder.path().join("skein.toml"), text).expect("written");
    };
    let gate = |baseline| {
        let output = loadtests(
            folder.path(),
            &["gate", "--plan", "skein.toml", "--baseline", baseline],
        );
        (output.status.code(), said(&output))
    };
    git(folder.path(), &["init", "--quiet"]);
    for build in ["echo never; exit 7", "true"] {
        plan(build);
        git(folder.path(), &["add", "skein.toml"]);
        git(folder.path(), &["commit", "--quiet", "-m", build]);
    }
    let (code, sentence) = gate("HEAD^");
    assert_eq!(code, Some(4), "{sentence}");
    assert!(sentence.contains("`echo never; exit 7` of web ended with exit status: 7"));
    plan("echo not now; exit 1");
    let (code, sentence) = gate("HEAD");
    assert_eq!(code, Some(1), "{sentence}");
    assert!(
        sentence.contains("the candidate, which is the working tree"),
        "{sentence}"
    );
    assert!(sentence.contains("\nnot now"), "{sentence}");
    let left = Command::new("git")
        .args(["worktree", "list"])
        .current_dir(folder.path())
        .output();
    let left = String::from_utf8(left.expect("git is there").stdout).expect("a text");
    assert_eq!(left.lines().count(), 1, "{left}");
    Ok(())
}

pub(crate) fn the_file_to_begin_with_runs_and_is_never_written_over() -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    let written = loadtests(folder.path(), &["init"]);
    assert_eq!(written.status.code(), Some(0), "{}", said(&written));
    let path = folder.path().join("skein.toml");
    let (output, record) = run(folder.path(), &path);
    ends_with(&output, &record, 0);
    let again = loadtests(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        said(&again).contains("skein.toml is there already"),
        "{}",
        said(&again)
    );
    Ok(())
}

pub(crate) fn a_compose_file_becomes_a_system_that_runs_in_containers() -> Told {
    let image = Command::new("docker")
        .args(["image", "inspect", "bookshop:bookworm"])
        .output();
    if !image.is_ok_and(|image| image.status.success()) {
        return Err(Missing(
            "no Docker engine has bookshop:bookworm, which scripts/build-bookshop-image makes"
                .to_owned(),
        ));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let from = example().join("compose.yaml").display().to_string();
    let made = loadtests(folder.path(), &["init", "--from", &from]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(
        said(&made).contains("services.store.restart: nobody restarts a node"),
        "{}",
        said(&made)
    );
    let path = folder.path().join("skein.toml");
    let text = std::fs::read_to_string(&path).expect("it was written");
    // Nobody knows what to ask a stranger's system for.
    std::fs::write(&path, text.replace("path = \"/\"", "path = \"/items/7\"")).expect("written");
    let (output, record) = run(folder.path(), &path);
    let ways: Vec<&str> = record["traffic"]["servers"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", said(&output)))
        .iter()
        .filter_map(|server| server["way"].as_str())
        .collect();
    assert_eq!(ways, ["a container of bookshop:bookworm"; 3]);
    assert_eq!(record["overall"]["requests"]["failed"], 0, "{record}");
    ends_with(&output, &record, 0);
    Ok(())
}

pub(crate) fn an_image_that_isnt_there_fails_the_start_in_one_sentence() -> Told {
    let engine = Command::new("docker").arg("version").output();
    if !engine.is_ok_and(|engine| engine.status.success()) {
        return Err(Missing("no Docker engine answers".to_owned()));
    }
    let (folder, path) = file(|text| {
        let image = "[node.accounts]\nimage = \"127.0.0.1:1/no-such:7\"\n";
        text.replace("[node.accounts]\n", image)
    });
    let file = path.display().to_string();
    let output = loadtests(folder.path(), &["run", "--plan", &file, "--quiet"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let sentence = said(&output);
    let says = "the image 127.0.0.1:1/no-such:7 is not here and can't be fetched";
    assert!(sentence.contains(says), "{sentence}");
    Ok(())
}
