//! A study's table: what its gates came to, what thousands of pseudo-runs of the same
//! rounds come to, and what others would have made of them.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::super::calibration::{lenient, typical};
use super::{CASES, Case, Gates, StudyError, StudyGate, StudyRound};
use crate::comparison::{
    Design, Metric, Rate, Resampling, Rule, Series, Sides, base_then_head, pair_level_t,
    retry_until_green,
};
use crate::verdict::Verdict;

/// Pseudo-runs that are drawn of the recorded rounds.
const PSEUDO_RUNS: usize = 10_000;
/// The slowdown that rivals take for a regression.
const RIVALS_LIMIT: f64 = 0.02;
/// How often a rival that retries does.
const ATTEMPTS: usize = 3;

/// The table of every case that has gates in `folder`.
///
/// # Errors
///
/// A file can't be read.
pub fn table(folder: &Path) -> Result<String, StudyError> {
    let mut real = String::from(
        "| difference | neighbours | gates | fail | pass | can't tell | invalid | found by the right metric | seconds |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut rest = String::new();
    for case in &CASES {
        for busy in [false, true] {
            let gates = Gates::new(folder, case, busy).read()?;
            if gates.is_empty() {
                continue;
            }
            let neighbours = if busy { "busy" } else { "quiet" };
            line(&mut real, &of_case(case, neighbours, &gates));
            if case.name == CASES[0].name {
                rest += &pseudo(&gates, neighbours);
                rest += &rivals(&gates, neighbours);
            }
        }
    }
    Ok(format!("{real}{rest}"))
}

/// What the gates of a case came to when they were held, and how long they took.
fn of_case(case: &Case, neighbours: &str, gates: &[StudyGate]) -> [String; 9] {
    let rate = |hit: &dyn Fn(&StudyGate) -> bool| {
        let mut rate = Rate::default();
        gates.iter().for_each(|gate| rate.count(hit(gate)));
        rate
    };
    let came_to = |verdict| share(rate(&|gate| gate.verdict == verdict));
    let found = rate(&|gate| {
        let right = gate.slower.iter().any(|metric| case.finds.contains(metric));
        right && gate.verdict == Verdict::Fail
    });
    let seconds: f64 = gates.iter().map(|gate| gate.seconds).sum();
    [
        case.what.to_owned(),
        neighbours.to_owned(),
        gates.len().to_string(),
        came_to(Verdict::Fail),
        came_to(Verdict::Pass),
        came_to(Verdict::Inconclusive),
        came_to(Verdict::Invalid),
        if case.finds.is_empty() {
            "–".to_owned()
        } else {
            share(found)
        },
        format!("{:.0}", seconds / gates.len() as f64),
    ]
}

/// What pseudo-runs of identical builds come to, and those with a known slowdown added.
fn pseudo(gates: &[StudyGate], neighbours: &str) -> String {
    let all = gates
        .iter()
        .flat_map(|gate| gate.rounds.iter().chain(&gate.repetition));
    let rounds: Vec<&StudyRound> = all.collect();
    let mean_seconds = rounds.iter().map(|round| round.seconds).sum::<f64>() / rounds.len() as f64;
    let mut text = format!(
        "\n{PSEUDO_RUNS} pseudo-runs of the {} rounds of identical builds, {neighbours} neighbours:\n\n\
         | added slowdown | budget | goal | fail | can't tell | rounds | interval holds the truth |\n|---|--:|---|--:|--:|--:|--:|\n",
        rounds.len(),
    );
    use Metric::{CpuPerRequest, P50, P99, Throughput};
    let planted = [
        (
            "none",
            CpuPerRequest,
            0.0,
            2,
            "fail ≤ 1 %, can't tell ≤ 5 %",
        ),
        ("CPU +5 %", CpuPerRequest, 0.05, 2, "fail ≥ 99 %"),
        ("throughput −5 %", Throughput, 0.05, 2, "fail ≥ 99 %"),
        ("CPU +3 %", CpuPerRequest, 0.03, 4, "fail ≥ 95 %"),
        ("throughput −3 %", Throughput, 0.03, 4, "fail ≥ 95 %"),
        ("CPU +2 %", CpuPerRequest, 0.02, 6, "fail ≥ 95 %"),
        ("throughput −2 %", Throughput, 0.02, 6, "fail ≥ 95 %"),
        ("p50 +3 %", P50, 0.03, 5, "fail ≥ 95 %"),
        ("p99 +10 %", P99, 0.1, 5, "fail ≥ 95 %"),
    ];
    for (what, metric, effect, minutes, goal) in planted {
        let within = Duration::from_secs(60 * minutes);
        let resampling = Resampling {
            block: 1,
            relabel: true,
            planted: vec![(metric, effect)],
            seed: 1,
        };
        let of_rounds = within.as_secs_f64() / mean_seconds;
        let design = Design::of_rounds(of_rounds as usize);
        let outcomes = resampling.outcomes(&series(&rounds, within, &design), &design, PSEUDO_RUNS);
        let of_metric = outcomes.metrics.iter().find(|of| of.metric == metric);
        let covered = of_metric.map_or(Rate::default(), |of| of.covered);
        line(
            &mut text,
            &[
                what.to_owned(),
                format!("{minutes} min"),
                goal.to_owned(),
                percent(outcomes.fail),
                percent(outcomes.inconclusive),
                format!("{:.0}", outcomes.rounds as f64 / PSEUDO_RUNS as f64),
                percent(covered),
            ],
        );
    }
    text
}

/// What others would have called a regression, of identical builds.
fn rivals(gates: &[StudyGate], neighbours: &str) -> String {
    let mut text = format!(
        "\nFalse alarms of others on the same rounds, {neighbours} neighbours:\n\n\
         | who | CPU per request | throughput | p99 |\n|---|--:|--:|--:|\n"
    );
    let metrics = [Metric::CpuPerRequest, Metric::Throughput, Metric::P99];
    type Rival = fn(Metric, &[StudyRound]) -> Option<bool>;
    let rivals: [(&str, Rival); 3] = [
        ("base, then head; 2 % is too much", |metric, rounds| {
            Some(base_then_head(metric, &sides(metric, rounds), RIVALS_LIMIT))
        }),
        (
            "the same, three tries until it is green",
            |metric, rounds| {
                let sides = sides(metric, rounds);
                Some(retry_until_green(metric, &sides, RIVALS_LIMIT, ATTEMPTS))
            },
        ),
        ("t-test over all pairs, at 1 %", |metric, rounds| {
            let pairs: Vec<Vec<f64>> = match metric {
                Metric::CpuPerRequest => rounds.iter().map(|r| r.cpu_quads.clone()).collect(),
                Metric::Throughput => rounds.iter().map(|r| r.throughput_quads.clone()).collect(),
                // There are no pairs of percentiles.
                _ => return None,
            };
            Some(pair_level_t(metric, &pairs)? <= 0.01)
        }),
    ];
    for (who, alarm) in rivals {
        let rates = metrics.map(|metric| {
            let mut rate = Rate::default();
            for alarm in gates.iter().filter_map(|gate| alarm(metric, &gate.rounds)) {
                rate.count(alarm);
            }
            if rate.of == 0 {
                "–".to_owned()
            } else {
                share(rate)
            }
        });
        let [cpu, throughput, p99] = rates;
        line(&mut text, &[who.to_owned(), cpu, throughput, p99]);
    }
    text
}

/// As a gate of `budget` on a machine that isn't calibrated judges them.
fn series(rounds: &[&StudyRound], budget: Duration, design: &Design) -> Vec<Series> {
    let series = Metric::ALL.into_iter().enumerate();
    series
        .map(|(index, metric)| {
            let rule = Rule::within(metric, budget);
            let coarse = typical(metric).too_coarse_for(rule, design).is_some();
            Series {
                rule: if coarse { lenient(rule) } else { rule },
                report_only: false,
                log_ratios: rounds.iter().map(|round| round.log_ratios[index]).collect(),
            }
        })
        .collect()
}

fn sides(metric: Metric, rounds: &[StudyRound]) -> Vec<Sides> {
    let index = Metric::ALL.iter().position(|m| *m == metric);
    let index = index.expect("it is one of all");
    let sides = rounds.iter().filter_map(|round| {
        Some(Sides {
            baseline: round.baseline[index]?,
            candidate: round.candidate[index]?,
        })
    });
    sides.collect()
}

fn percent(rate: Rate) -> String {
    format!("{:.1} %", rate.share() * 100.0)
}

/// A share, with the bound of the true rate that is worth knowing: the one that is nearer
/// to the middle.
fn share(rate: Rate) -> String {
    let bound = if 2 * rate.hits > rate.of {
        format!("≥ {:.1} %", rate.at_least() * 100.0)
    } else {
        format!("≤ {:.1} %", rate.at_most() * 100.0)
    };
    format!("{} ({bound})", percent(rate))
}

fn line<const N: usize>(text: &mut String, cells: &[String; N]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::example;

    #[test]
    fn a_table_says_what_gates_came_to_and_what_others_would_have() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let gates = Gates::new(folder.path(), &CASES[0], false);
        for number in 1..=3 {
            let mut gate = StudyGate::of(number, &example());
            gate.verdict = Verdict::Pass;
            gate.rounds = (0..20_u32)
                .map(|round| {
                    let scatter = f64::from(round * 7919 % 13) / 13.0 - 0.5;
                    StudyRound {
                        log_ratios: [Some(scatter * 0.02); Metric::ALL.len()],
                        seconds: 6.0,
                        ..gate.rounds[0].clone()
                    }
                })
                .collect();
            gate.repetition.clear();
            gates.add(&gate).expect("written");
        }
        let table = table(folder.path()).expect("readable");
        for says in [
            "| nothing: the same build on both sides | quiet | 3 | 0.0 % (≤ 63.2 %) | 100.0 %",
            "pseudo-runs of the 60 rounds",
            "| CPU +5 % | 2 min | fail ≥ 99 % | 99.",
            "| t-test over all pairs, at 1 % | 100.0 %",
        ] {
            assert!(table.contains(says), "{says} is missing from\n{table}");
        }
    }
}
