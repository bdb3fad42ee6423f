//! A gate as Markdown, for the summary of a CI job.

use super::{change, change_from, comes_to, interval, or_dash, rounds, share};
use crate::gate::record::{Build, GateRecord, HopTime, Side};
use crate::report::figures::{count, micros};
use crate::report::markdown::{code, list, plain, row};
use crate::verdict::Verdict;
use crate::words::short_commit;

/// The gate as Markdown, in GitHub's dialect, where tables are.
pub fn markdown(record: &GateRecord) -> String {
    let verdict = record.judgement.verdict;
    let mut text = format!(
        "## Performance gate: {}\n\n{}\n\n{} against {}.\n",
        verdict.word(),
        plain(&record.judgement.sentence),
        build(&record.candidate),
        build(&record.baseline),
    );
    match verdict {
        Verdict::Invalid => {
            text.push_str("\n**No figure of this gate may be taken for a result.**\n");
        }
        Verdict::Inconclusive => {
            text.push_str("\n**This is no pass: a slowdown was neither found nor ruled out.**\n");
            figures(record, &mut text);
        }
        Verdict::Pass | Verdict::Fail => figures(record, &mut text),
    }
    failures(record, &mut text);
    let shown = record.metrics.iter().filter_map(|metric| {
        let reason = metric.excuse.as_ref()?;
        Some(format!("{}: {}", plain(&metric.name), plain(reason)))
    });
    list(&mut text, "What can't rule a slowdown out here", shown);
    let doubts = record.doubts.iter().map(|doubt| plain(&doubt.to_string()));
    list(&mut text, "Remarks", doubts);
    text.push_str(&format!(
        "\n{} UTC, {}, {:.0} s of measuring, seed {}. Again: {}\n",
        record.started.strftime("%Y-%m-%d %H:%M:%S"),
        rounds(record),
        record.seconds,
        record.seed,
        code(&record.command)
    ));
    text
}

/// What a side is called.
fn build(build: &Build) -> String {
    let commit = build.commit.as_ref().map(|commit| {
        let short = short_commit(commit);
        let changed = build.modified == Some(true);
        format!("{short}{}", if changed { " with changes" } else { "" })
    });
    match (&build.asked, commit) {
        (Some(asked), Some(commit)) => format!("{} ({})", code(asked), plain(&commit)),
        (Some(asked), None) => code(asked),
        (None, Some(commit)) => plain(&commit),
        (None, None) => code(&build.program),
    }
}

fn figures(record: &GateRecord, text: &mut String) {
    text.push_str(
        "\n| Metric | Change | 95 % interval | Margin | Could have seen | |\n|---|--:|--:|--:|--:|---|\n",
    );
    for metric in &record.metrics {
        row(
            text,
            &[
                plain(&metric.name),
                or_dash(metric.ratio.map(change)),
                or_dash(interval(metric)),
                share(metric.margin),
                or_dash(metric.smallest_detectable.map(share)),
                comes_to(record, metric),
            ],
        );
    }
    text.push_str("\n| Service | CPU per request | before | Change |\n|---|--:|--:|--:|\n");
    for service in &record.services {
        row(
            text,
            &[
                plain(&service.service),
                or_dash(service.candidate_nanos.map(|nanos| micros(nanos / 1e3))),
                or_dash(service.baseline_nanos.map(|nanos| micros(nanos / 1e3))),
                or_dash(service.ratio.map(change)),
            ],
        );
    }
    hops(&record.hops, text);
}

/// Each hop's own share of a request's time.
fn hops(hops: &[HopTime], text: &mut String) {
    if hops.is_empty() {
        return;
    }
    text.push_str("\n| Hop | Time of a request | before | Change |\n|---|--:|--:|--:|\n");
    for hop in hops {
        row(
            text,
            &[
                plain(hop.hop.name()),
                or_dash(hop.candidate_micros.map(micros)),
                or_dash(hop.baseline_micros.map(micros)),
                change_from(hop.baseline_micros, hop.candidate_micros),
            ],
        );
    }
}

fn failures(record: &GateRecord, text: &mut String) {
    for side in Side::BOTH {
        let of_side = record.failures.iter().filter(|failed| failed.side == side);
        let shown = of_side.map(|failed| {
            let (route, reason) = (code(&failed.route), plain(&failed.reason));
            format!("{} × {route}: {reason}", count(failed.count))
        });
        list(text, &format!("Failed on the {}", side.word()), shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::example;

    #[test]
    fn a_summary_has_the_verdict_the_metrics_and_where_the_cost_went() {
        let text = markdown(&example()).replace('\u{202f}', " ");
        for says in [
            "## Performance gate: fail",
            "90e00dd with changes against <code>origin/main</code> (4de0300)",
            "| CPU per request | +5.4 % | +4.9 % to +5.9 % | 3.0 % | 1.8 % | slower |",
            "| shop | 133 µs | 120 µs | +10.8 % |",
            "| shop | 330 µs | 300 µs | +10.0 % |",
            "Failed on the candidate:\n\n- 1 ×",
            "What can't rule a slowdown out here:\n\n- p99",
        ] {
            assert!(text.contains(says), "{says} is missing from\n{text}");
        }
    }

    #[test]
    fn a_slowdown_that_was_not_seen_again_says_so() {
        let mut record = example();
        let second = record.confirmation.as_mut().expect("there is one");
        second.metrics = vec!["p50".to_owned()];
        let text = markdown(&record);
        assert!(
            text.contains("| slower, not again in the repetition |"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_pass_says_so_and_an_invalid_gate_shows_no_figures() {
        let mut record = example();
        record.judgement.verdict = Verdict::Inconclusive;
        assert!(markdown(&record).contains("This is no pass"));
        record.judgement.verdict = Verdict::Invalid;
        let text = markdown(&record);
        assert!(!text.contains("+5.4 %"), "{text}");
    }

    #[test]
    fn what_comes_from_outside_stays_text() {
        let mut record = example();
        record.baseline.asked = Some("<script>|`x`".to_owned());
        record.failures[0].reason = "]]> | <b>".to_owned();
        let text = markdown(&record);
        assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
    }
}
