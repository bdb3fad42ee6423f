//! A run in about ten lines of a terminal: the story of its page. Colours are
//! `console`'s: only on a terminal, and not where `NO_COLOR` is set.

use std::path::Path;

use console::{StyledObject, style};

use super::failures::Failures;
use super::figures::{count, duration, in_unit, known, micros, per_second, percent};
use crate::ledger::Balance;
use crate::record::{OpenPart, OpenTotal, Record, Times, Traffic, share};
use crate::text::one_line;
use crate::threshold::{Judged, State};
use crate::verdict::Verdict;

/// Most thresholds that are named, of those that didn't hold.
const THRESHOLDS: usize = 3;

/// The summary of a run whose page is `page`; at most 17 lines.
pub fn summary(record: &Record, page: &Path) -> String {
    let verdict = record.judgement.verdict;
    let word = coloured(verdict.word().to_uppercase(), verdict);
    let mut lines = vec![
        format!("{word}  {}", one_line(&record.judgement.sentence)),
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
        if let Some(connections) = connections(record) {
            say("Connections", connections);
        }
        if !record.in_short.is_empty() {
            say(
                "System",
                one_line(&record.in_short.join(" · ")).into_owned(),
            );
        }
        say("Thresholds", thresholds(&record.thresholds));
        let more = not_held(&record.thresholds)
            .count()
            .saturating_sub(THRESHOLDS);
        for (place, judged) in not_held(&record.thresholds).take(THRESHOLDS).enumerate() {
            let is_last = place + 1 == THRESHOLDS;
            let others = match is_last && more > 0 {
                true => format!(", and {} more", count(more as u64)),
                false => String::new(),
            };
            say("", threshold(judged) + &others);
        }
    }
    if let Some(ledger) = ledger(record) {
        say("Ledger", ledger);
    }
    let traffic = record.traffic.iter();
    for (place, server) in traffic.flat_map(Traffic::servers_in_words).enumerate() {
        let name = if place == 0 { "Servers" } else { "" };
        say(name, one_line(&server).into_owned());
    }
    if !record.failures.is_empty() {
        say("Failures", failures(record));
    }
    if !record.warnings.is_empty() && verdict != Verdict::Invalid {
        say("Notes", notes(record));
    }
    say("Report", one_line(&page.display().to_string()).into_owned());
    say("Again", one_line(&record.command).into_owned());
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
    let rate = known(record.per_measured_second(sent as f64), per_second);
    let failures = format!("{} failed", count(failed));
    format!(
        "{} in {} · {} · {}",
        count(sent),
        duration(record.measured_seconds),
        rate,
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
    (record.routes.len() > 1).then(|| {
        let name = one_line(name);
        format!("{name}, p99 {}", micros(p99 as f64))
    })
}

/// Connections where there is more to them than plain HTTP/1.1.
fn connections(record: &Record) -> Option<String> {
    let connections = record.connections.as_ref()?;
    let language = connections.language().filter(|name| name != "HTTP/1.1")?;
    let phase = |what: &str, times: &Option<Times>| {
        let times = times.as_ref();
        times.map(|times| format!(" · {what} {} at p99", micros(times.p99 as f64)))
    };
    let phases = [
        phase("connected in", &connections.connect),
        phase("handshake", &connections.handshake),
        phase("wait for a stream", &connections.stream_wait),
    ];
    let opened = count(connections.count());
    Some(format!(
        "{opened} of {language}{}",
        phases.into_iter().flatten().collect::<String>()
    ))
}

/// The most frequent way to fail, and the others in numbers that add up to the requests
/// that failed.
fn failures(record: &Record) -> String {
    let told = Failures::of(record, 1);
    let first = told.shown.iter();
    let first = first.map(|(number, failure)| {
        let (route, reason) = (one_line(&failure.route), one_line(&failure.reason));
        format!("{} × {route}: {reason}", count(*number))
    });
    let parts: Vec<String> = first.chain(told.rest()).collect();
    parts.join(" · ")
}

/// Requested and achieved rate of all judged open stages, which it names, the turns that
/// were late or never sent, and response and service time beside each other: the longest
/// of any stage.
fn open_load(record: &Record) -> Option<String> {
    let total = OpenTotal::of(&record.stages)?;
    let planned = total.sum(|open| open.planned);
    let (late, unsent) = (total.sum(|open| open.late), total.sum(|open| open.unsent));
    let worst = total.worst().filter(|_| total.parts.len() > 1);
    let worst = worst.map(|part| {
        let (unsent, planned) = (count(part.open.unsent), count(part.open.planned));
        format!(
            ", most in {}: {unsent} of {planned}",
            one_line(&part.name())
        )
    });
    let service = |part: &OpenPart<'_>| {
        let requests = part.requests;
        p99(requests.service_times.as_ref().or(requests.times.as_ref()))
    };
    let lag = |part: &OpenPart<'_>| p99(part.open.send_lag.as_ref());
    let longest = |of: &dyn Fn(&OpenPart<'_>) -> Option<u64>| {
        let longest = total.parts.iter().filter_map(of).max();
        known(longest.map(|time| time as f64), micros)
    };
    Some(format!(
        "{}: {} turns of {} requested · late {} · unsent {}{} · p99 of send lag {}, of service time {}",
        stage_names(&total),
        per_second(total.achieved_per_second),
        per_second(total.requested_per_second),
        of_all(late, planned),
        of_all(unsent, planned),
        worst.unwrap_or_default(),
        longest(&lag),
        longest(&service)
    ))
}

fn p99(times: Option<&Times>) -> Option<u64> {
    times.map(|times| times.p99)
}

/// `50 (1.25 %)`; a number of none has no share.
fn of_all(part: u64, whole: u64) -> String {
    match share(part, whole).filter(|_| part > 0) {
        Some(share) => format!("{} ({})", count(part), percent(share)),
        None => count(part),
    }
}

/// The names of a few stages, or how many there are.
fn stage_names(total: &OpenTotal<'_>) -> String {
    /// Most stages that are named.
    const NAMED: usize = 3;
    let parts = &total.parts;
    let names = parts.iter().take(NAMED);
    let mut names: Vec<_> = names.map(OpenPart::name).collect();
    let more = parts.len().saturating_sub(NAMED);
    if more > 0 {
        names.push(format!("{more} more").into());
    }
    names.join(", ")
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
        State::NotJudged => style("not judged").yellow(),
    };
    let whose = if judged.built_in { " (built in)" } else { "" };
    format!("{mark} {}{whose}, was {value}", one_line(&judged.rule))
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
            let claim = one_line(&first.claim);
            format!("{} {claim} ({by:+}){others}", style("off").red())
        }
    })
}

fn notes(record: &Record) -> String {
    let first = record.warnings[0].to_string();
    let first = one_line(&first);
    match record.warnings.len() {
        1 => first.into_owned(),
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
        assert!(text.lines().count() <= 17, "{text}");
    }

    #[test]
    fn a_run_that_held_is_told_in_about_ten_lines() {
        let text = summary(&example(), Path::new("x")).replace('\u{202f}', " ");
        assert!(text.lines().count() <= 12, "{text}");
        for says in [
            "PASS",
            "12 345 in 4 s",
            "1 of 1 held",
            "fresh 90 %",
            "Again",
        ] {
            assert!(text.contains(says), "{says} is missing in {text}");
        }
    }

    /// A run of two judged stages, the shorter one of which sent little of what it should.
    fn two_open_stages() -> Record {
        let mut record = example();
        let steady = record.stages.last().expect("a stage").clone();
        record.stages = ["steady", "peak"]
            .map(|name| {
                let mut stage = steady.clone();
                stage.name = name.to_owned();
                stage.open = Some(open_load_example());
                stage
            })
            .to_vec();
        let (steady, peak) = record.stages.split_at_mut(1);
        let open = steady[0].open.as_mut().expect("open");
        (open.planned, open.sent, open.unsent, open.late) = (125, 125, 0, 0);
        let open = peak[0].open.as_mut().expect("open");
        (open.planned, open.sent, open.unsent, open.late) = (300, 60, 240, 6);
        peak[0].seconds = 1.0;
        record
    }

    #[test]
    fn the_turns_of_every_judged_stage_count_and_the_stages_are_named() {
        let text = summary(&two_open_stages(), Path::new("x")).replace('\u{202f}', " ");
        for says in [
            "steady, peak: ",
            "unsent 240 (56.5 %), most in peak: 240 of 300",
            "late 6 (1.41 %)",
        ] {
            assert!(text.contains(says), "{says} is missing in {text}");
        }
        // What isn't judged isn't counted here.
        let mut record = two_open_stages();
        record.stages[1].warm_up = true;
        let text = summary(&record, Path::new("x")).replace('\u{202f}', " ");
        assert!(
            text.contains("steady: ") && text.contains("unsent 0 ·"),
            "{text}"
        );
    }

    #[test]
    fn failures_add_up_to_what_failed_in_the_same_stages() {
        let mut record = example();
        record.routes[0].requests.failed = 100;
        record.failures[0].count = 150;
        record.failures[0].judged = Some(100);
        let text = summary(&record, Path::new("x")).replace('\u{202f}', " ");
        assert!(text.contains("100 failed"), "{text}");
        let failures = "100 × GET /items/{key}: status 503 where 200 was right · 50 outside";
        assert!(text.contains(failures), "{text}");
        assert!(!text.contains("150"), "{text}");
    }

    #[test]
    fn nothing_in_a_record_gives_orders_to_a_terminal() {
        let evil = "\x1b[2Jx\u{9b}1m\r\nFORGED";
        let mut record = example();
        record.judgement.sentence = evil.to_owned();
        record.command = evil.to_owned();
        record.routes = vec![record.routes[0].clone(); 2];
        for route in &mut record.routes {
            route.name = evil.to_owned();
        }
        record.thresholds[0].rule = evil.to_owned();
        record.thresholds[0].state = State::Failed;
        record.ledger[0].claim = evil.to_owned();
        record.ledger[0].balance = Balance::Off(1);
        record.failures[0].route = evil.to_owned();
        record.failures[0].reason = evil.to_owned();
        record.warnings = vec![crate::doubt::Doubt::UntidyStop {
            reason: evil.to_owned(),
        }];
        let text = summary(&record, Path::new(evil));
        let text = console::strip_ansi_codes(&text).into_owned();
        assert!(
            !text.contains(|c| crate::text::is_order(c) && c != '\n'),
            "{text:?}"
        );
        assert!(
            !text.lines().any(|line| line.starts_with("FORGED")),
            "{text}"
        );
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
