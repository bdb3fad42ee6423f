//! Round by round: how each metric changed, and what each round was like.

use std::fmt::Write;

use maud::{Markup, html};

use super::forest::worsening;
use super::metrics::capitalised;
use crate::gate::record::{GateRecord, MetricRecord, Round, Side};
use crate::report::figures::{change, count, micros, percent};
use crate::report::layout::scroll;
use crate::words::counted;

/// A strip's size in its own units; it is shown as wide as there is room.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 110.0;
const ROOM: f64 = 10.0;

/// Each metric's ratio in every round.
pub(super) fn round_by_round(record: &GateRecord) -> Markup {
    let metrics: Vec<&MetricRecord> = record
        .metrics
        .iter()
        .filter(|m| m.log_ratios.iter().any(Option::is_some))
        .collect();
    html! {
        @if !metrics.is_empty() {
            section {
                h2 { "Round by round" }
                div.strips { @for metric in &metrics {
                    figure {
                        figcaption { (capitalised(&metric.name)) }
                        (strip(metric))
                    }
                } }
                p.small.soft {
                    "A dot is a round, in order from the left: both topologies started afresh. Where there is none, the round has no figure. Up is worse. "
                    "Grey line: no change; solid line: the margin; band: the interval of the estimate."
                }
                details {
                    summary.small { "The rounds in figures" }
                    (scroll("Change of each metric by round", &html! {
                        (table(&metrics))
                    }))
                }
            }
        }
    }
}

fn table(metrics: &[&MetricRecord]) -> Markup {
    let rounds = metrics
        .iter()
        .map(|m| m.log_ratios.len())
        .max()
        .unwrap_or(0);
    html! {
        table {
            thead { tr {
                th scope="col" { "Round" }
                @for metric in metrics { th scope="col" .n { (capitalised(&metric.name)) } }
            } }
            tbody { @for round in 0..rounds { tr {
                th scope="row" { (round + 1) }
                @for metric in metrics {
                    td.n { @match metric.log_ratios.get(round).copied().flatten() {
                        Some(log_ratio) => (change(log_ratio.exp())),
                        None => "–",
                    } }
                }
            } } }
        }
    }
}

fn strip(metric: &MetricRecord) -> Markup {
    let changes: Vec<Option<f64>> = metric
        .log_ratios
        .iter()
        .map(|log| log.map(|log| worsening(metric, log.exp()) - 1.0))
        .collect();
    let ends = metric.interval.map(|interval| {
        [interval.lower, interval.upper].map(|ratio| worsening(metric, ratio) - 1.0)
    });
    let furthest = changes
        .iter()
        .copied()
        .flatten()
        .chain(ends.into_iter().flatten())
        .chain([metric.margin]);
    let range = furthest
        .map(f64::abs)
        .filter(|c| c.is_finite())
        .fold(0.001, f64::max)
        * 1.1;
    let y = |change: f64| {
        let share = if change.is_finite() {
            (change / range).clamp(-1.0, 1.0)
        } else {
            1.0
        };
        HEIGHT / 2.0 - share * HEIGHT / 2.0
    };
    let step = (WIDTH - 2.0 * ROOM) / changes.len().max(1) as f64;
    html! {
        svg.strip role="img" aria-label=(label(metric, &changes)) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            @if let Some([a, b]) = ends {
                @let (top, bottom) = (y(a.max(b)), y(a.min(b)));
                rect.band x="0" width=(WIDTH) y=(format!("{top:.1}")) height=(format!("{:.1}", (bottom - top).max(0.5))) {}
            }
            path.same d=(format!("M0 {:.1}H{WIDTH}", y(0.0))) {}
            path.margin d=(format!("M0 {:.1}H{WIDTH}", y(metric.margin))) {}
            text x="2" y=(format!("{:.1}", y(metric.margin) + 12.0)) { (percent(metric.margin * 100.0)) }
            path.dots d=(dots(changes.iter().enumerate().filter_map(|(round, change)| {
                change.map(|change| (ROOM + (round as f64 + 0.5) * step, y(change)))
            }))) {}
        }
    }
}

/// Each a line of no length, whose round ends are the dot.
fn dots(places: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in places {
        write!(path, "M{x:.1} {y:.1}h0").expect("a string takes every write");
    }
    path
}

/// The drawing in words.
fn label(metric: &MetricRecord, changes: &[Option<f64>]) -> String {
    let seen: Vec<f64> = changes.iter().copied().flatten().collect();
    let worse = seen.iter().filter(|change| **change > 0.0).count();
    let beyond = seen
        .iter()
        .filter(|change| **change > metric.margin)
        .count();
    format!(
        "{} by round: worse in {worse} of {} rounds, beyond the margin in {beyond}",
        metric.name,
        seen.len()
    )
}

/// What each round was like.
pub(super) fn all_rounds(record: &GateRecord) -> Markup {
    html! {
        @if !record.rounds.is_empty() {
            section {
                h2 { "Every round" }
                details {
                    summary { (counted(record.rounds.len() as u64, "round", "rounds")) ": order, load, and what the machine did" }
                    (scroll("Every round", &html! { table {
                        thead { tr {
                            th scope="col" { "Round" }
                            th scope="col" { "First" }
                            th scope="col" .n { "Took" }
                            th scope="col" .n { "Requests, baseline" }
                            th scope="col" .n { "Candidate" }
                            th scope="col" .n { "Failed" }
                            th scope="col" .n { "Never sent" }
                            th scope="col" .n { "Send lag p99" }
                            th scope="col" .n { "Machine busy" }
                            th scope="col" .n { "By others" }
                            th scope="col" .n { "Stolen" }
                            th scope="col" .n { "Seed" }
                        } }
                        tbody { @for round in &record.rounds { (row(round)) } }
                    } }))
                }
            }
        }
    }
}

fn row(round: &Round) -> Markup {
    let both = |figure: fn(&crate::gate::record::SideRound) -> u64| {
        Side::BOTH
            .into_iter()
            .map(|side| figure(round.of(side)))
            .sum::<u64>()
    };
    let machine = |figure: fn(&crate::evidence::MachineUse) -> f64| {
        round
            .machine
            .as_ref()
            .map_or_else(|| "–".to_owned(), |machine| percent(figure(machine)))
    };
    html! {
        tr {
            th scope="row" {
                (round.number)
                @if round.confirmation { span.soft.small { " to confirm" } }
            }
            td { (round.started_first.word()) }
            td.n { (micros(round.seconds * 1e6)) }
            td.n { (count(round.baseline.requests)) }
            td.n { (count(round.candidate.requests)) }
            td.n { (count(both(|side| side.failed))) }
            td.n { (count(both(|side| side.unsent))) }
            td.n { (round.send_lag_p99_micros.map_or_else(|| "–".to_owned(), |lag| micros(lag as f64))) }
            td.n { (machine(|machine| machine.busy)) }
            td.n { (machine(|machine| machine.others)) }
            td.n { (machine(|machine| machine.stolen)) }
            td.n { (round.seed) }
        }
    }
}
