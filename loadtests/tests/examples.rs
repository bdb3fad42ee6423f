//! The example shop, a load tester of somebody's own, and its system as a file: stories of
//! those who have never heard of the laboratory.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The shop's executable, which `cargo test` builds beside the tests.
fn shop() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    let profile = this.parent().and_then(Path::parent);
    let shop = profile.expect("a target folder").join("examples/shop");
    assert!(
        shop.is_file(),
        "{} isn't built: cargo build --workspace --example shop",
        shop.display()
    );
    shop
}

/// A command that keeps its reports in `folder`, and its only record.
struct Kept {
    output: Output,
    record: Value,
    page: String,
}

fn kept(command: &mut Command, kind: &str, file: &str) -> Kept {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reports = folder.path().join("reports");
    let output = command.arg("--reports").arg(&reports).arg("--quiet");
    let output = output.output().expect("it can be executed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let of_kind = std::fs::read_dir(reports.join(kind)).expect(&said);
    let report = of_kind.flatten().next().expect(&said).path();
    let read = |file: &str| std::fs::read_to_string(report.join(file)).expect(file);
    Kept {
        record: serde_json::from_str(&read(file)).expect("JSON"),
        page: read("index.html"),
        output,
    }
}

fn run(arguments: &[&str], loses_every: Option<&str>) -> Kept {
    let mut command = Command::new(shop());
    command.arg("run").args(arguments).args(["--seed", "7"]);
    if let Some(every) = loses_every {
        command.env("SHOP_LOSES_EVERY", every);
    }
    kept(&mut command, "runs", "run.json")
}

/// The lines of a record's ledger that are not even.
fn off(record: &Value) -> Vec<&str> {
    let lines = record["ledger"].as_array().expect("a ledger").iter();
    let off = lines.filter(|line| line["balance"] != "even");
    off.map(|line| line["claim"].as_str().expect("a claim"))
        .collect()
}

/// The state of a threshold, which is told also of a run that is invalid.
fn state<'a>(record: &'a Value, rule: &str) -> &'a str {
    let judged = record["thresholds"].as_array().expect("thresholds").iter();
    let mut of_rule = judged.filter(|judged| judged["rule"] == rule);
    of_rule.next().expect(rule)["state"]
        .as_str()
        .expect("a state")
}

/// True when a build is one that runs can be measured with.
fn is_optimised(record: &Value) -> bool {
    let level = record["environment"]["opt_level"].as_str();
    ["2", "3"].contains(&level.expect("a level"))
}

/// The exit code that a run has when its measurement can be trusted, and else 3; a build that
/// isn't optimised is among the reasons why not.
fn ends_with(kept: &Kept, code: i32) {
    let is_trusted = kept.record["judgement"]["verdict"] != "invalid";
    let mut warnings = kept.record["warnings"].as_array().expect("doubts").iter();
    assert_eq!(
        warnings.any(|doubt| doubt["kind"] == "not_optimised"),
        !is_optimised(&kept.record)
    );
    assert!(!is_trusted || is_optimised(&kept.record));
    let expected = if is_trusted { code } else { 3 };
    let sentence = &kept.record["judgement"]["sentence"];
    assert_eq!(kept.output.status.code(), Some(expected), "{sentence}");
}

/// The file that describes the shop, with the executable where it is.
fn topology(folder: &Path, orders: &str) -> PathBuf {
    let text = include_str!("../examples/shop/topology.toml");
    let text = text.replace("target/debug/examples/shop", &shop().display().to_string());
    let text = text.replace(
        r#""serve", "orders", "{port}""#,
        &format!(r#""serve", "orders", "{{port}}"{orders}"#),
    );
    let path = folder.join("topology.toml");
    std::fs::write(&path, text).expect("written");
    path
}

fn loadtests() -> Command {
    Command::new(env!("CARGO_BIN_EXE_loadtests"))
}

/// The sentence with which a command line is refused.
fn refusal(command: &mut Command) -> String {
    let output = command.output().expect("it can be executed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(
        said.lines().next().map(|line| line.starts_with("error: ")),
        Some(true),
        "{said}"
    );
    said
}

#[test]
fn a_program_of_ones_own_has_its_ledger_its_figures_and_its_section_in_the_report() {
    let kept = run(&["--plan", "smoke"], None);
    ends_with(&kept, 0);
    let record = &kept.record;
    assert_eq!(off(record), [] as [&str; 0]);
    assert_eq!(record["ledger"].as_array().map(Vec::len), Some(3));
    assert_eq!(record["sections"][0]["id"], "book");
    assert_eq!(record["figures"][0]["name"], "orders-lost");
    assert_eq!(record["figures"][0]["value"], 0.0);
    assert_eq!(state(record, "orders-lost<=0"), "passed");
    let tiers = &record["traffic"]["tiers"];
    assert_eq!(tiers[0], serde_json::json!(["door"]));
    assert_eq!(tiers[1].as_array().map(Vec::len), Some(3), "{tiers}");
    let calls = |to: &str| -> u64 {
        let edges = record["traffic"]["edges"].as_array().expect("edges");
        let edge = edges.iter().find(|edge| edge["to"] == to).expect(to);
        edge["calls"].as_u64().expect("a number")
    };
    let (one, two) = (calls("catalogue-1"), calls("catalogue-2"));
    // They take turns; but when a judged stage begins, one is asked after the other what it
    // has counted, while requests go on, and the later the busier the machine is.
    assert!(one.max(two) < 2 * one.min(two), "{one} and {two}");
    for says in ["id=\"book\"", "The book", "orders lost", "catalogue-2"] {
        assert!(kept.page.contains(says), "{says} is missing");
    }
    for foreign in ["gateway", "cache", "token", "tasks"] {
        let page = kept.page.to_lowercase();
        assert!(!page.contains(foreign), "{foreign} is on the page");
    }
}

#[test]
fn an_order_that_gets_lost_is_off_in_the_ledger_and_in_no_other_line() {
    let kept = run(&["--plan", "smoke"], Some("10"));
    ends_with(&kept, 1);
    assert_eq!(off(&kept.record), ["Each accepted order is in the book."]);
    let lost = kept.record["figures"][0]["value"].as_f64();
    assert!(lost.is_some_and(|lost| lost > 0.0), "{lost:?}");
    assert_eq!(state(&kept.record, "orders-lost<=0"), "failed");
}

#[test]
fn an_order_can_only_be_lost_every_so_often_and_else_nothing_is_started() {
    for nonsense in ["0", "many"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(shop());
        command.args(["run", "--plan", "smoke", "--quiet", "--reports"]);
        command.arg(folder.path()).env("SHOP_LOSES_EVERY", nonsense);
        let output = command.output().expect("it can be executed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("to lose every nth order"), "{said}");
    }
}

#[test]
fn a_system_of_rust_and_one_of_a_file_are_up_until_they_are_told_to_stop() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = topology(folder.path(), "");
    let (mut of_rust, mut of_a_file) = (Command::new(shop()), loadtests());
    of_rust.arg("up");
    of_a_file.args(["up", "--topology"]).arg(&file);
    for mut command in [of_rust, of_a_file] {
        let mut up = command.stdout(Stdio::piped()).spawn().expect("executed");
        let lines = BufReader::new(up.stdout.take().expect("piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        let said: Vec<String> = lines
            .by_ref()
            .take_while(|line| line != "Ctrl-C stops it.")
            .collect();
        let id = i32::try_from(up.id()).expect("an id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it is there");
        assert_eq!(up.wait().expect("it ends").code(), Some(0), "{said:?}");
        for node in ["door", "catalogue-1", "catalogue-2", "orders"] {
            let is_said = said.iter().any(|line| line.starts_with(node));
            assert!(is_said, "{node} is not among {said:?}");
        }
    }
}

#[test]
fn a_system_in_a_file_is_run_under_plain_requests_without_a_line_of_rust() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = topology(folder.path(), "");
    let mut command = loadtests();
    command.arg("run").arg("--topology").arg(&file);
    command.args([
        "--get",
        "/items/7",
        "--contains",
        "price",
        "--duration",
        "2s",
    ]);
    command.args(["--threshold", "cpu-per-request<1s for catalogue"]);
    let kept = kept(&mut command, "runs", "run.json");
    ends_with(&kept, 0);
    let record = &kept.record;
    assert_eq!(record["routes"][0]["requests"]["failed"], 0);
    assert_eq!(
        record["thresholds"][0]["state"], "passed",
        "{}",
        record["thresholds"]
    );
    let processes = record["processes"].as_array().expect("processes");
    assert_eq!(processes.len(), 5, "{processes:?}");
    assert_eq!(record["traffic"]["tiers"].as_array().map(Vec::len), Some(2));
    assert_eq!(record["ledger"], serde_json::json!([]));
    assert!(kept.page.contains("catalogue-2") && kept.page.contains("CPU time"));
}

#[test]
fn a_gate_takes_two_systems_in_files_and_keeps_what_it_saw() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let candidate = topology(folder.path(), "");
    let before = tempfile::tempdir().expect("a temporary folder");
    let baseline = topology(before.path(), ", \"1000000\"");
    let plan = folder.path().join("items.toml");
    let text = "name = \"items\"\nthresholds = []\n[[request]]\npath = \"/items/7\"\n\
                [[stage]]\nname = \"steady\"\nusers = 4\nduration = \"2s\"\n\
                [gate]\nclosed_quads = 1\nopen_quads = 1\nwarm_up = \"50ms\"\n";
    std::fs::write(&plan, text).expect("written");
    let mut command = loadtests();
    command.arg("gate").arg("--plan").arg(&plan);
    command.arg("--topology").arg(&candidate);
    command.arg("--baseline-topology").arg(&baseline);
    command.args(["--budget", "20s", "--seed", "7"]);
    let kept = kept(&mut command, "gates", "gate.json");
    let code = kept.output.status.code();
    let sentence = &kept.record["judgement"]["sentence"];
    // Which of them it is, the machine's quiet decides; that it was held, shows in its rounds.
    assert!(
        [Some(0), Some(3), Some(5)].contains(&code),
        "{code:?}: {sentence}"
    );
    let rounds = kept.record["rounds"].as_array().expect("rounds");
    assert!(rounds.len() >= 3, "{} rounds: {sentence}", rounds.len());
    let services = kept.record["services"].as_array().expect("services");
    let names: Vec<&str> = services
        .iter()
        .filter_map(|of| of["service"].as_str())
        .collect();
    for role in ["door", "catalogue", "orders"] {
        assert!(names.contains(&role), "{names:?}");
    }
}

#[test]
fn what_doesnt_fit_together_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = topology(folder.path(), "");
    let broken = folder.path().join("broken.toml");
    std::fs::write(&broken, "[node.door]\nrum = [\"door\"]\n").expect("written");
    let own = folder.path().join("own.toml");
    let plan = "name = \"own\"\nthresholds = [\"hit-ratio>=1%\"]\n[mix]\nreaders = 1\n\
                [[stage]]\nname = \"steady\"\nusers = 4\nduration = \"2s\"\n";
    std::fs::write(&own, plan).expect("written");
    let missing = refusal(loadtests().args(["run", "--topology", "no-such.toml", "--get", "/"]));
    assert!(missing.contains("no-such.toml"), "{missing}");
    let wrong = refusal(
        loadtests()
            .args(["run", "--get", "/", "--topology"])
            .arg(&broken),
    );
    assert!(wrong.contains("rum"), "{wrong}");
    let foreign = refusal(
        loadtests()
            .arg("run")
            .arg("--plan")
            .arg(&own)
            .arg("--topology")
            .arg(&file),
    );
    assert!(
        foreign.contains("hit-ratio is a figure of loadtests's own system"),
        "{foreign}"
    );
    let nowhere = refusal(loadtests().args(["run", "--get", "/"]));
    assert!(nowhere.contains("--topology"), "{nowhere}");
}
