//! What all pages share: the frame, the style, and how a verdict looks.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::timing::Hop;
use crate::verdict::Verdict;

/// A page with everything it needs inside it.
pub(super) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Whatever got into a page from outside, it can't have anything loaded.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "To the content" }
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// A verdict as a word in its colour.
pub(super) fn badge(verdict: Verdict) -> Markup {
    html! { span.badge.(class(verdict)) { (verdict.word()) } }
}

/// The style class that gives a verdict its colour.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "bad",
        Verdict::Invalid | Verdict::Inconclusive => "doubt",
    }
}

/// A bar that fills `share` (0 to 1) of its cell.
pub(super) fn bar(share: f64) -> Markup {
    let width = (share.clamp(0.0, 1.0) * 100.0).max(0.5);
    html! { div.bar aria-hidden="true" { div style=(format!("width:{width:.1}%")) {} } }
}

/// Something that may be wider than the page, such as a table: it scrolls by itself,
/// also with a keyboard.
pub(super) fn scroll(name: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(name) { (content) } }
}

/// The style class that gives a hop its colour.
pub(super) fn hop_class(hop: Hop) -> &'static str {
    match hop {
        Hop::Generator => "hop-generator",
        Hop::LoadBalancer => "hop-balancer",
        Hop::ApiGateway => "hop-gateway",
        Hop::Cache => "hop-cache",
        Hop::Database => "hop-database",
        Hop::Microservice => "hop-microservice",
        Hop::Worker => "hop-worker",
    }
}

/// The style class of a process's colour, and what its kind is called.
pub(super) fn class_of_process(name: &str) -> (&'static str, &'static str) {
    let hop = Hop::of_node(name).unwrap_or(Hop::Generator);
    let kind = match hop {
        Hop::Generator => "load generator",
        hop => hop.name(),
    };
    (hop_class(hop), kind)
}

/// What charts tell a pointer; without it, their figures are in tables.
const SCRIPT: &str = include_str!("script/readout.js");

/// The style of all pages: what they share, then charts, then what single pages add.
const STYLE: &str = concat!(
    include_str!("style/base.css"),
    include_str!("style/chart.css"),
    include_str!("style/run.css"),
);
