//! The number of database reads that random reads through caches cost: the classical
//! occupancy problem, with a cell for each pair of a key and a cache.
//!
//! A read draws a key and a cache. It reaches the database when it is the first to
//! draw that pair, provided that nothing expires, is crowded out or is written, and
//! that reads come one after the other. So the number of database reads is the number
//! of cells that are not empty after so many balls.
//!
//! Mean and variance are those of Johnson and Kotz, *Urn Models and Their Application*
//! (1977), section 3.1; also Feller, *An Introduction to Probability Theory*, volume 1,
//! section IV.2.

/// The number of cells that are occupied after some balls fell into them at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// The expected number of occupied cells.
    pub mean: f64,
    /// The variance of that number.
    pub variance: f64,
}

/// The database reads of `reads` random reads over `keys` equally likely keys through
/// one of `caches` equally likely caches each: `c·K·(1 − (1 − 1/(c·K))^R)` on average.
///
/// # Panics
///
/// When there is no key or no cache.
pub fn database_reads(keys: u32, caches: u32, reads: u32) -> Occupancy {
    assert!(keys > 0 && caches > 0, "there are no cells to draw from");
    occupancy(f64::from(keys) * f64::from(caches), f64::from(reads))
}

impl Occupancy {
    /// The standard deviation.
    pub fn standard_deviation(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// With the indicator of "cell i is empty", whose mean is `(1 − 1/N)^R`, and the mean
/// `(1 − 2/N)^R` of the product of two of them:
///
/// `Var = N(N−1)(1−2/N)^R + N(1−1/N)^R − N²(1−1/N)^2R`
fn occupancy(cells: f64, balls: f64) -> Occupancy {
    let one_empty = (1.0 - 1.0 / cells).powf(balls);
    let two_empty = (1.0 - 2.0 / cells).max(0.0).powf(balls);
    let variance =
        cells * (cells - 1.0) * two_empty + cells * one_empty - (cells * one_empty).powi(2);
    Occupancy {
        mean: cells * (1.0 - one_empty),
        // Rounding may leave a little less than nothing where nothing varies.
        variance: variance.max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The exact distribution, ball by ball: with `d` cells occupied, the next ball
    /// occupies another with probability `(N − d)/N`.
    fn exactly(cells: u32, balls: u32) -> Occupancy {
        let n = cells as usize;
        let mut probability = vec![0.0; n + 1];
        probability[0] = 1.0;
        for _ in 0..balls {
            for occupied in (0..=n).rev() {
                let stays = probability[occupied] * occupied as f64 / n as f64;
                let comes = match occupied {
                    0 => 0.0,
                    _ => probability[occupied - 1] * (n - occupied + 1) as f64 / n as f64,
                };
                probability[occupied] = stays + comes;
            }
        }
        let moment = |power| {
            let terms = probability.iter().enumerate();
            terms.map(|(d, p)| p * (d as f64).powi(power)).sum::<f64>()
        };
        let mean = moment(1);
        Occupancy {
            mean,
            variance: moment(2) - mean * mean,
        }
    }

    proptest! {
        #[test]
        fn the_formula_agrees_with_the_distribution(cells in 1..60_u32, balls in 0..200_u32) {
            let (formula, exact) = (database_reads(cells, 1, balls), exactly(cells, balls));
            prop_assert!((formula.mean - exact.mean).abs() < 1e-8, "{formula:?} {exact:?}");
            prop_assert!((formula.variance - exact.variance).abs() < 1e-8, "{formula:?} {exact:?}");
        }
    }

    #[test]
    fn the_extremes_are_certain() {
        let none = database_reads(5, 2, 0);
        assert_eq!((none.mean, none.variance), (0.0, 0.0));
        let first = database_reads(5, 2, 1);
        assert!((first.mean - 1.0).abs() < 1e-12 && first.variance < 1e-12);
        let all = database_reads(5, 2, 100_000);
        assert!((all.mean - 10.0).abs() < 1e-12 && all.variance < 1e-12);
    }

    #[test]
    fn caches_multiply_the_cells() {
        assert_eq!(database_reads(50, 2, 70), database_reads(100, 1, 70));
    }
}
