//! Thousands of pseudo-runs of the rounds that a few real gates recorded.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::outcomes::Outcomes;
use super::simulate;
use crate::comparison::{Design, Metric, Series, hodges_lehmann};
use crate::sequence::Rules;

/// The way in which pseudo-runs are made of recorded rounds. All metrics of a round stay together.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampling {
    /// The number of rounds that followed each other and are drawn together, at least 1: as many
    /// as remember each other (B. Efron, Bootstrap methods, 1979, for 1; D. N. Politis
    /// and J. P. Romano, A circular block-resampling procedure, 1992, for more).
    pub block: usize,
    /// True when lots are drawn anew which side was the candidate, once for each block.
    /// Between identical builds that is as good as what was recorded, and it makes the
    /// true ratio 1. Rounds of different builds are left as they are; and so are those
    /// that are to show whether one side has an advantage.
    pub relabel: bool,
    /// Relative slowdowns that are added, by metric.
    pub planted: Vec<(Metric, f64)>,
    /// Every draw follows it.
    pub seed: u64,
}

impl Resampling {
    /// The outcomes of `runs` pseudo-runs, each drawn with replacement from the rounds in
    /// `recorded`, which all series have the same number of. They are held like gates without
    /// a time limit: a regression needs a repetition that confirms it, drawn likewise.
    ///
    /// The truth that an interval should hold is what was planted: beside 1 when lots are
    /// drawn anew, else beside the estimate of all recorded rounds.
    pub fn outcomes(&self, recorded: &[Series], design: &Design, runs: usize) -> Outcomes {
        let truths: Vec<f64> = recorded.iter().map(|series| self.truth(series)).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let rounds = design.most_rounds();
        let metrics = recorded.iter().map(|series| (series.rule, series.role));
        let rules = Rules {
            metrics: metrics.collect(),
            design: design.clone(),
            ends_early: true,
            repeats: true,
            time: None,
        };
        let gates = (0..runs).map(|_| simulate(&rules, || self.draw(recorded, rounds, &mut rng)));
        Outcomes::of(gates, &truths)
    }

    /// The rounds of one part of a pseudo-run, each with the figure of every metric.
    fn draw(
        &self,
        recorded: &[Series],
        rounds: usize,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Vec<Vec<Option<f64>>> {
        let lengths = recorded.iter().map(|series| series.log_ratios.len());
        let available = lengths.min().unwrap_or(0).max(1);
        let block = self.block.max(1);
        let mut picks = Vec::with_capacity(rounds + block);
        while picks.len() < rounds {
            let first = rng.random_range(0..available);
            let sign = if self.relabel && rng.random() {
                -1.0
            } else {
                1.0
            };
            picks.extend((0..block).map(|next| ((first + next) % available, sign)));
        }
        picks.truncate(rounds);
        let metrics = recorded.iter();
        let planted: Vec<f64> = metrics.map(|of| self.planted(of.rule.metric)).collect();
        let drawn = |(round, sign): &(usize, f64)| {
            let figures = recorded.iter().zip(&planted).map(|(series, planted)| {
                let recorded = series.log_ratios.get(*round).copied().flatten();
                recorded.map(|ratio| sign * ratio + planted)
            });
            figures.collect()
        };
        picks.iter().map(drawn).collect()
    }

    fn truth(&self, series: &Series) -> f64 {
        let planted = self.planted(series.rule.metric);
        if self.relabel {
            return planted;
        }
        let recorded: Vec<f64> = series.log_ratios.iter().copied().flatten().collect();
        planted + hodges_lehmann(&recorded).unwrap_or(0.0)
    }

    /// The effect that is added to the metric's log-ratios.
    fn planted(&self, metric: Metric) -> f64 {
        let of_metric = self.planted.iter().filter(|(of, _)| *of == metric);
        of_metric
            .map(|(_, effect)| metric.worse(metric.log_effect(*effect)))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::comparison::{Role, Rule};

    /// Sixty rounds in which candidate and baseline are equal, but for `bias`: made up here,
    /// since real ones are the study's to show.
    fn recorded(bias: f64) -> Vec<Series> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(60);
        let mut round = |_| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            Some(bias + 0.02 * noise)
        };
        vec![Series {
            rule: Rule::within(Metric::Throughput, Duration::from_secs(360)),
            role: Role::Judged,
            log_ratios: (0..60).map(&mut round).collect(),
        }]
    }

    fn relabelled(planted: f64) -> Resampling {
        Resampling {
            block: 1,
            relabel: true,
            planted: vec![(Metric::Throughput, planted)],
            seed: 5,
        }
    }

    #[test]
    fn ten_thousand_pseudo_runs_show_the_rates_of_error() {
        let (recorded, design) = (recorded(0.0), Design::of_rounds(60));
        let equal = relabelled(0.0).outcomes(&recorded, &design, 10_000);
        assert_eq!(equal.fail.of, 10_000);
        assert!(equal.fail.at_most() < 0.01, "{equal:?}");
        assert!(equal.inconclusive.at_most() < 0.05, "{equal:?}");
        let slower = relabelled(0.02).outcomes(&recorded, &design, 2000);
        assert!(slower.fail.share() > 0.95, "{slower:?}");
        let covered = slower.metrics[0].covered.share();
        assert!((0.92..0.98).contains(&covered), "{slower:?}");
    }

    #[test]
    fn an_advantage_of_one_side_shows_unless_lots_are_drawn_anew() {
        let (recorded, design) = (recorded(-0.03), Design::of_rounds(60));
        let as_they_were = Resampling {
            relabel: false,
            ..relabelled(0.0)
        };
        let biased = as_they_were.outcomes(&recorded, &design, 200);
        assert!(biased.fail.share() > 0.9, "{biased:?}");
        let drawn = relabelled(0.0).outcomes(&recorded, &design, 200);
        assert!(drawn.fail.share() < 0.05, "{drawn:?}");
    }

    #[test]
    fn a_block_keeps_rounds_and_metrics_together() {
        let mut series = recorded(0.0);
        for (round, ratio) in series[0].log_ratios.iter_mut().enumerate() {
            *ratio = Some(round as f64);
        }
        let mut gap = series[0].clone();
        gap.log_ratios[7] = None;
        series.push(gap);
        let blocks = Resampling {
            block: 5,
            relabel: false,
            planted: Vec::new(),
            seed: 1,
        };
        let drawn = blocks.draw(&series, 23, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        assert_eq!(drawn.len(), 23);
        for block in drawn.chunks(5) {
            for pair in block.windows(2) {
                let (this, next) = (pair[0][0].expect("a round"), pair[1][0].expect("a round"));
                assert_eq!(next, (this + 1.0) % 60.0);
            }
        }
        for round in &drawn {
            assert_eq!(round[1].is_none(), round[0] == Some(7.0));
        }
    }

    #[test]
    fn the_seed_decides_everything() {
        let (recorded, design) = (recorded(0.0), Design::of_rounds(20));
        let with = |seed| {
            let resampling = Resampling {
                seed,
                ..relabelled(0.03)
            };
            resampling.outcomes(&recorded, &design, 100)
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }
}
