//! A study's table: the verdicts of its gates, those of thousands of pseudo-runs of the same
//! rounds, and those of other methods.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use skein::Verdict;
use skein::gate::calibration::typical;
use skein::gate::metrics::median;
use stats::comparison::{
    Design, Metric, Role, Rule, Series, autocorrelation, judge, standard_deviation,
};
use stats::trial::{
    Proportion, Resampling, Sides, base_then_head, pair_level_t, retry_until_green,
};

use crate::cases::{CASES, Case};
use crate::gates::{Gates, StudyError, StudyGate, StudyRound};

/// Pseudo-runs that are drawn of the recorded rounds.
const PSEUDO_RUNS: usize = 10_000;
/// Fewer rounds than this are no ground to say anything of thousands.
const FEWEST_TO_DRAW_FROM: usize = 30;
/// The slowdown that rivals take for a regression.
const RIVALS_LIMIT: f64 = 0.02;
/// The slowdown that is added for them to find.
const RIVALS_SLOWDOWN: f64 = 0.03;
/// The tries of a rival that retries, each time on the rounds of another gate.
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
            let rounds: usize = gates.iter().map(|gate| gate.rounds.len()).sum();
            if case.name == CASES[0].name && rounds >= FEWEST_TO_DRAW_FROM {
                rest += &scatter(&gates, neighbours);
                rest += &pseudo(&gates, neighbours, busy);
                rest += &rivals(&gates, neighbours);
            }
        }
    }
    Ok(format!("{real}{rest}"))
}

/// The verdicts on the gates of a case when they were held, and the time that they took.
fn of_case(case: &Case, neighbours: &str, gates: &[StudyGate]) -> [String; 9] {
    let rate = |hit: &dyn Fn(&StudyGate) -> bool| {
        let mut rate = Proportion::default();
        gates.iter().for_each(|gate| rate.count(hit(gate)));
        rate
    };
    let came_to = |verdict| count(rate(&|gate| gate.verdict == verdict));
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
            count(found)
        },
        format!("{:.0}", seconds / gates.len() as f64),
    ]
}

/// The scatter of rounds of identical builds, whether one remembers the one before, and
/// how often the intervals that gates ended with held the truth, which is 1.
fn scatter(gates: &[StudyGate], neighbours: &str) -> String {
    let mut text = format!(
        "\nRounds of identical builds, {neighbours} neighbours, and the intervals that these gates ended with:\n\n\
         | metric | SD of a round | half of them are within | autocorrelation | intervals hold the truth |\n\
         |---|--:|--:|--:|--:|\n"
    );
    for (index, metric) in Metric::ALL.into_iter().enumerate() {
        let rounds = gates.iter().flat_map(|gate| &gate.rounds);
        let ratios: Vec<f64> = rounds.filter_map(|round| round.log_ratios[index]).collect();
        let mut covered = Proportion::default();
        for gate in gates {
            let series = Series {
                rule: Rule::within(metric, Duration::ZERO),
                role: Role::Judged,
                log_ratios: gate.rounds.iter().map(|r| r.log_ratios[index]).collect(),
            };
            let rounds = gate.rounds.len();
            let look = judge(&[series], &Design::of_rounds(rounds), rounds);
            if let Some((low, high)) = look.estimates[0].interval {
                covered.count((low..=high).contains(&1.0));
            }
        }
        let figure = |value: Option<f64>, show: fn(f64) -> String| {
            value.map_or_else(|| "–".to_owned(), show)
        };
        line(
            &mut text,
            &[
                metric.name().to_owned(),
                figure(standard_deviation(&ratios), in_percent),
                figure(median(ratios.iter().map(|ratio| ratio.abs())), |half| {
                    format!("±{}", in_percent(half))
                }),
                figure(autocorrelation(&ratios, 1), |r| format!("{r:.2}")),
                share(covered),
            ],
        );
    }
    text
}

/// A kind of pseudo-run.
struct Pseudo {
    what: &'static str,
    /// The slowdown that is added to the recorded rounds.
    planted: (Metric, f64),
    minutes: u64,
    goal: &'static str,
    /// True when rounds are drawn one by one with their sides by lot, or five in a row as
    /// they were, with whatever advantage a side may have had.
    by_lot: bool,
}

/// The outcomes of pseudo-runs of identical builds, and of those with a known slowdown added.
fn pseudo(gates: &[StudyGate], neighbours: &str, busy: bool) -> String {
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
    let of = |what, planted, minutes, goal| Pseudo {
        what,
        planted,
        minutes,
        goal,
        by_lot: true,
    };
    let nothing = (CpuPerRequest, 0.0);
    let seldom = "fail ≤ 1 %, can't tell ≤ 5 %";
    let kinds = [
        of("none", nothing, 2, seldom),
        Pseudo {
            by_lot: false,
            ..of(
                "none, five rounds in a row, sides as they were",
                nothing,
                2,
                seldom,
            )
        },
        of("CPU +5 %", (CpuPerRequest, 0.05), 2, "fail ≥ 99 %"),
        of("throughput −5 %", (Throughput, 0.05), 2, "fail ≥ 99 %"),
        of("CPU +3 %", (CpuPerRequest, 0.03), 4, "fail ≥ 95 %"),
        of("throughput −3 %", (Throughput, 0.03), 4, "fail ≥ 95 %"),
        of("p50 +3 %", (P50, 0.03), 5, "fail ≥ 95 %"),
        of("p99 +10 %", (P99, 0.1), 5, "fail ≥ 95 %"),
        of("CPU +2 %", (CpuPerRequest, 0.02), 6, "fail ≥ 95 %"),
        of("throughput −2 %", (Throughput, 0.02), 6, "fail ≥ 95 %"),
    ];
    for kind in kinds {
        let within = Duration::from_secs(60 * kind.minutes);
        let of_rounds = within.as_secs_f64() / mean_seconds;
        let design = Design::of_rounds(of_rounds as usize);
        // Busy neighbours make requests late.
        let recorded = series(&rounds, within, &design, busy);
        let outcomes = kind.resampling().outcomes(&recorded, &design, PSEUDO_RUNS);
        let of_metric = outcomes
            .metrics
            .iter()
            .find(|of| of.metric == kind.planted.0);
        let covered = of_metric.map_or(Proportion::default(), |of| of.covered);
        line(
            &mut text,
            &[
                kind.what.to_owned(),
                format!("{} min", kind.minutes),
                kind.goal.to_owned(),
                percent(outcomes.fail),
                percent(outcomes.inconclusive),
                format!("{:.0}", outcomes.rounds as f64 / PSEUDO_RUNS as f64),
                percent(covered),
            ],
        );
    }
    text
}

impl Pseudo {
    fn resampling(&self) -> Resampling {
        Resampling {
            block: if self.by_lot { 1 } else { 5 },
            relabel: self.by_lot,
            planted: vec![self.planted],
            seed: 1,
        }
    }
}

/// The alarms that other methods would have given: on identical builds, and with a slowdown
/// added to the very same rounds.
fn rivals(gates: &[StudyGate], neighbours: &str) -> String {
    let mut text = format!(
        "\nWhat others call slower on the same rounds, {neighbours} neighbours:\n\n\
         | who | identical: CPU per request | throughput | p99 | {added} slower: CPU per request | throughput | p99 |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
        added = in_whole_percent(RIVALS_SLOWDOWN),
    );
    type Rival = fn(Metric, f64, &[&StudyGate]) -> Option<bool>;
    let rivals: [(&str, Rival); 3] = [
        (
            "base, then head; 2 % is too much",
            |metric, added, tries| {
                let first = sides(metric, added, tries[0]);
                Some(base_then_head(metric, &first, RIVALS_LIMIT))
            },
        ),
        (
            "the same, three tries until it is green",
            |metric, added, tries| {
                let tries = tries.iter().map(|gate| sides(metric, added, gate));
                let tries: Vec<Vec<Sides>> = tries.collect();
                Some(retry_until_green(metric, &tries, RIVALS_LIMIT))
            },
        ),
        ("t-test over all pairs, at 1 %", |metric, added, tries| {
            let rounds = tries[0].rounds.iter();
            let pairs = rounds.map(|round| match metric {
                Metric::CpuPerRequest => Some(&round.cpu_quads),
                Metric::Throughput => Some(&round.throughput_quads),
                // There are no pairs of percentiles.
                _ => None,
            });
            let added = metric.worse(metric.log_effect(added));
            let slower = |quads: &Vec<f64>| quads.iter().map(|quad| quad + added).collect();
            let pairs: Vec<Vec<f64>> = pairs
                .map(|quads| quads.map(&slower))
                .collect::<Option<_>>()?;
            Some(pair_level_t(metric, &pairs)? <= 0.01)
        }),
    ];
    for (who, alarm) in rivals {
        let mut cells = vec![who.to_owned()];
        for added in [0.0, RIVALS_SLOWDOWN] {
            for metric in [Metric::CpuPerRequest, Metric::Throughput, Metric::P99] {
                let mut rate = Proportion::default();
                for first in 0..gates.len() {
                    let tries = gates.iter().cycle().skip(first).take(ATTEMPTS);
                    let tries: Vec<&StudyGate> = tries.collect();
                    if let Some(alarm) = alarm(metric, added, &tries) {
                        rate.count(alarm);
                    }
                }
                cells.push(if rate.of == 0 {
                    "–".to_owned()
                } else {
                    share(rate)
                });
            }
        }
        line(&mut text, &cells);
    }
    text
}

/// As a gate of `budget` on a machine that isn't calibrated judges them, with response times
/// that are `diluted` or not.
fn series(rounds: &[&StudyRound], budget: Duration, design: &Design, diluted: bool) -> Vec<Series> {
    let series = Metric::ALL.into_iter().enumerate();
    series
        .map(|(index, metric)| {
            let rule = Rule::within(metric, budget);
            let role = match typical(metric).too_coarse_for(rule, design) {
                Some(_) => Role::Coarse,
                None => Role::Judged,
            };
            let is_diluted = diluted && metric.is_response_time();
            Series {
                rule,
                role: if is_diluted {
                    role.when_diluted()
                } else {
                    role
                },
                log_ratios: rounds.iter().map(|round| round.log_ratios[index]).collect(),
            }
        })
        .collect()
}

/// The figures of both sides in a gate's rounds, the candidate slowed down by what is `added`.
fn sides(metric: Metric, added: f64, gate: &StudyGate) -> Vec<Sides> {
    let index = Metric::ALL.iter().position(|m| *m == metric);
    let index = index.expect("it is one of all");
    let factor = metric.worse(metric.log_effect(added)).exp();
    let sides = gate.rounds.iter().filter_map(|round| {
        Some(Sides {
            baseline: round.baseline[index]?,
            candidate: round.candidate[index]? * factor,
        })
    });
    sides.collect()
}

fn percent(rate: Proportion) -> String {
    in_percent(rate.share())
}

fn in_whole_percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn in_percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A share, with the bound of the true rate.
fn share(rate: Proportion) -> String {
    format!("{} ({})", percent(rate), bound(rate))
}

/// A number, with the bound of the true rate.
fn count(rate: Proportion) -> String {
    format!("{} ({})", rate.hits, bound(rate))
}

/// The bound of the true rate that is worth knowing: the one that is nearer to the middle.
fn bound(rate: Proportion) -> String {
    if 2 * rate.hits > rate.of {
        format!("≥ {}", in_percent(rate.at_least()))
    } else {
        format!("≤ {}", in_percent(rate.at_most()))
    }
}

fn line(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn ten_thousand_pseudo_runs_of_recorded_rounds_show_the_rates_of_error() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let gates = Gates::new(&folder, &CASES[0], false).read();
        let gates = gates.expect("the study's data are whole");
        let rounds: Vec<&StudyRound> = gates.iter().flat_map(|gate| &gate.rounds).collect();
        let within = Duration::from_secs(120);
        let design = Design::of_rounds(20);
        let outcomes = |planted| {
            let resampling = Resampling {
                block: 1,
                relabel: true,
                planted: vec![(Metric::CpuPerRequest, planted)],
                seed: 2,
            };
            let recorded = series(&rounds, within, &design, false);
            resampling.outcomes(&recorded, &design, PSEUDO_RUNS)
        };
        let equal = outcomes(0.0);
        assert_eq!(equal.fail.of, PSEUDO_RUNS as u64);
        assert!(equal.fail.at_most() <= 0.01, "{equal:?}");
        assert!(equal.inconclusive.at_most() <= 0.05, "{equal:?}");
        let slower = outcomes(0.05);
        assert!(slower.fail.at_least() >= 0.99, "{slower:?}");
        for covered in equal.metrics.iter().map(|metric| metric.covered) {
            assert!((0.93..=0.97).contains(&covered.share()), "{equal:?}");
        }
    }

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
                        cpu_quads: vec![0.05 + scatter * 0.02, 0.05],
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
            "| nothing: the same build on both sides | quiet | 3 | 0 (≤ 63.2 %) | 3 (≥ 36.8 %) |",
            "| throughput | 0.6 % | ±0.",
            "pseudo-runs of the 60 rounds",
            "| CPU +5 % | 2 min | fail ≥ 99 % | 99.",
            "| t-test over all pairs, at 1 % | 100.0 %",
            "| none, five rounds in a row, sides as they were | 2 min |",
        ] {
            assert!(table.contains(says), "{says} is missing from\n{table}");
        }
    }
}
