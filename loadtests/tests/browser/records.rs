//! Records to make pages from: one of a real run and a made-up one of a gate, and what
//! becomes of them when something is changed.

use serde_json::{Value, json};

/// What a real run of the default plan left.
const RUN: &str = include_str!("fixtures/run.json");
/// A gate that failed; its rounds and figures are made up.
const GATE: &str = include_str!("fixtures/gate.json");

/// What must never be more than text. It runs where it is not escaped, and leaves a
/// trace that can be seen.
pub(crate) const EVIL: &str =
    "<script>window.ran = true</script><img src=x onerror=\"window.ran = true\">";

/// The record of a run of `plan`, begun in that minute of the first of January.
pub(crate) fn run(plan: &str, minute: u32) -> Value {
    let mut record: Value = serde_json::from_str(RUN).expect("a record");
    record["plan"]["name"] = json!(plan);
    record["started"] = json!(moment(minute, 0));
    record["ended"] = json!(moment(minute, 25));
    record["warnings"] = json!([]);
    judge(
        &mut record,
        "pass",
        "all 9 thresholds held; all 24 ledger lines balance.",
    );
    record
}

/// The record of a gate, begun in that minute.
pub(crate) fn gate(verdict: &str, minute: u32) -> Value {
    let mut record: Value = serde_json::from_str(GATE).expect("a record");
    record["started"] = json!(moment(minute, 0));
    judge(&mut record, verdict, &format!("This gate is {verdict}."));
    record
}

/// Changes the verdict.
pub(crate) fn judge(record: &mut Value, verdict: &str, sentence: &str) {
    record["judgement"] = json!({ "verdict": verdict, "sentence": sentence });
}

/// Makes every response time so many times as long, and every rate so many times lower.
pub(crate) fn slow_down(record: &mut Value, times: f64) {
    for route in record["routes"].as_array_mut().into_iter().flatten() {
        let requests = &mut route["requests"];
        for time in ["min", "p50", "p90", "p95", "p99", "p99_9", "max"] {
            let value = requests["times"][time].as_f64().unwrap_or(1.0);
            requests["times"][time] = json!((value * times) as u64);
        }
        let count = requests["count"].as_f64().unwrap_or(0.0);
        requests["count"] = json!((count / times) as u64);
        for time in route["curve"].as_array_mut().into_iter().flatten() {
            *time = json!((time.as_f64().unwrap_or(1.0) * times) as u64);
        }
    }
}

/// Every text in the record that people or programs outside chose, exchanged for
/// [`EVIL`]: names, sentences, reasons, commands. What is one of a few words, or a time,
/// stays.
pub(crate) fn poison(record: &mut Value) {
    const KEYS: [&str; 25] = [
        "name",
        "description",
        "source",
        "command",
        "route",
        "reason",
        "example",
        "sentence",
        "rule",
        "claim",
        "processor",
        "kernel",
        "rustc",
        "profile",
        "commit",
        "asked",
        "program",
        "service",
        "plan",
        "plan_source",
        "stage",
        "target",
        "node",
        "excuse",
        "key",
    ];
    match record {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if KEYS.contains(&key.as_str()) => EVIL.clone_into(text),
                    value => poison(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(poison),
        _ => {}
    }
}

fn moment(minute: u32, second: u32) -> String {
    format!(
        "2026-01-01T{:02}:{:02}:{second:02}Z",
        minute / 60 % 24,
        minute % 60
    )
}
