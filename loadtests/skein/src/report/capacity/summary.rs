//! A study on a few lines of a terminal.

use std::path::Path;

use console::style;

use crate::capacity::record::{CapacityRecord, SystemRecord};
use crate::report::capacity_page::{ends, in_short};
use crate::report::figures::{known, micros};
use crate::report::summary::coloured;
use crate::text::one_line;
use crate::verdict::Verdict;

/// The summary of a study that is kept in `folder`.
pub fn summary(record: &CapacityRecord, folder: &Path) -> String {
    let verdict = record.judgement.verdict;
    let mut lines = vec![format!(
        "{}  {}",
        coloured(verdict.word().to_uppercase(), verdict),
        one_line(&record.judgement.sentence)
    )];
    if verdict != Verdict::Invalid {
        lines.extend(systems(&record.systems));
        if let Some(own) = record.systems.first() {
            lines.extend(
                own.limit
                    .reasons
                    .iter()
                    .map(|why| format!("Limit: {}", one_line(why))),
            );
        }
        let variants = record.patterns.iter().flat_map(|pattern| &pattern.variants);
        lines.extend(variants.map(|variant| one_line(&variant.sentence).into_owned()));
    }
    let doubts = record.doubts.iter().map(ToString::to_string);
    lines.extend(doubts.map(|doubt| one_line(&doubt).into_owned()));
    lines.push(format!(
        "{:.0} s, a budget of {:.0} s for each system, seed {}",
        record.seconds, record.budget_seconds, record.seed
    ));
    let folder = folder.display().to_string();
    lines.push(format!("Report: {}", one_line(&folder)));
    lines.push(format!("Again:  {}", one_line(&record.command)));
    lines.join("\n") + "\n"
}

fn systems(systems: &[SystemRecord]) -> Vec<String> {
    let head = format!(
        "{:<28}{:>10}  {:<20}{:>10}{:>10}{:>12}",
        "system", "turns/s", "interval", "p50 low", "p99 low", "CPU/request"
    );
    let mut lines = vec![style(head).dim().to_string()];
    lines.extend(systems.iter().map(|system| {
        let common = system.common.as_ref();
        format!(
            "{:<28}{:>10}  {:<20}{:>10}{:>10}{:>12}",
            one_line(&system.name),
            in_short(&system.finding),
            ends(&system.finding).unwrap_or_else(|| "–".to_owned()),
            known(common.map(|common| common.p50_micros), micros),
            known(common.map(|common| common.p99_micros), micros),
            known(common.map(|common| common.cpu_per_request_micros), micros),
        )
    }));
    lines
}
