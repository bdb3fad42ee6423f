//! A count out of a total, and the bounds that the true rate is within.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

/// A count out of a total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportion {
    /// The number of times that it happened.
    pub hits: u64,
    /// The number of times that it could have.
    pub of: u64,
}

impl Proportion {
    /// Counts one more.
    pub fn count(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.of += 1;
    }

    /// The share, from 0 to 1; not a number when nothing could have happened.
    pub fn share(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// The bound that the true rate stays below with a confidence of 95 %: exact, and 1 when
    /// nothing was tried (C. J. Clopper and E. S. Pearson, The use of confidence or
    /// fiducial limits illustrated in the case of the binomial, 1934).
    pub fn at_most(self) -> f64 {
        if self.hits >= self.of {
            return 1.0;
        }
        let (hits, misses) = (self.hits as f64, (self.of - self.hits) as f64);
        Beta::new(hits + 1.0, misses).map_or(1.0, |beta| beta.inverse_cdf(0.95))
    }

    /// The bound that the true rate stays above with a confidence of 95 %.
    pub fn at_least(self) -> f64 {
        let misses = Proportion {
            hits: self.of - self.hits,
            of: self.of,
        };
        1.0 - misses.at_most()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_seen_in_299_is_at_most_one_percent() {
        assert!(Proportion { hits: 0, of: 299 }.at_most() < 0.01);
        assert!(Proportion { hits: 0, of: 298 }.at_most() > 0.01);
        assert_eq!(Proportion { hits: 0, of: 0 }.at_most(), 1.0);
        assert_eq!(Proportion { hits: 3, of: 3 }.at_most(), 1.0);
        // The rule of three, the other way round.
        assert!(Proportion { hits: 60, of: 60 }.at_least() > 0.951);
    }

    proptest! {
        #[test]
        fn the_share_is_between_its_bounds(of in 1u64..500, part in 0.0..=1.0_f64) {
            let rate = Proportion { hits: (of as f64 * part) as u64, of };
            prop_assert!(rate.at_least() <= rate.share() + 1e-9);
            prop_assert!(rate.share() <= rate.at_most() + 1e-9);
            let more = Proportion { hits: rate.hits + 1, of: of + 1 };
            prop_assert!(more.at_most() >= rate.at_most() - 1e-9);
        }
    }
}
