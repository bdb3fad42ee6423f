//! The page of a gate: slower, not slower, or it can't be told; by how much, against
//! which margin, and everything that rests on.

mod cost;
mod forest;
mod made;
mod metrics;
mod rounds;

use std::time::Duration;

use maud::{Markup, html};

use super::entry::ShortRevision;
use super::figures::percent;
use super::gate::played;
use super::layout::{Parts, class, page_of, tile};
use crate::gate::record::{Build, GateRecord, MetricRecord};
use crate::verdict::Verdict;

/// The page of a gate.
pub fn gate_page(record: &GateRecord) -> Markup {
    let verdict = record.judgement.verdict;
    let body = html! {
        header {
            p.small { a href="../../index.html" { "All reports" } }
            h1 { "Gate: " (what(&record.candidate)) " against " (what(&record.baseline)) }
            p.soft.small {
                "Plan " (record.plan) ", "
                (record.started.strftime("%Y-%m-%d %H:%M:%S")) " UTC, "
                (seconds(record.seconds)) " of measuring, seed " (record.seed)
            }
        }
        main #content.no-result[verdict == Verdict::Invalid] {
            (banner(record))
            (tiles(record))
            (metrics::forest_plot(record))
            (metrics::figures(&record.metrics))
            (rounds::round_by_round(record))
            (cost::services(&record.services))
            (cost::hops(&record.hops))
            (cost::failures(&record.failures))
            (made::looks(record))
            (rounds::all_rounds(record))
            (made::made(record))
        }
    };
    page_of(&Parts {
        title: &format!("Gate – {}", verdict.word()),
        style: include_str!("style/gate.css"),
        script: None,
        body: &body,
    })
}

/// What a side is called: as it was asked for, with its commit.
fn what(build: &Build) -> Markup {
    let commit = ShortRevision::of_build(build);
    html! {
        @match (&build.asked, &commit) {
            (Some(asked), Some(commit)) if !asked.starts_with(&commit.commit) => {
                (asked) " (" (commit.commit) ")"
            },
            (_, Some(commit)) => (commit.commit),
            (Some(asked), None) => (asked),
            (None, None) => "an unnamed build",
        }
        @if build.modified == Some(true) { " + changes" }
    }
}

fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    humantime::format_duration(whole).to_string()
}

/// The verdict of a gate, as its page begins.
fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Pass: not slower",
        Verdict::Fail => "Fail: slower",
        Verdict::Inconclusive => "Inconclusive: it can’t be told",
        Verdict::Invalid => "Invalid: the measurement can’t be trusted",
    }
}

fn banner(record: &GateRecord) -> Markup {
    let verdict = record.judgement.verdict;
    html! {
        section.verdict.(class(verdict)) aria-label="Verdict" {
            strong { (headline(verdict)) }
            p { (record.judgement.sentence) }
            @if verdict == Verdict::Invalid {
                p { strong { "None of the figures below may be taken for a result." } }
            }
            @if verdict == Verdict::Inconclusive {
                p { "This is no pass: the candidate may be slower by more than the margin. More rounds, or a quieter machine, could tell." }
            }
            @if record.is_aa {
                p { "Both sides are the same build on purpose (A/A), so every difference below is chance." }
            }
            @if let Some(confirmation) = &record.confirmation {
                p.small {
                    @if confirmation.confirmed { "Confirmed by " } @else { "Not confirmed by " }
                    (confirmation.rounds) " fresh rounds with seed " (confirmation.seed) ": "
                    (confirmation.sentence)
                }
            }
            @for doubt in record.doubts.iter().map(ToString::to_string) {
                @if !record.judgement.sentence.contains(&doubt) { p.small { "Note: " (doubt) } }
            }
        }
    }
}

fn tiles(record: &GateRecord) -> Markup {
    let (rounds, confirming) = played(record);
    let fine_enough: Vec<&MetricRecord> = record
        .metrics
        .iter()
        .filter(|m| m.excuse.is_none())
        .collect();
    html! {
        div.tiles {
            (tile(format!("{rounds} of {}", record.most_rounds), "rounds, of the most that were planned"))
            @if confirming > 0 { (tile(confirming.to_string(), "rounds to confirm")) }
            (tile(seconds(record.seconds), &format!("measuring, of a budget of {}", seconds(record.budget_seconds))))
            @for metric in fine_enough.iter().take(2) {
                @if let Some(effect) = metric.smallest_detectable {
                    (tile(percent(effect * 100.0), &format!("smallest worsening of {} that this could have seen", metric.name)))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
