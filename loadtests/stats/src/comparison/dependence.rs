//! The dependence of rounds on those before, for calibration: each may tell something new, or
//! repeat others.

/// The correlation of rounds with those `lag` rounds later, from −1 to 1; `None` when
/// there are too few, or all are alike.
pub fn autocorrelation(values: &[f64], lag: usize) -> Option<f64> {
    let later = values.get(lag..).filter(|later| later.len() >= 2)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let product = |(a, b): (&f64, &f64)| (a - mean) * (b - mean);
    let variance: f64 = values.iter().map(|value| product((value, value))).sum();
    let covariance: f64 = values.iter().zip(later).map(product).sum();
    Some(covariance / variance).filter(|correlation| correlation.is_finite())
}

/// The number of rounds as they are that tell as much as one independent of the others
/// (L. Kish, Survey Sampling, 1965): 1 + 2 Σ ρ, over the lags from 1 on until two in a
/// row no longer add anything (C. J. Geyer, Practical Markov chain Monte Carlo, 1992).
///
/// It is at least 1: that rounds should even each other out is luck, not information.
pub fn design_effect(values: &[f64]) -> f64 {
    let correlation = |lag| autocorrelation(values, lag).unwrap_or(0.0);
    // ρ is 1 at lag 0, which pairs with the first.
    let pair = |first: usize| match first {
        0 => 1.0 + correlation(1),
        _ => correlation(first) + correlation(first + 1),
    };
    let pairs = (0..values.len()).step_by(2).map(pair);
    let sum: f64 = pairs.take_while(|pair| *pair > 0.0).sum();
    (2.0 * sum - 1.0).max(1.0)
}

/// The standard deviation, with a degree of freedom less than there are values; `None`
/// with fewer than two.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / freedom as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Each value is `rho` of the one before, and new for the rest.
    fn chain(rho: f64, values: usize) -> Vec<f64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut last: f64 = 0.0;
        let next = |()| {
            let new: f64 = StandardNormal.sample(&mut rng);
            last = rho * last + (1.0 - rho * rho).sqrt() * new;
            last
        };
        std::iter::repeat_n((), values).map(next).collect()
    }

    #[test]
    fn values_that_repeat_each_other_count_less() {
        // (1 + ρ) / (1 − ρ) for a chain.
        for (rho, expected) in [(0.0, 1.0), (0.3, 1.857), (0.6, 4.0)] {
            let found = design_effect(&chain(rho, 20_000));
            assert!((found / expected - 1.0).abs() < 0.1, "{rho}: {found}");
        }
        let lag_two = autocorrelation(&chain(0.6, 20_000), 2).expect("there are enough");
        assert!((lag_two - 0.36).abs() < 0.03, "{lag_two}");
    }

    #[test]
    fn values_that_alternate_count_no_more_than_independent_ones() {
        let alternating = [1.0, -1.0].repeat(20);
        assert!(autocorrelation(&alternating, 1).expect("enough") < -0.9);
        assert_eq!(design_effect(&alternating), 1.0);
    }

    #[test]
    fn too_little_has_no_correlation() {
        assert_eq!(autocorrelation(&[1.0, 2.0], 1), None);
        assert_eq!(autocorrelation(&[1.0; 9], 1), None);
        assert_eq!(standard_deviation(&[1.0]), None);
        assert_eq!(design_effect(&[]), 1.0);
    }

    proptest! {
        #[test]
        fn neither_unit_nor_zero_point_matters(
            values in prop::collection::vec(-1.0..1.0_f64, 3..40),
            scale in 0.1..10.0_f64,
            shift in -1.0..1.0_f64,
        ) {
            let other: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            let (one, two) = (autocorrelation(&values, 1), autocorrelation(&other, 1));
            prop_assert_eq!(one.is_some(), two.is_some());
            prop_assert!(one.zip(two).is_none_or(|(one, two)| (one - two).abs() < 1e-6));
            prop_assert!(one.is_none_or(|one| (-1.0..=1.0).contains(&one)));
            let sd = |values| standard_deviation(values).expect("three or more");
            prop_assert!((sd(&other) - scale * sd(&values)).abs() < 1e-9);
        }
    }
}
