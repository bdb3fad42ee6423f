//! Response times and broken requests over the rate: every slot as a dot, with the promise and
//! the rate at which it breaks.

use maud::{Markup, html};

use super::in_short;
use crate::capacity::record::{CapacityRecord, Purpose, SlotRecord, SystemRecord};
use crate::report::chart::marks::{dots, level, line, upright};
use crate::report::chart::{Axis, Figure, Key, Scale, path, table};
use crate::report::figures::{count, micros, per_second, percent};

/// The section about load.
pub(super) fn section(record: &CapacityRecord, own: &SystemRecord) -> Markup {
    let slots = played(own);
    html! {
        @if !slots.is_empty() {
            section {
                h2 { "Over the rate" }
                div.charts {
                    (times(record, own, &slots))
                    (shares(record, own, &slots))
                }
                p.small.soft {
                    "Each dot is a slot of " (record.slot_millis) " ms of a fresh start; lighter ones come from the search "
                    "for the place, and no estimate is made of them. Response times count from the moment at which a turn was due."
                }
            }
        }
    }
}

/// A slot, and whether it was played to measure.
type Played<'a> = (&'a SlotRecord, bool);

fn played(own: &SystemRecord) -> Vec<Played<'_>> {
    let slots = own.rounds.iter().flat_map(|round| {
        let measures = matches!(round.purpose, Purpose::Measure | Purpose::Confirm);
        round.counted().map(move |slot| (slot, measures))
    });
    slots.collect()
}

fn rates(slots: &[Played<'_>]) -> Axis {
    let most = slots.iter().map(|(slot, _)| slot.per_second);
    let most = most.fold(1.0, f64::max);
    Axis::new(Scale::from_zero(most), 6, per_second)
}

fn times(record: &CapacityRecord, own: &SystemRecord, slots: &[Played<'_>]) -> Markup {
    let x = rates(slots);
    let of = |slot: &SlotRecord| slot.p99_micros.map(|p99| p99 as f64);
    let all = || slots.iter().filter_map(|(slot, _)| of(slot));
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(1.0, f64::max));
    let y = Axis::new(Scale::log(least.min(most), most), 6, micros);
    let dots_of = |wanted: bool| {
        let places = slots.iter().filter(|(_, measures)| *measures == wanted);
        dots(places.filter_map(|(slot, _)| Some((x.place(slot.per_second), y.place(of(slot)?)))))
    };
    let drawing = html! {
        (path("dots faint s1", &dots_of(false)))
        (path("dots s1", &dots_of(true)))
        (path("event", &capacity_line(own, &x)))
        @for limit in &record.promise {
            @if let Some(time) = limit.micros { (path("s3 dashed", &level(y.place(time)))) }
        }
    };
    let figure = Figure {
        id: "chart-times",
        title: "p99 of the response time, by turns a second",
        description: format!(
            "Each slot's 99th percentile over its rate, from {} to {}; the capacity is {} turns a second.",
            micros(least),
            micros(most),
            in_short(&own.finding)
        ),
        x: &x,
        y: &y,
        height: 15.0,
        bands: &[],
        keys: &[
            Key {
                class: "s1 dots",
                name: "a slot",
            },
            Key {
                class: "s3 dashed",
                name: "promised",
            },
            Key {
                class: "event",
                name: "capacity",
            },
        ],
        reads_out: None,
    };
    let rows = slots.iter().map(|(slot, _)| {
        vec![
            per_second(slot.per_second),
            count(slot.requests),
            count(slot.unsent),
            time_or_dash(slot.p50_micros),
            time_or_dash(slot.p99_micros),
        ]
    });
    let head = ["Turns/s", "Requests", "Never sent", "p50", "p99"];
    figure.with(&drawing, &table(&head, rows))
}

fn time_or_dash(time: Option<u64>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| micros(time as f64))
}

/// The shares that break the rule which breaks first, with the fit.
fn shares(record: &CapacityRecord, own: &SystemRecord, slots: &[Played<'_>]) -> Markup {
    let clause = own.finding.breaks_first.unwrap_or(0);
    let Some(rule) = record.promise.get(clause) else {
        return html! {};
    };
    let measured: Vec<&SlotRecord> = slots
        .iter()
        .filter(|(slot, measures)| *measures && !slot.is_common)
        .map(|(slot, _)| *slot)
        .collect();
    let share = |slot: &SlotRecord| {
        let counted = slot.clauses.get(clause)?;
        (counted.due > 0).then(|| counted.broken as f64 / counted.due as f64 * 100.0)
    };
    /// Less is drawn at the bottom.
    const LEAST: f64 = 0.01;
    let rates = || measured.iter().map(|slot| slot.per_second);
    let (from, to) = (
        rates().fold(f64::MAX, f64::min),
        rates().fold(1.0, f64::max),
    );
    if measured.is_empty() {
        return html! {};
    }
    let x = Axis::new(Scale::linear(from * 0.98, to * 1.02), 5, per_second);
    let y = Axis::new(Scale::log_from(LEAST, 100.0), 5, percent);
    let places = measured.iter();
    let places = places
        .filter_map(|slot| Some((x.place(slot.per_second), y.place(share(slot)?.max(LEAST)))));
    let fitted = own
        .finding
        .clauses
        .get(clause)
        .and_then(|finding| finding.curve.as_ref());
    let fitted = fitted.map(|curve| {
        let steps =
            (0..=60).map(|step| from * 0.98 + (to * 1.02 - from * 0.98) * f64::from(step) / 60.0);
        let points = steps.map(|rate| {
            let share = curve.share(rate) * 100.0;
            (share >= LEAST).then(|| (x.place(rate), y.place(share.min(100.0))))
        });
        line(points)
    });
    let drawing = html! {
        (path("dots s1", &dots(places)))
        (path("s2", &fitted.unwrap_or_default()))
        (path("s3 dashed", &level(y.place(rule.allowed * 100.0))))
        (path("event", &capacity_line(own, &x)))
    };
    let title = format!("Requests that break {}", rule.rule);
    let figure = Figure {
        id: "chart-shares",
        title: &title,
        description: format!(
            "The share of requests that break the rule in each slot around the capacity, with the fit; {} are allowed.",
            percent(rule.allowed * 100.0)
        ),
        x: &x,
        y: &y,
        height: 15.0,
        bands: &[],
        keys: &[
            Key {
                class: "s1 dots",
                name: "a slot",
            },
            Key {
                class: "s2",
                name: "fitted, over all starts",
            },
            Key {
                class: "s3 dashed",
                name: "allowed",
            },
            Key {
                class: "event",
                name: "capacity",
            },
        ],
        reads_out: None,
    };
    let rows = measured.iter().map(|slot| {
        let counted = slot.clauses.get(clause);
        vec![
            per_second(slot.per_second),
            count(counted.map_or(0, |counted| counted.due)),
            count(counted.map_or(0, |counted| counted.broken)),
            share(slot).map_or_else(|| "–".to_owned(), percent),
        ]
    });
    figure.with(
        &drawing,
        &table(&["Turns/s", "Due", "Broken", "Share"], rows),
    )
}

fn capacity_line(own: &SystemRecord, x: &Axis) -> String {
    let estimate = own.finding.capacity.estimate();
    estimate.map_or_else(String::new, |estimate| upright(x.place(estimate.rate)))
}
