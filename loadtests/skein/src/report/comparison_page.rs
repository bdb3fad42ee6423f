//! The page of two runs side by side, and its summary for the terminal. It has no
//! verdict, and says why before any figure.

mod curves;
mod figures;
mod summary;

use maud::{Markup, html};

use super::costs::{Cost, costs};
use super::entry::ShortRevision;
use super::environment;
use super::layout::{Parts, badge, link, page_of, scroll};
use crate::gate::record::Side;
use crate::side_by_side::{Comparison, Run};

pub use summary::comparison_summary;

/// What no comparison of two runs can tell.
const NO_GATE: &str = "This is no gate. There is one run on each side, and how much two runs of the same build \
    differ on this machine is not known, so no difference here is a finding, and none rules one out.";

/// The page of a comparison.
pub fn comparison_page(comparison: &Comparison) -> Markup {
    let plans = (&comparison.baseline.plan, &comparison.candidate.plan);
    let title = match plans {
        (a, b) if a == b => format!("Two runs of {a}"),
        (a, b) => format!("{b} held against {a}"),
    };
    let body = html! {
        header {
            p.small { a href="../../index.html" { "All reports" } }
            h1 { (title) }
            p.soft.small { "Compared " (comparison.made.strftime("%Y-%m-%d %H:%M:%S")) " UTC" }
        }
        main #content.no-result[!comparison.is_fair()] {
            (cautions(comparison))
            (runs(comparison))
            (figures::totals(&comparison.totals))
            (figures::routes(&comparison.routes))
            (curves::curves(&comparison.routes))
            (services(comparison))
            (made(comparison))
        }
    };
    page_of(&Parts {
        title: &title,
        style: concat!(
            include_str!("style/gate.css"),
            include_str!("style/comparison.css")
        ),
        script: None,
        body: &body,
    })
}

fn cautions(comparison: &Comparison) -> Markup {
    let fair = comparison.is_fair();
    html! {
        section.verdict.doubt[!fair] aria-label="What this can tell" {
            strong { @if fair { "Side by side, without a verdict" } @else { "These two can’t be compared fairly" } }
            @for caution in comparison.cautions.iter().filter(|caution| caution.forbids()) {
                p { (caution) }
            }
            p { (NO_GATE) " " code { "loadtests gate" } " measures both builds by turns, and can tell." }
            @for caution in comparison.cautions.iter().filter(|caution| !caution.forbids()) {
                p.small { "Note: " (caution) }
            }
        }
    }
}

fn runs(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "The two runs" }
            (scroll("The two runs", &html! { table {
                thead { tr {
                    th scope="col" { "Side" }
                    th scope="col" { "Run" }
                    th scope="col" { "Verdict" }
                    th scope="col" { "Began (UTC)" }
                    th scope="col" .n { "Measured" }
                    th scope="col" { "Revision" }
                    th scope="col" .n { "Seed" }
                } }
                tbody { @for side in Side::BOTH { (run(side, comparison.run(side))) } }
            } }))
        }
    }
}

fn run(side: Side, run: &Run) -> Markup {
    let revision = run.environment.revision.as_ref().map(ShortRevision::of);
    html! {
        tr {
            th scope="row" { span.side.(side.word()) aria-hidden="true" {} (side.word()) }
            td {
                @if run.is_at_home {
                    a href=(format!("../../runs/{}/index.html", link(&run.id))) { (run.id) }
                } @else {
                    (run.id) span.soft.small { " (not among these reports)" }
                }
            }
            td { (badge(run.judgement.verdict)) }
            td { (run.started.strftime("%Y-%m-%d %H:%M:%S")) }
            td.n { (super::figures::micros(run.measured_seconds * 1e6)) }
            td { @match revision {
                Some(revision) => { code { (revision.commit) } @if revision.modified { " + changes" } },
                None => "–",
            } }
            td.n { (run.seed) }
        }
    }
}

fn services(comparison: &Comparison) -> Markup {
    let parts: Vec<_> = comparison
        .services
        .iter()
        .map(|service| Cost {
            name: &service.name,
            baseline: service.baseline,
            candidate: service.candidate,
        })
        .collect();
    costs(
        "CPU time per request, by service",
        "Service",
        &parts,
        "User and system, without warm-up, all nodes of a service together, per request that the generator sent.",
    )
}

fn made(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "How this was made" }
            dl {
                dt { "Again" } dd { code { (comparison.command) } }
                (environment::rows(&comparison.candidate.environment))
                dt { "Files" } dd { a href="comparison.json" { "every figure" } }
            }
            p.small.soft { "Machine, build and revision are the candidate’s; what differs in the baseline is said at the top." }
        }
    }
}

#[cfg(test)]
mod tests;
