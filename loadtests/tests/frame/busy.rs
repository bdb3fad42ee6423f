//! A busy machine's part in the warnings of a run.

use serde_json::Value;

/// Warnings that a busy machine can give for any run, whatever a test does.
const OF_A_BUSY_MACHINE: [&str; 5] = [
    "time_stolen",
    "machine_starved",
    "answers_unread",
    "sent_late",
    "rate_missed",
];

/// The first of a record's warnings that a busy machine gives, if there is one.
pub(crate) fn excuse(record: &Value) -> Option<String> {
    let warnings = record["warnings"].as_array().expect("a list");
    let excuse = warnings.iter().find(|warning| {
        let kind = warning["kind"].as_str().expect("a kind");
        OF_A_BUSY_MACHINE.contains(&kind)
    })?;
    Some(excuse.to_string())
}
