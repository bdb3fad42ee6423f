//! What all pages share: the frame, the style, and how a verdict looks.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

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

/// A page with everything it needs inside it. Its policy forbids the browser to load
/// anything, and to run a script unless the page has one.
pub(super) fn page_of(parts: &Parts<'_>) -> Markup {
    let scripts = match parts.script {
        Some(_) => "'unsafe-inline'",
        None => "'none'",
    };
    // Whatever got into a page from outside, it can't have anything loaded.
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
                a.skip href="#content" { "To the content" }
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

/// A figure in large, with its name below.
pub(super) fn tile(figure: impl Render, name: &str) -> Markup {
    html! { div.card { strong { (figure) } span.soft.small { (name) } } }
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

/// The style of all pages.
const STYLE: &str = include_str!("style/base.css");
