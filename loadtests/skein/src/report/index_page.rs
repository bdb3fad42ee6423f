//! The page that lists everything: load runs, gates and comparisons, the newest first,
//! and above them each plan's runs over time.

mod plans;
mod row;
mod sparkline;

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, html};

use super::layout::{Parts, page_of, scroll};
use super::{Entry, Kind, Line};
use crate::verdict::Verdict;

/// The page for these reports, which it puts in the order of time.
pub fn index_page(entries: &mut [Entry]) -> Markup {
    entries.sort_by_cached_key(|entry| std::cmp::Reverse((when(entry), entry.id.clone())));
    let body = html! {
        header {
            h1 { "Load tests" }
            p.soft { (tally(entries)) }
        }
        main #content {
            @if entries.is_empty() {
                section {
                    h2 { "Nothing yet" }
                    p { "The command " code { "run" } " makes the first run." }
                }
            } @else {
                (plans::plans(entries))
                (list(entries))
            }
        }
    };
    page_of(&Parts {
        title: "Load tests",
        style: include_str!("style/index.css"),
        script: Some(include_str!("script/list.js")),
        body: &body,
    })
}

/// When a report was made; of one that can't be read, when its folder's name says.
fn when(entry: &Entry) -> Option<Timestamp> {
    match &entry.line {
        Ok(line) => Some(line.when()),
        Err(_) => when_named(&entry.id),
    }
}

/// The time that a folder's name begins with, if it does.
fn when_named(id: &str) -> Option<Timestamp> {
    let (time, _) = id.split_once('-').unwrap_or((id, ""));
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// `12 runs, 2 gates and 1 comparison on record, the newest first.`
fn tally(entries: &[Entry]) -> String {
    let of = |kind: Kind| entries.iter().filter(|entry| entry.kind == kind).count();
    let parts: Vec<String> = [
        (Kind::Run, "run"),
        (Kind::Gate, "gate"),
        (Kind::Comparison, "comparison"),
        (Kind::Capacity, "study of capacity"),
    ]
    .into_iter()
    .map(|(kind, word)| (of(kind), word))
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| match word {
        "study of capacity" if count > 1 => format!("{count} studies of capacity"),
        word => format!("{count} {word}{}", if count == 1 { "" } else { "s" }),
    })
    .collect();
    match parts.split_last() {
        None => "Runs, gates and comparisons will be listed here.".to_owned(),
        Some((only, [])) => format!("{only} on record, the newest first."),
        Some((last, rest)) => {
            format!(
                "{} and {last} on record, the newest first.",
                rest.join(", ")
            )
        }
    }
}

fn list(entries: &[Entry]) -> Markup {
    html! {
        section #reports {
            h2 { "All reports" }
            (filter(entries))
            (scroll("All reports", &table(entries)))
            p.small.soft {
                "Figures are of the stages that are no warm-up; the p99 is that of the slowest route. "
                "An invalid run has none that may be quoted, and a comparison has no verdict."
            }
        }
    }
}

fn table(entries: &[Entry]) -> Markup {
    html! {
        table role="table" {
            thead role="rowgroup" { tr role="row" {
                (head("when", "When (UTC)", false))
                (head("plan", "Plan", false))
                (head("verdict", "Verdict", false))
                (head("requests", "Requests", true))
                (head("rate", "Rate", true))
                (head("failed", "Failed", true))
                (head("p99", "Slowest p99", true))
                (head("revision", "Revision", false))
            } }
            tbody role="rowgroup" { @for entry in entries { (row::row(entry)) } }
        }
    }
}

/// A column's head, by which the rows can be sorted where scripts run.
fn head(key: &str, name: &str, is_number: bool) -> Markup {
    html! { th role="columnheader" scope="col" data-sort=(key) .n[is_number] { (name) } }
}

/// Hidden until a script that can filter shows it.
fn filter(entries: &[Entry]) -> Markup {
    let lines = || entries.iter().filter_map(|entry| entry.line.as_ref().ok());
    let plans: BTreeSet<&str> = lines().map(Line::plan).collect();
    let verdicts = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Invalid,
        Verdict::Inconclusive,
    ];
    let is_there = |verdict: &Verdict| {
        lines().any(|line| {
            line.judgement()
                .is_some_and(|judgement| judgement.verdict == *verdict)
        })
    };
    let mut words: Vec<_> = verdicts
        .into_iter()
        .filter(is_there)
        .map(Verdict::word)
        .collect();
    if entries.iter().any(|entry| entry.line.is_err()) {
        words.push(row::UNREADABLE);
    }
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| entries.iter().any(|e| e.kind == *kind));
    html! {
        form #filter hidden {
            (choice("kind", "Kind", kinds.map(|kind| (kind.folder(), kind.folder()))))
            (choice("plan", "Plan", plans.into_iter().map(|plan| (plan, plan))))
            (choice("verdict", "Verdict", words.into_iter().map(|word| (word, word))))
            button type="reset" { "Show all" }
            output #shown .soft.small for="kind plan verdict" {}
        }
    }
}

fn choice<'a>(id: &str, name: &str, options: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        span.choice {
            label for=(id) { (name) }
            select id=(id) name=(id) {
                option value="" { "all" }
                @for (value, word) in options { option value=(value) { (word) } }
            }
        }
    }
}

#[cfg(test)]
mod tests;
