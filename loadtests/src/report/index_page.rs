//! The page that lists all runs.

use maud::{Markup, html};

use super::figures::{count, micros, per_second};
use super::layout::{badge, page};
use crate::record::Record;
use crate::verdict::Verdict;

/// A run's folder, and its record or why it can't be read.
#[derive(Debug)]
pub struct Entry {
    /// The folder's name.
    pub id: String,
    /// The record, or what is wrong with it.
    pub record: Result<Record, String>,
}

/// The page for these runs, in their order.
pub fn index_page(entries: &[Entry]) -> Markup {
    let body = html! {
        header {
            h1 { "Runs" }
            p.soft { "Load tests on this machine, the newest first." }
        }
        main {
            section {
                @if entries.is_empty() {
                    p { "There are none yet. " code { "cargo run -p loadtests" } " makes one." }
                } @else {
                    (table(entries))
                }
            }
        }
    };
    page("Runs", &body)
}

fn table(entries: &[Entry]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "When (UTC)" }
                th scope="col" { "Plan" }
                th scope="col" { "Verdict" }
                th scope="col" .n { "Requests" }
                th scope="col" .n { "Rate" }
                th scope="col" .n { "Failed" }
                th scope="col" .n { "Slowest p99" }
                th scope="col" { "Revision" }
            } }
            tbody {
                @for entry in entries {
                    @match &entry.record {
                        Ok(record) => (row(entry, record)),
                        Err(wrong) => tr {
                            td colspan="8" {
                                (entry.id) " " span.badge.doubt { "unreadable" }
                                p.small.soft { (wrong) }
                            }
                        },
                    }
                }
            }
        }
    }
}

fn row(entry: &Entry, record: &Record) -> Markup {
    let requests: u64 = record.routes.iter().map(|r| r.requests.count).sum();
    let failed: u64 = record.routes.iter().map(|r| r.requests.failed).sum();
    let times = record
        .routes
        .iter()
        .filter_map(|r| r.requests.times.as_ref());
    let slowest = times.map(|times| times.p99).max();
    // No figure of an invalid run may be taken for a result.
    let quoted = record.judgement.verdict != Verdict::Invalid;
    html! {
        tr {
            td { a href=(format!("runs/{}/index.html", entry.id)) {
                (record.started.strftime("%Y-%m-%d %H:%M:%S"))
            } }
            td { (record.plan.name) }
            td { (badge(record.judgement.verdict)) }
            @if quoted {
                td.n { (count(requests)) }
                td.n { (per_second(requests as f64 / record.measured_seconds)) }
                td.n { (count(failed)) }
                td.n { (slowest.map_or_else(|| "–".to_owned(), |p99| micros(p99 as f64))) }
            } @else {
                td.n colspan="4" { span.soft { "no result" } }
            }
            td { @match &record.environment.revision {
                Some(revision) => {
                    code { (revision.commit.chars().take(8).collect::<String>()) }
                    @if revision.modified { span.soft { " + changes" } }
                },
                None => span.soft { "–" },
            } }
        }
    }
}
