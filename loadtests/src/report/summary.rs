//! A run in about ten lines of a terminal: the story of its page. Colours are
//! `console`'s: only on a terminal, and not where `NO_COLOR` is set.

use std::path::Path;

use console::{StyledObject, style};

use super::figures::{count, duration, in_unit, micros, per_second, percent};
use crate::ledger::Balance;
use crate::record::{Record, Times};
use crate::threshold::{Judged, State};
use crate::verdict::Verdict;

/// Most thresholds that are named, of those that didn't hold.
const THRESHOLDS: usize = 3;

/// The summary of a run whose page is `page`; at most 16 lines.
pub fn summary(record: &Record, page: &Path) -> String {
    let verdict = record.judgement.verdict;
    let word = coloured(verdict.word().to_uppercase(), verdict);
    let mut lines = vec![
        format!("{word}  {}", record.judgement.sentence),
        String::new(),
    ];
    let mut say = |name: &str, what: String| {
        lines.push(format!("{}{what}", style(format!("{name:<12}")).dim()));
    };
    // No figure of an invalid run may be taken for a result.
    if verdict != Verdict::Invalid {
        say("Requests", requests(record));
        if let Some(times) = record
            .overall
            .as_ref()
            .and_then(|all| all.requests.times.as_ref())
        {
            say("Response", percentiles(times));
        }
        if let Some(slowest) = slowest(record) {
            say("Slowest", slowest);
        }
        if let Some(turns) = open_load(record) {
            say("Open load", turns);
        }
        if !record.plan.is_plain {
            say("System", system(record));
        }
        say("Thresholds", thresholds(&record.thresholds));
        for judged in not_held(&record.thresholds).take(THRESHOLDS) {
            say("", threshold(judged));
        }
    }
    if let Some(ledger) = ledger(record) {
        say("Ledger", ledger);
    }
    if let Some(failure) = record.failures.first() {
        let number = count(failure.count);
        say(
            "Failures",
            format!("{number} × {}: {}", failure.route, failure.reason),
        );
    }
    if !record.warnings.is_empty() && verdict != Verdict::Invalid {
        say("Notes", notes(record));
    }
    say("Report", page.display().to_string());
    say("Again", record.command.clone());
    lines.push(String::new());
    lines.join("\n")
}

fn requests(record: &Record) -> String {
    let sent: u64 = record.routes.iter().map(|route| route.requests.count).sum();
    let failed: u64 = record
        .routes
        .iter()
        .map(|route| route.requests.failed)
        .sum();
    let rate = record.per_measured_second(sent as f64);
    let failures = format!("{} failed", count(failed));
    format!(
        "{} in {} · {} · {}",
        count(sent),
        duration(record.measured_seconds),
        per_second(rate),
        if failed > 0 {
            style(failures).red()
        } else {
            style(failures)
        }
    )
}

fn percentiles(times: &Times) -> String {
    let time = |time: u64| micros(time as f64);
    format!(
        "p50 {} · p95 {} · p99 {} · p99.9 {} · max {}",
        time(times.p50),
        time(times.p95),
        time(times.p99),
        time(times.p99_9),
        time(times.max)
    )
}

/// The route that is slowest by its p99, where there are several.
fn slowest(record: &Record) -> Option<String> {
    let timed = record.routes.iter();
    let timed = timed.filter_map(|route| Some((route.requests.times.as_ref()?.p99, &route.name)));
    let (p99, name) = timed.max()?;
    (record.routes.len() > 1).then(|| format!("{name}, p99 {}", micros(p99 as f64)))
}

/// Requested and achieved rate of the longest open stage that is judged, and response
/// and service time beside each other.
fn open_load(record: &Record) -> Option<String> {
    let judged = record.stages.iter().filter(|stage| !stage.warm_up);
    let open = judged.filter_map(|stage| Some((stage, stage.open.as_ref()?)));
    let (stage, open) = open.max_by(|a, b| a.0.seconds.total_cmp(&b.0.seconds))?;
    let p99 = |times: Option<&Times>| {
        times.map_or_else(|| "–".to_owned(), |times| micros(times.p99 as f64))
    };
    let service = stage
        .requests
        .service_times
        .as_ref()
        .or(stage.requests.times.as_ref());
    Some(format!(
        "{} turns of {} requested · late {} · unsent {} · p99 of send lag {}, of service time {}",
        per_second(open.achieved_per_second),
        per_second(open.requested_per_second),
        count(open.late),
        count(open.unsent),
        p99(open.send_lag.as_ref()),
        p99(service)
    ))
}

fn system(record: &Record) -> String {
    let shares = record.gateways.iter();
    let shares: Vec<String> = shares
        .map(|gateway| count(gateway.attempts.unwrap_or(gateway.answers)))
        .collect();
    let mut facts = Vec::new();
    if !shares.is_empty() {
        facts.push(format!("gateways {}", shares.join(" / ")));
    }
    if let Some(caches) = &record.caches
        && let Some(ratio) = caches.hit_ratio()
    {
        let predicted = caches
            .prediction
            .map(|told| format!(" ({} predicted)", percent(told.hit_ratio)));
        facts.push(format!(
            "hit ratio {}{}",
            percent(ratio),
            predicted.unwrap_or_default()
        ));
    }
    facts.push(tasks(record));
    facts.join(" · ")
}

fn tasks(record: &Record) -> String {
    let tasks = &record.tasks;
    let mut fates = format!(
        "tasks {} of {} done",
        count(tasks.done),
        count(tasks.accepted)
    );
    for (number, fate) in [
        (tasks.dead, "given up"),
        (tasks.gone, "gone"),
        (tasks.unfinished(), "not seen done in time"),
    ] {
        if number > 0 {
            fates.push_str(&format!(", {} {fate}", count(number)));
        }
    }
    fates
}

fn not_held(thresholds: &[Judged]) -> impl Iterator<Item = &Judged> {
    thresholds
        .iter()
        .filter(|judged| judged.state != State::Passed)
}

fn thresholds(thresholds: &[Judged]) -> String {
    let in_state = |state: State| {
        thresholds
            .iter()
            .filter(|judged| judged.state == state)
            .count()
    };
    let held = format!("{} of {} held", in_state(State::Passed), thresholds.len());
    match (in_state(State::Failed), in_state(State::NotObservable)) {
        (0, 0) => style(held).green().to_string(),
        (0, unseen) => format!(
            "{held}, {}",
            style(format!("{unseen} not observable")).yellow()
        ),
        (failed, _) => format!("{held}, {}", style(format!("{failed} failed")).red()),
    }
}

fn threshold(judged: &Judged) -> String {
    let value = judged.value.map_or_else(
        || "no value".to_owned(),
        |value| in_unit(value, judged.unit),
    );
    let mark = match judged.state {
        State::Passed => style("held"),
        State::Failed => style("failed").red(),
        State::NotObservable => style("unseen").yellow(),
    };
    format!("{mark} {}, was {value}", judged.rule)
}

/// How many lines are even, and the first that isn't; `None` without a ledger that could
/// be seen.
fn ledger(record: &Record) -> Option<String> {
    let seen = record
        .ledger
        .iter()
        .filter(|line| line.balance != Balance::NotObservable);
    let lines = seen.count();
    if lines == 0 {
        return None;
    }
    let mut off = record.ledger.iter().filter_map(|line| match line.balance {
        Balance::Off(by) => Some((line, by)),
        Balance::Even | Balance::NotObservable => None,
    });
    Some(match off.next() {
        None if lines == 1 => style("1 line, even".to_owned()).green().to_string(),
        None => style(format!("{lines} lines, all even"))
            .green()
            .to_string(),
        Some((first, by)) => {
            let others = match off.count() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{} {} ({by:+}){others}", style("off").red(), first.claim)
        }
    })
}

fn notes(record: &Record) -> String {
    let first = record.warnings[0].to_string();
    match record.warnings.len() {
        1 => first,
        more => format!("{first} (and {} more)", more - 1),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example::{example, open_load_example};

    #[test]
    fn a_summary_is_short_however_much_there_is_to_say() {
        let mut record = example();
        record.routes = vec![record.routes[0].clone(); 20];
        record.thresholds = vec![record.thresholds[0].clone(); 20];
        for judged in &mut record.thresholds {
            judged.state = State::Failed;
        }
        record.stages[0].open = Some(open_load_example());
        record.stages[0].requests.service_times = record.stages[0].requests.times.clone();
        for line in &mut record.ledger {
            line.balance = Balance::Off(3);
        }
        let text = summary(&record, Path::new("reports/runs/x/index.html"));
        assert!(text.lines().count() <= 16, "{text}");
    }

    #[test]
    fn a_run_that_held_is_told_in_about_ten_lines() {
        let text = summary(&example(), Path::new("x")).replace('\u{202f}', " ");
        assert!(text.lines().count() <= 12, "{text}");
        for says in [
            "PASS",
            "12 345 in 4 s",
            "1 of 1 held",
            "hit ratio 90 % (88 % predicted)",
            "Again",
        ] {
            assert!(text.contains(says), "{says} is missing in {text}");
        }
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
