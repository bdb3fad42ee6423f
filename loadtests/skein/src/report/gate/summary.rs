//! A gate on a few lines of a terminal.

use std::fmt::Write;
use std::path::Path;

use console::style;

use super::{change, change_from, comes_to, interval, or_dash, rounds, share};
use crate::gate::record::{GateRecord, HopTime};
use crate::report::figures::{known, micros};
use crate::report::summary::coloured;
use crate::text::one_line;
use crate::verdict::Verdict;

/// Most services and hops that are shown: those that cost the most.
const SHOWN: usize = 4;

/// The summary of a gate that is kept in `folder`.
pub fn summary(record: &GateRecord, folder: &Path) -> String {
    let verdict = record.judgement.verdict;
    let mut lines = vec![format!(
        "{}  {}",
        coloured(verdict.word().to_uppercase(), verdict),
        one_line(&record.judgement.sentence)
    )];
    if verdict != Verdict::Invalid {
        lines.extend(metrics(record));
        lines.extend(costs(record));
    }
    lines.extend(
        record
            .doubts
            .iter()
            .map(|doubt| one_line(&doubt.to_string()).into_owned()),
    );
    for metric in &record.metrics {
        if let Some(reason) = &metric.excuse {
            lines.push(format!(
                "{} can't rule a slowdown out here: {}",
                one_line(&metric.name),
                one_line(reason)
            ));
        }
    }
    lines.push(format!(
        "{}, {:.0} s of a budget of {:.0} s, seed {}",
        rounds(record),
        record.seconds,
        record.budget_seconds,
        record.seed
    ));
    let folder = folder.display().to_string();
    lines.push(format!("Report: {}", one_line(&folder)));
    lines.push(format!("Again:  {}", one_line(&record.command)));
    lines.join("\n") + "\n"
}

fn metrics(record: &GateRecord) -> Vec<String> {
    let head = format!(
        "{:<26}{:>9}  {:<20}{:>8}{:>10}",
        "candidate ÷ baseline", "change", "95 % interval", "margin", "can see"
    );
    let mut lines = vec![style(head).dim().to_string()];
    lines.extend(record.metrics.iter().map(|metric| {
        format!(
            "{:<26}{:>9}  {:<20}{:>8}{:>10}  {}",
            one_line(&metric.name),
            or_dash(metric.ratio.map(change)),
            or_dash(interval(metric)),
            share(metric.margin),
            or_dash(metric.smallest_detectable.map(share)),
            comes_to(record, metric)
        )
    }));
    lines
}

/// Where the cost went, before and after.
fn costs(record: &GateRecord) -> Vec<String> {
    let pair = |name: &str, before: Option<f64>, after: Option<f64>| {
        let change = change_from(before, after);
        format!("{name} {} ({change})", known(after, micros))
    };
    let services = record.services.iter().take(SHOWN).map(|service| {
        let micros = |nanos: Option<f64>| nanos.map(|nanos| nanos / 1e3);
        pair(
            &one_line(&service.service),
            micros(service.baseline_nanos),
            micros(service.candidate_nanos),
        )
    });
    let hops = longest(&record.hops)
        .into_iter()
        .map(|hop| pair(hop.hop.name(), hop.baseline_micros, hop.candidate_micros));
    let mut lines = Vec::new();
    for (what, parts) in [
        ("CPU per request", services.collect::<Vec<_>>()),
        ("time by hop", hops.collect()),
    ] {
        if !parts.is_empty() {
            let mut line = String::new();
            write!(line, "{what}: {}", parts.join(" · ")).expect("a string takes every write");
            lines.push(line);
        }
    }
    lines
}

/// The hops that take the longest on either side, the longest first.
fn longest(hops: &[HopTime]) -> Vec<&HopTime> {
    let time = |hop: &HopTime| {
        let sides = [hop.baseline_micros, hop.candidate_micros];
        sides.into_iter().flatten().fold(0.0, f64::max)
    };
    let mut hops: Vec<&HopTime> = hops.iter().collect();
    hops.sort_by(|a, b| time(b).total_cmp(&time(a)));
    hops.truncate(SHOWN);
    hops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::example;
    use crate::timing::Hop;

    #[test]
    fn a_summary_says_what_was_compared_and_what_it_could_have_seen() {
        let text = console::strip_ansi_codes(&summary(&example(), Path::new("reports/gates/x")))
            .replace('\u{202f}', " ");
        for says in [
            "FAIL  CPU per request is 5.4 % higher",
            "CPU per request              +5.4 %  +4.9 % to +5.9 %       3.0 %     1.8 %  slower",
            "CPU per request: shop 133 µs (+10.8 %)",
            "time by hop: shop 330 µs (+10.0 %) · generator and network 121 µs (+0.8 %)",
            "p99 of the response time can't rule a slowdown out here: on this machine",
            "12 of at most 24 rounds, 118 s of a budget of 120 s, seed 42",
        ] {
            assert!(text.contains(says), "{says} is missing from\n{text}");
        }
        assert!(text.lines().count() <= 16, "{text}");
    }

    #[test]
    fn the_hops_that_are_shown_take_the_longest_on_either_side() {
        let mut record = example();
        for (hop, baseline_micros, candidate_micros) in [
            ("shelf", 60.0, 60.0),
            ("store", 900.0, 100.0),
            ("till", 200.0, 200.0),
        ] {
            record.hops.push(HopTime {
                hop: Hop::of_role(hop),
                baseline_micros: Some(baseline_micros),
                candidate_micros: Some(candidate_micros),
            });
        }
        let longest = longest(&record.hops);
        let shown: Vec<&str> = longest.iter().map(|hop| hop.hop.name()).collect();
        assert_eq!(shown.join(", "), "store, shop, till, generator and network");
        let text = summary(&record, Path::new("x")).replace('\u{202f}', " ");
        assert!(
            text.contains("time by hop: store 100 µs (−88.9 %)"),
            "{text}"
        );
    }

    #[test]
    fn a_slowdown_that_was_not_seen_again_says_so() {
        let mut record = example();
        let second = record.confirmation.as_mut().expect("there is one");
        second.metrics = vec!["p50".to_owned()];
        let text = summary(&record, Path::new("x"));
        assert!(
            text.contains("slower, not again in the repetition"),
            "{text}"
        );
    }

    #[test]
    fn an_invalid_gate_has_no_figures_to_quote() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        let text = summary(&record, Path::new("x"));
        assert!(
            !text.contains("margin  ") && !text.contains("shop"),
            "{text}"
        );
    }
}
