//! A capacity with its interval as a bar, on a scale that all bars of a section share.

use maud::{Markup, html};
use stats::capacity::{Capacity, Finished};

/// A bar's size in its own units; it is shown as wide as there is room.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 22.0;

/// The greatest rate that any of these systems could be shown at.
pub(super) fn most<'a>(findings: impl Iterator<Item = &'a Finished>) -> f64 {
    let ends = findings.map(|finding| match &finding.capacity {
        Capacity::Found(estimate) => estimate.high,
        Capacity::AtLeast(rate) | Capacity::Below(rate) => *rate,
        Capacity::Unknown(_) => 0.0,
    });
    ends.fold(1.0, f64::max)
}

/// The bar of a capacity, of a scale from zero to `most`; `is_own` is the plan's own system.
pub(super) fn bar(finding: &Finished, most: f64, is_own: bool) -> Markup {
    let x = |rate: f64| (rate / most * (WIDTH - 6.0)).clamp(0.0, WIDTH - 6.0);
    let middle = HEIGHT / 2.0;
    html! {
        svg.interval.own[is_own] aria-hidden="true" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            @match &finding.capacity {
                Capacity::Found(estimate) => {
                    rect.reach x="0" y="4" width=(format!("{:.1}", x(estimate.rate))) height=(HEIGHT - 8.0) {}
                    path.whisker d=(format!(
                        "M{0:.1} {middle}H{1:.1}M{0:.1} {2}v8M{1:.1} {2}v8",
                        x(estimate.low), x(estimate.high), middle - 4.0
                    )) {}
                },
                Capacity::AtLeast(rate) => {
                    rect.reach x="0" y="4" width=(format!("{:.1}", x(*rate))) height=(HEIGHT - 8.0) {}
                    path.whisker d=(format!("M{:.1} {}l5 4l-5 4", x(*rate), middle - 4.0)) {}
                },
                Capacity::Below(rate) => {
                    path.whisker d=(format!("M{:.1} {}l-5 4l5 4", x(*rate), middle - 4.0)) {}
                },
                Capacity::Unknown(_) => {},
            }
        }
    }
}
