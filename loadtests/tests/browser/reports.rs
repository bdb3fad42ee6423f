//! Reports to look at, written once by the program itself, in `target/tmp/reports`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::records::{gate, judge, poison, run, slow_down};

/// A folder of reports, and the pages in it.
pub(crate) struct Reports {
    folder: PathBuf,
}

/// One of everything: each verdict, runs and gates, a comparison, and two records that
/// can't be read.
pub(crate) fn everything() -> &'static Reports {
    static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
        let reports = Reports::new("reports");
        for minute in 0..12 {
            let mut record = run("default", minute);
            slow_down(&mut record, 1.0 + f64::from(minute * 7 % 5) / 40.0);
            if minute == 7 {
                judge(
                    &mut record,
                    "fail",
                    "1 of 9 thresholds did not hold; all 24 ledger lines balance.",
                );
            }
            reports.keep(
                "runs",
                &format!("20260101T00{minute:02}00Z-default"),
                &record,
            );
        }
        for (minute, plan, verdict, sentence) in [
            (
                30,
                "smoke",
                "pass",
                "all 6 thresholds held; all 24 ledger lines balance.",
            ),
            (
                31,
                "smoke",
                "fail",
                "2 of 6 thresholds did not hold; all 24 ledger lines balance.",
            ),
            (
                32,
                "soak",
                "invalid",
                "The measurement can't be trusted. 12 % of the machine's time was stolen.",
            ),
        ] {
            let mut record = run(plan, minute);
            judge(&mut record, verdict, sentence);
            reports.keep(
                "runs",
                &format!("20260101T00{minute:02}00Z-{plan}"),
                &record,
            );
        }
        for (minute, verdict) in [
            (40, "pass"),
            (41, "fail"),
            (42, "inconclusive"),
            (43, "invalid"),
        ] {
            reports.keep(
                "gates",
                &format!("20260101T00{minute:02}00Z-{verdict}"),
                &gate(verdict, minute),
            );
        }
        reports.write(
            "runs/20260101T005000Z-damaged/run.json",
            "{\"schema_version\": 1, \"id\": ",
        );
        reports.write(
            "runs/20260101T005100Z-newer/run.json",
            &json!({ "schema_version": 99 }).to_string(),
        );
        reports.program(&["compare", "default~1", "default"]);
        reports.program(&["compare", "smoke", "soak"]);
        reports.program(&["report"]);
        reports
    });
    &REPORTS
}

/// Runs and a gate in which everything that comes from outside tries to run.
pub(crate) fn poisoned() -> &'static Reports {
    static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
        let reports = Reports::new("poisoned-reports");
        for minute in 0..2 {
            let mut record = run("default", minute);
            poison(&mut record);
            reports.keep(
                "runs",
                &format!("20260101T00{minute:02}00Z-<script>'&\"%41"),
                &record,
            );
        }
        let mut record = gate("fail", 2);
        poison(&mut record);
        reports.keep("gates", "20260101T000200Z-gate", &record);
        reports.write(
            "runs/<img src=x onerror='window.ran = true'>/run.json",
            "no record",
        );
        reports.program(&["compare", "latest~2", "latest~1"]);
        reports.program(&["report"]);
        reports
    });
    &REPORTS
}

/// As many runs as some weeks of work leave.
pub(crate) fn a_hundred() -> &'static Reports {
    static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
        let reports = Reports::new("hundred-reports");
        for minute in 0..100 {
            let plan = ["smoke", "default", "spike"][minute as usize % 3];
            let mut record = run(plan, minute);
            slow_down(&mut record, 1.0 + f64::from(minute * 37 % 11) / 50.0);
            reports.keep(
                "runs",
                &format!("20260101T{:02}{:02}00Z-{plan}", minute / 60, minute % 60),
                &record,
            );
        }
        reports.program(&["report"]);
        reports
    });
    &REPORTS
}

impl Reports {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => Reports { folder },
        }
    }

    fn keep(&self, kind: &str, id: &str, record: &Value) {
        let file = if kind == "runs" {
            "run.json"
        } else {
            "gate.json"
        };
        let mut record = record.clone();
        record["id"] = json!(id);
        self.write(&format!("{kind}/{id}/{file}"), &record.to_string());
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.folder.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    /// Runs the program on these reports.
    fn program(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_loadtests"))
            .args(arguments)
            .arg("--reports")
            .arg(&self.folder)
            .output()
            .expect("the program runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
    }

    /// The page that lists them.
    pub(crate) fn index(&self) -> PathBuf {
        self.folder.join("index.html")
    }

    /// The same reports in another place.
    pub(crate) fn moved_to(&self, name: &str) -> Self {
        let moved = Reports::new(name);
        copy(&self.folder, &moved.folder);
        moved
    }

    /// Every page, the list first.
    pub(crate) fn pages(&self) -> Vec<PathBuf> {
        let mut pages = vec![self.index()];
        for kind in ["runs", "gates", "comparisons"] {
            let Ok(entries) = fs::read_dir(self.folder.join(kind)) else {
                continue;
            };
            let files = entries.map(|entry| entry.expect("readable").path().join("index.html"));
            pages.extend(files.filter(|file| file.exists()));
        }
        pages[1..].sort();
        pages
    }

    /// One page of each sort: what looks alike is looked at once.
    pub(crate) fn samples(&self) -> Vec<(&'static str, PathBuf)> {
        let page = |name, folder: &str| (name, self.folder.join(folder).join("index.html"));
        vec![
            page("index", ""),
            page("run-pass", "runs/20260101T003000Z-smoke"),
            page("run-fail", "runs/20260101T003100Z-smoke"),
            page("run-invalid", "runs/20260101T003200Z-soak"),
            page("gate-pass", "gates/20260101T004000Z-pass"),
            page("gate-fail", "gates/20260101T004100Z-fail"),
            page("gate-inconclusive", "gates/20260101T004200Z-inconclusive"),
            page("gate-invalid", "gates/20260101T004300Z-invalid"),
            page(
                "comparison-fair",
                "comparisons/20260101T001000Z-default..20260101T001100Z-default",
            ),
            page(
                "comparison-unfair",
                "comparisons/20260101T003100Z-smoke..20260101T003200Z-soak",
            ),
        ]
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let there = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).expect("copied");
        }
    }
}
