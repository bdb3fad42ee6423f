//! The response times of both runs as percentile curves, route by route: the higher the
//! percentile, the more room it has, and times are on a logarithmic scale.

use std::fmt::Write;

use maud::{Markup, html};

use crate::report::figures::micros;
use crate::side_by_side::{Curve, Route};

/// A drawing's size in its own units; it is shown as wide as there is room.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 190.0;
/// Room for what is written beside and below.
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
/// The highest percentile that is drawn: p99.99.
const NINES: f64 = 4.0;

/// A drawing for each route that both runs have times of.
pub(super) fn curves(routes: &[Route]) -> Markup {
    let drawn: Vec<_> = routes
        .iter()
        .filter_map(|route| {
            Some((
                route.name.as_str(),
                route.baseline.as_ref()?,
                route.candidate.as_ref()?,
            ))
        })
        .collect();
    html! {
        @if !drawn.is_empty() {
            section {
                h2 { "Percentile curves" }
                p.legend.small {
                    span.side.baseline aria-hidden="true" {} "baseline, dashed "
                    span.side.candidate aria-hidden="true" {} "candidate"
                }
                div.strips { @for (name, baseline, candidate) in drawn {
                    figure {
                        figcaption { code { (name) } }
                        (drawing(name, baseline, candidate))
                    }
                } }
                p.small.soft {
                    "What share of requests took at most how long. A curve ends where its requests do: "
                    "a percentile above that would be made of fewer than one."
                }
            }
        }
    }
}

fn drawing(name: &str, baseline: &Curve, candidate: &Curve) -> Markup {
    let scale = Scale::of([baseline, candidate]);
    html! {
        svg.curves role="img" aria-label=(label(name, baseline, candidate)) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            @for time in scale.times() {
                @let y = scale.y(time);
                path.grid d=(format!("M{LEFT} {y:.1}H{WIDTH}")) {}
                text x=(LEFT - 6.0) y=(format!("{:.1}", y + 3.5)) text-anchor="end" { (micros(time)) }
            }
            @for (share, name) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")] {
                @let x = x(share);
                path.grid d=(format!("M{x:.1} {TOP}V{}", HEIGHT - BOTTOM)) {}
                text x=(format!("{x:.1}")) y=(HEIGHT - 6.0) text-anchor=(if share > 0.9995 { "end" } else { "middle" }) { (name) }
            }
            path.baseline d=(path(baseline, scale)) {}
            path.candidate d=(path(candidate, scale)) {}
        }
    }
}

/// Each further nine is as far from the last.
fn x(share: f64) -> f64 {
    let nines = -(1.0 - share).max(10_f64.powf(-NINES)).log10();
    LEFT + nines / NINES * (WIDTH - LEFT)
}

fn path(curve: &Curve, scale: Scale) -> String {
    let last = 1.0 - 1.0 / curve.requests.max(1) as f64;
    let mut path = String::new();
    let known = curve
        .points
        .iter()
        .copied()
        .filter(|(share, _)| *share < last);
    for (share, time) in known.chain([(last, curve.at(last))]) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        write!(path, "{command}{:.1} {:.1}", x(share), scale.y(time))
            .expect("a string takes every write");
    }
    path
}

/// From the shortest to the longest time, both ends at 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug)]
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    fn of(curves: [&Curve; 2]) -> Self {
        let times = || {
            curves
                .into_iter()
                .flat_map(|curve| &curve.points)
                .map(|(_, time)| time.max(1.0))
        };
        let (least, most) = (
            times().fold(f64::MAX, f64::min),
            times().fold(1.0, f64::max),
        );
        let marks =
            || (0..10).flat_map(|power| [1.0, 2.0, 5.0].map(|mark| mark * 10_f64.powi(power)));
        let from = marks()
            .take_while(|mark| *mark <= least)
            .last()
            .unwrap_or(1.0);
        let to = marks()
            .find(|mark| *mark >= most && *mark > from)
            .unwrap_or(1e10);
        Scale { from, to }
    }

    fn y(self, time: f64) -> f64 {
        let share = (time.max(1.0) / self.from).ln() / (self.to / self.from).ln();
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    }

    /// The times that are marked: about five of them.
    fn times(self) -> Vec<f64> {
        let marks: &[f64] = if self.to / self.from > 300.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let all =
            (0..=10).flat_map(|power| marks.iter().map(move |mark| mark * 10_f64.powi(power)));
        all.filter(|time| (self.from..=self.to).contains(time))
            .collect()
    }
}

/// The drawing in words.
fn label(name: &str, baseline: &Curve, candidate: &Curve) -> String {
    let at = |share| {
        format!(
            "{} and {}",
            micros(baseline.at(share)),
            micros(candidate.at(share))
        )
    };
    format!(
        "{name}, baseline and candidate: p50 {}, p99 {}",
        at(0.5),
        at(0.99)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_curve_leaves_its_drawing(
            times in prop::collection::vec(0.0..1e9f64, 1..30),
            requests in 0..1_000_000_u64,
        ) {
            let mut times = times;
            times.sort_by(f64::total_cmp);
            let last = (times.len() - 1).max(1) as f64;
            let points = times.iter().enumerate().map(|(n, time)| (n as f64 / last, *time));
            let curve = Curve { requests, points: points.collect() };
            let scale = Scale::of([&curve, &curve]);
            for (share, time) in &curve.points {
                prop_assert!((LEFT..=WIDTH).contains(&x(*share)));
                prop_assert!((TOP..=HEIGHT).contains(&scale.y(*time)), "{time}");
            }
            prop_assert!(!path(&curve, scale).contains("NaN"));
            prop_assert!((1..=12).contains(&scale.times().len()), "{:?}", scale.times());
        }
    }
}
