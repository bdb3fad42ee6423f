//! A run as Markdown, for the summary of a CI job: the verdict, its thresholds, the
//! routes, and every doubt. It is text for people; figures for machines are in the record.

use std::fmt::Write;

use super::failures::Failures;
use super::figures::{count, in_unit, known, micros, per_second};
use crate::ledger::Balance;
use crate::record::{Record, Times};
use crate::text::is_order;
use crate::threshold::{Judged, State};
use crate::verdict::Verdict;

/// Most ways to fail that are shown; the page has all.
const FAILURES: usize = 5;

/// The run as Markdown, in GitHub's dialect, where tables are.
pub fn markdown(record: &Record) -> String {
    let verdict = record.judgement.verdict;
    let mut text = format!(
        "## {}: {}\n\n{}\n",
        plain(&record.plan.name),
        verdict.word(),
        plain(&record.judgement.sentence)
    );
    if verdict == Verdict::Invalid {
        text.push_str("\n**No figure of this run may be taken for a result.**\n");
    } else {
        thresholds(record, &mut text);
        routes(record, &mut text);
    }
    ledger(record, &mut text);
    failures(record, &mut text);
    warnings(record, &mut text);
    text.push_str(&format!(
        "\n{} UTC, seed {}. Again: {}\n",
        record.started.strftime("%Y-%m-%d %H:%M:%S"),
        record.seed,
        code(&record.command)
    ));
    text
}

fn thresholds(record: &Record, text: &mut String) {
    if record.thresholds.is_empty() {
        return;
    }
    text.push_str("\n| Threshold | Limit | Value | Outcome |\n|---|--:|--:|---|\n");
    for judged in &record.thresholds {
        let value = judged.value.map(|value| in_unit(value, judged.unit));
        row(
            text,
            &[
                match judged.built_in {
                    true => format!("{} (built in)", code(&judged.rule)),
                    false => code(&judged.rule),
                },
                in_unit(judged.limit, judged.unit),
                value.unwrap_or_else(|| "–".to_owned()),
                outcome(judged).to_owned(),
            ],
        );
    }
}

fn outcome(judged: &Judged) -> &'static str {
    match (judged.state, judged.value) {
        (State::Passed, _) => "held",
        (State::Failed, Some(_)) => "**failed**",
        (State::Failed, None) => "**failed**: no samples",
        (State::NotObservable, _) => "not observable",
        (State::NotJudged, _) => "not judged: stopped before",
    }
}

fn routes(record: &Record, text: &mut String) {
    if record.routes.is_empty() {
        return;
    }
    text.push_str(
        "\n| Route | Requests | Rate | Failed | p50 | p99 | Max |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for route in &record.routes {
        let requests = &route.requests;
        let time = |pick: fn(&Times) -> u64| {
            let times = requests.times.as_ref();
            times.map_or_else(|| "–".to_owned(), |times| micros(pick(times) as f64))
        };
        row(
            text,
            &[
                code(&route.name),
                count(requests.count),
                known(requests.per_second, per_second),
                count(requests.failed),
                time(|times| times.p50),
                time(|times| times.p99),
                time(|times| times.max),
            ],
        );
    }
}

fn ledger(record: &Record, text: &mut String) {
    let off = record.ledger.iter().filter_map(|line| match line.balance {
        Balance::Off(by) => Some((line, by)),
        Balance::Even | Balance::NotObservable => None,
    });
    list(
        text,
        "Ledger lines that don't balance",
        off.map(|(line, by)| format!("{} (off by {by})", plain(&line.claim))),
    );
}

fn failures(record: &Record, text: &mut String) {
    let told = Failures::of(record, FAILURES);
    let shown = told.shown.iter().map(|(number, failure)| {
        let (route, reason) = (code(&failure.route), plain(&failure.reason));
        format!("{} × {route}: {reason}", count(*number))
    });
    list(text, told.heading(), shown.chain(told.rest()));
}

fn warnings(record: &Record, text: &mut String) {
    let warnings = record.warnings.iter().map(ToString::to_string);
    list(text, "Warnings", warnings.map(|warning| plain(&warning)));
}

/// A heading and its items; nothing, when there are none.
pub(super) fn list(text: &mut String, heading: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        text.push_str(&format!("\n{heading}:\n\n"));
    }
    for item in items {
        text.push_str(&format!("- {item}\n"));
    }
}

pub(super) fn row(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes every write");
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// `text` so that nothing in it is markup. What could be is written as a character
/// reference, which never marks up anything (CommonMark 0.31, section 2.5).
pub(super) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '~' | '[' | ']' => {
                escaped.push_str(&format!("&#{};", u32::from(character)));
            }
            order if is_order(order) => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::example::example;

    #[test]
    fn a_summary_has_the_verdict_its_thresholds_and_the_routes() {
        let text = markdown(&example()).replace('\u{202f}', " ");
        for says in [
            "## smoke: pass",
            "| <code>p99&#60;50ms</code> | 50 ms | 4.21 ms | held |",
            "| <code>GET /items/{key}</code> | 12 345 |",
            "Warnings:\n\n- 3 orders",
            "seed 42",
        ] {
            assert!(text.contains(says), "{says} is missing from\n{text}");
        }
    }

    #[test]
    fn an_invalid_run_has_no_figures_to_quote() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        let text = markdown(&record);
        assert!(text.contains("may be taken for a result"), "{text}");
        for figure in ["12\u{202f}345", "4.21"] {
            assert!(!text.contains(figure), "{text}");
        }
    }

    #[test]
    fn what_comes_from_outside_stays_text_and_in_its_cell() {
        let evil = "<script>alert(1)</script> | ]]> `x`\n# heading";
        let mut record = example();
        record.plan.name = evil.to_owned();
        record.thresholds[0].rule = evil.to_owned();
        record.routes[0].name = evil.to_owned();
        record.failures[0].reason = evil.to_owned();
        record.command = evil.to_owned();
        let text = markdown(&record);
        assert!(!text.contains("<script") && !text.contains("]]>"), "{text}");
        assert!(!text.contains("\n# heading"), "{text}");
        let row = text.lines().find(|line| line.starts_with("| <code>&#60;"));
        assert_eq!(row.expect("the rule's row").matches('|').count(), 5);
    }

    proptest! {
        #[test]
        fn no_text_is_markup(text in "\\PC*|[<>|`*_\\[\\]~&\\n\\\\]*") {
            let escaped = plain(&text);
            let markup = ['<', '>', '|', '\\', '`', '*', '_', '~', '[', ']', '\n'];
            prop_assert!(!escaped.contains(markup));
        }
    }
}
