//! The evenness of requests that were shared out among equal nodes: the share that each
//! should have, and the chance that a lot would have been this even or this uneven.
//!
//! ```
//! // Three nodes: such a gap is seen in 6.5 % of all cases where lots decide.
//! let told = stats::evenness::evenness(&[100, 100, 130]).expect("there are requests");
//! assert_eq!((told.expected, told.gap), (110.0, 30));
//! assert!((told.as_uneven - 0.065).abs() < 0.001);
//! ```

use statrs::function::gamma::checked_gamma_lr;

/// Shares compared with equal ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evenness {
    /// The share that each node should have had.
    pub expected: f64,
    /// Requests between the busiest and the idlest.
    pub gap: u64,
    /// Pearson's chi-squared against equal shares; degrees of freedom are one fewer
    /// than nodes.
    pub chi_squared: f64,
    /// The chance of shares at least this uneven if each request goes to a node
    /// drawn at random, from 0 to 1.
    pub as_uneven: f64,
    /// The chance of shares at least this even, from 0 to 1.
    pub as_even: f64,
}

/// `shares`, compared with equal ones; `None` with fewer than two nodes, or
/// without requests.
pub fn evenness(shares: &[u64]) -> Option<Evenness> {
    let total: u64 = shares.iter().sum();
    if shares.len() < 2 || total == 0 {
        return None;
    }
    let expected = total as f64 / shares.len() as f64;
    let chi_squared: f64 = shares
        .iter()
        .map(|share| (*share as f64 - expected).powi(2) / expected)
        .sum();
    // The chi-squared distribution is a gamma distribution (NIST DLMF §8.2).
    let half_freedom = (shares.len() - 1) as f64 / 2.0;
    // It isn't defined at zero, where shares are equal and nothing can be more even.
    let as_even = checked_gamma_lr(half_freedom, chi_squared / 2.0).unwrap_or(0.0);
    Some(Evenness {
        expected,
        gap: shares.iter().max()? - shares.iter().min()?,
        chi_squared,
        as_uneven: 1.0 - as_even,
        as_even,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_node_or_no_request_can_be_neither_even_nor_uneven() {
        assert_eq!(evenness(&[7]), None);
        assert_eq!(evenness(&[0, 0]), None);
    }

    #[test]
    fn the_chance_is_that_of_the_tables() {
        // χ² = 5.991 at 2 degrees of freedom has 5 % beyond it.
        let told = evenness(&[100, 100, 130]).expect("shares");
        assert!((told.chi_squared - 5.4545).abs() < 1e-3, "{told:?}");
        assert!((told.as_uneven - 0.0654).abs() < 1e-3, "{told:?}");
        assert_eq!((told.gap, told.expected), (30, 110.0));
    }

    proptest! {
        #[test]
        fn chances_are_chances_and_equal_shares_are_never_uneven(
            shares in prop::collection::vec(0u64..1_000_000_000, 2..32),
        ) {
            prop_assume!(shares.iter().sum::<u64>() > 0);
            let told = evenness(&shares).expect("shares");
            prop_assert!((0.0..=1.0).contains(&told.as_even), "{told:?}");
            prop_assert!((told.as_even + told.as_uneven - 1.0).abs() < 1e-6);
            let equal = evenness(&vec![shares[0] + 1; shares.len()]).expect("shares");
            prop_assert_eq!((equal.gap, equal.as_uneven), (0, 1.0));
        }
    }
}
