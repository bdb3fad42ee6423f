//! How a study was made: its systems, its settings, the machine, and the command that makes it
//! again.

use std::time::Duration;

use maud::{Markup, html};

use super::{ends, in_short, limit_in_short, promise};
use crate::capacity::record::{CapacityRecord, SystemRecord};
use crate::report::environment;
use crate::report::figures::{known, per_second};
use crate::report::layout::scroll;
use crate::words::counted;

pub(super) fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    humantime::format_duration(whole).to_string()
}

/// Every system of the study in a line, with the machines that its nodes were given.
pub(super) fn all_systems(record: &CapacityRecord) -> Markup {
    html! {
        section {
            h2 { "Systems" }
            (scroll("Systems", &html! {
                table {
                    thead { tr {
                        th scope="col" { "System" }
                        th scope="col" .n { "Turns/s" }
                        th scope="col" .n { "Interval" }
                        th scope="col" .n { "Fresh starts" }
                        th scope="col" { "Breaks first" }
                        th scope="col" { "Limited by" }
                        th scope="col" { "Machines" }
                    } }
                    tbody { @for system in &record.systems { tr {
                        th scope="row" { (system.name) div.small.soft.about { (system.about) } }
                        td.n { (in_short(&system.finding)) }
                        td.n { (ends(&system.finding).unwrap_or_else(|| "–".to_owned())) }
                        td.n {
                            (system.rounds.len())
                            @if !system.set_aside.is_empty() {
                                div.small.soft { "and " (system.set_aside.len()) " set aside: others slowed the machine down" }
                            }
                        }
                        td { @match system.finding.breaks_first.and_then(|place| record.promise.get(place)) {
                            Some(clause) => code { (clause.rule) },
                            None => "–",
                        } }
                        td { (limit_in_short(&system.limit.by)) }
                        td.small { @match system.machines.is_empty() {
                            true => "all nodes share their cores",
                            false => ul.plain { @for machines in alike(system) { li { (machines) } } },
                        } }
                    } } }
                }
            }))
        }
    }
}

/// The machines of a system's nodes, those that are alike together: `3 × api-gateway: 0.05 of a
/// CPU by a cgroup (v2)`.
fn alike(system: &SystemRecord) -> Vec<String> {
    let mut groups: Vec<(&str, &str, usize)> = Vec::new();
    for given in &system.machines {
        let tiers = system.tiers.iter().map(|tier| &*tier.role);
        let role = tiers
            .filter(|role| given.node.starts_with(role))
            .max_by_key(|role| role.len());
        let (role, words) = (role.unwrap_or(&given.node), &*given.machine.words);
        match groups
            .iter_mut()
            .find(|group| (group.0, group.1) == (role, words))
        {
            Some((_, _, nodes)) => *nodes += 1,
            None => groups.push((role, words, 1)),
        }
    }
    let groups = groups.into_iter();
    let lines = groups.map(|(role, words, nodes)| match nodes {
        1 => format!("{role}: {words}"),
        nodes => format!("{nodes} × {role}: {words}"),
    });
    lines.collect()
}

/// The making of the study: its settings, its machine, its command.
pub(super) fn made(record: &CapacityRecord) -> Markup {
    html! {
        section {
            h2 { "How this was made" }
            dl {
                dt { "Again" } dd { code { (record.command) } }
                dt { "Promise" } dd { (promise(record)) }
                dt { "Load" }
                dd {
                    "Open, in slots of " (record.slot_millis) " ms after " (record.lead_millis)
                    " ms at the same rate that don’t count; at most "
                    (counted(record.open_users as u64, "turn", "turns")) " under way at the same time. "
                    "A fresh start is warmed up by closed load for " (record.warm_up_millis) " ms, which fills caches."
                }
                dt { "Generator" }
                dd {
                    "It can be trusted with " (known(record.ceiling_turns, per_second)) " turns"
                    @if let Some(ceiling) = &record.ceiling {
                        "; asked for all that it can do, it sent " (per_second(ceiling.per_second)) " requests"
                    }
                    "."
                }
                dt { "Spent" }
                dd { (seconds(record.seconds)) ", with a budget of " (seconds(record.budget_seconds)) " for each system" }
                (environment::rows(&record.environment))
                dt { "Files" } dd { a href="capacity.json" { "every figure, of every start and slot" } }
            }
            details { summary.small { "The plan" } pre tabindex="0" { (record.plan_source) } }
        }
    }
}
