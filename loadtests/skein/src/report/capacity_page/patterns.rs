//! Patterns: the plan's own system beside each variant of it.

use maud::{Markup, html};

use super::interval::{bar, most};
use super::{called_roles, calls_to, ends, figure_of, in_short, labels};
use crate::capacity::record::{CapacityRecord, CommonRecord, PatternRecord, SystemRecord};
use crate::report::figures::{known, micros, per_second};
use crate::report::layout::scroll;

/// The sections about patterns.
pub(super) fn section(record: &CapacityRecord) -> Markup {
    let Some((own, variants)) = record.systems.split_first() else {
        return html! {};
    };
    html! {
        @for pattern in &record.patterns {
            @let of_pattern: Vec<&SystemRecord> = variants
                .iter()
                .filter(|variant| variant.pattern.as_ref() == Some(&pattern.name))
                .collect();
            section {
                h2 { (crate::words::capitalised(&pattern.name)) }
                p { (pattern.sentence) }
                (scroll(&pattern.name, &table(own, &of_pattern)))
                ul.small { @for variant in &pattern.variants { li { (variant.sentence) } } }
                (differences(record, own, pattern, &of_pattern))
            }
        }
    }
}

fn table(own: &SystemRecord, variants: &[&SystemRecord]) -> Markup {
    let all = || std::iter::once(own).chain(variants.iter().copied());
    let most = most(all().map(|system| &system.finding));
    let common =
        |system: &SystemRecord, of: fn(&CommonRecord) -> f64| system.common.as_ref().map(of);
    html! {
        table {
            thead { tr {
                th scope="col" { "System" }
                th scope="col" { "Capacity" }
                th scope="col" .n { "Turns/s" }
                th scope="col" .n { "Interval" }
                th scope="col" .n { "p50, low rate" }
                th scope="col" .n { "p99, low rate" }
                th scope="col" .n { "CPU a request" }
            } }
            tbody { @for (place, system) in all().enumerate() { tr {
                th scope="row" { (system.name) }
                td.wide { (bar(&system.finding, most, place == 0)) }
                td.n { (in_short(&system.finding)) }
                td.n { (ends(&system.finding).unwrap_or_else(|| "–".to_owned())) }
                td.n { (known(common(system, |c| c.p50_micros), micros)) }
                td.n { (known(common(system, |c| c.p99_micros), micros)) }
                td.n { (known(common(system, |c| c.cpu_per_request_micros), micros)) }
            } } }
        }
    }
}

/// Calls to each tier for each request and the program's figures, system by system, where calls
/// are counted.
fn differences(
    record: &CapacityRecord,
    own: &SystemRecord,
    pattern: &PatternRecord,
    variants: &[&SystemRecord],
) -> Markup {
    let all = || std::iter::once(own).chain(variants.iter().copied());
    let (roles, labels) = (called_roles(all()), labels(all()));
    let rate = known(record.common_per_second, per_second);
    html! {
        @if !roles.is_empty() {
            details {
                summary.small {
                    "Calls to each tier for each request"
                    @if !labels.is_empty() { ", and figures" }
                    ", at " (rate)
                }
                (scroll(&format!("Calls: {}", pattern.name), &html! {
                    table.small {
                        thead { tr {
                            th scope="col" { "System" }
                            @for role in &roles { th scope="col" .n { (role) } }
                            @for (_, label) in &labels { th scope="col" .n { (label) } }
                        } }
                        tbody { @for system in all() { tr {
                            th scope="row" { (system.name) }
                            @for role in &roles { td.n { (calls_to(system, role)) } }
                            @for (name, _) in &labels { td.n { (figure_of(system, name)) } }
                        } } }
                    }
                }))
            }
        }
    }
}
