//! What parts cost on two sides: a table with a pair of bars in each row.

use maud::{Markup, html};

use super::figures::{change, micros};
use super::layout::scroll;

/// What one part cost on both sides, in microseconds a request; `None` where there was
/// no such part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost<'a> {
    /// The part.
    pub(super) name: &'a str,
    /// What it cost in the baseline.
    pub(super) baseline: Option<f64>,
    /// What it cost in the candidate.
    pub(super) candidate: Option<f64>,
}

/// A section about the costs of parts that are called `what`; nothing without any.
pub(super) fn costs(heading: &str, what: &str, costs: &[Cost<'_>], note: &str) -> Markup {
    let all = costs
        .iter()
        .flat_map(|cost| [cost.baseline, cost.candidate]);
    let most = all.flatten().fold(0.0, f64::max);
    let time = |time: Option<f64>| time.map_or_else(|| "–".to_owned(), micros);
    html! {
        @if !costs.is_empty() {
            section {
                h2 { (heading) }
                (scroll(heading, &html! { table {
                    thead { tr {
                        th scope="col" { (what) }
                        th scope="col" .n { "Baseline" }
                        th scope="col" .n { "Candidate" }
                        th scope="col" .n { "Difference" }
                        th scope="col" .n { "Change" }
                        td {}
                    } }
                    tbody { @for cost in costs { tr {
                        th scope="row" { (cost.name) }
                        td.n { (time(cost.baseline)) }
                        td.n { (time(cost.candidate)) }
                        @match (cost.baseline, cost.candidate) {
                            (Some(a), Some(b)) => {
                                td.n { (difference(b - a)) }
                                td.n { @if a > 0.0 { (change(b / a)) } @else { "–" } }
                            },
                            _ => { td.n { "–" } td.n { "–" } },
                        }
                        td.wide { (twins(cost, most)) }
                    } } }
                } }))
                p.small.soft {
                    (note) " In each pair of bars the upper, lighter one is the baseline."
                }
            }
        }
    }
}

/// A time with its sign: `+13 µs`, `−2 µs`.
fn difference(time: f64) -> String {
    let size = micros(time.abs());
    let sign = match time < 0.0 {
        _ if size == micros(0.0) => '±',
        true => '−',
        false => '+',
    };
    format!("{sign}{size}")
}

fn twins(cost: &Cost<'_>, most: f64) -> Markup {
    let width = |time: f64| {
        let share = time / most.max(f64::MIN_POSITIVE) * 100.0;
        format!("width:{:.1}%", share.clamp(0.5, 100.0))
    };
    html! {
        div.twins aria-hidden="true" {
            div.baseline style=[cost.baseline.map(width)] {}
            div.candidate style=[cost.candidate.map(width)] {}
        }
    }
}
