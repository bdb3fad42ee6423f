//! Several metrics, one chance of a false alarm: Holm's procedure.

/// The level that each p-value is held against, such that all of the rejected ones (p
/// at most its level) are wrong together no more often than the level of one. `level`
/// gives the level of each of those that are left, by their number.
///
/// The smallest is held against the level of all, the next against that of the rest,
/// and so on to the first that isn't rejected, whose level is that of whatever is left
/// (S. Holm, A simple sequentially rejective multiple test procedure, 1979).
pub(super) fn levels(p_values: &[f64], level: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut levels = vec![0.0; p_values.len()];
    let mut left = p_values.len();
    for index in order {
        levels[index] = level(left);
        if p_values[index] <= levels[index] {
            left -= 1;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rejected(p_values: &[f64], family: f64) -> Vec<bool> {
        let levels = levels(p_values, |left| family / left as f64);
        let pairs = p_values.iter().zip(levels);
        pairs.map(|(p, level)| *p <= level).collect()
    }

    #[test]
    fn each_rejection_makes_the_next_one_easier() {
        // Against 0.05/4, 0.05/3, 0.05/2: the third stands, and the fourth with it.
        let found = rejected(&[0.04, 0.01, 0.03, 0.015], 0.05);
        assert_eq!(found, [false, true, false, true]);
        assert_eq!(rejected(&[0.013, 0.013, 0.013, 0.013], 0.05), [false; 4]);
    }

    proptest! {
        #[test]
        fn it_rejects_what_bonferroni_does_and_nothing_above_the_family_level(
            p_values in prop::collection::vec(0.0..0.2_f64, 1..8),
        ) {
            let family = 0.05;
            let rejected = rejected(&p_values, family);
            let bonferroni = family / p_values.len() as f64;
            let any = p_values.iter().any(|p| *p <= bonferroni);
            prop_assert_eq!(rejected.contains(&true), any);
            for (p, rejected) in p_values.iter().zip(&rejected) {
                prop_assert!(*rejected || *p > bonferroni);
                prop_assert!(!*rejected || *p <= family);
            }
        }

        #[test]
        fn a_smaller_p_value_is_rejected_first(
            p_values in prop::collection::vec(0.0..0.1_f64, 2..8),
        ) {
            let rejected = rejected(&p_values, 0.05);
            for (a, a_is_rejected) in p_values.iter().zip(&rejected) {
                for (b, b_is_rejected) in p_values.iter().zip(&rejected) {
                    prop_assert!(a >= b || *a_is_rejected || !*b_is_rejected);
                }
            }
        }
    }
}
