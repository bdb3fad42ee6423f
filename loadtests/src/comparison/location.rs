//! Where the rounds' log-ratios are centred: the Hodges–Lehmann estimate, and bounds
//! that hold whatever their distribution, as long as it is symmetric.

use super::design::Design;
use super::sign_flip::SignFlips;

/// The means of all pairs of rounds, each with itself too, in order: Walsh averages.
#[derive(Clone, Debug)]
pub(super) struct Walsh {
    averages: Vec<f64>,
    rounds: usize,
}

impl Walsh {
    /// Of `values`, which are finite; `None` without any.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let pairs = |(index, a): (usize, &f64)| {
            let a = *a;
            values[index..].iter().map(move |b| (a + b) / 2.0)
        };
        let mut averages: Vec<f64> = values.iter().enumerate().flat_map(pairs).collect();
        // Stable, since that sort is the one that makes use of the sorted runs.
        averages.sort_by(f64::total_cmp);
        let rounds = values.len();
        (rounds > 0).then_some(Walsh { averages, rounds })
    }

    /// How many rounds they are of.
    pub(super) fn rounds(&self) -> usize {
        self.rounds
    }

    /// The median of the averages (J. L. Hodges and E. L. Lehmann, Estimates of
    /// location based on rank tests, 1963).
    pub(super) fn estimate(&self) -> f64 {
        let half = self.averages.len() / 2;
        if self.averages.len() % 2 == 1 {
            self.averages[half]
        } else {
            (self.averages[half - 1] + self.averages[half]) / 2.0
        }
    }

    /// What the centre exceeds with a confidence of at least 1 − `level`; `None` when
    /// there are too few rounds for it (J. W. Tukey's counting of Walsh averages; M.
    /// Hollander and D. A. Wolfe, Nonparametric Statistical Methods, §3.3).
    pub(super) fn lower_bound(&self, level: f64) -> Option<f64> {
        let skipped = SignFlips::of(self.rounds).critical(level)?;
        self.averages.get(skipped).copied()
    }

    /// What the centre stays below with a confidence of at least 1 − `level`.
    pub(super) fn upper_bound(&self, level: f64) -> Option<f64> {
        let skipped = SignFlips::of(self.rounds).critical(level)?;
        let last = self.averages.len() - 1;
        self.averages.get(last.checked_sub(skipped)?).copied()
    }

    /// The interval that is shown: the centre is in it with a confidence of at least
    /// [`Design::CONFIDENCE`], at this look alone.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let tail = (1.0 - Design::CONFIDENCE) / 2.0;
        Some((self.lower_bound(tail)?, self.upper_bound(tail)?))
    }

    /// The exact p-value of the claim that the centre is at most `claimed`. It is at
    /// most a level just when [`Walsh::lower_bound`] at that level exceeds `claimed`.
    pub(super) fn p_above(&self, claimed: f64) -> f64 {
        let against = self.averages.partition_point(|average| *average <= claimed);
        SignFlips::of(self.rounds).p_value(against)
    }

    /// The exact p-value of the claim that the centre is at least `claimed`.
    pub(super) fn p_below(&self, claimed: f64) -> f64 {
        let below = self.averages.partition_point(|average| *average < claimed);
        SignFlips::of(self.rounds).p_value(self.averages.len() - below)
    }
}
