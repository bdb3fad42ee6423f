//! Where the time went: hop by hop as the answers told, and process by process as the
//! operating system did.

use maud::{Markup, html};

use crate::record::{MachineRecord, ProcessUsage, Record, StageUsage, ThrottledRecord, share};
use crate::report::figures::{count, known, mebibytes, micros, percent};
use crate::report::layout::scroll;
use crate::report::tones::Tones;
use crate::timing::{EVERY, HopTiming, RouteTiming};

pub(super) fn hops(record: &Record, tones: &Tones<'_>) -> Markup {
    let slowest = record.timing.iter().map(whole).fold(0.0, f64::max);
    html! {
        section #hops {
            h2 { "Where the time goes" }
            @if record.timing.is_empty() {
                p.soft { "Answers did not say (Server-Timing)." }
            } @else {
                (scroll("Where the time goes", &html! { table.waterfall {
                    thead { tr {
                        th scope="col" { "Route and hop" }
                        th scope="col" .n { "Met by" }
                        th scope="col" .n { "Mean share" }
                        th scope="col" .n { "p50" }
                        th scope="col" .n { "p99" }
                        th scope="col" { span.sr { "From the user inwards" } }
                    } }
                    @for route in &record.timing { (rows(route, slowest, tones)) }
                } }))
                p.small.soft {
                    "One request in " (EVERY) " was looked at, without warm-up. A hop’s share is its own time, "
                    "without that of the hops behind it; what no server accounts for is the generator’s and "
                    "the network’s. Mean shares are over all requests of the route and add up to its mean "
                    "service time, and bars lay them end to end from the user inwards; percentiles are over those "
                    "that met the hop."
                }
            }
        }
    }
}

fn rows(route: &RouteTiming, slowest: f64, tones: &Tones<'_>) -> Markup {
    let share = |time: f64| time / slowest.max(f64::MIN_POSITIVE) * 100.0;
    let mut before = 0.0;
    let hops = route.hops.iter().map(|hop| {
        let begins = before;
        before += hop.mean;
        (hop, begins)
    });
    html! {
        tbody {
            tr {
                th scope="rowgroup" { code { (route.route) } }
                td.n { (count(route.samples)) }
                td.n { (micros(whole(route))) }
                td {} td {}
                td.wide { (lane("whole", 0.0, share(whole(route)))) }
            }
            @for (hop, begins) in hops { (row(hop, tones.of_hop(&hop.hop), share(begins), share(hop.mean))) }
        }
    }
}

fn row(timing: &HopTiming, class: &str, begins: f64, width: f64) -> Markup {
    html! {
        tr.part {
            th scope="row" { span.key.(class) {} (timing.hop.name()) }
            td.n { (count(timing.met)) }
            td.n { (micros(timing.mean)) }
            td.n { (micros(timing.p50 as f64)) }
            td.n { (micros(timing.p99 as f64)) }
            td.wide { (lane(class, begins, width)) }
        }
    }
}

/// A bar that begins somewhere in its cell; both figures in percent of it.
fn lane(class: &str, begins: f64, width: f64) -> Markup {
    html! {
        div.lane aria-hidden="true" {
            div.(class) style=(format!("margin-left:{begins:.1}%;width:{width:.1}%")) {}
        }
    }
}

/// The mean service time of a route's requests.
fn whole(route: &RouteTiming) -> f64 {
    route.hops.iter().map(|hop| hop.mean).sum()
}

pub(super) fn usage(record: &Record) -> Markup {
    let processes = record.usage.iter().flat_map(|stage| &stage.processes);
    let quotas = processes
        .into_iter()
        .any(|process| process.throttled.is_some());
    html! {
        @if !record.usage.is_empty() {
            section #usage {
                h2 { "What processes took" }
                (scroll("What processes took", &html! { table {
                    thead { tr {
                        th scope="col" { "Stage and process" }
                        th scope="col" .n { "CPU per request" }
                        th scope="col" .n { "Wait for a core per request" }
                        th scope="col" .n { "Switches, own will" }
                        th scope="col" .n { "Switches, forced" }
                        th scope="col" .n { "Peak memory" }
                        @if quotas { th scope="col" .n { "Without quota" } }
                    } }
                    @for stage in &record.usage { (stage_rows(stage, record, quotas)) }
                } }))
                p.small.soft {
                    "As the operating system tells, per request that the generator sent. A thread switches "
                    "of its own will to wait for something, and is forced to when another gets its core; "
                    "memory is the most that the process had since its start. "
                    "A container is all of its processes, and its memory has the pages of files that it keeps."
                    @if quotas {
                        " A node with a quota of CPU time stands still in each period once it has used its quota up: "
                        "the share of periods in which that happened, and the time, added up over cores."
                    }
                }
            }
        }
    }
}

fn stage_rows(stage: &StageUsage, record: &Record, quotas: bool) -> Markup {
    let columns = if quotas { 7 } else { 6 };
    html! {
        tbody {
            tr { th scope="rowgroup" colspan=(columns) { strong { (stage.stage) } ", " (count(stage.requests)) @if stage.requests == 1 { " request" } @else { " requests" } } }
            @for process in &stage.processes { (process_row(process, stage.requests, machine(record, &process.name), quotas)) }
        }
    }
}

/// The small machine of a node, if it was given one.
fn machine<'a>(record: &'a Record, node: &str) -> Option<&'a MachineRecord> {
    let mut nodes = record.traffic.iter().flat_map(|traffic| &traffic.nodes);
    let node = nodes.find(|other| other.name == node)?;
    node.machine.as_ref()
}

/// The share of periods, and the time: `25 %, 0.5 s`.
fn throttled(throttled: ThrottledRecord) -> String {
    let share = share(throttled.throttled_periods, throttled.periods);
    format!(
        "{}, {}",
        known(share, percent),
        micros(throttled.throttled_seconds * 1e6)
    )
}

/// Per request of so many; without any, records of earlier programs share among one.
fn process_row(
    process: &ProcessUsage,
    requests: u64,
    machine: Option<&MachineRecord>,
    quotas: bool,
) -> Markup {
    html! {
        tr.part {
            th scope="row" {
                (process.name)
                @if let Some(machine) = machine { span.small.soft { " · " (machine.words) } }
            }
            td.n { (known(process.cpu_micros_per_request.filter(|_| requests > 0), micros)) }
            td.n { (known(process.waited_micros_per_request.filter(|_| requests > 0), micros)) }
            td.n { (count(process.voluntary_switches)) }
            td.n { (count(process.involuntary_switches)) }
            td.n { (mebibytes(process.peak_memory_bytes)) }
            @if quotas { td.n { (process.throttled.map_or_else(|| "–".to_owned(), throttled)) } }
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
        let page = html! { (hops(&record, &Tones::of(&record))) (usage(&record)) }.into_string();
        let page = page.replace('\u{202f}', " ");
        // 200 µs and 800 µs of the slowest route's 1 ms.
        for figure in [
            "1 ms",
            "5.1 ms",
            "margin-left:0.0%;width:20.0%",
            "margin-left:20.0%;width:80.0%",
            "12 MiB",
            "4 321",
            "0.25 of a CPU by a cgroup (v2)",
            "25 %, 500 ms",
        ] {
            assert!(page.contains(figure), "{figure} is missing in {page}");
        }
    }
}
