//! One report as a row of the list. What scripts sort and filter by is in its `data-`
//! attributes, so that no script has to read what is meant for people.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::report::entry::{
    CapacityLine, ComparisonLine, GateLine, RunFigures, RunLine, ShortRevision,
};
use crate::report::figures::{count, known, micros, per_second};
use crate::report::layout::{badge, link};
use crate::report::{Entry, Kind, Line};
use crate::verdict::{Judgement, Verdict};

/// The word for a report whose record can't be read.
pub(super) const UNREADABLE: &str = "unreadable";

/// The row of a report.
pub(super) fn row(entry: &Entry) -> Markup {
    match &entry.line {
        Ok(Line::Run(line)) => run(entry, line),
        Ok(Line::Gate(line)) => gate(entry, line),
        Ok(Line::Comparison(line)) => comparison(entry, line),
        Ok(Line::Capacity(line)) => capacity(entry, line),
        Err(wrong) => unreadable(entry, wrong),
    }
}

fn run(entry: &Entry, line: &RunLine) -> Markup {
    let figures = line.figures.as_ref();
    html! {
        tr role="row"
            data-kind=(entry.kind.folder()) data-plan=(line.plan)
            data-verdict=(line.judgement.verdict.word())
            data-when=(line.started.as_millisecond())
            data-requests=[figures.map(|f| f.requests)]
            data-rate=[figures.and_then(|f| f.per_second)]
            data-failed=[figures.map(|f| f.failed)]
            data-p99=[figures.and_then(|f| f.slowest_p99)]
            data-revision=[line.revision.as_ref().map(|r| &r.commit)]
        {
            (when(entry, line.started))
            td role="cell" .what { (line.plan) }
            (verdict(&line.judgement))
            @match figures {
                Some(figures) => (numbers(figures)),
                None => td role="cell" .wide-figure.soft colspan="4" { "no figure may be quoted" },
            }
            (revision(line.revision.as_ref()))
        }
    }
}

fn numbers(figures: &RunFigures) -> Markup {
    let p99 = figures.slowest_p99.map(|p99| micros(p99 as f64));
    let cells = [
        ("Requests", count(figures.requests)),
        ("Rate", known(figures.per_second, per_second)),
        ("Failed", count(figures.failed)),
        ("Slowest p99", p99.unwrap_or_else(|| "–".to_owned())),
    ];
    html! { @for (name, figure) in cells { td role="cell" .n data-label=(name) { (figure) } } }
}

fn gate(entry: &Entry, line: &GateLine) -> Markup {
    html! {
        tr role="row"
            data-kind=(entry.kind.folder()) data-plan=(line.plan)
            data-verdict=(line.judgement.verdict.word())
            data-when=(line.started.as_millisecond())
            data-revision=[line.candidate.as_ref().map(|r| &r.commit)]
        {
            (when(entry, line.started))
            td role="cell" .what { (line.plan) span.kind { "gate" } }
            td role="cell" .verdict-cell { (badge(line.judgement.verdict)) }
            td role="cell" .wide-figure colspan="4" {
                (line.judgement.sentence)
                div.small.soft { "against " code { (line.baseline) } }
            }
            (revision(line.candidate.as_ref()))
        }
    }
}

fn capacity(entry: &Entry, line: &CapacityLine) -> Markup {
    html! {
        tr role="row"
            data-kind=(entry.kind.folder()) data-plan=(line.plan)
            data-verdict=(line.judgement.verdict.word())
            data-when=(line.started.as_millisecond())
            data-revision=[line.revision.as_ref().map(|r| &r.commit)]
        {
            (when(entry, line.started))
            td role="cell" .what { (line.plan) span.kind { "capacity" } }
            td role="cell" .verdict-cell { (badge(line.judgement.verdict)) }
            td role="cell" .wide-figure colspan="4" {
                (line.judgement.sentence)
                div.small.soft { "promised " code { (line.promise) } }
            }
            (revision(line.revision.as_ref()))
        }
    }
}

fn comparison(entry: &Entry, line: &ComparisonLine) -> Markup {
    let [baseline, candidate] = &line.runs;
    html! {
        tr role="row"
            data-kind=(entry.kind.folder()) data-plan=(line.plans)
            data-when=(line.made.as_millisecond())
        {
            (when(entry, line.made))
            td role="cell" .what { (line.plans) span.kind { "comparison" } }
            td role="cell" .verdict-cell { span.soft { "no verdict" } }
            td role="cell" .wide-figure colspan="4" {
                @if !line.is_fair { "The two can’t be compared fairly." }
                div.small.soft { code { (candidate) } " held against " code { (baseline) } }
            }
            (revision(None))
        }
    }
}

fn unreadable(entry: &Entry, wrong: &str) -> Markup {
    let named = super::when_named(&entry.id);
    html! {
        tr role="row"
            data-kind=(entry.kind.folder()) data-verdict=(UNREADABLE)
            data-when=[named.map(|time| time.as_millisecond())]
        {
            th role="rowheader" scope="row" .when {
                @match named {
                    Some(time) => (stamp(time)),
                    None => span.soft { "unknown" },
                }
            }
            td role="cell" .what {
                span.soft { "–" }
                @if entry.kind != Kind::Run { span.kind { (word(entry.kind)) } }
            }
            td role="cell" .verdict-cell { span.badge.doubt { (UNREADABLE) } }
            td role="cell" .wide-figure colspan="5" { (wrong) div.small.soft { "in " code { (entry.id) } } }
        }
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Run => "run",
        Kind::Gate => "gate",
        Kind::Comparison => "comparison",
        Kind::Capacity => "capacity",
    }
}

fn when(entry: &Entry, time: Timestamp) -> Markup {
    let page = format!("{}/{}/index.html", entry.kind.folder(), link(&entry.id));
    html! { th role="rowheader" scope="row" .when { a href=(page) { (stamp(time)) } } }
}

fn stamp(time: Timestamp) -> Markup {
    html! {
        time datetime=(time) { (time.strftime("%Y-%m-%d")) " " span.clock { (time.strftime("%H:%M:%S")) } }
    }
}

/// Why, where it is no pass.
fn verdict(judgement: &Judgement) -> Markup {
    html! {
        td role="cell" .verdict-cell {
            (badge(judgement.verdict))
            @if judgement.verdict != Verdict::Pass {
                div.small.soft.why { (judgement.sentence) }
            }
        }
    }
}

fn revision(revision: Option<&ShortRevision>) -> Markup {
    html! {
        td role="cell" .revision { @match revision {
            Some(revision) => {
                code { (revision.commit) }
                @if revision.modified { span.soft.small { " + changes" } }
            },
            None => span.soft aria-label="no revision" { "–" },
        } }
    }
}
