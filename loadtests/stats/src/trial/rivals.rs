//! Other methods on the same rounds, to show what they cost.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::comparison::{Metric, standard_deviation};

/// The figures of both sides in a round, in the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sides {
    /// Of the baseline; positive.
    pub baseline: f64,
    /// Of the candidate; positive.
    pub candidate: f64,
}

/// First the baseline, then the candidate, each once and for half of the time, as most
/// CI jobs do: whether it calls the candidate more than `limit` slower (relative).
///
/// The baseline is what the first half of the rounds measured of it, the candidate
/// what the second half did.
pub fn base_then_head(metric: Metric, rounds: &[Sides], limit: f64) -> bool {
    let (first, second) = rounds.split_at(rounds.len() / 2);
    let baseline = mean(first.iter().map(|round| round.baseline));
    let candidate = mean(second.iter().map(|round| round.candidate));
    metric.worse((candidate / baseline).ln()) > metric.log_effect(limit)
}

/// The same, tried again on other rounds until it is green: whether it is red to the last
/// of `tries`, of which there is one at least.
pub fn retry_until_green<T: AsRef<[Sides]>>(metric: Metric, tries: &[T], limit: f64) -> bool {
    let mut tries = tries.iter();
    tries.all(|rounds| base_then_head(metric, rounds.as_ref(), limit))
}

/// Student's t-test (1908) over all pairs of all rounds, as if each told something new:
/// the one-sided p-value of the claim that the candidate isn't slower. `None` with
/// fewer than two pairs, or when all are alike.
pub fn pair_level_t(metric: Metric, rounds: &[Vec<f64>]) -> Option<f64> {
    let pairs: Vec<f64> = rounds
        .iter()
        .flatten()
        .map(|pair| metric.worse(*pair))
        .collect();
    let spread = standard_deviation(&pairs).filter(|spread| *spread > 0.0)?;
    let count = pairs.len() as f64;
    let t = mean(pairs.into_iter()) / (spread / count.sqrt());
    let student = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    Some(student.sf(t))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::trial::Proportion;

    fn rounds(baseline: &[f64], candidate: &[f64]) -> Vec<Sides> {
        let pairs = baseline.iter().zip(candidate);
        pairs
            .map(|(&baseline, &candidate)| Sides {
                baseline,
                candidate,
            })
            .collect()
    }

    #[test]
    fn base_then_head_takes_drift_for_a_regression() {
        // Equal sides on a machine that gets slower.
        let drift: Vec<f64> = (0..10).map(|round| 100.0 + f64::from(round)).collect();
        let rounds = rounds(&drift, &drift);
        assert!(base_then_head(Metric::P50, &rounds, 0.02));
        assert!(!base_then_head(Metric::Throughput, &rounds, 0.02));
    }

    #[test]
    fn retrying_turns_a_real_slowdown_green() {
        // 3 % slower in each round, and once lucky.
        let usual = rounds(&[100.0; 2], &[103.0; 2]);
        let lucky = rounds(&[110.0, 100.0], &[103.0; 2]);
        let red = |tries: &[&Vec<Sides>]| retry_until_green(Metric::P50, tries, 0.02);
        assert!(red(&[&usual]) && red(&[&usual, &usual]));
        assert!(!red(&[&usual, &lucky, &usual]));
    }

    #[test]
    fn a_t_test_is_the_textbooks() {
        // Student's own example, hours of sleep gained: t = 4.06, p = 0.0014.
        let gained = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let p = pair_level_t(Metric::P50, &[gained.to_vec()]).expect("ten are enough");
        assert!((p - 0.0014).abs() < 5e-5, "{p}");
        assert_eq!(pair_level_t(Metric::P50, &[vec![1.0, 1.0]]), None);
    }

    #[test]
    fn pairs_of_one_round_are_not_independent() {
        // What restarts vary by, 1.7 %, is shared by all pairs of a round.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut alarms = Proportion::default();
        for _ in 0..500 {
            let mut round = |_| {
                let restart: f64 = StandardNormal.sample(&mut rng);
                let mut pair = |_| {
                    let slots: f64 = StandardNormal.sample(&mut rng);
                    0.017 * restart + 0.04 * slots
                };
                (0..10).map(&mut pair).collect::<Vec<f64>>()
            };
            let rounds: Vec<Vec<f64>> = (0..20).map(&mut round).collect();
            let p = pair_level_t(Metric::P50, &rounds).expect("there are pairs");
            alarms.count(p <= 0.01);
        }
        assert!(alarms.at_least() > 0.02, "{alarms:?}");
    }
}
