//! The plan of looks at the rounds, and the level of each: settled before the first round, so
//! that nobody adds rounds until something is significant.

use super::boundary::{self, Spending};
use super::metric::Metric;
use super::promise::{FALSE_FAIL, FALSE_PASS, FEWEST_ROUNDS, MOST_ROUNDS};

/// The plan of a comparison's looks. Rounds are the measure of information, so that a
/// look may be taken whenever its rounds are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    looks: Vec<PlannedLook>,
}

/// A look that is planned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlannedLook {
    /// The number of rounds that are done by then.
    pub(super) rounds: usize,
    /// The share of all error that may be spent by then, up to 1.
    share: f64,
    /// The level at which the worst of several metrics fails: the index is their number less
    /// one.
    fail: [f64; Metric::ALL.len()],
    /// The level at which each metric passes.
    pub(super) pass: f64,
}

impl Design {
    /// Looks at most.
    const LOOKS: usize = 6;
    /// Rounds that can tell a slowdown that nobody should have to wait for.
    const SOON: usize = 20;

    /// Six looks (or fewer, when there are few rounds), evenly from an early one to
    /// `rounds`, which is the most there will be. The first is at a sixth of them, or
    /// at twenty but no later than at a third: earlier, only what nobody could overlook
    /// would be decided at the level that is left.
    ///
    /// `rounds` is taken to the nearest number from [`FEWEST_ROUNDS`] to
    /// [`MOST_ROUNDS`].
    pub fn of_rounds(rounds: usize) -> Self {
        let rounds = rounds.clamp(FEWEST_ROUNDS, MOST_ROUNDS);
        let early = (rounds / 6).max(Self::SOON.min(rounds / 3));
        let first = early.max(FEWEST_ROUNDS);
        let intervals = Self::LOOKS - 1;
        let mut looks: Vec<usize> = (0..=intervals)
            .map(|look| first + ((rounds - first) * look).div_ceil(intervals))
            .collect();
        looks.dedup();
        let share = |look: &usize| Spending::Cubic.spent(1.0, *look as f64 / rounds as f64);
        let shares: Vec<f64> = looks.iter().map(share).collect();
        Design::spending(&looks, &shares)
    }

    /// The same when time runs out with `rounds` done: the looks that are past stay as
    /// they were, and the last one is now and may spend all that is left. What ends
    /// the comparison is the clock, not what was seen.
    pub fn ending_at(&self, rounds: usize) -> Self {
        let past = self.looks.iter().filter(|look| look.rounds < rounds);
        let (mut looks, mut shares): (Vec<usize>, Vec<f64>) =
            past.map(|look| (look.rounds, look.share)).unzip();
        looks.push(rounds.max(1));
        shares.push(1.0);
        Design::spending(&looks, &shares)
    }

    /// The number of rounds that are done at each look, the last being the most there will be.
    pub fn looks(&self) -> impl ExactSizeIterator<Item = usize> {
        self.looks.iter().map(|look| look.rounds)
    }

    /// The most rounds there will be.
    pub fn most_rounds(&self) -> usize {
        self.last().map_or(0, |look| look.rounds)
    }

    /// The share of all error that may be spent by the look with `rounds` done, 0 to 1.
    pub fn spent_at(&self, rounds: usize) -> Option<f64> {
        Some(self.at(rounds)?.share)
    }

    /// The look that is due with `rounds` done.
    pub(super) fn at(&self, rounds: usize) -> Option<&PlannedLook> {
        self.looks.iter().find(|look| look.rounds == rounds)
    }

    /// The last look that there will be.
    pub(super) fn last(&self) -> Option<&PlannedLook> {
        self.looks.last()
    }

    fn spending(looks: &[usize], shares: &[f64]) -> Self {
        let total = looks.last().copied().unwrap_or(1) as f64;
        let times: Vec<f64> = looks.iter().map(|look| *look as f64 / total).collect();
        let levels = |level: f64| {
            let spent: Vec<f64> = shares.iter().map(|share| level * share).collect();
            boundary::levels(&times, &spent)
        };
        let fail: [Vec<f64>; Metric::ALL.len()] =
            std::array::from_fn(|others| levels(FALSE_FAIL / (others + 1) as f64));
        let pass = levels(FALSE_PASS);
        let planned = looks.iter().zip(shares).enumerate();
        let looks = planned
            .map(|(index, (&rounds, &share))| PlannedLook {
                rounds,
                share,
                fail: std::array::from_fn(|others| fail[others][index]),
                pass: pass[index],
            })
            .collect();
        Design { looks }
    }
}

impl PlannedLook {
    /// The level at which the worst of `metrics` fails. It is the level of one divided
    /// by their number: the first step of Holm's procedure.
    pub(super) fn fail(&self, metrics: usize) -> f64 {
        self.fail[metrics.clamp(1, self.fail.len()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn looks_come_evenly_from_an_early_one() {
        let looks = |rounds| Design::of_rounds(rounds).looks().collect::<Vec<_>>();
        assert_eq!(looks(60), [20, 28, 36, 44, 52, 60]);
        assert_eq!(looks(40), [13, 19, 24, 30, 35, 40]);
        assert_eq!(looks(20), [10, 12, 14, 16, 18, 20]);
        assert_eq!(looks(12), [10, 11, 12]);
        assert_eq!(looks(3), [10]);
        assert_eq!(looks(200), [33, 67, 100, 134, 167, 200]);
    }

    #[test]
    fn an_only_look_spends_everything() {
        let design = Design::of_rounds(10);
        let look = design.at(10).expect("the last");
        assert!((look.fail(5) - FALSE_FAIL / 5.0).abs() < 1e-9);
        assert!((look.fail(1) - FALSE_FAIL).abs() < 1e-9);
        assert!((look.pass - FALSE_PASS).abs() < 1e-9);
    }

    #[test]
    fn when_time_runs_out_the_past_stays_and_the_rest_is_spent() {
        let design = Design::of_rounds(60);
        let cut = design.ending_at(47);
        assert_eq!(cut.looks().collect::<Vec<_>>(), [20, 28, 36, 44, 47]);
        for rounds in [20, 28, 36, 44] {
            let (before, after) = (design.at(rounds), cut.at(rounds));
            let (before, after) = (before.expect("planned"), after.expect("kept"));
            assert!(
                (after.fail(5) / before.fail(5) - 1.0).abs() < 1e-3,
                "{rounds}"
            );
            assert!((after.pass / before.pass - 1.0).abs() < 1e-3, "{rounds}");
        }
        let last = |design: &Design| design.at(design.most_rounds()).expect("the last").fail(5);
        assert!(last(&cut) > design.at(44).expect("planned").fail(5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn the_last_look_is_laxer_than_the_first_and_more_metrics_are_stricter(rounds in 10usize..400) {
            let design = Design::of_rounds(rounds);
            let looks: Vec<_> = design.looks().collect();
            prop_assert!(looks.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(looks.last(), Some(&rounds));
            prop_assert!(looks.len() <= 6);
            // Not from each look to the next: with few rounds, looks are unevenly spaced,
            // and one that follows closely has little left to spend.
            let (first, last) = (&design.looks[0], &design.looks[looks.len() - 1]);
            // Ten rounds have an only look; of eleven, the last follows so closely that it
            // has less left to spend than the first.
            prop_assert!(rounds < 12 || first.fail(5) < last.fail(5));
            prop_assert!(rounds < 12 || first.pass < last.pass);
            for look in &design.looks {
                prop_assert!(look.fail(5) < look.fail(1));
                prop_assert!(look.fail(1) <= FALSE_FAIL * 1.000_001);
                prop_assert!(look.pass <= FALSE_PASS * 1.000_001);
            }
        }
    }
}
