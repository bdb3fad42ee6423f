//! The figures of two runs, each with its change, and an interval where one can be said.

use maud::{Markup, html};

use crate::report::figures::{change, in_unit};
use crate::report::layout::scroll;
use crate::side_by_side::{Figure, Route};

/// Figures of the whole run.
pub(super) fn totals(totals: &[Figure]) -> Markup {
    html! {
        @if !totals.is_empty() {
            section {
                h2 { "The whole run" }
                (scroll("The whole run", &html! { table.figures {
                    (head("Figure"))
                    tbody { @for figure in totals { tr { th scope="row" { (figure.name) } (cells(figure)) } } }
                } }))
            }
        }
    }
}

/// Figures of each route.
pub(super) fn routes(routes: &[Route]) -> Markup {
    let has_interval = routes
        .iter()
        .flat_map(|route| &route.figures)
        .any(|f| f.interval.is_some());
    html! {
        @if !routes.is_empty() {
            section {
                h2 { "Response time by route" }
                (scroll("Response time by route", &html! {
                    table.figures {
                        (head("Route and figure"))
                        @for route in routes { tbody {
                            tr.group { th scope="rowgroup" colspan="5" { code { (route.name) } } }
                            @for figure in &route.figures { tr.part { th scope="row" { (figure.name) } (cells(figure)) } }
                        } }
                    }
                }))
                p.small.soft {
                    "Response times, from the intended time to the last byte, without warm-up. "
                    @if has_interval {
                        "Intervals have 95 % confidence, from the requests of these two runs alone and as if each were "
                        "independent of all others; the noise between runs comes on top."
                    } @else {
                        "No interval can be said: the records have too few points of the distribution."
                    }
                }
            }
        }
    }
}

fn head(what: &str) -> Markup {
    html! {
        thead { tr {
            th scope="col" { (what) }
            th scope="col" .n { "Baseline" }
            th scope="col" .n { "Candidate" }
            th scope="col" .n { "Change" }
            th scope="col" .n { "Interval" }
        } }
    }
}

fn cells(figure: &Figure) -> Markup {
    let value =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| in_unit(v, figure.unit));
    html! {
        td.n { (value(figure.baseline)) }
        td.n { (value(figure.candidate)) }
        td.n {
            @match figure.ratio {
                Some(ratio) => {
                    (change(ratio))
                    @match figure.is_worse() {
                        Some(true) => span.soft.small { " worse" },
                        Some(false) => span.soft.small { " better" },
                        None => "",
                    }
                },
                None => "–",
            }
        }
        td.n.soft { @match figure.interval {
            Some(interval) => (format!("{} to {}", change(interval.lower), change(interval.upper))),
            None => "–",
        } }
    }
}
