//! How requests shared out among gateways, what was expected, and how that was tested.

use maud::{Markup, html};
use stats::evenness::{Evenness, evenness};

use crate::record::{Record, share};
use crate::report::figures::{count, known, parts, percent};
use crate::report::layout::{bar, scroll};

/// The section.
pub(super) fn gateways(record: &Record) -> Markup {
    let shares: Vec<u64> = record
        .gateways
        .iter()
        .map(|g| g.attempts.unwrap_or(g.answers))
        .collect();
    let told = evenness(&shares);
    let total: u64 = shares.iter().sum();
    html! {
        section #gateways {
            h2 { "Distribution over gateways" }
            @if record.gateways.is_empty() {
                p.soft { "Answers did not say who gave them." }
            } @else {
                (scroll("Distribution over gateways", &shares_of(record, total, told)))
                @if let Some(told) = &told { (test(record, told)) }
            }
        }
    }
}

fn shares_of(record: &Record, total: u64, told: Option<Evenness>) -> Markup {
    let none = || "–".to_owned();
    let expected = told.map_or_else(none, |told| count(told.expected.round() as u64));
    html! {
        table {
            thead { tr {
                th scope="col" { "Gateway" }
                th scope="col" .n { "Requests" }
                th scope="col" .n { "Expected" }
                th scope="col" .n { "Answers seen" }
                th scope="col" .n { "Share" }
                th scope="col" { span.sr { "Share as a bar" } }
            } }
            tbody { @for gateway in &record.gateways {
                @let requests = gateway.attempts.unwrap_or(gateway.answers);
                @let percent_of_all = share(requests, total);
                tr {
                    th scope="row" { (gateway.name) }
                    td.n { (gateway.attempts.map_or_else(none, count)) }
                    td.n { (expected) }
                    td.n { (count(gateway.answers)) }
                    td.n { (known(percent_of_all, percent)) }
                    td.wide { (bar(percent_of_all.unwrap_or(0.0) / 100.0)) }
                }
            } }
        }
    }
}

/// What is expected, how it is tested, and what came of it.
fn test(record: &Record, told: &Evenness) -> Markup {
    let counted = record
        .gateways
        .iter()
        .all(|gateway| gateway.attempts.is_some());
    let exact = told.gap <= 1;
    html! {
        p {
            @if counted {
                "Round robin over healthy gateways gives each the same, but for one request. By the balancer’s count the "
                "busiest had " (count(told.gap)) " more than the idlest: "
                @if exact { span.badge.good { "exact" } } @else { span.badge.doubt { "not exact" } }
                @if !exact {
                    " Retries (" (record.retries.map_or_else(|| "unknown".to_owned(), count))
                    ") and gateways out of rotation account for such a gap."
                }
            } @else {
                "From outside only answers show, and one that got lost is missing here. The busiest gave "
                (count(told.gap)) " more than the idlest."
            }
        }
        p.small.soft {
            "Chi-squared against equal shares, over the whole run: χ² = " (parts(told.chi_squared)) ", "
            (record.gateways.len() - 1) " degrees of freedom. Were each request given to a gateway drawn at random, shares "
            @if told.as_even < told.as_uneven {
                "would be this even in " (chance(told.as_even)) " of runs."
            } @else {
                "would be this uneven in " (chance(told.as_uneven)) " of runs."
            }
        }
    }
}

fn chance(chance: f64) -> String {
    match chance * 100.0 {
        rare if rare < 0.01 => format!("less than {}", percent(0.01)),
        share => percent(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GatewayRecord;
    use crate::record::example::example;

    fn page(attempts: [Option<u64>; 2]) -> String {
        let mut record = example();
        record.gateways = attempts
            .map(|attempts| GatewayRecord {
                name: "a gateway".to_owned(),
                answers: 500,
                attempts,
            })
            .into();
        gateways(&record).into_string().replace('\u{202f}', " ")
    }

    #[test]
    fn round_robin_is_held_against_exact_shares_and_what_is_seen_from_outside_against_chance() {
        let even = page([Some(500), Some(501)]);
        assert!(
            even.contains("exact") && !even.contains("not exact"),
            "{even}"
        );
        let uneven = page([Some(500), Some(600)]);
        assert!(
            uneven.contains("not exact") && uneven.contains("Retries (0)"),
            "{uneven}"
        );
        assert!(uneven.contains("0.257 % of runs"), "{uneven}");
        assert!(page([None, None]).contains("From outside"));
    }
}
