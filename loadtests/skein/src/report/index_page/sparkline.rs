//! A figure over a plan's runs, as small as a word.

use std::fmt::Write;

use maud::{Markup, html};

use crate::verdict::Verdict;

/// The drawing's size in its own units; it is shown as wide as there is room.
const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 36.0;
/// Room around the line, for the marks at its ends.
const ROOM: f64 = 5.0;
/// At least so much of the largest value is between the top and the bottom, so that
/// noise isn't drawn as drama.
const LEAST_RANGE: f64 = 0.25;

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// The figure, if it may be quoted.
    pub(super) value: Option<f64>,
    /// What the run came to.
    pub(super) verdict: Verdict,
}

/// A line through the runs' values, the oldest first. A failed run is a filled diamond
/// on it; one without a value is a cross below it.
pub(super) fn sparkline(name: &str, points: &[Point], say: impl Fn(f64) -> String) -> Markup {
    let places = places(points);
    let line = path(&places);
    let last = places.iter().rev().find_map(|(place, _)| *place);
    let shown = |verdict: Verdict| move |(_, of): &&(Option<(f64, f64)>, Verdict)| *of == verdict;
    html! {
        svg.sparkline role="img" aria-label=(label(name, points, say))
            viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
        {
            path.line d=(line) {}
            @for ((x, y), _) in places.iter().filter(shown(Verdict::Fail)).filter_map(|(p, v)| Some(((*p)?, v))) {
                path.failed d=(format!("M{x:.1} {:.1}l3.5 3.5l-3.5 3.5l-3.5 -3.5Z", y - 3.5)) {}
            }
            @for (index, (place, _)) in places.iter().enumerate() {
                @if place.is_none() {
                    @let x = across(index, places.len());
                    path.unquoted d=(format!("M{:.1} {:.1}l4 4m0 -4l-4 4", x - 2.0, HEIGHT - 5.0)) {}
                }
            }
            @if let Some((x, y)) = last { circle.last cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="2.5" {} }
        }
    }
}

/// Where each point is, if anywhere.
fn places(points: &[Point]) -> Vec<(Option<(f64, f64)>, Verdict)> {
    let values = || points.iter().filter_map(|point| point.value);
    let most = values().fold(0.0, f64::max);
    let least = values().fold(most, f64::min);
    let range = (most - least)
        .max(most * LEAST_RANGE)
        .max(f64::MIN_POSITIVE);
    let middle = f64::midpoint(most, least);
    let up = |value: f64| HEIGHT / 2.0 - (value - middle) / range * (HEIGHT - 2.0 * ROOM);
    points
        .iter()
        .enumerate()
        .map(|(index, point)| {
            let place = point
                .value
                .map(|value| (across(index, points.len()), up(value)));
            (place, point.verdict)
        })
        .collect()
}

/// How far to the right the point at `index` of so many is; one alone is at the end.
fn across(index: usize, count: usize) -> f64 {
    let share = match count {
        0 | 1 => 1.0,
        _ => index as f64 / (count - 1) as f64,
    };
    ROOM + share * (WIDTH - 2.0 * ROOM)
}

/// The line through all places, past those that are nowhere.
fn path(places: &[(Option<(f64, f64)>, Verdict)]) -> String {
    let mut path = String::new();
    for (x, y) in places.iter().filter_map(|(place, _)| *place) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        write!(path, "{command}{x:.1} {y:.1}").expect("a string takes every write");
    }
    path
}

/// The drawing in words.
fn label(name: &str, points: &[Point], say: impl Fn(f64) -> String) -> String {
    let values: Vec<f64> = points.iter().filter_map(|point| point.value).collect();
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return format!("{name}: no value");
    };
    let most = values.iter().copied().fold(*first, f64::max);
    let least = values.iter().copied().fold(*first, f64::min);
    format!(
        "{name} over {} of {} runs: {} to {}, lately {}",
        values.len(),
        points.len(),
        say(least),
        say(most),
        say(*last)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(value: f64) -> Point {
        Point {
            value: Some(value),
            verdict: Verdict::Pass,
        }
    }

    #[test]
    fn noise_is_not_drawn_as_drama() {
        let height = |values: &[f64]| {
            let points: Vec<_> = values.iter().map(|value| point(*value)).collect();
            let heights: Vec<_> = places(&points)
                .iter()
                .filter_map(|(place, _)| Some((*place)?.1))
                .collect();
            heights.iter().copied().fold(0.0, f64::max)
                - heights.iter().copied().fold(HEIGHT, f64::min)
        };
        assert!(height(&[1000.0, 1010.0, 990.0]) < 4.0);
        assert!(height(&[1000.0, 2000.0]) > 20.0);
    }

    proptest! {
        #[test]
        fn a_line_stays_in_its_drawing(values in prop::collection::vec(prop::option::of(0.0..1e12f64), 0..40)) {
            let points: Vec<_> = values.iter().map(|value| Point { value: *value, verdict: Verdict::Fail }).collect();
            for (place, _) in places(&points) {
                if let Some((x, y)) = place {
                    prop_assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{x} {y}");
                }
            }
        }
    }
}
