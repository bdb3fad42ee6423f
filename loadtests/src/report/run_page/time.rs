//! Where the time went: hop by hop as the answers told, and process by process as the
//! operating system did.

use maud::{Markup, html};

use super::super::figures::{count, micros};
use super::super::layout::{hop_class, stack};
use crate::record::{ProcessUsage, Record, StageUsage};
use crate::timing::{EVERY, HopTiming, RouteTiming};

pub(super) fn hops(record: &Record) -> Markup {
    let slowest = record.timing.iter().map(whole).fold(0.0, f64::max);
    html! {
        section {
            h2 { "Where the time goes" }
            @if record.timing.is_empty() {
                p.soft { "Answers did not say (Server-Timing)." }
            } @else {
                table {
                    thead { tr {
                        th scope="col" { "Route and hop" }
                        th scope="col" .n { "Met by" }
                        th scope="col" .n { "Mean share" }
                        th scope="col" .n { "p50" }
                        th scope="col" .n { "p99" }
                        td {}
                    } }
                    tbody { @for route in &record.timing { (rows(route, slowest)) } }
                }
                p.small.soft {
                    "One request in " (EVERY) " was looked at, without warm-up. A hop's share is its own time, "
                    "without that of the hops behind it; what no server accounts for is the generator's and "
                    "the network's. Mean shares are over all requests of the route and add up to its mean "
                    "service time; percentiles are over those that met the hop."
                }
            }
        }
    }
}

fn rows(route: &RouteTiming, slowest: f64) -> Markup {
    let shares: Vec<_> = route
        .hops
        .iter()
        .map(|hop| {
            (
                hop_class(hop.hop),
                hop.mean / slowest.max(f64::MIN_POSITIVE),
            )
        })
        .collect();
    html! {
        tr {
            th scope="row" { code { (route.route) } }
            td.n { (count(route.samples)) }
            td.n { (micros(whole(route))) }
            td {} td {}
            td.wide { (stack(&shares)) }
        }
        @for hop in &route.hops { (row(hop)) }
    }
}

fn row(timing: &HopTiming) -> Markup {
    html! {
        tr.part {
            th scope="row" { span.key.(hop_class(timing.hop)) {} (timing.hop.name()) }
            td.n { (count(timing.met)) }
            td.n { (micros(timing.mean)) }
            td.n { (micros(timing.p50 as f64)) }
            td.n { (micros(timing.p99 as f64)) }
            td {}
        }
    }
}

/// The mean service time of a route's requests.
fn whole(route: &RouteTiming) -> f64 {
    route.hops.iter().map(|hop| hop.mean).sum()
}

pub(super) fn usage(record: &Record) -> Markup {
    html! {
        @if !record.usage.is_empty() {
            section {
                h2 { "What processes took" }
                table {
                    thead { tr {
                        th scope="col" { "Stage and process" }
                        th scope="col" .n { "CPU per request" }
                        th scope="col" .n { "Wait for a core per request" }
                        th scope="col" .n { "Switches, own will" }
                        th scope="col" .n { "Switches, forced" }
                        th scope="col" .n { "Peak memory" }
                    } }
                    tbody { @for stage in &record.usage { (stage_rows(stage)) } }
                }
                p.small.soft {
                    "As the operating system tells, per request that the generator sent. A thread switches "
                    "of its own will to wait for something, and is forced to when another gets its core; "
                    "memory is the most that the process had since its start."
                }
            }
        }
    }
}

fn stage_rows(stage: &StageUsage) -> Markup {
    html! {
        tr { th scope="row" colspan="6" { strong { (stage.stage) } ", " (count(stage.requests)) " requests" } }
        @for process in &stage.processes { (process_row(process)) }
    }
}

fn process_row(process: &ProcessUsage) -> Markup {
    let mebibytes = process.peak_memory_bytes as f64 / f64::from(1 << 20);
    html! {
        tr.part {
            th scope="row" { (process.name) }
            td.n { (micros(process.cpu_micros_per_request)) }
            td.n { (micros(process.waited_micros_per_request)) }
            td.n { (count(process.voluntary_switches)) }
            td.n { (count(process.involuntary_switches)) }
            td.n { (format!("{mebibytes:.1}\u{202f}MiB")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn hops_and_processes_are_shown_with_their_shares() {
        let record = example();
        let page = html! { (hops(&record)) (usage(&record)) }.into_string();
        let page = page.replace('\u{202f}', " ");
        // 200 µs and 800 µs of the slowest route's 1 ms.
        for figure in [
            "1 ms",
            "5.1 ms",
            "width:20.0%",
            "width:80.0%",
            "12.0 MiB",
            "4 321",
        ] {
            assert!(page.contains(figure), "{figure} is missing in {page}");
        }
    }
}
