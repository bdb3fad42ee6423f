//! The lower end of a run's page: what failed, what it cost, and how to make the run
//! again.

use maud::{Markup, html};

use crate::record::Record;
use crate::report::environment;
use crate::report::figures::{count, known, micros, parts};
use crate::report::layout::{bar, scroll};

pub(super) fn failures(record: &Record) -> Markup {
    let told_apart = record.failures.iter().any(|f| f.judged.is_some());
    html! {
        @if !record.failures.is_empty() {
            section #failures {
                h2 { "Failed requests" }
                (scroll("Failed requests", &html! { table {
                    thead { tr {
                        th scope="col" { "Route" }
                        th scope="col" { "Reason, and the first example" }
                        @if told_apart { th scope="col" .n { "Judged stages" } }
                        th scope="col" .n { "Whole run" }
                    } }
                    tbody { @for failure in &record.failures { tr {
                        th scope="row" { code { (failure.route) } }
                        td.text { (failure.reason) div.terms { (failure.example) } }
                        @if told_apart { td.n { (failure.judged.map_or_else(|| "–".to_owned(), count)) } }
                        td.n { (count(failure.count)) }
                    } } }
                } }))
                p.small.soft {
                    @if told_apart {
                        "Requests and rates elsewhere on this page are those of judged stages; the whole run has the warm-up too, "
                        "and what was sent after the load to follow up what had been accepted."
                    } @else { "Over the whole run, warm-up included." }
                }
            }
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
        section #cpu {
            h2 { "CPU time" }
            @if record.processes.is_empty() {
                p.soft { "Not observable from outside." }
            } @else {
                (scroll("CPU time", &html! { table {
                    thead { tr {
                        th scope="col" { "Process" }
                        th scope="col" .n { "Cores used" }
                        th scope="col" .n { "Per request" }
                        th scope="col" { span.sr { "CPU time as a bar" } }
                    } }
                    tbody { @for process in &record.processes { tr {
                        th scope="row" { (process.name) }
                        td.n { (known(record.per_measured_second(process.cpu_seconds), parts)) }
                        td.n { (known(process.cpu_micros_per_request, micros)) }
                        td.wide { (bar(process.cpu_seconds / most.max(f64::MIN_POSITIVE))) }
                    } } }
                } }))
                p.small.soft { "User and system, without warm-up; per request that the generator sent." }
            }
        }
    }
}

pub(super) fn environment(record: &Record, has_goose_report: bool) -> Markup {
    html! {
        section #environment {
            h2 { "How this was made" }
            dl {
                dt { "Again" } dd { code { (record.command) } }
                dt { "Seed" } dd { (record.seed) }
                dt { "Begin and end" }
                dd {
                    (record.started.strftime("%Y-%m-%d %H:%M:%S")) " to "
                    (record.ended.strftime("%Y-%m-%d %H:%M:%S")) " UTC"
                }
                @if let Some(url) = &record.plan.target { dt { "Server" } dd { (url) ", which was there" } }
                @if let Some(system) = &record.plan.system { dt { "System" } dd { (system) } }
                (environment::rows(&record.environment))
                dt { "Files" }
                dd {
                    a href="run.json" { "every figure" } ", "
                    a href="histograms/" { "all latencies as HdrHistogram logs" } ", "
                    a href="junit.xml" { "JUnit XML" } ", " a href="summary.md" { "Markdown" }
                    @if record.is_started() { ", " a href="logs/" { "logs of the nodes" } }
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
