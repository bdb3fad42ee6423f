//! How the run went over time: rates, response times, failures and CPU time, with the
//! stages and what happened to nodes.

mod rate;

use maud::{Markup, html};

use crate::record::{CoresRecord, Record, TickRecord, TickTimes, Timeline};
use crate::report::chart::marks::{Place, bar, line, upright};
use crate::report::chart::{Axis, Band, Figure, Key, Scale, path, table};
use crate::report::figures::{count, duration, micros, parts};
use crate::report::tones::{GENERATOR, Tones};

/// The height of each chart's drawing, in rem.
const HEIGHT: f64 = 10.0;

/// The section; nothing for a record without a timeline.
pub(super) fn timeline(record: &Record, tones: &Tones<'_>) -> Markup {
    let timeline = &record.timeline;
    html! {
        @if !timeline.ticks.is_empty() && timeline.tick_seconds > 0.0 {
            @let frame = Time::of(record);
            section #timeline {
                h2 { "How it went" }
                div.charts {
                    (rate::rate(record, &frame))
                    (response_time(timeline, &frame))
                    (cpu(timeline, &frame, tones))
                    (failures(timeline, &frame))
                }
                @if !timeline.events.is_empty() {
                    h3 { "What happened" }
                    ul.small { @for event in &timeline.events {
                        li { (duration(event.seconds)) ": " (event.what) }
                    } }
                }
                p.small.soft {
                    @if timeline.ticks.iter().all(|tick| tick.failed == 0) { strong { "No request failed, at any time. " } }
                    "From the begin of the load, in steps of " (duration(timeline.tick_seconds))
                    "; a request belongs to the step in which it was over. Stages are named on top; what is shaded "
                    "is not judged. Dashed red lines mark what happened to nodes."
                }
            }
        }
    }
}

/// What all charts over time have in common.
pub(super) struct Time {
    pub(super) axis: Axis,
    pub(super) bands: Vec<Band>,
    tick: f64,
    /// How many ticks begin before the last stage is over. What is still under way then
    /// makes no rate.
    within: usize,
    /// How much of the axis has ticks, from 0 to 1.
    covered: f64,
    /// Where something happened to a node, as a path.
    events: String,
}

impl Time {
    pub(super) fn of(record: &Record) -> Self {
        let timeline = &record.timeline;
        let tick = timeline.tick_seconds;
        let planned: f64 = record.stages.iter().map(|stage| stage.seconds).sum();
        let axis = Axis::time(planned.max(tick * timeline.ticks.len() as f64));
        let mut begin = 0.0;
        let bands = record.stages.iter().map(|stage| {
            let reach = (axis.place(begin), axis.place(begin + stage.seconds));
            begin += stage.seconds;
            Band {
                reach,
                name: stage.name.clone(),
                faint: stage.warm_up,
            }
        });
        let bands = bands.collect();
        let events = timeline
            .events
            .iter()
            .map(|event| upright(axis.place(event.seconds)));
        Time {
            within: (planned / tick - 1e-6).ceil() as usize,
            covered: axis.place(tick * timeline.ticks.len() as f64),
            events: events.collect(),
            bands,
            axis,
            tick,
        }
    }

    /// The reach of a tick on the axis.
    pub(super) fn reach(&self, tick: usize) -> (f64, f64) {
        let begin = tick as f64 * self.tick;
        (self.axis.place(begin), self.axis.place(begin + self.tick))
    }

    /// The places of values by tick, each in the middle of its tick.
    fn places(&self, y: &Axis, values: impl Iterator<Item = Option<f64>>) -> Vec<Option<Place>> {
        let place = |(tick, value): (usize, Option<f64>)| {
            let (from, to) = self.reach(tick);
            value.map(|value| ((from + to) / 2.0, y.place(value)))
        };
        values.enumerate().map(place).collect()
    }

    /// A drawing, with what happened to nodes in front of it.
    fn marked(&self, drawing: &Markup) -> Markup {
        html! { (drawing) (path("event", &self.events)) }
    }

    pub(super) fn moment(&self, tick: usize) -> String {
        duration(tick as f64 * self.tick)
    }
}

fn response_time(timeline: &Timeline, time: &Time) -> Markup {
    let times: Vec<Option<TickTimes>> = timeline.ticks.iter().map(|tick| tick.times).collect();
    let seen = || times.iter().flatten();
    let (least, most) = (seen().map(|t| t.p50).min(), seen().map(|t| t.p99).max());
    let y = Axis::new(
        Scale::log(
            least.unwrap_or(1).max(1) as f64,
            most.unwrap_or(10).max(1) as f64,
        ),
        6,
        micros,
    );
    let series = |pick: fn(&TickTimes) -> u64| {
        let values = times
            .iter()
            .map(|times| times.as_ref().map(|times| pick(times) as f64));
        line(time.places(&y, values))
    };
    let drawing = html! {
        (path("s2", &series(|times| times.p99)))
        (path("s4 dashed", &series(|times| times.p95)))
        (path("s1 thick", &series(|times| times.p50)))
    };
    let rows = times.iter().enumerate().map(|(index, times)| {
        let cell = |pick: fn(&TickTimes) -> u64| {
            times.as_ref().map_or_else(none, |t| micros(pick(t) as f64))
        };
        vec![
            time.moment(index),
            cell(|t| t.p50),
            cell(|t| t.p95),
            cell(|t| t.p99),
            cell(|t| t.max),
        ]
    });
    let keys = [
        key("s2", "p99"),
        key("s4 dashed", "p95"),
        key("s1 thick", "p50"),
    ];
    let description = format!(
        "Percentiles of response times by time, on a logarithmic scale; p99 at most {}.",
        most.map_or_else(none, |most| micros(most as f64))
    );
    let table = table(&["From", "p50", "p95", "p99", "Max"], rows);
    chart(
        time,
        ("chart-times", "Response time"),
        description,
        &y,
        &keys,
    )
    .with(&time.marked(&drawing), &table)
}

fn failures(timeline: &Timeline, time: &Time) -> Markup {
    let failed: u64 = timeline.ticks.iter().map(|tick| tick.failed).sum();
    if failed == 0 {
        return html! {};
    }
    let most = timeline
        .ticks
        .iter()
        .map(|tick| tick.failed)
        .max()
        .unwrap_or(0);
    let y = Axis::new(Scale::from_zero(most as f64), 4, parts);
    let bars = timeline
        .ticks
        .iter()
        .enumerate()
        .filter(|(_, tick)| tick.failed > 0);
    let bars: String = bars
        .map(|(index, tick)| {
            let (from, to) = time.reach(index);
            bar(from, to, y.place(tick.failed as f64))
        })
        .collect();
    let row = |(index, tick): (usize, &TickRecord)| {
        vec![time.moment(index), count(tick.failed), count(tick.requests)]
    };
    let table = table(
        &["From", "Failed", "Of"],
        timeline.ticks.iter().enumerate().map(row),
    );
    let description = match failed {
        1 => "1 request failed, warm-up included; a bar shows when.".to_owned(),
        failed => format!(
            "{} requests failed, warm-up included; bars show when.",
            count(failed)
        ),
    };
    let title = "Failed requests, by step";
    chart(time, ("chart-failures", title), description, &y, &[])
        .with(&time.marked(&path("fault", &bars)), &table)
}

fn cpu(timeline: &Timeline, time: &Time, tones: &Tones<'_>) -> Markup {
    let cores = &timeline.cores;
    let class_of = |process: &str| match tones.role_of(process) {
        Some(role) => (tones.of_role(role), role),
        None => (GENERATOR, "load generator"),
    };
    let most = cores
        .iter()
        .flat_map(|process| process.cores.iter().flatten());
    let y = Axis::new(
        Scale::from_zero(most.copied().fold(0.0, f64::max)),
        4,
        parts,
    );
    let mut keys: Vec<Key<'_>> = Vec::new();
    for process in cores {
        let (class, name) = class_of(&process.name);
        if !keys.iter().any(|key| key.class == class) {
            keys.push(key(class, name));
        }
    }
    let drawing = html! {
        @for process in cores {
            @let values = process.cores.iter().copied();
            (path(class_of(&process.name).0, &line(time.places(&y, values))))
        }
    };
    let mut head = vec!["From"];
    head.extend(cores.iter().map(|process| process.name.as_str()));
    let rows = (0..timeline.ticks.len()).map(|index| {
        let cell = |process: &CoresRecord| {
            let value = process.cores.get(index).copied().flatten();
            value.map_or_else(none, parts)
        };
        let mut row = vec![time.moment(index)];
        row.extend(cores.iter().map(cell));
        row
    });
    html! {
        @if !cores.is_empty() {
            (chart(
                time,
                ("chart-cpu", "CPU time, cores by process"),
                "A line for each process; replicas share a colour.".to_owned(),
                &y,
                &keys,
            ).with(&time.marked(&drawing), &table(&head, rows)))
        }
    }
}

fn chart<'a>(
    time: &'a Time,
    (id, title): (&'a str, &'a str),
    description: String,
    y: &'a Axis,
    keys: &'a [Key<'a>],
) -> Figure<'a> {
    Figure {
        id,
        title,
        description,
        x: &time.axis,
        y,
        height: HEIGHT,
        bands: &time.bands,
        keys,
        reads_out: Some(time.covered),
    }
}

fn key<'a>(class: &'a str, name: &'a str) -> Key<'a> {
    Key { class, name }
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn an_old_record_has_no_timeline_and_a_new_one_has_all_of_it() {
        let mut record = example();
        let page = timeline(&record, &Tones::of(&record))
            .into_string()
            .replace('\u{202f}', " ");
        for says in [
            "Achieved rate",
            "Response time",
            "Failed requests, by step",
            "store ended (signal 9)",
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
        record.timeline = Timeline::default();
        assert_eq!(timeline(&record, &Tones::of(&record)).into_string(), "");
    }
}
