//! A run on one screen of a terminal. Colours are `console`'s: only on a terminal,
//! and not where `NO_COLOR` is set.

use std::fmt::Write;
use std::path::Path;

use console::{StyledObject, style};

use super::figures::{count, in_unit, micros, per_second, percent};
use crate::ledger::Balance;
use crate::record::Record;
use crate::threshold::State;
use crate::verdict::Verdict;

/// Most routes that are shown; the page has all.
const ROUTES: usize = 6;
/// Most thresholds that are shown, those that failed first.
const THRESHOLDS: usize = 5;
/// Most lines of the ledger that are shown, if any is off.
const LEDGER_LINES: usize = 2;

/// The summary of a run whose page is `page`; at most 26 lines.
pub fn summary(record: &Record, page: &Path) -> String {
    let mut text = String::new();
    let verdict = record.judgement.verdict;
    let word = coloured(verdict.word().to_uppercase(), verdict);
    line(
        &mut text,
        format_args!("{word}  {}", record.judgement.sentence),
    );
    if verdict != Verdict::Invalid {
        line(&mut text, format_args!(""));
        requests(record, &mut text);
        open_load(record, &mut text);
        if !record.plan.is_plain {
            topology(record, &mut text);
        }
        thresholds(record, &mut text);
    }
    ledger(record, &mut text);
    if let Some(failure) = record.failures.first() {
        line(
            &mut text,
            format_args!(
                "Failures: {} × {}: {}",
                count(failure.count),
                failure.route,
                failure.reason
            ),
        );
    }
    line(&mut text, format_args!(""));
    line(&mut text, format_args!("Report: {}", page.display()));
    line(&mut text, format_args!("Again:  {}", record.command));
    text
}

fn requests(record: &Record, text: &mut String) {
    let mut routes: Vec<_> = record.routes.iter().collect();
    routes.sort_by_key(|route| std::cmp::Reverse(route.requests.count));
    let (shown, rest) = routes.split_at(routes.len().min(ROUTES));
    let head = format!(
        "{:<27}{:>9}{:>11}{:>10}{:>10}",
        "", "requests", "rate", "p50", "p99"
    );
    line(text, format_args!("{}", style(head).dim()));
    for route in shown {
        let requests = &route.requests;
        let time = |pick: fn(&crate::record::Times) -> u64| {
            let times = requests.times.as_ref();
            times.map_or_else(|| "–".to_owned(), |times| micros(pick(times) as f64))
        };
        line(
            text,
            format_args!(
                "{:<27}{:>9}{:>11}{:>10}{:>10}",
                route.name,
                count(requests.count),
                per_second(requests.per_second),
                time(|times| times.p50),
                time(|times| times.p99),
            ),
        );
    }
    if !rest.is_empty() {
        line(text, format_args!("… and {} more routes", rest.len()));
    }
}

/// Requested and achieved rate of the longest open stage that is judged.
fn open_load(record: &Record, text: &mut String) {
    let judged = record.stages.iter().filter(|stage| !stage.warm_up);
    let open = judged.filter_map(|stage| Some((stage, stage.open.as_ref()?)));
    let Some((stage, open)) = open.max_by(|a, b| a.0.seconds.total_cmp(&b.0.seconds)) else {
        return;
    };
    let lag = open.send_lag.as_ref();
    line(
        text,
        format_args!(
            "{}: {} turns of {} requested · late {} · unsent {} · send lag p99 {}",
            stage.name,
            per_second(open.achieved_per_second),
            per_second(open.requested_per_second),
            count(open.late),
            count(open.unsent),
            lag.map_or_else(|| "–".to_owned(), |lag| micros(lag.p99 as f64)),
        ),
    );
    let requests = &stage.requests;
    if let (Some(response), Some(service)) = (&requests.times, &requests.service_times) {
        line(
            text,
            format_args!(
                "response time p99 {}, service time p99 {}",
                micros(response.p99 as f64),
                micros(service.p99 as f64)
            ),
        );
    }
}

fn topology(record: &Record, text: &mut String) {
    let shares: Vec<String> = record
        .gateways
        .iter()
        .map(|gateway| count(gateway.attempts.unwrap_or(gateway.answers)))
        .collect();
    let mut facts = Vec::new();
    if !shares.is_empty() {
        facts.push(format!("gateways {}", shares.join(" / ")));
    }
    if let Some(ratio) = record.caches.as_ref().and_then(|caches| caches.hit_ratio()) {
        facts.push(format!("hit ratio {}", percent(ratio)));
    }
    let tasks = &record.tasks;
    let mut fates = format!("tasks {} of {} done", tasks.done, tasks.accepted);
    for (count, fate) in [
        (tasks.dead, "given up"),
        (tasks.gone, "gone"),
        (tasks.unfinished(), "not seen done in time"),
    ] {
        if count > 0 {
            fates.push_str(&format!(", {count} {fate}"));
        }
    }
    facts.push(fates);
    line(text, format_args!("{}", facts.join(" · ")));
}

fn thresholds(record: &Record, text: &mut String) {
    let mut thresholds: Vec<_> = record.thresholds.iter().collect();
    // Those that need attention come first; the sort keeps the plan's order otherwise.
    thresholds.sort_by_key(|judged| judged.state == State::Passed);
    let (shown, rest) = thresholds.split_at(thresholds.len().min(THRESHOLDS));
    line(text, format_args!(""));
    for judged in shown {
        let mark = match judged.state {
            State::Passed => style("held  ").green(),
            State::Failed => style("failed").red(),
            State::NotObservable => style("unseen").yellow(),
        };
        let value = judged.value.map_or_else(
            || "no value".to_owned(),
            |value| in_unit(value, judged.unit),
        );
        line(text, format_args!("{mark} {:<42} {value}", judged.rule));
    }
    if !rest.is_empty() {
        line(
            text,
            format_args!("{} {} more", style("held  ").green(), rest.len()),
        );
    }
}

fn ledger(record: &Record, text: &mut String) {
    let off = |balance: Balance| matches!(balance, Balance::Off(_));
    for line_off in record
        .ledger
        .iter()
        .filter(|l| off(l.balance))
        .take(LEDGER_LINES)
    {
        if let Balance::Off(by) = line_off.balance {
            let mark = style("off   ").red();
            line(text, format_args!("{mark} {} ({by:+})", line_off.claim));
        }
    }
}

pub(super) fn coloured(word: String, verdict: Verdict) -> StyledObject<String> {
    let word = style(word).bold();
    match verdict {
        Verdict::Pass => word.green(),
        Verdict::Fail => word.red(),
        Verdict::Invalid | Verdict::Inconclusive => word.yellow(),
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::{example, open_load_example};

    #[test]
    fn a_summary_fits_on_a_screen_however_much_there_is_to_say() {
        let mut record = example();
        record.routes = vec![record.routes[0].clone(); 20];
        record.thresholds = vec![record.thresholds[0].clone(); 20];
        record.stages[0].open = Some(open_load_example());
        record.stages[0].requests.service_times = record.stages[0].requests.times.clone();
        for line in &mut record.ledger {
            line.balance = Balance::Off(3);
        }
        let text = summary(&record, Path::new("reports/runs/x/index.html"));
        assert!(text.lines().count() <= 26, "{text}");
    }

    #[test]
    fn an_invalid_run_has_no_figures_to_quote() {
        let mut record = example();
        record.judgement.verdict = Verdict::Invalid;
        let text = summary(&record, Path::new("x"));
        assert!(text.starts_with("INVALID"), "{text}");
        for figure in ["12\u{202f}345", "4.21"] {
            assert!(!text.contains(figure), "{text}");
        }
    }
}
