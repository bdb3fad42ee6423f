//! How a gate was made: its looks, its load, both builds, the machine, and the command
//! that makes it again.

use maud::{Markup, html};

use super::seconds;
use crate::gate::record::{Build, GateRecord};
use crate::report::environment;
use crate::report::figures::{per_second, percent};
use crate::words::counted;

/// The looks at the rounds so far.
pub(super) fn looks(record: &GateRecord) -> Markup {
    html! {
        @if !record.looks.is_empty() {
            section {
                h2 { "Looks" }
                table {
                    thead { tr {
                        th scope="col" { "After" }
                        th scope="col" .n { "Error spent" }
                        th scope="col" { "Outcome" }
                    } }
                    tbody { @for look in &record.looks { tr {
                        th scope="row" {
                            (counted(look.rounds as u64, "round", "rounds"))
                            @if look.confirmation { span.soft { " to confirm" } }
                        }
                        td.n { (percent(look.spent * 100.0)) }
                        td { (look.outcome) }
                    } } }
                }
                p.small.soft {
                    "When it may stop was settled before the first round; each look spends a part of the error that "
                    "all of them may make together, so looking often makes nothing more likely to fail."
                }
            }
        }
    }
}

/// How the gate was made.
pub(super) fn made(record: &GateRecord) -> Markup {
    let load = &record.load;
    html! {
        section {
            h2 { "How this was made" }
            dl {
                dt { "Again" } dd { code { (record.command) } }
                dt { "Baseline" } dd { (build(&record.baseline)) }
                dt { "Candidate" } dd { (build(&record.candidate)) }
                dt { "Load" }
                dd {
                    "By turns, in slots of " (load.slot_millis) " ms without the first "
                    (load.dropped_millis) " ms: closed with " (counted(load.users as u64, "user", "users")) ", and open at "
                    (per_second(load.open_per_second)) ", where the baseline was found to do "
                    (per_second(load.capacity_per_second))
                }
                dt { "Spent" }
                dd {
                    (seconds(record.seconds)) " of measuring, of a budget of "
                    (seconds(record.budget_seconds)) "; builds and a confirmation come on top"
                }
                dt { "A/A reference" }
                dd { @match &record.calibration {
                    Some(calibration) => {
                        "what this machine can tell was measured on "
                        (calibration.made.strftime("%Y-%m-%d %H:%M:%S")) " UTC, in "
                        (calibration.rounds) " rounds of one build against itself: "
                        code { (calibration.file) }
                    },
                    None if record.is_aa => "this gate is one",
                    None => { "none on this machine yet; " code { "loadtests gate --calibrate" } " makes one" },
                } }
                (environment::rows(&record.environment))
                dt { "Files" } dd { a href="gate.json" { "every figure, of every round and slot" } }
            }
            details { summary.small { "The plan" } pre tabindex="0" { (record.plan_source) } }
        }
    }
}

fn build(build: &Build) -> Markup {
    html! {
        @if let Some(asked) = &build.asked { (asked) ", " }
        @if let Some(commit) = &build.commit { code { (commit) } ", " }
        @match build.modified {
            Some(true) => "with changes, ",
            Some(false) => "",
            None => "perhaps with changes, ",
        }
        @if let Some(profile) = &build.profile { "profile " (profile) ", " }
        code { (build.program) }
    }
}
