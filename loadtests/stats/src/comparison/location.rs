//! The centre of the rounds' log-ratios: the Hodges–Lehmann estimate, and bounds that hold
//! whatever their distribution, as long as it is symmetric.

use super::promise::CONFIDENCE;
use super::sign_flip::SignFlips;

/// The estimate of the values' centre (J. L. Hodges and E. L. Lehmann, Estimates of location
/// based on rank tests, 1963); `None` without values, which have to be finite.
pub fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    Walsh::of(values).map(|values| values.estimate())
}

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

    /// The number of rounds that they are of.
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

    /// The bound that the centre exceeds with a confidence of at least 1 − `level`; `None` when
    /// there are too few rounds for it (J. W. Tukey's counting of Walsh averages; M.
    /// Hollander and D. A. Wolfe, Nonparametric Statistical Methods, §3.3).
    pub(super) fn lower_bound(&self, level: f64) -> Option<f64> {
        let skipped = SignFlips::of(self.rounds).critical(level)?;
        self.averages.get(skipped).copied()
    }

    /// The bound that the centre stays below with a confidence of at least 1 − `level`.
    pub(super) fn upper_bound(&self, level: f64) -> Option<f64> {
        let skipped = SignFlips::of(self.rounds).critical(level)?;
        let last = self.averages.len() - 1;
        self.averages.get(last.checked_sub(skipped)?).copied()
    }

    /// The interval that is shown: the centre is in it with a confidence of at least
    /// [`CONFIDENCE`], at this look alone.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some((self.lower_bound(tail)?, self.upper_bound(tail)?))
    }

    /// The exact p-value of the claim that the centre is at most `claimed`. It is at
    /// most a level just when [`Walsh::lower_bound`] at that level exceeds `claimed`.
    pub(super) fn p_above(&self, claimed: f64) -> f64 {
        let against = self.averages.partition_point(|average| *average <= claimed);
        SignFlips::of(self.rounds).p_value(against)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn walsh(values: &[f64]) -> Walsh {
        Walsh::of(values).expect("there are values")
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "a patient's 3.14 is no π")]
    fn a_textbook_example_comes_out_as_in_the_textbook() {
        // Depression before and after therapy: M. Hollander and D. A. Wolfe, table 3.1
        // and examples 3.1, 3.3 and 3.4.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let pairs = before.iter().zip(after);
        let differences: Vec<f64> = pairs.map(|(before, after)| before - after).collect();
        let walsh = walsh(&differences);
        assert!((walsh.estimate() - 0.46).abs() < 1e-9);
        assert!((walsh.p_above(0.0) - 0.0195).abs() < 1e-4);
        // The level of 0.0195 at each end makes 96.1 %.
        let (low, high) = walsh.interval().expect("nine are enough");
        assert!((low - 0.010).abs() < 1e-9, "{low}");
        assert!((high - 0.786).abs() < 1e-9, "{high}");
    }

    #[test]
    fn one_round_gone_wild_moves_the_estimate_little() {
        let mut rounds = vec![
            0.01, 0.02, 0.0, -0.01, 0.015, 0.005, 0.012, 0.008, 0.011, 0.009,
        ];
        let before = walsh(&rounds).estimate();
        rounds[2] = 5.0;
        let after = walsh(&rounds).estimate();
        assert!((after - before).abs() < 0.005, "{before} became {after}");
    }

    proptest! {
        #[test]
        fn everything_moves_with_the_rounds_and_turns_with_their_sign(
            rounds in prop::collection::vec(-1.0..1.0_f64, 6..40),
            shift in -1.0..1.0_f64,
        ) {
            let here = walsh(&rounds);
            let moved = walsh(&rounds.iter().map(|round| round + shift).collect::<Vec<_>>());
            let turned = walsh(&rounds.iter().map(|round| -round).collect::<Vec<_>>());
            let (low, high) = here.interval().expect("six are enough");
            let (moved_low, moved_high) = moved.interval().expect("six are enough");
            let (turned_low, turned_high) = turned.interval().expect("six are enough");
            prop_assert!((moved.estimate() - here.estimate() - shift).abs() < 1e-9);
            prop_assert!((turned.estimate() + here.estimate()).abs() < 1e-9);
            prop_assert!((moved_low - low - shift).abs() < 1e-9);
            prop_assert!((moved_high - high - shift).abs() < 1e-9);
            prop_assert!((turned_low + high).abs() < 1e-9);
            prop_assert!((turned_high + low).abs() < 1e-9);
        }

        #[test]
        fn bounds_are_in_order_and_widen_with_confidence(
            rounds in prop::collection::vec(-1.0..1.0_f64, 12..40),
        ) {
            let walsh = walsh(&rounds);
            let bound = |level| walsh.lower_bound(level).expect("twelve are enough");
            let upper = |level| walsh.upper_bound(level).expect("twelve are enough");
            prop_assert!(bound(0.001) <= bound(0.05));
            prop_assert!(bound(0.05) <= walsh.estimate());
            prop_assert!(walsh.estimate() <= upper(0.05));
            prop_assert!(upper(0.05) <= upper(0.001));
        }

        #[test]
        fn the_bound_is_the_test_turned_inside_out(
            rounds in prop::collection::vec(-1.0..1.0_f64, 1..40),
            claimed in -1.0..1.0_f64,
            level in 1e-4..0.4_f64,
        ) {
            let walsh = walsh(&rounds);
            let above = walsh.lower_bound(level).is_some_and(|bound| bound > claimed);
            prop_assert_eq!(above, walsh.p_above(claimed) <= level);
        }

        #[test]
        fn a_round_that_gets_worse_never_helps(
            rounds in prop::collection::vec(-1.0..1.0_f64, 6..40),
            which in 0usize..6,
            by in 0.0..1.0_f64,
        ) {
            let mut worse = rounds.clone();
            worse[which] += by;
            let (before, after) = (walsh(&rounds), walsh(&worse));
            prop_assert!(after.estimate() >= before.estimate());
            prop_assert!(after.p_above(0.0) <= before.p_above(0.0));
        }
    }
}
