//! Each metric as a line of a forest plot: the change with its interval, beside the
//! margin and the tolerance, on one scale for all. To the right is always worse, also for
//! throughput, of which less is worse.

use maud::{Markup, html};

use crate::gate::record::{MetricOutcome, MetricRecord};
use crate::report::chart;
use crate::report::figures::{change, percent};

/// A line's size in its own units; it is shown as wide as there is room.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 46.0;
/// Where whiskers are, from the top.
const MIDDLE: f64 = 23.0;
/// Room at both ends, for what is beyond the scale.
const ROOM: f64 = 12.0;
/// What is further from no change than so many times the largest margin is drawn as an
/// arrow, so that one wild metric doesn't flatten all others.
const REACH: f64 = 3.0;

/// The scale of all lines: changes from `-range` to `range`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    range: f64,
}

/// How many times worse a ratio is: above one is worse, whatever the metric.
pub(super) fn worsening(metric: &MetricRecord, ratio: f64) -> f64 {
    if metric.less_is_better {
        ratio
    } else {
        1.0 / ratio
    }
}

/// The worsening at both ends of a metric's interval, the better end first.
fn ends(metric: &MetricRecord) -> Option<(f64, f64)> {
    let interval = metric.interval?;
    let (a, b) = (
        worsening(metric, interval.lower),
        worsening(metric, interval.upper),
    );
    Some((a.min(b), a.max(b)))
}

impl Scale {
    /// Wide enough for every margin, and for every interval within reach.
    pub(super) fn of(metrics: &[MetricRecord]) -> Self {
        let margin = metrics
            .iter()
            .map(|m| m.margin.max(m.tolerance))
            .fold(0.01, f64::max);
        let changes = metrics
            .iter()
            .filter_map(ends)
            .flat_map(|(a, b)| [a - 1.0, b - 1.0]);
        let furthest = changes.map(f64::abs).fold(margin, f64::max);
        Scale {
            range: furthest.min(margin * REACH) * 1.15,
        }
    }

    /// Where a worsening is, and whether that is beyond the scale.
    fn place(self, worsening: f64) -> (f64, bool) {
        let share = (worsening - 1.0) / self.range;
        let within = if share.is_finite() {
            share.clamp(-1.0, 1.0)
        } else {
            1.0
        };
        let half = WIDTH / 2.0 - ROOM;
        (WIDTH / 2.0 + within * half, within != share)
    }

    fn x(self, worsening: f64) -> String {
        format!("{:.1}", self.place(worsening).0)
    }
}

/// The scale's own line, for the head of the plot.
pub(super) fn axis(scale: Scale) -> Markup {
    let at = chart::Scale::linear(-scale.range, scale.range).ticks(4);
    html! {
        svg.forest.axis aria-hidden="true" viewBox=(format!("0 0 {WIDTH} 34")) {
            text.end x="2" y="11" { "← better" }
            text.end x=(WIDTH - 2.0) y="11" text-anchor="end" { "worse →" }
            @for change in at {
                @let x = scale.x(1.0 + change);
                text x=(x) y="26" text-anchor="middle" { (signed(change)) }
                path.tick d=(format!("M{x} 30v4")) {}
            }
        }
    }
}

fn signed(worsening: f64) -> String {
    if worsening == 0.0 {
        "0".to_owned()
    } else {
        change(1.0 + worsening)
    }
}

/// A metric's line.
pub(super) fn line(metric: &MetricRecord, scale: Scale) -> Markup {
    let at_margin = scale.place(1.0 + metric.margin).0;
    html! {
        svg.forest role="img" aria-label=(label(metric)) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            rect.allowed x="0" y="0" width=(format!("{at_margin:.1}")) height=(HEIGHT) {}
            path.same d=(format!("M{} 0V{HEIGHT}", scale.x(1.0))) {}
            path.tolerance d=(format!("M{} 0V{HEIGHT}", scale.x(1.0 + metric.tolerance))) {}
            path.margin d=(format!("M{at_margin:.1} 0V{HEIGHT}")) {}
            @if let Some(effect) = metric.smallest_detectable {
                @let (x, beyond) = scale.place(1.0 + effect);
                @if !beyond { path.detectable d=(format!("M{x:.1} {:.1}l4 7h-8Z", HEIGHT - 8.0)) {} }
            }
            @if let (Some(ratio), Some((low, high))) = (metric.ratio, ends(metric)) {
                g.(class(metric.outcome)) {
                    path.whisker d=(whisker(scale, low, high)) {}
                    (mark(metric.outcome, scale.place(worsening(metric, ratio)).0))
                }
            }
        }
    }
}

/// A line with an upright end, or an arrow where it goes on beyond the scale.
fn whisker(scale: Scale, low: f64, high: f64) -> String {
    let ((from, before), (to, after)) = (scale.place(low), scale.place(high));
    let end = |x: f64, beyond: bool, back: f64| {
        if beyond {
            format!(
                "M{:.1} {:.1}L{x:.1} {MIDDLE}l{back} 6",
                x + back,
                MIDDLE - 6.0
            )
        } else {
            format!("M{x:.1} {:.1}v12", MIDDLE - 6.0)
        }
    };
    format!(
        "M{from:.1} {MIDDLE}H{to:.1}{}{}",
        end(from, before, 6.0),
        end(to, after, -6.0)
    )
}

/// The estimate, in a shape of its own for each outcome.
fn mark(outcome: MetricOutcome, x: f64) -> Markup {
    let y = MIDDLE;
    html! { @match outcome {
        MetricOutcome::NotSlower => circle.filled cx=(format!("{x:.1}")) cy=(y) r="5.5" {},
        MetricOutcome::Slower => path.filled d=(format!("M{x:.1} {:.1}l7 7l-7 7l-7 -7Z", y - 7.0)) {},
        MetricOutcome::Unclear | MetricOutcome::TooCoarse | MetricOutcome::Diluted => {
            circle.hollow cx=(format!("{x:.1}")) cy=(y) r="5" {}
        },
    } }
}

/// The style class that gives an outcome its colour.
pub(super) fn class(outcome: MetricOutcome) -> &'static str {
    match outcome {
        MetricOutcome::NotSlower => "good",
        MetricOutcome::Slower => "bad",
        MetricOutcome::Unclear => "doubt",
        MetricOutcome::TooCoarse | MetricOutcome::Diluted => "plain",
    }
}

/// The drawing in words.
fn label(metric: &MetricRecord) -> String {
    let margin = percent(metric.margin * 100.0);
    match (metric.ratio, metric.interval) {
        (Some(ratio), Some(interval)) => format!(
            "{}: {}, from {} to {}; it may get worse by {margin}",
            metric.name,
            change(ratio),
            change(interval.lower),
            change(interval.upper)
        ),
        _ => format!("{}: no estimate; it may get worse by {margin}", metric.name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::record::Interval;
    use crate::gate::record::example::example;

    #[test]
    fn to_the_right_is_worse_whatever_the_metric() {
        let metrics = example().metrics;
        let (cpu, throughput) = (&metrics[0], &metrics[1]);
        assert!(cpu.less_is_better && worsening(cpu, 1.05) > 1.0);
        assert!(!throughput.less_is_better && worsening(throughput, 0.95) > 1.0);
    }

    proptest! {
        #[test]
        fn no_metric_leaves_its_drawing(
            lower in 1e-6..1e6f64,
            wider in 1.0..1e3f64,
            margin in 0.0..10.0f64,
            less_is_better: bool,
        ) {
            let mut metric = example().metrics.remove(0);
            metric.interval = Some(Interval { lower, upper: lower * wider, confidence: 0.95 });
            metric.less_is_better = less_is_better;
            metric.margin = margin;
            let scale = Scale::of(std::slice::from_ref(&metric));
            let (low, high) = ends(&metric).expect("it has an interval");
            for worsening in [low, high, 1.0 + margin, f64::INFINITY] {
                let (x, _) = scale.place(worsening);
                prop_assert!((0.0..=WIDTH).contains(&x), "{x}");
            }
            prop_assert!(scale.place(low).0 <= scale.place(high).0);
        }
    }
}
