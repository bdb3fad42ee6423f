//! The boundary of a group-sequential test: the level of each look, so that all looks
//! together err no more often than they may.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// The share of the permitted error that a test may have used up by a time. Both shapes spend
/// little early, as P. C. O'Brien and T. R. Fleming (A multiple testing procedure for
/// clinical trials, 1979) do, so that the last look is nearly as sharp as an only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spending {
    /// 2 − 2Φ(z / √t), where z is the point that the normal distribution exceeds with
    /// half the level's probability: the limit of O'Brien's and Fleming's boundary (K.
    /// K. G. Lan and D. L. DeMets, Discrete sequential boundaries for clinical trials,
    /// 1983). A level of 0.002 is 0.00000009 at a third of the rounds, for which twenty
    /// rounds can't speak, however slow the candidate is.
    #[cfg(test)]
    OBrienFleming,
    /// level · t³ (K. Kim and D. L. DeMets, Design and analysis of group sequential
    /// tests based on the type I error spending rate function, 1987), whose boundary
    /// is close to O'Brien's and Fleming's at usual levels (C. Jennison and B. W.
    /// Turnbull, Group Sequential Methods, 2000, §7.2), and stays within the reach of
    /// exact tests at small ones.
    Cubic,
}

impl Spending {
    /// The part of `level` that may be spent when the share `t` of all rounds is done.
    pub(super) fn spent(self, level: f64, t: f64) -> f64 {
        match self {
            #[cfg(test)]
            Spending::OBrienFleming => {
                let z = Normal::standard().inverse_cdf(1.0 - level / 2.0);
                2.0 * Normal::standard().sf(z / t.sqrt())
            }
            Spending::Cubic => level * t.powi(3),
        }
    }
}

/// The one-sided level of each look, such that up to each look the probability to have
/// crossed is what `spent` says. `times` are the looks' shares of all rounds, `spent`
/// what is used up by them; both rise.
///
/// The sums that a test adds up are, in the limit, a Brownian motion looked at in a few
/// moments, and its density among the paths that haven't crossed is carried from look
/// to look by numerical integration (P. Armitage, C. K. McPherson and B. C. Rowe,
/// Repeated significance tests on accumulating data, 1969).
pub(super) fn levels(times: &[f64], spent: &[f64]) -> Vec<f64> {
    let mut paths = Paths::at_the_start();
    let mut spent_before = 0.0;
    let looks = times.iter().zip(spent);
    looks
        .map(|(&time, &spent)| {
            let increment = (spent - spent_before).max(0.0);
            spent_before = spent;
            let bound = paths.bound(time, increment);
            paths = paths.carry(time, bound);
            Normal::standard().sf(bound / time.sqrt())
        })
        .collect()
}

/// The places of the paths that haven't crossed yet.
struct Paths {
    time: f64,
    /// Places, and how much of the probability is around each.
    mass: Vec<(f64, f64)>,
}

impl Paths {
    /// Steps of the integration, an even number. Four times as many change no level by
    /// more than 0.02 % of itself, even when two of 200 rounds are a look each.
    const STEPS: usize = 200;
    /// Standard deviations that count; beyond is less than any level by far.
    const WIDTH: f64 = 8.5;

    fn at_the_start() -> Self {
        Paths {
            time: 0.0,
            mass: vec![(0.0, 1.0)],
        }
    }

    /// The probability to be at `bound` or above at `time`.
    fn above(&self, time: f64, bound: f64) -> f64 {
        let step = (time - self.time).sqrt();
        let tail =
            |&(place, mass): &(f64, f64)| mass * Normal::standard().sf((bound - place) / step);
        self.mass.iter().map(tail).sum()
    }

    /// The bound that is crossed at `time` with this probability, by bisection.
    fn bound(&self, time: f64, probability: f64) -> f64 {
        let (mut low, mut high) = (-Self::WIDTH, Self::WIDTH);
        for _ in 0..45 {
            let middle = (low + high) / 2.0;
            if self.above(time, middle) > probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// The paths at `time` that are below `bound`, by Simpson's rule.
    fn carry(&self, time: f64, bound: f64) -> Self {
        let step = (time - self.time).sqrt();
        let from = -Self::WIDTH * time.sqrt();
        let width = (bound - from) / Self::STEPS as f64;
        let density = |place: f64| -> f64 {
            let parts = self.mass.iter();
            let of_part =
                |&(from, mass): &(f64, f64)| mass * Normal::standard().pdf((place - from) / step);
            parts.map(of_part).sum::<f64>() / step
        };
        let point = |index: usize| {
            let weight = match index {
                0 | Self::STEPS => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let place = from + width * index as f64;
            (place, weight * width / 3.0 * density(place))
        };
        Paths {
            time,
            mass: (0..=Self::STEPS).map(point).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn z(levels: &[f64]) -> Vec<f64> {
        let normal = Normal::standard();
        levels
            .iter()
            .map(|level| -normal.inverse_cdf(*level))
            .collect()
    }

    fn assert_close(found: &[f64], expected: &[f64], within: f64) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < within,
                "{found} is not {expected}"
            );
        }
    }

    /// The probability to cross at one of the looks, when each has this z.
    fn crossing(times: &[f64], z: impl Fn(f64) -> f64) -> f64 {
        let mut paths = Paths::at_the_start();
        let mut crossed = 0.0;
        for &time in times {
            let bound = z(time) * time.sqrt();
            crossed += paths.above(time, bound);
            paths = paths.carry(time, bound);
        }
        crossed
    }

    fn evenly(looks: usize) -> Vec<f64> {
        (1..=looks).map(|look| look as f64 / looks as f64).collect()
    }

    #[test]
    fn published_constants_keep_their_level() {
        // Jennison and Turnbull 2000, tables 2.3 (O'Brien and Fleming) and 2.1
        // (Pocock): α = 0.05 on two sides, so half of it on one.
        for (looks, constant) in [(2, 1.977), (3, 2.004), (5, 2.040), (10, 2.087)] {
            let crossed = crossing(&evenly(looks), |t| constant / t.sqrt());
            assert!((crossed - 0.025).abs() < 5e-5, "{looks} looks: {crossed}");
        }
        for (looks, constant) in [(2, 2.178), (5, 2.413)] {
            let crossed = crossing(&evenly(looks), |_| constant);
            assert!((crossed - 0.025).abs() < 5e-5, "{looks} looks: {crossed}");
        }
    }

    #[test]
    fn lan_and_demets_boundaries_are_the_published_ones() {
        // Five looks at 0.025, as in table 1 of Reboussin et al., Computations for
        // group sequential boundaries using the Lan-DeMets spending function, 2000.
        let boundary = |looks, level| {
            let times = evenly(looks);
            let spend = |t: &f64| Spending::OBrienFleming.spent(level, *t);
            let spent: Vec<f64> = times.iter().map(spend).collect();
            z(&levels(&times, &spent))
        };
        let five = [4.877, 3.357, 2.680, 2.290, 2.031];
        assert_close(&boundary(5, 0.025), &five, 1e-3);
        let four = [3.7496, 2.5399, 2.0160, 1.7201];
        assert_close(&boundary(4, 0.05), &four, 2e-4);
    }

    proptest! {
        #[test]
        fn no_look_alone_may_err_more_than_all_together(
            gaps in prop::collection::vec(1u32..20, 1..6),
            level in 1e-4..0.1_f64,
        ) {
            let total: u32 = gaps.iter().sum();
            let mut reached = 0;
            let times: Vec<f64> = gaps.iter().map(|gap| {
                reached += gap;
                f64::from(reached) / f64::from(total)
            }).collect();
            let spent: Vec<f64> = times.iter().map(|t| Spending::Cubic.spent(level, *t)).collect();
            let levels = levels(&times, &spent);
            let mut before = 0.0;
            for (found, spent) in levels.iter().zip(&spent) {
                // What is left of this look if no path had crossed before, and if
                // none that crosses now had.
                prop_assert!(*found >= (spent - before) * (1.0 - 1e-6));
                prop_assert!(*found <= spent * (1.0 + 1e-6));
                before = *spent;
            }
        }
    }
}
