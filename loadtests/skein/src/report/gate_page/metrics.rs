//! What each metric comes to: as a forest plot, and in figures.

use maud::{Markup, html};

use super::forest::{self, Scale};
use crate::gate::record::{GateRecord, Interval, MetricOutcome, MetricRecord};
use crate::report::figures::{change, count, micros, percent, significant};
use crate::report::gate;
use crate::report::layout::scroll;

/// Every metric beside its margin, on one scale.
pub(super) fn forest_plot(record: &GateRecord) -> Markup {
    let scale = Scale::of(&record.metrics);
    html! {
        section {
            h2 { "Change of each metric" }
            table.forest-plot role="table" {
                thead role="rowgroup" { tr role="row" {
                    th role="columnheader" scope="col" { "Metric" }
                    th role="columnheader" scope="col" .drawing { span.unseen { "Change and interval" } (forest::axis(scale)) }
                    th role="columnheader" scope="col" .n { "Change" }
                    th role="columnheader" scope="col" { "Outcome" }
                } }
                tbody role="rowgroup" { @for metric in &record.metrics { tr role="row" {
                    th role="rowheader" scope="row" { (capitalised(&metric.name)) }
                    td role="cell" .drawing { (forest::line(metric, scale)) }
                    td role="cell" .n {
                        strong { (metric.ratio.map_or_else(|| "–".to_owned(), change)) }
                        @if let Some(interval) = metric.interval {
                            div.small.soft { (span(interval)) }
                        }
                    }
                    td role="cell" { (outcome(record, metric)) }
                } } }
            }
            (legend())
        }
    }
}

fn legend() -> Markup {
    html! {
        p.small.soft {
            "Candidate against baseline; to the right is worse, also for throughput. The shaded part is what may pass. "
            "Solid line: the " strong { "margin" } ". Dotted line: the " strong { "tolerance" } ". "
            "Intervals are those of these rounds alone, and don’t decide. What decides are the bounds in the figures below, "
            "which are wider, because they allow for all looks and for the other metrics: “not slower” takes a bound left "
            "of the margin, “slower” one right of the tolerance. So an interval that lies wholly right of the tolerance, "
            "or wholly left of the margin, can still be “can't tell”. "
            "Triangle: the smallest worsening that this gate could have seen. Arrows go on beyond the scale."
        }
    }
}

/// Every metric in figures.
pub(super) fn figures(metrics: &[MetricRecord]) -> Markup {
    html! {
        section {
            h2 { "Figures, and what could have been seen" }
            (scroll("Figures of each metric", &html! { table {
                thead { tr {
                    th scope="col" { "Metric" }
                    th scope="col" .n { "Baseline" }
                    th scope="col" .n { "Candidate" }
                    th scope="col" .n { "Ratio" }
                    th scope="col" .n { "Tolerance" }
                    th scope="col" .n { "Margin" }
                    th scope="col" .n { "Could have seen" }
                    th scope="col" .n { "p" }
                } }
                tbody { @for metric in metrics { tr {
                    th scope="row" { (capitalised(&metric.name)) }
                    td.n { (value(metric.baseline, &metric.unit)) }
                    td.n { (value(metric.candidate, &metric.unit)) }
                    td.n {
                        (metric.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.4}")))
                        @if let Some(interval) = metric.interval {
                            div.small.soft { (format!("{:.4} to {:.4}", interval.lower, interval.upper)) }
                        }
                    }
                    td.n { (percent(metric.tolerance * 100.0)) (bound("≥", metric.surely_above)) }
                    td.n { (percent(metric.margin * 100.0)) (bound("≤", metric.surely_below)) }
                    td.n { (metric.smallest_detectable.map_or_else(|| "–".to_owned(), |effect| percent(effect * 100.0))) }
                    td.n { (metric.p_value.map_or_else(|| "–".to_owned(), significant)) }
                } } }
            } }))
            p.small.soft {
                "Baseline and candidate are medians over rounds; the ratio is estimated from the rounds’ own ratios, so the two need not divide to it. "
                @if let Some(interval) = metrics.iter().find_map(|metric| metric.interval) {
                    "Intervals have " (percent(interval.confidence * 100.0)) " confidence, from these rounds alone. "
                }
                "Below tolerance and margin are the bounds that decide: the metric is worse by at least the first (≥) and at most the second (≤), where negative is better. "
                "They allow for all looks and for the other metrics. A metric is “slower” when the first is above its tolerance, and “not slower” when the second is below its margin. "
                @if metrics.iter().any(|m| m.outcome == MetricOutcome::Diluted) {
                    "One is “diluted” when something of neither side is in its figures: it may still be slower, and is never “not slower”. "
                }
                "“Could have seen” is the smallest worsening that so many rounds of such spread would have found: when it is above the margin, a pass means little. "
                "p is the chance of rounds like these if the candidate were no worse than the tolerance: one-sided, and before any correction for several metrics and looks."
            }
        }
    }
}

fn outcome(record: &GateRecord, metric: &MetricRecord) -> Markup {
    html! {
        span.badge.(forest::class(metric.outcome)) { (gate::outcome(metric)) }
        @if let Some(remark) = gate::remark(record, metric) { div.small.soft { (remark) } }
        @if let Some(reason) = &metric.excuse { div.small.soft.reason { (reason) } }
    }
}

fn span(interval: Interval) -> String {
    format!("{} to {}", change(interval.lower), change(interval.upper))
}

/// A bound of how much worse a metric is; nothing where rounds give none.
fn bound(sign: &str, effect: Option<f64>) -> Markup {
    html! {
        @if let Some(effect) = effect {
            div.small.soft { (sign) " " (change(1.0 + effect)) }
        }
    }
}

/// A value in the unit that the record names.
fn value(value: Option<f64>, unit: &str) -> String {
    match (value, unit) {
        (None, _) => "–".to_owned(),
        (Some(time), "µs") => micros(time),
        (Some(value), unit) if value >= 999.5 => {
            format!("{}\u{202f}{unit}", count(value.round() as u64))
        }
        (Some(value), unit) => format!("{}\u{202f}{unit}", significant(value)),
    }
}

/// With its first letter in upper case, but for a symbol such as `p99`.
pub(super) fn capitalised(text: &str) -> String {
    let is_word = text.chars().take(2).all(char::is_alphabetic);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if is_word => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
