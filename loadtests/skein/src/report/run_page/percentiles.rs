//! The table of times by percentile that several sections of the page show.

use maud::{Markup, html};

use crate::record::Times;
use crate::report::figures::micros;

/// A table with one row for each kind of time; dashes where none were measured.
pub(super) fn percentiles(rows: &[(String, Option<&Times>)]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Time" }
                th scope="col" .n { "p50" }
                th scope="col" .n { "p90" }
                th scope="col" .n { "p99" }
                th scope="col" .n { "Max" }
            } }
            tbody { @for (name, times) in rows { tr {
                th scope="row" { (name) }
                @match times {
                    Some(times) => @for time in [times.p50, times.p90, times.p99, times.max] {
                        td.n { (micros(time as f64)) }
                    },
                    None => @for _ in 0..4 { td.n { "–" } },
                }
            } } }
        }
    }
}
