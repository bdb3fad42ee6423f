//! How often something happened, and how often it may happen all the same.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How often it happened.
    pub hits: u64,
    /// How often it could have.
    pub of: u64,
}

impl Rate {
    /// Counts one more.
    pub fn count(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.of += 1;
    }

    /// The share, from 0 to 1; not a number when nothing could have happened.
    pub fn share(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// What the true rate stays below with a confidence of 95 %: exact, and 1 when
    /// nothing was tried (C. J. Clopper and E. S. Pearson, The use of confidence or
    /// fiducial limits illustrated in the case of the binomial, 1934).
    pub fn at_most(self) -> f64 {
        if self.hits >= self.of {
            return 1.0;
        }
        let (hits, misses) = (self.hits as f64, (self.of - self.hits) as f64);
        Beta::new(hits + 1.0, misses).map_or(1.0, |beta| beta.inverse_cdf(0.95))
    }

    /// What the true rate stays above with a confidence of 95 %.
    #[cfg(test)]
    pub fn at_least(self) -> f64 {
        let misses = Rate {
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
        assert!(Rate { hits: 0, of: 299 }.at_most() < 0.01);
        assert!(Rate { hits: 0, of: 298 }.at_most() > 0.01);
        assert_eq!(Rate { hits: 0, of: 0 }.at_most(), 1.0);
        assert_eq!(Rate { hits: 3, of: 3 }.at_most(), 1.0);
        // The rule of three, the other way round.
        assert!(Rate { hits: 60, of: 60 }.at_least() > 0.951);
    }

    proptest! {
        #[test]
        fn the_share_is_between_its_bounds(of in 1u64..500, part in 0.0..=1.0_f64) {
            let rate = Rate { hits: (of as f64 * part) as u64, of };
            prop_assert!(rate.at_least() <= rate.share() + 1e-9);
            prop_assert!(rate.share() <= rate.at_most() + 1e-9);
            let more = Rate { hits: rate.hits + 1, of: of + 1 };
            prop_assert!(more.at_most() >= rate.at_most() - 1e-9);
        }
    }
}
