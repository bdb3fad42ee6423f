//! The lower half of a run's page: where requests went, what each hop counted,
//! what it cost, and how to make the run again.

use maud::{Markup, html};

use super::super::figures::{count, micros, percent};
use super::super::layout::bar;
use crate::ledger::{Balance, Difference, Line};
use crate::record::Record;

pub(super) fn gateways(record: &Record) -> Markup {
    let total: u64 = record
        .gateways
        .iter()
        .map(|g| g.attempts.unwrap_or(g.answers))
        .sum();
    html! {
        section {
            h2 { "Share of each gateway" }
            @if record.gateways.is_empty() {
                p.soft { "Answers did not say who gave them." }
            } @else {
                table {
                    thead { tr {
                        th scope="col" { "Gateway" }
                        th scope="col" .n { "Requests" }
                        th scope="col" .n { "Answers seen" }
                        th scope="col" .n { "Share" }
                        td {}
                    } }
                    tbody { @for gateway in &record.gateways {
                        @let requests = gateway.attempts.unwrap_or(gateway.answers);
                        @let share = requests as f64 / total.max(1) as f64;
                        tr {
                            th scope="row" { (gateway.name) }
                            td.n { (gateway.attempts.map_or_else(|| "–".to_owned(), count)) }
                            td.n { (count(gateway.answers)) }
                            td.n { (percent(share * 100.0)) }
                            td.wide { (bar(share)) }
                        }
                    } }
                }
                p.small.soft { "Over the whole run. Round robin gives each the same, but for one." }
            }
        }
    }
}

pub(super) fn caches(record: &Record) -> Markup {
    html! {
        section {
            h2 { "Caches" }
            @match &record.caches {
                None => p.soft { "Answers did not say what caches did." },
                Some(caches) => {
                    table {
                        thead { tr {
                            th scope="col" { "Cache" }
                            th scope="col" .n { "Hits" }
                            th scope="col" .n { "Misses" }
                            th scope="col" .n { "Not answered" }
                            th scope="col" .n { "Hit ratio" }
                        } }
                        tbody {
                            @for cache in &caches.by_cache {
                                (cache_row(&cache.name, cache.hits, cache.misses, cache.failed))
                            }
                            (cache_row("all", caches.hits, caches.misses, caches.failed))
                        }
                    }
                    p.small.soft {
                        @if caches.counted_by_gateways {
                            "As the gateways counted, without warm-up. Reads of what was just written miss by design."
                        } @else {
                            "As the answers told (Cache-Status), without warm-up."
                        }
                    }
                }
            }
        }
    }
}

fn cache_row(name: &str, hits: u64, misses: u64, failed: u64) -> Markup {
    let lookups = hits + misses + failed;
    let ratio = (lookups > 0).then(|| percent(hits as f64 / lookups as f64 * 100.0));
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (count(hits)) }
            td.n { (count(misses)) }
            td.n { (count(failed)) }
            td.n { (ratio.unwrap_or_else(|| "–".to_owned())) }
        }
    }
}

pub(super) fn failures(record: &Record) -> Markup {
    html! {
        @if !record.failures.is_empty() {
            section {
                h2 { "Failed requests" }
                table {
                    thead { tr {
                        th scope="col" { "Route" }
                        th scope="col" { "Reason, and the first example" }
                        th scope="col" .n { "Count" }
                    } }
                    tbody { @for failure in &record.failures { tr {
                        th scope="row" { code { (failure.route) } }
                        td.text { (failure.reason) div.terms { (failure.example) } }
                        td.n { (count(failure.count)) }
                    } } }
                }
                p.small.soft { "Over the whole run, warm-up included." }
            }
        }
    }
}

pub(super) fn ledger(record: &Record) -> Markup {
    html! {
        section {
            h2 { "Ledger" }
            p.small.soft {
                "What was sent equals what each hop saw, over the whole run. A difference without a name fails it."
            }
            table {
                thead { tr {
                    th scope="col" { "Claim" }
                    th scope="col" .n { "To account for" }
                    th scope="col" .n { "Accounted for" }
                    th scope="col" { "Balance" }
                } }
                tbody { @for line in &record.ledger { (ledger_row(line)) } }
            }
        }
    }
}

fn ledger_row(line: &Line) -> Markup {
    let seen = line.balance != Balance::NotObservable;
    let accounted: u64 = line.right.iter().map(|term| term.count).sum();
    // An account of nothing is only worth a word where there is no other.
    let mut accounts: Vec<_> = line.right.iter().filter(|term| term.count > 0).collect();
    if accounts.is_empty() {
        accounts.extend(line.right.first());
    }
    html! {
        tr {
            td.text {
                (line.claim)
                @if seen { div.terms {
                    (line.left.name) " = "
                    @for (index, term) in accounts.iter().enumerate() {
                        @if index > 0 { " + " }
                        (term.name) " " (count(term.count))
                    }
                    @for difference in &line.differences { (named(difference)) }
                } }
            }
            td.n { @if seen { (count(line.left.count)) } @else { "–" } }
            td.n { @if seen { (count(accounted)) } @else { "–" } }
            td { @match line.balance {
                Balance::Even => span.badge.good { "even" },
                Balance::Off(by) => span.badge.bad { "off by " (by) },
                Balance::NotObservable => span.badge.doubt { "not observable" },
            } }
        }
    }
}

fn named(difference: &Difference) -> Markup {
    let most = count(difference.at_most.unsigned_abs());
    html! {
        @if difference.at_least == difference.at_most {
            " + " (difference.name) " " (most)
        } @else if difference.at_least < 0 {
            " ± " (difference.name) " (up to " (most) ")"
        } @else {
            " + " (difference.name) " (up to " (most) ")"
        }
    }
}

pub(super) fn processes(record: &Record) -> Markup {
    let most = record
        .processes
        .iter()
        .map(|p| p.cpu_seconds)
        .fold(0.0, f64::max);
    html! {
        section {
            h2 { "CPU time" }
            @if record.processes.is_empty() {
                p.soft { "Not observable from outside." }
            } @else {
                table {
                    thead { tr {
                        th scope="col" { "Process" }
                        th scope="col" .n { "Cores used" }
                        th scope="col" .n { "Per request" }
                        td {}
                    } }
                    tbody { @for process in &record.processes { tr {
                        th scope="row" { (process.name) }
                        td.n { (format!("{:.2}", process.cpu_seconds / record.measured_seconds)) }
                        td.n { (micros(process.cpu_micros_per_request)) }
                        td.wide { (bar(process.cpu_seconds / most)) }
                    } } }
                }
                p.small.soft { "User and system, without warm-up; per request that the generator sent." }
            }
        }
    }
}

pub(super) fn work(record: &Record) -> Markup {
    let (tasks, intruders) = (&record.tasks, &record.intruders);
    html! {
        section {
            h2 { "Tasks and intruders" }
            dl {
                dt { "Tasks accepted" } dd { (count(tasks.accepted)) }
                dt { "Done" } dd { (count(tasks.done)) }
                dt { "Given up by the worker" } dd { (count(tasks.dead)) }
                dt { "Gone" } dd { (count(tasks.gone)) }
                dt { "Not seen done in time" } dd { (count(tasks.unfinished())) }
                dt { "Requests with a bad token" } dd { (count(intruders.sent)) }
                dt { "Let in" } dd { (count(intruders.admitted)) }
            }
        }
    }
}

pub(super) fn environment(record: &Record, has_goose_report: bool) -> Markup {
    let environment = &record.environment;
    html! {
        section {
            h2 { "How this was made" }
            dl {
                dt { "Again" } dd { code { (record.command) } }
                @if let Some(shape) = &record.plan.shape {
                    dt { "System" }
                    dd {
                        (shape.gateways) " gateways, " (shape.caches) " caches, simulated storage latency "
                        (humantime::format_duration(shape.storage_latency)) ", task duration "
                        (humantime::format_duration(shape.task_duration))
                    }
                }
                dt { "Machine" }
                dd {
                    (environment.cores) " cores"
                    @if let Some(bytes) = environment.memory_bytes {
                        ", " (format!("{:.1}", bytes as f64 / f64::from(1 << 30))) " GiB"
                    }
                    @if let Some(processor) = &environment.processor { ", " (processor) }
                    ", " (environment.kernel)
                }
                dt { "Build" }
                dd { (environment.rustc) ", profile " (environment.profile) ", optimisation level " (environment.opt_level) }
                @if let Some(revision) = &environment.revision {
                    dt { "Revision" }
                    dd { code { (revision.commit) } @if revision.modified { " with changes" } }
                }
                dt { "Files" }
                dd {
                    a href="run.json" { "every figure" }
                    @if record.plan.shape.is_some() { ", " a href="logs/" { "logs of the nodes" } }
                    @if has_goose_report {
                        ", " a href="goose/report.html" { "Goose's own report" }
                        span.soft { " (with warm-up; its charts need a network)" }
                    }
                }
            }
            details { summary.small { "The plan" } pre { (record.plan.source) } }
        }
    }
}
