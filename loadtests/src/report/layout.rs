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
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
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

/// Bars side by side: each with its class, and the share (0 to 1) of the cell it fills.
pub(super) fn stack(parts: &[(&str, f64)]) -> Markup {
    html! {
        div.bar.stack aria-hidden="true" {
            @for (class, share) in parts {
                div.(class) style=(format!("width:{:.1}%", share.clamp(0.0, 1.0) * 100.0)) {}
            }
        }
    }
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

/// The style of all pages: what they share, then charts, then what single pages add.
const STYLE: &str = concat!(
    include_str!("style/base.css"),
    include_str!("style/chart.css"),
    include_str!("style/run.css"),
);
