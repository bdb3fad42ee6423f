//! Systems that can't be started: what is wrong is said in a sentence, with an exit code, and
//! nothing is left running of what had been started by then.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Told, loadtests, said};

/// A store that starts, and a shop that is to be `like` this and starts after it.
fn plan(folder: &Path, like: &str) -> String {
    let plan = r#"name = "refused"
thresholds = []
stage = [{ name = "steady", users = 1, duration = "1s" }]
[[request]]
path = "/"

[node.store]
run = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "FOLDER", "{port}"]

[node.shop]
within = "3s"
"#;
    let plan = plan.replace("FOLDER", &folder.display().to_string());
    format!("{plan}{like}\n")
}

/// The command lines of processes that mention `folder`.
fn left_running(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let folder = folder.display().to_string();
    lines.filter(|line| line.contains(&folder)).collect()
}

/// A file whose shop is `like` this is wrong in this `line`, and says so by line.
#[track_caller]
fn is_wrong(like: &str, line: usize, says: &str) {
    is_refused(like, 2, &[&format!("line {line}"), says]);
}

/// A command on a system whose shop is `like` this ends with `code`, and says all of this.
#[track_caller]
fn is_refused(like: &str, code: i32, says: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("skein.toml"), plan(folder.path(), like)).expect("written");
    for command in [["run", "--plan"], ["up", "--topology"]] {
        let output = loadtests(folder.path(), &[&command[..], &["skein.toml"]].concat());
        // A plan's mistakes have their place in the form that editors follow.
        let sentence = said(&output).replace("skein.toml:", "line ");
        assert_eq!(output.status.code(), Some(code), "{command:?}: {sentence}");
        for says in says {
            assert!(sentence.contains(says), "{command:?}: {says}: {sentence}");
        }
        assert_eq!(
            left_running(folder.path()),
            [""; 0],
            "{command:?}: {sentence}"
        );
    }
}

pub(crate) fn a_file_that_makes_no_sense_is_refused_with_its_line() -> Told {
    is_wrong("runs = [\"true\"]", 12, "unknown field `runs`");
    is_wrong(
        "run = [\"true\", \"{shelf.url}\"]",
        10,
        "shop refers to shelf, which is no node; there are store, shop",
    );
    is_wrong(
        "run = [\"true\", \"{door.url}\", \"{store.url}\"]\n[node.door]\nrun = [\"true\", \"{shop.url}\"]",
        10,
        "shop and door call each other in a circle, so none of them can start first",
    );
    is_wrong(
        "run = [\"true\", \"{store.url}\"]\nport = 7\n[node.door]\nrun = [\"true\", \"{shop.url}\"]\nport = 7",
        14,
        "port 7 is asked for by both shop and door",
    );
    Ok(())
}

pub(crate) fn a_node_that_cant_start_ends_those_that_had_started() -> Told {
    let shop = |run: &str| format!("env = {{ STORE = \"{{store.url}}\" }}\n{run}");
    is_refused(
        &shop("run = [\"/no/such/shop\"]"),
        4,
        &["/no/such/shop, which shop is to run, could not be executed"],
    );
    is_refused(
        &shop("run = [\"sh\", \"-c\", \"echo no shelves; exit 3\"]"),
        4,
        &[
            "shop ended while it started, with exit status: 3",
            "\nno shelves",
        ],
    );
    is_refused(
        &shop("run = [\"sh\", \"-c\", \"echo no hurry; exec sleep 60\"]"),
        4,
        &["shop was not ready within 3s", "\nno hurry"],
    );
    is_refused(
        &shop("build = \"echo no wood; exit 9\"\nrun = [\"true\"]"),
        4,
        &[
            "`echo no wood; exit 9` of shop ended with exit status: 9",
            "\nno wood",
        ],
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    is_refused(
        &shop(&format!("run = [\"true\"]\nport = {port}")),
        4,
        &[&format!("port {port} is taken, so shop can't listen")],
    );
    Ok(())
}
