//! Requests route by route and stage by stage, with the charts of how long they took.

use maud::{Markup, html};

use super::latency;
use crate::record::{Record, RequestFigures, StageRecord};
use crate::report::figures::{count, duration, known, micros, per_second};
use crate::report::layout::{bar, scroll};

/// How long requests took, by route.
pub(super) fn routes(record: &Record) -> Markup {
    let times = record
        .routes
        .iter()
        .filter_map(|r| r.requests.times.as_ref());
    let slowest = times.map(|times| times.p99).max().unwrap_or(1).max(1) as f64;
    let rows = html! {
        table {
            (request_head("Route", "p99 as a bar"))
            tbody { @for route in &record.routes { tr {
                th scope="row" { code { (route.name) } }
                (request_cells(&route.requests))
                td.wide { @if let Some(times) = &route.requests.times {
                    (bar(times.p99 as f64 / slowest))
                } }
            } } }
        }
    };
    html! {
        section #latency {
            h2 { "Response time" }
            (scroll("Response time by route", &rows))
            (latency::latency(record))
            p.small.soft {
                "Response times, from the intended time to the last byte, over "
                (duration(record.measured_seconds)) " without warm-up, in curves and table; the map has the warm-up too. "
                "Failed requests count. "
                @if record.stages.iter().any(StageRecord::is_closed) {
                    "In closed load each user waits for the answer before the next request, so a "
                    "slow system is asked less often, and a request is intended when it is sent: response "
                    "time and service time are the same. "
                }
            }
        }
    }
}

/// What was sent in each stage.
pub(super) fn stages(stages: &[StageRecord]) -> Markup {
    let rows = html! {
        table {
            (request_head("Stage", "Load"))
            tbody { @for stage in stages {
                tr {
                    th scope="row" {
                        (stage.name)
                        @if stage.warm_up { span.soft { " (not judged)" } }
                    }
                    (request_cells(&stage.requests))
                    td.wide.soft.small {
                        @if stage.scenarios.is_empty() { (load(stage.open.is_some(), stage.users)) ", " }
                        (duration(stage.seconds))
                    }
                }
                @for own in &stage.scenarios { tr {
                    th scope="row" .soft { (own.scenario) " in " (stage.name) }
                    (request_cells(&own.requests))
                    td.wide.soft.small {
                        (load(own.open.is_some(), own.users)) ", " (duration(own.seconds))
                        @if own.begins_seconds > 0.0 { " from " (duration(own.begins_seconds)) " on" }
                    }
                } }
            } }
        }
    };
    html! {
        section #stages {
            h2 { "Stages" }
            (scroll("Stages", &rows))
        }
    }
}

/// The kind of a load, and its users.
fn load(is_open: bool, users: usize) -> String {
    let kind = if is_open { "open, at most" } else { "closed," };
    let noun = if users == 1 { "user" } else { "users" };
    format!("{kind} {} {noun}", count(users as u64))
}

fn request_head(what: &str, last: &str) -> Markup {
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
            th scope="col" { (last) }
        } }
    }
}

fn request_cells(requests: &RequestFigures) -> Markup {
    html! {
        td.n { (count(requests.count)) }
        td.n { (known(requests.per_second, per_second)) }
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
