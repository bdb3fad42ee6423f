//! What became of long tasks, and of requests with a bad token.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::record::{Record, TaskRecord, Times};
use crate::report::chart::table;
use crate::report::figures::{count, duration, micros};
use crate::report::layout::scroll;

/// How tasks lived and ended.
pub(super) fn tasks(record: &Record) -> Markup {
    let tasks = &record.tasks;
    html! {
        section #tasks {
            h2 { "Life of tasks" }
            @if tasks.accepted == 0 {
                p.soft { "No task was accepted." }
            } @else {
                (fates(tasks))
                @if let Some(life) = &tasks.life { (lives(record, life)) }
                @if let Some(states) = &tasks.at_worker {
                    dl.small {
                        dt { "In the worker’s file, at the end" } dd { (listed(states)) }
                        @if !tasks.attempts.is_empty() { dt { "Attempts that ended" } dd { (listed(&tasks.attempts)) } }
                    }
                }
            }
        }
    }
}

/// Accepted tasks, and how each of them ended, as a bar of parts.
fn fates(tasks: &TaskRecord) -> Markup {
    let fates = [
        ("good", "done", tasks.done),
        ("bad", "given up by the worker", tasks.dead),
        ("bad", "gone", tasks.gone),
        ("doubt", "not seen done in time", tasks.unfinished()),
    ];
    let share = |count: u64| count as f64 / tasks.accepted.max(1) as f64 * 100.0;
    html! {
        p { strong { (count(tasks.accepted)) } " accepted, repeats not counted" }
        div.flow-bar aria-hidden="true" {
            @for (class, _, number) in fates { @if number > 0 {
                div.(class) style=(format!("width:{:.2}%", share(number))) {}
            } }
        }
        ul.terms-list {
            @for (class, name, number) in fates { @if number > 0 || name == "done" {
                li { span.key.(class) {} (name) " " strong { (count(number)) } }
            } }
        }
    }
}

fn lives(record: &Record, life: &Times) -> Markup {
    html! {
        p.small {
            "From the 202 until seen done: p50 " (micros(life.p50 as f64)) ", p99 " (micros(life.p99 as f64))
            ", at most " (micros(life.max as f64)) ". "
            span.soft {
                "Looked at every " (duration(record.plan.behaviour.poll_interval.as_secs_f64()))
                ", so that it shows late by half of that on average."
                @if let Some(shape) = &record.plan.shape {
                    " A task itself takes " (duration(shape.task_duration.as_secs_f64())) "."
                }
            }
        }
    }
}

/// Requests with a bad token, by what was wrong with it.
pub(super) fn intruders(record: &Record) -> Markup {
    let intruders = &record.intruders;
    let flaws = intruders.by_flaw.iter().map(|flaw| {
        let numbers = [flaw.sent, flaw.refused, flaw.admitted].map(count);
        [vec![flaw.flaw.clone()], numbers.to_vec()].concat()
    });
    html! {
        section #tokens {
            h2 { "Bad tokens" }
            @if intruders.sent == 0 {
                p.soft { "None was shown." }
            } @else {
                p {
                    strong { (count(intruders.sent)) } " shown, " strong { (count(intruders.refused)) } " refused with 401, "
                    strong { (count(intruders.admitted)) } " let in "
                    @if intruders.admitted > 0 { span.badge.bad { "let in" } }
                    @else if intruders.refused == intruders.sent { span.badge.good { "all refused" } }
                    @else { span.badge.doubt { "not all refused" } }
                }
                @if !intruders.by_flaw.is_empty() {
                    (scroll("Bad tokens by what was wrong", &table(&["What was wrong", "Sent", "Refused", "Let in"], flaws)))
                }
                @if let Some(reasons) = &intruders.reasons {
                    p.small.soft { "Reasons that gateways counted: " (listed(reasons)) "." }
                }
            }
        }
    }
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, number)| format!("{name} {}", count(*number)))
        .collect();
    match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;

    #[test]
    fn tasks_and_tokens_are_told_by_how_they_ended() {
        let mut record = example();
        record.tasks.accepted = 9;
        record.tasks.dead = 1;
        let page = html! { (tasks(&record)) (intruders(&record)) }.into_string();
        for says in [
            "given up by the worker",
            "not seen done in time",
            "done 5",
            "all refused",
            "expired 7",
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
    }
}
