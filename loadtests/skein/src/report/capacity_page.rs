//! The page of a study of capacity: how much the system can take while it keeps its promise,
//! what limits it, and what each variant of it buys.

mod interval;
mod load;
mod made;
mod patterns;
mod scaling;
mod tiers;

use maud::{Markup, html};
use stats::capacity::{Capacity, Finished};

use super::figures::{in_unit, known, per_second, percent, significant};
use super::layout::{Parts, class, page_of, tile};
use crate::capacity::record::{CapacityRecord, Limit, SystemRecord};
use crate::verdict::Verdict;
use crate::words::counted;

/// The page of a study.
pub fn capacity_page(record: &CapacityRecord) -> Markup {
    let verdict = record.judgement.verdict;
    let body = html! {
        header {
            p.small { a href="../../index.html" { "All reports" } }
            h1 { "Capacity: " (record.plan) }
            p.soft.small {
                (promise(record)) ", "
                (record.started.strftime("%Y-%m-%d %H:%M:%S")) " UTC, "
                (made::seconds(record.seconds)) " of measuring, seed " (record.seed)
            }
        }
        main #content.no-result[verdict == Verdict::Invalid] {
            (banner(record))
            @if let Some(own) = record.systems.first() {
                (tiles(own))
                (load::section(record, own))
                (tiers::section(record, own))
            }
            (patterns::section(record))
            (scaling::section(record))
            (made::all_systems(record))
            (made::made(record))
        }
    };
    page_of(&Parts {
        title: &format!("Capacity – {}", record.plan),
        style: concat!(
            include_str!("style/chart.css"),
            include_str!("style/capacity.css")
        ),
        script: None,
        body: &body,
    })
}

/// The rules of the promise, as they were written.
pub(super) fn promise(record: &CapacityRecord) -> String {
    let rules: Vec<&str> = record.promise.iter().map(|clause| &*clause.rule).collect();
    rules.join(", ")
}

/// A capacity in a few words.
pub(super) fn in_short(finding: &Finished) -> String {
    match &finding.capacity {
        Capacity::Found(estimate) => per_second(estimate.rate),
        Capacity::AtLeast(rate) => format!("≥ {}", per_second(*rate)),
        Capacity::Below(rate) => format!("< {}", per_second(*rate)),
        Capacity::Unknown(_) => "unknown".to_owned(),
    }
}

/// The ends of a capacity's interval, where it has one.
pub(super) fn ends(finding: &Finished) -> Option<String> {
    let estimate = finding.capacity.estimate()?;
    Some(format!(
        "{} to {}",
        per_second(estimate.low),
        per_second(estimate.high)
    ))
}

/// A limit in a few words.
pub(super) fn limit_in_short(limit: &Limit) -> String {
    match limit {
        Limit::Cpu { tier } => format!("{tier}: CPU time"),
        Limit::Pool { tier, pool } => format!("{tier}: {pool}"),
        Limit::Waits { tier } => format!("{tier}: waits"),
        Limit::SharedCores { most } => format!("shared cores, most by {most}"),
        Limit::Generator => "the generator".to_owned(),
        Limit::Unknown => "–".to_owned(),
    }
}

/// The roles that are called in any of these systems, where calls are counted.
pub(super) fn called_roles<'a>(systems: impl Iterator<Item = &'a SystemRecord>) -> Vec<&'a str> {
    let common = systems.filter_map(|system| system.common.as_ref());
    let mut roles: Vec<&str> = Vec::new();
    for call in common.flat_map(|common| &common.calls) {
        if !roles.contains(&&*call.role) {
            roles.push(&call.role);
        }
    }
    roles
}

/// Calls to a role for each request of a system, at the low rate.
pub(super) fn calls_to(system: &SystemRecord, role: &str) -> String {
    let calls = system.common.iter().flat_map(|common| &common.calls);
    let called = calls.filter(|call| call.role == role);
    known(called.map(|call| call.per_request).next(), significant)
}

/// The figures with a name for people that the program adds to any of these systems.
pub(super) fn labels<'a>(
    systems: impl Iterator<Item = &'a SystemRecord>,
) -> Vec<(&'a str, &'a str)> {
    let common = systems.filter_map(|system| system.common.as_ref());
    let mut labels: Vec<(&str, &str)> = Vec::new();
    for figure in common.flat_map(|common| &common.figures) {
        let label = figure.label.as_deref().map(|label| (&*figure.name, label));
        labels.extend(label.filter(|label| !labels.contains(label)));
    }
    labels
}

/// A figure of a system at the low rate.
pub(super) fn figure_of(system: &SystemRecord, name: &str) -> String {
    let figures = system.common.iter().flat_map(|common| &common.figures);
    let mut figures = figures.filter(|figure| figure.name == name);
    let reading = figures.find_map(|figure| Some((figure.value?, figure.unit)));
    reading.map_or_else(|| "–".to_owned(), |(value, unit)| in_unit(value, unit))
}

fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Pass",
        Verdict::Fail => "Fail",
        Verdict::Inconclusive => "Inconclusive: it can’t be told",
        Verdict::Invalid => "Invalid: the measurement can’t be trusted",
    }
}

fn banner(record: &CapacityRecord) -> Markup {
    let verdict = record.judgement.verdict;
    html! {
        section.verdict.(class(verdict)) aria-label="Verdict" {
            strong { (headline(verdict)) }
            p { (record.judgement.sentence) }
            @if verdict == Verdict::Invalid {
                p { strong { "None of the figures below may be taken for a result." } }
            }
            @for doubt in record.doubts.iter().map(ToString::to_string) {
                @if !record.judgement.sentence.contains(&doubt) { p.small { "Note: " (doubt) } }
            }
        }
        p {
            "A system takes more and more turns a second until it no longer keeps what its users were promised. "
            "The greatest rate at which it does is its capacity. Here, turns began when they should, whether or not "
            "earlier ones were over, in short slots at rates around that point, each after the system had come to rest; "
            "and the system was started afresh again and again, for one start is never quite like another."
        }
    }
}

fn tiles(own: &SystemRecord) -> Markup {
    let finding = &own.finding;
    let requests = own.requests_per_turn.zip(finding.capacity.estimate());
    html! {
        div.tiles {
            (tile(in_short(finding), "turns, the capacity"))
            @if let Some(ends) = ends(finding) {
                (tile(ends, &format!("its interval, {}", percent(finding.confidence * 100.0))))
            }
            @if let Some((each, estimate)) = requests {
                @if each > 1.01 { (tile(per_second(estimate.rate * each), "requests")) }
            }
            (tile(finding.rounds.to_string(), &format!("fresh starts that it is estimated from, of {}", counted(own.rounds.len() as u64, "start", "starts"))))
        }
    }
}

#[cfg(test)]
mod tests;
