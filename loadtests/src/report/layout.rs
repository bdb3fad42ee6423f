//! What all pages share: the frame, the style, and how a verdict looks.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::timing::Hop;
use crate::verdict::Verdict;

/// What a page is made of.
pub(super) struct Parts<'a> {
    /// The title, for the window and for bookmarks.
    pub(super) title: &'a str,
    /// Style beside that of all pages; our own, never anything from outside.
    pub(super) style: &'a str,
    /// A script that the page is complete without; our own, never anything from outside.
    pub(super) script: Option<&'a str>,
    /// What is seen.
    pub(super) body: &'a Markup,
}

/// A page in the style of all pages, without a script.
pub(super) fn page(title: &str, body: &Markup) -> Markup {
    page_of(&Parts {
        title,
        style: "",
        script: None,
        body,
    })
}

/// A page with everything it needs inside it. Its policy forbids the browser to load
/// anything, and to run a script unless the page has one.
pub(super) fn page_of(parts: &Parts<'_>) -> Markup {
    let scripts = match parts.script {
        Some(_) => "'unsafe-inline'",
        None => "'none'",
    };
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; base-uri 'none'; form-action 'none'"
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (parts.title) }
                style { (PreEscaped(STYLE)) (PreEscaped(parts.style)) }
            }
            body {
                (parts.body)
                @if let Some(script) = parts.script { script { (PreEscaped(script)) } }
            }
        }
    }
}

/// A folder's name as a part of a link. A plan's name is in it, and may have anything
/// that a file's name can have.
pub(super) fn link(folder: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(folder, KEPT).to_string()
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

const STYLE: &str = "
:root {
  --paper: #f7f7f5; --card: #ffffff; --ink: #1d2327; --soft: #5c666d; --line: #e3e5e4;
  --accent: #3468b0; --good: #1a7446; --bad: #b3261e; --doubt: #8a5a00;
  --good-wash: #e6f4ec; --bad-wash: #fcebea; --doubt-wash: #fbf1dd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181a; --card: #1d2124; --ink: #e8eaeb; --soft: #a0a9af; --line: #32383c;
    --accent: #7aa7e6; --good: #67c693; --bad: #f2938c; --doubt: #e5b458;
    --good-wash: #17301f; --bad-wash: #3b1c1a; --doubt-wash: #362a12;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif;
  font-variant-numeric: tabular-nums;
}
a { color: var(--accent) }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .25rem 0 }
h2 { font-size: 1.05rem; margin: 0 0 .75rem }
p { margin: .35rem 0 }
.soft { color: var(--soft) }
.small { font-size: .875rem }
code, pre { font: .875rem/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace }
pre { overflow-x: auto; margin: .5rem 0 0; padding: .75rem 1rem; background: var(--paper); border-radius: 6px }
section, .card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.1rem 1.25rem; margin-top: 1rem; overflow-x: auto;
}
.verdict { border-left: 6px solid currentColor }
.verdict > strong { font-size: 1.35rem }
.verdict p { color: var(--ink) }
.verdict.good { color: var(--good); background: var(--good-wash) }
.verdict.bad { color: var(--bad); background: var(--bad-wash) }
.verdict.doubt { color: var(--doubt); background: var(--doubt-wash) }
.badge { padding: .1rem .55rem; border-radius: 1rem; font-size: .875rem; font-weight: 600; white-space: nowrap }
.badge.good { color: var(--good); background: var(--good-wash) }
.badge.bad { color: var(--bad); background: var(--bad-wash) }
.badge.doubt { color: var(--doubt); background: var(--doubt-wash) }
.no-result .tiles, .no-result table { color: var(--soft) }
.no-result table .badge { color: var(--soft); background: var(--paper) }
.no-result .bar div { background: var(--soft) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; margin-top: 1rem }
.tiles .card { margin: 0; padding: .8rem 1rem }
.tiles strong { display: block; font-size: 1.35rem; line-height: 1.3 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 0 1rem; align-items: start }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem 1rem .4rem 0; vertical-align: top }
thead th { font-weight: 600; font-size: .8125rem; color: var(--soft); vertical-align: bottom }
tbody th { font-weight: 400; white-space: nowrap }
tbody th, tbody td { border-top: 1px solid var(--line) }
th.n, td.n { text-align: right; white-space: nowrap }
th:last-child, td:last-child { padding-right: 0 }
td.wide { width: 30%; min-width: 5rem }
td.text { min-width: 15rem }
.bar { height: .7rem; margin-top: .4rem; background: var(--paper); border-radius: 3px; overflow: hidden }
.bar div { height: 100%; background: var(--accent); border-radius: 3px }
.stack { display: flex; width: 100% }
.stack div, .no-result .stack div { border-radius: 0 }
.key { display: inline-block; width: .7rem; height: .7rem; margin-right: .5rem; border-radius: 2px }
.stack .hop-generator, .key.hop-generator { background: #8c959b }
.stack .hop-balancer, .key.hop-balancer { background: #3468b0 }
.stack .hop-gateway, .key.hop-gateway { background: #2a9d8f }
.stack .hop-cache, .key.hop-cache { background: #c9a227 }
.stack .hop-database, .key.hop-database { background: #b5532a }
.stack .hop-microservice, .key.hop-microservice { background: #7b5ea7 }
.stack .hop-worker, .key.hop-worker { background: #a8456b }
tr.part th { padding-left: 1.25rem }
tr.part th, tr.part td { border-top: 0; padding-top: .1rem; padding-bottom: .1rem }
.terms { color: var(--soft); font-size: .875rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
summary { cursor: pointer }
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 3rem }
  section, .card { padding: .9rem .9rem }
  .pair { grid-template-columns: 1fr }
  dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin-bottom: .5rem }
}
@media print { body { max-width: none } section { break-inside: avoid } }
";
