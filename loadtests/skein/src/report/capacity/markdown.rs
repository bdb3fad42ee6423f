//! A study as Markdown, for the summary of a CI job.

use crate::capacity::record::CapacityRecord;
use crate::report::capacity_page::{
    called_roles, calls_to, ends, figure_of, in_short, labels, limit_in_short, promise,
};
use crate::report::figures::{known, micros, per_second};
use crate::report::markdown::{code, list, plain, row};
use crate::verdict::Verdict;

/// The study as Markdown, in GitHub's dialect, where tables are.
pub fn markdown(record: &CapacityRecord) -> String {
    let mut text = format!(
        "## Capacity at {}: {}\n\n{}\n",
        plain(&promise(record)),
        record.judgement.verdict.word(),
        plain(&record.judgement.sentence),
    );
    if record.judgement.verdict == Verdict::Invalid {
        text.push_str("\n**No figure of this study may be taken for a result.**\n");
    } else {
        systems(record, &mut text);
    }
    let doubts = record.doubts.iter().map(|doubt| plain(&doubt.to_string()));
    list(&mut text, "Remarks", doubts);
    text.push_str(&format!(
        "\n{} UTC, {:.0} s of measuring, seed {}. Again: {}\n",
        record.started.strftime("%Y-%m-%d %H:%M:%S"),
        record.seconds,
        record.seed,
        code(&record.command)
    ));
    text
}

fn systems(record: &CapacityRecord, text: &mut String) {
    text.push_str(
        "\n| System | Turns/s | Interval | p50 at the low rate | p99 | CPU per request | Limited by |\n|---|--:|--:|--:|--:|--:|---|\n",
    );
    for system in &record.systems {
        let common = system.common.as_ref();
        row(
            text,
            &[
                plain(&system.name),
                in_short(&system.finding),
                ends(&system.finding).unwrap_or_else(|| "–".to_owned()),
                known(common.map(|common| common.p50_micros), micros),
                known(common.map(|common| common.p99_micros), micros),
                known(common.map(|common| common.cpu_per_request_micros), micros),
                plain(&limit_in_short(&system.limit.by)),
            ],
        );
    }
    calls(record, text);
}

/// Calls to each tier for each request and the program's figures, system by system, where calls
/// are counted.
fn calls(record: &CapacityRecord, text: &mut String) {
    let roles = called_roles(record.systems.iter());
    let labels = labels(record.systems.iter());
    if roles.is_empty() {
        return;
    }
    let rate = known(record.common_per_second, per_second);
    let figures = if labels.is_empty() {
        ""
    } else {
        ", and figures"
    };
    text.push_str(&format!(
        "\nCalls to each tier for each request{figures}, at {rate}:\n\n"
    ));
    let of_figures = labels.iter().map(|(_, label)| label);
    let head = roles.iter().chain(of_figures).map(|head| plain(head));
    row(text, &[vec!["System".to_owned()], head.collect()].concat());
    text.push_str(&format!(
        "|---{}|\n",
        "|--:".repeat(roles.len() + labels.len())
    ));
    for system in &record.systems {
        let calls = roles.iter().map(|role| calls_to(system, role));
        let figures = labels.iter().map(|(name, _)| figure_of(system, name));
        let cells = [plain(&system.name)].into_iter();
        row(text, &cells.chain(calls).chain(figures).collect::<Vec<_>>());
    }
}
