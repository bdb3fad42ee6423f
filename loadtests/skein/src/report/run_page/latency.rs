//! How long requests took: as curves over all percentiles, as a map over time, and
//! route by route.

use maud::{Markup, html};

use super::timeline::Time;
use crate::record::{Curve, Record, Timeline};
use crate::report::chart::marks::{SIZE, line};
use crate::report::chart::{Axis, Figure, Key, Scale, path, table};
use crate::report::figures::{count, duration, micros, quantile};

/// Quantiles that tables show, in nines.
const SHOWN: [u32; 4] = [1, 2, 3, 4];
/// Most routes that have a curve of their own.
const ROUTES: usize = 6;
/// How many shades the map has.
const SHADES: usize = 7;

/// The charts; nothing for a record that has neither curves nor a map.
pub(super) fn latency(record: &Record) -> Markup {
    let overall = record
        .overall
        .as_ref()
        .filter(|overall| !overall.curve.is_empty());
    html! {
        @if let Some(overall) = overall {
            div.charts {
                (curves("chart-curve", "All requests, by percentile", &all(&overall.curve, &overall.service_curve)))
                (curves("chart-routes", "By route", &by_route(record)))
            }
        }
        @if record.timeline.bands.len() > 1 && record.timeline.tick_seconds > 0.0 { (map(record)) }
    }
}

/// A curve with its style class and its name.
type Named<'a> = (&'static str, &'a str, &'a Curve);

fn all<'a>(response: &'a Curve, service: &'a Curve) -> Vec<Named<'a>> {
    let both = [
        ("s1 thick", "response time", response),
        ("s3 dashed", "service time", service),
    ];
    both.into_iter()
        .filter(|(_, _, curve)| !curve.is_empty())
        .collect()
}

fn by_route(record: &Record) -> Vec<Named<'_>> {
    let classes = ["s1", "s2 dashed", "s3", "s4 dashed", "s5", "s6 dashed"];
    let mut routes: Vec<_> = record
        .routes
        .iter()
        .filter(|route| !route.curve.is_empty())
        .collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.requests.count));
    routes.truncate(ROUTES);
    let named = routes.iter().zip(classes);
    named
        .map(|(route, class)| (class, route.name.as_str(), &route.curve))
        .collect()
}

fn curves(id: &str, title: &str, curves: &[Named<'_>]) -> Markup {
    let points = || curves.iter().flat_map(|(_, _, curve)| curve.points());
    let least = points().map(|(_, micros)| micros).min().unwrap_or(1).max(1);
    let most = points().map(|(_, micros)| micros).max().unwrap_or(1).max(1);
    let furthest = points()
        .map(|(share, _)| -(1.0 - share).log10())
        .fold(0.0, f64::max);
    let x = Axis::new(Scale::nines(furthest.clamp(1.0, 5.0)), 6, quantile);
    let y = Axis::new(Scale::log(least as f64, most as f64), 6, micros);
    let drawing = html! {
        @for (class, _, curve) in curves {
            @let places = curve.points().map(|(share, time)| Some((x.place(share), y.place(time as f64))));
            (path(class, &line(places)))
        }
    };
    let keys: Vec<_> = curves
        .iter()
        .map(|(class, name, _)| Key { class, name })
        .collect();
    let mut head = vec![""];
    let names: Vec<String> = SHOWN
        .iter()
        .map(|nines| quantile(1.0 - 10_f64.powi(-(*nines as i32))))
        .collect();
    head.extend(names.iter().map(String::as_str));
    let rows = curves.iter().map(|(_, name, curve)| {
        let cell = |nines: &u32| {
            curve
                .at_nines(*nines)
                .map_or_else(|| "–".to_owned(), |time| micros(time as f64))
        };
        let mut row = vec![(*name).to_owned()];
        row.extend(SHOWN.iter().map(cell));
        row
    });
    let figure = Figure {
        id,
        title,
        description: format!(
            "Time by percentile, each further nine as wide as the last; from {} to {}.",
            micros(least as f64),
            micros(most as f64)
        ),
        x: &x,
        y: &y,
        height: 13.0,
        bands: &[],
        keys: &keys,
        reads_out: None,
    };
    html! { @if !curves.is_empty() { (figure.with(&drawing, &table(&head, rows))) } }
}

/// Where response times were, over time: the stronger the shade, the more requests.
fn map(record: &Record) -> Markup {
    let timeline = &record.timeline;
    let time = Time::of(record);
    let (first, last) = (timeline.bands[0], timeline.bands[timeline.bands.len() - 1]);
    let y = Axis::new(Scale::log_from(first as f64, last as f64), 6, micros);
    let most = timeline
        .ticks
        .iter()
        .flat_map(|tick| &tick.bands)
        .copied()
        .max()
        .unwrap_or(0);
    let figure = Figure {
        id: "chart-map",
        title: "Response times over time",
        description:
            "How many requests took how long, in each step; the stronger the shade, the more."
                .to_owned(),
        x: &time.axis,
        y: &y,
        height: 14.0,
        bands: &time.bands,
        keys: &[],
        reads_out: None,
    };
    html! {
        div.map {
            (figure.with(&cells(timeline, &time, &y, most), &slices(timeline)))
            p.small.soft.scale {
                "1 request " span.ramp aria-hidden="true" { @for shade in 0..SHADES { i.(format!("h{shade}")) {} } }
                (count(most)) " in a step of " (duration(timeline.tick_seconds)) " and a band, in ratios; blank is none."
            }
        }
    }
}

/// The map's cells, as a path for each shade, in which equal neighbours are one.
fn cells(timeline: &Timeline, time: &Time, y: &Axis, most: u64) -> Markup {
    let units = |place: f64| (place * SIZE * 10.0).round() / 10.0;
    let mut shades: [String; SHADES] = Default::default();
    for band in 0..timeline.bands.len() - 1 {
        let bottom = units(1.0 - y.place(timeline.bands[band] as f64));
        let top = units(1.0 - y.place(timeline.bands[band + 1] as f64));
        let shade_at = |tick: usize| {
            let count = timeline.ticks.get(tick)?.bands.get(band)?;
            shade(*count, most)
        };
        let mut tick = 0;
        while tick < timeline.ticks.len() {
            let here = shade_at(tick);
            let begin = tick;
            while tick < timeline.ticks.len() && shade_at(tick) == here {
                tick += 1;
            }
            if let Some(here) = here {
                let (left, right) = (units(time.reach(begin).0), units(time.reach(tick - 1).1));
                shades[here].push_str(&format!("M{left} {top}H{right}V{bottom}H{left}Z"));
            }
        }
    }
    html! {
        g.heat { @for (index, data) in shades.iter().enumerate() {
            (path(&format!("h{index}"), data))
        } }
    }
}

/// From one request to the most, in equal ratios.
fn shade(count: u64, most: u64) -> Option<usize> {
    if count == 0 {
        return None;
    }
    let share = (count as f64).ln() / (most.max(2) as f64).ln();
    Some(((share * SHADES as f64) as usize).min(SHADES - 1))
}

/// The map in figures: about ten slices of time, and a row for each band.
fn slices(timeline: &Timeline) -> Markup {
    let width = timeline.ticks.len().div_ceil(10).max(1);
    let slices: Vec<_> = timeline.ticks.chunks(width).collect();
    let mut head = vec!["From".to_owned()];
    head.extend(
        (0..slices.len()).map(|index| duration((index * width) as f64 * timeline.tick_seconds)),
    );
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows = (0..timeline.bands.len() - 1).rev().map(|band| {
        let mut row = vec![micros(timeline.bands[band] as f64)];
        row.extend(slices.iter().map(|slice| {
            let counts = slice.iter().filter_map(|tick| tick.bands.get(band));
            count(counts.sum())
        }));
        row
    });
    table(&head, rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::example::example;

    #[test]
    fn curves_and_the_map_are_drawn_with_their_figures() {
        let page = latency(&example()).into_string().replace('\u{202f}', " ");
        for says in [
            "All requests, by percentile",
            "GET /items/{key}",
            "p99.9",
            "12.3 ms",
            "class=\"h6\"",
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
    }

    proptest! {
        #[test]
        fn more_requests_are_never_of_a_lighter_shade(counts in prop::collection::vec(0u64..u64::MAX, 2..5)) {
            let mut counts = counts;
            counts.sort_unstable();
            let most = counts[counts.len() - 1];
            let shades: Vec<_> = counts.iter().map(|count| shade(*count, most)).collect();
            prop_assert!(shades.is_sorted(), "{shades:?}");
        }
    }
}
