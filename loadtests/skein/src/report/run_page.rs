//! The page of one run, from the verdict down to the last figure: first whether it was
//! good, then why, then everything.

mod connections;
mod evidence;
mod latency;
mod ledger;
mod open_load;
mod percentiles;
mod routes;
mod sections;
mod thresholds;
mod time;
mod timeline;
mod topology;
mod trust;

use maud::{Markup, html};

use super::figures::{count, duration, in_unit, known, micros, per_second};
use super::layout::{Parts, class, page_of, tile};
use super::tones::Tones;
use crate::record::{OpenTotal, Record, StageRecord};
use crate::verdict::Verdict;
use crate::words::capitalised;

/// The page of a run; `has_goose_report` says whether Goose's own report lies beside it.
pub fn run_page(record: &Record, has_goose_report: bool) -> Markup {
    let title = format!(
        "{}: {}",
        record.plan.name,
        capitalised(record.judgement.verdict.word())
    );
    let tones = Tones::of(record);
    let body = html! {
        (head(record))
        main #content.no-result[record.judgement.verdict == Verdict::Invalid] {
            (verdict(record))
            (tiles(record))
            (thresholds::thresholds(&record.thresholds))
            (warnings(record))
            @if has_system(record) { (topology::topology(record, &tones)) }
            (timeline::timeline(record, &tones))
            (routes::routes(record))
            (open_load::open_load(&record.stages))
            (connections::connections(record))
            (time::hops(record, &tones))
            (sections::sections(&record.sections))
            (evidence::failures(record))
            @if !record.ledger.is_empty() { (ledger::ledger(record)) }
            (routes::stages(&record.stages))
            @if has_system(record) { (evidence::processes(record)) }
            (time::usage(record))
            (trust::trust(record))
            (evidence::environment(record, has_goose_report))
        }
    };
    page_of(&Parts {
        title: &title,
        style: concat!(
            include_str!("style/chart.css"),
            include_str!("style/run.css")
        ),
        // What charts tell a pointer; without it, their figures are in tables.
        script: Some(include_str!("script/readout.js")),
        body: &body,
    })
}

/// True when there is a system to be shown: one that the run started, or one of the
/// program's own kind that was there.
fn has_system(record: &Record) -> bool {
    record.is_started() || !record.plan.is_plain
}

fn head(record: &Record) -> Markup {
    html! {
        header {
            nav.small aria-label="Runs" { a href="../../index.html" { "All runs" } }
            h1 { (record.plan.name) }
            p.soft { (record.plan.description) }
            p.soft.small {
                time datetime=(record.started) { (record.started.strftime("%Y-%m-%d %H:%M:%S")) " UTC" }
                " · " (duration(record.duration().as_secs_f64().round()))
                " · seed " (record.seed)
                @if let Some(revision) = &record.environment.revision {
                    " · revision " code { (revision.commit.chars().take(8).collect::<String>()) }
                    @if revision.modified { " with changes" }
                }
                @if let Some(url) = &record.plan.target { " · on " (url) }
            }
            (contents(record))
        }
    }
}

/// Where to jump to on the page.
fn contents(record: &Record) -> Markup {
    let open = record.stages.iter().any(StageRecord::is_open);
    let before = [
        ("thresholds", "Thresholds", true),
        ("topology", "System", has_system(record)),
        ("timeline", "Over time", !record.timeline.ticks.is_empty()),
        ("latency", "Latency", true),
        ("open-load", "Open load", open),
        ("connections", "Connections", record.connections.is_some()),
        ("hops", "Hops", true),
    ];
    let after = [
        ("failures", "Failures", !record.failures.is_empty()),
        ("ledger", "Ledger", !record.ledger.is_empty()),
        ("trust", "Generator", !record.evidence.stages.is_empty()),
        ("environment", "How it was made", true),
    ];
    let fixed = |parts: &[(&str, &str, bool)]| -> Vec<(String, String)> {
        let there = parts.iter().filter(|(_, _, there)| *there);
        there
            .map(|(id, name, _)| ((*id).to_owned(), (*name).to_owned()))
            .collect()
    };
    let own = record.sections.iter();
    let own = own.map(|part| (sections::anchor(&part.id), part.short_name().to_owned()));
    let parts = fixed(&before).into_iter().chain(own).chain(fixed(&after));
    html! {
        nav.contents aria-label="On this page" { ul {
            @for (id, name) in parts { li { a href=(format!("#{id}")) { (name) } } }
        } }
    }
}

fn verdict(record: &Record) -> Markup {
    let verdict = record.judgement.verdict;
    html! {
        section.verdict.(class(verdict)) aria-label="Verdict" {
            strong { (capitalised(verdict.word())) }
            p { (capitalised(&record.judgement.sentence)) }
            @if verdict == Verdict::Invalid {
                p { strong { "None of the figures below may be taken for a result." } }
            }
        }
    }
}

/// Doubts about the measurement, but for those that the verdict has said already.
fn warnings(record: &Record) -> Markup {
    let sentence = &record.judgement.sentence;
    let warnings = record.warnings.iter().map(ToString::to_string);
    let warnings: Vec<String> = warnings
        .filter(|warning| !sentence.contains(warning))
        .collect();
    html! {
        @if !warnings.is_empty() {
            section #warnings {
                h2 { "Notes on the measurement" }
                ul.plain { @for warning in &warnings { li { (capitalised(warning)) } } }
            }
        }
    }
}

fn tiles(record: &Record) -> Markup {
    let requests: u64 = record.routes.iter().map(|r| r.requests.count).sum();
    let failed: u64 = record.routes.iter().map(|r| r.requests.failed).sum();
    let rate = known(record.per_measured_second(requests as f64), per_second);
    let times = record
        .overall
        .as_ref()
        .and_then(|overall| overall.requests.times.as_ref());
    html! {
        div.tiles {
            (tile(count(requests), "requests measured"))
            (tile(rate, "requests achieved"))
            @if let Some(turns) = OpenTotal::of(&record.stages) {
                (tile(
                    format!("{} of {}", per_second(turns.achieved_per_second), per_second(turns.requested_per_second)),
                    "turns, achieved of requested",
                ))
                @if turns.sum(|open| open.unsent) > 0 { (tile(count(turns.sum(|open| open.unsent)), "turns never sent")) }
            }
            @if let Some(times) = times {
                (tile(micros(times.p50 as f64), "response time, p50"))
                (tile(micros(times.p99 as f64), "response time, p99"))
            }
            (tile(count(failed), "failed of those measured"))
            @for figure in &record.figures { @if let Some(label) = &figure.label {
                (tile(known(figure.value, |value| in_unit(value, figure.unit)), label))
            } }
        }
    }
}

#[cfg(test)]
mod any_record;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::example;
    use crate::section::Section;

    #[test]
    fn a_page_has_the_figures_of_its_record() {
        let page = run_page(&example(), true)
            .into_string()
            .replace('\u{202f}', " ");
        for figure in [
            "12 345",
            "4.21 ms",
            "Pass",
            "p99&lt;50ms",
            "seed 42",
            "goose/report.html",
        ] {
            assert!(page.contains(figure), "{figure} is missing");
        }
    }

    #[test]
    fn what_comes_from_outside_is_shown_as_text() {
        let mut record = example();
        let evil = "<script>alert(1)</script>";
        record.plan.name = evil.to_owned();
        record.plan.source = evil.to_owned();
        record.routes[0].name = evil.to_owned();
        record.stages[0].name = evil.to_owned();
        record.failures[0].reason = evil.to_owned();
        record.failures[0].example = evil.to_owned();
        record.sections = vec![Section::new(evil, evil).sentence(evil)];
        record.figures[0].label = Some(evil.to_owned());
        record.command = evil.to_owned();
        record.usage[0].stage = evil.to_owned();
        record.usage[0].processes[0].name = evil.to_owned();
        record.timing[0].route = evil.to_owned();
        record.evidence.stages[0].stage = evil.to_owned();
        record.timeline.events[0].what = evil.to_owned();
        record.timeline.cores[0].name = evil.to_owned();
        for node in &mut record.traffic.as_mut().expect("traffic").nodes {
            node.name = evil.to_owned();
        }
        record.ledger[0].claim = evil.to_owned();
        let page = run_page(&record, false).into_string();
        let scripts = page.matches("<script").count();
        assert_eq!(
            scripts, 1,
            "a script got into the page beside the page's own"
        );
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = run_page(&example(), true).into_string();
        for loading in [
            "http://", "https://", "<link", "<script ", "src=", "@import", "url(",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn an_invalid_run_says_so_before_any_figure() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        let page = run_page(&record, false).into_string();
        let banner = page.find("may be taken for a result").expect("a banner");
        assert!(banner < page.find("<table").expect("a table"));
    }
}
