//! The tiers of the plan's own system, and the one that limits it.

use maud::{Markup, html};

use crate::capacity::record::{CapacityRecord, Limit, PoolRecord, SystemRecord, TierRecord};
use crate::report::figures::{known, micros, per_second, percent, significant};
use crate::report::layout::{bar, scroll};

/// The section about what limits the system.
pub(super) fn section(record: &CapacityRecord, own: &SystemRecord) -> Markup {
    html! {
        @if !own.tiers.is_empty() {
            section {
                h2 { "What limits it" }
                p { strong { (headline(&own.limit.by)) } }
                ul { @for reason in &own.limit.reasons { li { (sentence(reason)) } } }
                @if let Some(relief) = &record.relief {
                    p {
                        "Put to the test, with " (relief.what) ": " (relief.sentence)
                    }
                }
                (scroll("Tiers", &table(own)))
                p.small.soft {
                    "The low rate is " (known(record.common_per_second, per_second)) " turns; the capacity is taken from the slots "
                    "within a tenth of it. Waits are those for a core, for each request. A tier's own part of a request's time "
                    "is what is left of it without those that it calls, at the low rate and at the capacity. “At once” are the requests "
                    "that are there at the same time at the capacity, at work or waiting, on average (Little’s law). CPU time and places are "
                    "those of the node that used the most."
                }
            }
        }
    }
}

fn headline(limit: &Limit) -> String {
    match limit {
        Limit::Cpu { tier } => format!("{tier}: it has no CPU time left."),
        Limit::Pool { tier, pool } => format!("{tier}: requests wait for its {pool}."),
        Limit::SharedCores { most } => {
            format!("The cores that all nodes share, of which {most} uses the most.")
        }
        Limit::Waits { tier } => {
            format!("{tier}: requests wait there, although it has CPU time left.")
        }
        Limit::Generator => "The generator: the system could do more than it can show.".to_owned(),
        Limit::Unknown => "It can’t be told.".to_owned(),
    }
}

/// `3 × api-gateway`.
fn nodes_of(tier: &TierRecord) -> String {
    match tier.nodes {
        1 => tier.role.clone(),
        nodes => format!("{nodes} × {}", tier.role),
    }
}

/// `executors: 42 % of 8`.
fn taken(pool: &PoolRecord) -> String {
    match pool.taken_percent {
        Some(taken) => format!(
            "{}: {} of {}",
            pool.name,
            percent(taken),
            significant(pool.places)
        ),
        None => format!("{}: not observable", pool.name),
    }
}

fn sentence(reason: &str) -> String {
    format!("{}.", crate::words::capitalised(reason))
}

fn table(own: &SystemRecord) -> Markup {
    let is_limit = |tier: &TierRecord| match &own.limit.by {
        Limit::Cpu { tier: limit }
        | Limit::Pool { tier: limit, .. }
        | Limit::Waits { tier: limit } => *limit == tier.role,
        Limit::SharedCores { most } => *most == tier.role,
        Limit::Generator | Limit::Unknown => false,
    };
    let has_pools = own.tiers.iter().any(|tier| !tier.pools.is_empty());
    html! {
        table {
            thead { tr {
                th scope="col" { "Tier" }
                th scope="col" { "CPU time at the capacity" }
                th scope="col" .n { "" }
                th scope="col" .n { "CPU a request" }
                th scope="col" .n { "Waits" }
                th scope="col" .n { "Own time" }
                th scope="col" .n { "At once" }
                @if has_pools { th scope="col" { "Places taken" } }
            } }
            tbody { @for tier in &own.tiers { tr {
                th scope="row" { (nodes_of(tier)) @if is_limit(tier) { " " span.badge.doubt { "limit" } } }
                td.wide { (bar(tier.busy_percent / 100.0)) }
                td.n {
                    (percent(tier.busy_percent))
                    span.soft.small { @if tier.has_shares { " of its share" } @else { " of all cores" } }
                }
                td.n { (micros(tier.cpu_micros)) }
                td.n { (micros(tier.waited_micros)) }
                td.n { (known(tier.time_low_micros, micros)) " → " (known(tier.time_high_micros, micros)) }
                td.n { (known(tier.at_once, significant)) }
                @if has_pools { td { @for pool in &tier.pools { div { (taken(pool)) } } } }
            } } }
        }
    }
}
