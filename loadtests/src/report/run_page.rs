//! The page of one run, from the verdict down to the last figure.

mod evidence;
mod open_load;
mod time;
mod trust;

use maud::{Markup, html};

use super::figures::{count, in_unit, micros, per_second, percent};
use super::layout::{bar, class, page};
use crate::record::{Record, RequestFigures, StageRecord};
use crate::threshold::{Judged, State};
use crate::verdict::Verdict;

/// The page of a run; `has_goose_report` tells whether to link Goose's own.
pub fn run_page(record: &Record, has_goose_report: bool) -> Markup {
    let title = format!("{} – {}", record.plan.name, record.judgement.verdict.word());
    let body = html! {
        header {
            p.small { a href="../../index.html" { "All runs" } }
            h1 { (record.plan.name) }
            p.soft { (record.plan.description) }
            p.soft.small {
                (record.started.strftime("%Y-%m-%d %H:%M:%S")) " UTC, "
                (humantime::format_duration(std::time::Duration::from_secs(record.duration().as_secs())))
                ", seed " (record.seed)
                @if let Some(url) = &record.plan.target { ", on " (url) }
            }
        }
        main.no-result[record.judgement.verdict == Verdict::Invalid] {
            (verdict(record))
            (tiles(record))
            (thresholds(&record.thresholds))
            (latency(record))
            (stages(&record.stages))
            (open_load::open_load(&record.stages))
            (time::hops(record))
            @if !record.plan.is_plain {
                div.pair {
                    (evidence::gateways(record))
                    (evidence::caches(record))
                }
            }
            (evidence::failures(record))
            @if !record.plan.is_plain {
                (evidence::ledger(record))
                div.pair {
                    (evidence::processes(record))
                    (evidence::work(record))
                }
            }
            (time::usage(record))
            (trust::trust(record))
            (evidence::environment(record, has_goose_report))
        }
    };
    page(&title, &body)
}

fn verdict(record: &Record) -> Markup {
    let verdict = record.judgement.verdict;
    html! {
        section.verdict.(class(verdict)) aria-label="Verdict" {
            strong { (capitalised(verdict.word())) }
            p { (capitalised(&record.judgement.sentence)) }
            @if verdict == Verdict::Invalid {
                p { strong { "None of the figures below may be taken for a result." } }
            }
            @for warning in &record.warnings {
                @if !record.judgement.sentence.contains(&warning.to_string()) {
                    p.small { "Note: " (warning) }
                }
            }
        }
    }
}

fn tiles(record: &Record) -> Markup {
    let requests: u64 = record.routes.iter().map(|r| r.requests.count).sum();
    let failed: u64 = record.routes.iter().map(|r| r.requests.failed).sum();
    let hit_ratio = record.caches.as_ref().and_then(|caches| caches.hit_ratio());
    let tile = |figure: String, name: &str| {
        html! { div.card { strong { (figure) } span.soft.small { (name) } } }
    };
    html! {
        div.tiles {
            (tile(count(requests), "requests measured"))
            (tile(per_second(requests as f64 / record.measured_seconds), "requests a second, achieved"))
            @if let Some((requested, achieved)) = open_load::rates(&record.stages) {
                (tile(
                    format!("{} of {}", per_second(achieved), per_second(requested)),
                    "turns a second, achieved of requested",
                ))
            }
            (tile(count(failed), "failed"))
            @if !record.plan.is_plain {
                (tile(hit_ratio.map_or_else(|| "–".to_owned(), percent), "cache hit ratio"))
            }
        }
    }
}

fn thresholds(thresholds: &[Judged]) -> Markup {
    html! {
        section {
            h2 { "Thresholds" }
            table {
                thead { tr {
                    th scope="col" { "Rule" }
                    th scope="col" .n { "Limit" }
                    th scope="col" .n { "Value" }
                    th scope="col" { "Outcome" }
                } }
                tbody { @for judged in thresholds { tr {
                    td { code { (judged.rule) } }
                    td.n { (in_unit(judged.limit, judged.unit)) }
                    td.n { (judged.value.map_or_else(|| "–".to_owned(), |v| in_unit(v, judged.unit))) }
                    td { (outcome(judged)) }
                } } }
            }
        }
    }
}

fn outcome(judged: &Judged) -> Markup {
    let (class, word) = match (judged.state, judged.value) {
        (State::Passed, _) => ("good", "held"),
        (State::Failed, Some(_)) => ("bad", "failed"),
        (State::Failed, None) => ("bad", "failed: no samples"),
        (State::NotObservable, _) => ("doubt", "not observable"),
    };
    html! { span.badge.(class) { (word) } }
}

fn latency(record: &Record) -> Markup {
    let times = record
        .routes
        .iter()
        .filter_map(|r| r.requests.times.as_ref());
    let slowest = times.map(|times| times.p99).max().unwrap_or(1).max(1) as f64;
    html! {
        section {
            h2 { "Response time by route" }
            table {
                (request_head("Route"))
                tbody { @for route in &record.routes { tr {
                    th scope="row" { code { (route.name) } }
                    (request_cells(&route.requests))
                    td.wide { @if let Some(times) = &route.requests.times {
                        (bar(times.p99 as f64 / slowest))
                    } }
                } } }
            }
            p.small.soft {
                "Response times, from the intended time to the last byte, over "
                (record.measured_seconds) " s without warm-up; failed requests count too. "
                @if record.stages.iter().any(|stage| stage.open.is_none()) {
                    "In closed load each user waits for the answer before the next request, so a "
                    "slow system is asked less often, and a request is intended when it is sent. "
                }
                "Bars compare p99."
            }
        }
    }
}

fn stages(stages: &[StageRecord]) -> Markup {
    html! {
        section {
            h2 { "Stages" }
            table {
                (request_head("Stage"))
                tbody { @for stage in stages { tr {
                    th scope="row" {
                        (stage.name)
                        @if stage.warm_up { span.soft { " (not judged)" } }
                    }
                    (request_cells(&stage.requests))
                    td.wide.soft.small {
                        (if stage.open.is_some() { "open, at most " } else { "closed, " })
                        (stage.users) " users, " (stage.seconds) " s"
                    }
                } } }
            }
        }
    }
}

fn request_head(what: &str) -> Markup {
    html! {
        thead { tr {
            th scope="col" { (what) }
            th scope="col" .n { "Requests" }
            th scope="col" .n { "Rate" }
            th scope="col" .n { "Failed" }
            th scope="col" .n { "p50" }
            th scope="col" .n { "p90" }
            th scope="col" .n { "p99" }
            th scope="col" .n { "Max" }
            td {}
        } }
    }
}

fn request_cells(requests: &RequestFigures) -> Markup {
    html! {
        td.n { (count(requests.count)) }
        td.n { (per_second(requests.per_second)) }
        td.n { (count(requests.failed)) }
        @match &requests.times {
            Some(times) => {
                @for time in [times.p50, times.p90, times.p99, times.max] {
                    td.n { (micros(time as f64)) }
                }
            },
            None => @for _ in 0..4 { td.n { "–" } },
        }
    }
}

/// With its first letter in upper case, for a text that begins a sentence.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn a_page_has_the_figures_of_its_record() {
        let page = run_page(&example(), true)
            .into_string()
            .replace('\u{202f}', " ");
        for figure in [
            "12 345",
            "4.21 ms",
            "Pass",
            "p99&lt;50ms",
            "seed 42",
            "goose/report.html",
        ] {
            assert!(page.contains(figure), "{figure} is missing");
        }
    }

    #[test]
    fn what_comes_from_outside_is_shown_as_text() {
        let mut record = example();
        let evil = "<script>alert(1)</script>";
        record.plan.name = evil.to_owned();
        record.plan.source = evil.to_owned();
        record.routes[0].name = evil.to_owned();
        record.stages[0].name = evil.to_owned();
        record.failures[0].reason = evil.to_owned();
        record.failures[0].example = evil.to_owned();
        record.gateways[0].name = evil.to_owned();
        record.command = evil.to_owned();
        record.usage[0].stage = evil.to_owned();
        record.usage[0].processes[0].name = evil.to_owned();
        record.timing[0].route = evil.to_owned();
        record.evidence.stages[0].stage = evil.to_owned();
        let page = run_page(&record, false).into_string();
        assert!(!page.contains("<script"), "a script got into the page");
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = run_page(&example(), true).into_string();
        for loading in ["http://", "https://", "<link", "<script", "@import", "url("] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn an_invalid_run_says_so_before_any_figure() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        let page = run_page(&record, false).into_string();
        let banner = page.find("may be taken for a result").expect("a banner");
        assert!(banner < page.find("<table").expect("a table"));
    }
}
