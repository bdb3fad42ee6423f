//! The share of cache lookups that should be hits, worked out from what was asked for:
//! popularity, expiry, invalidation and the number of caches. Nothing here is measured, so
//! that it can be compared with what was.
//!
//! It assumes that reads are independent of each other, each of a cache drawn at random;
//! that their rate was the measured one all the time, also in a warm-up; that values fit
//! the caches; and that nothing fails.
//!
//! ```
//! use std::time::Duration;
//!
//! use stats::occupancy::{Caches, Popularity, Reads};
//!
//! // One item that two caches keep for 100 ms, and 200 reads a second of it, when the
//! // system has been at work for a while: μT ÷ (1 + μT), with μ = 100/s and T = 0.1 s.
//! let reads = Reads { before: 4000, measured: 4000, seconds: 20.0 };
//! let popularity = Popularity { items: 1, zipf_exponent: 1.0 };
//! let ttl = Duration::from_millis(100);
//! let caches = Caches { number: 2, ttl, fetch: Duration::ZERO };
//! let ratio = reads.hits(&popularity, &caches) / 4000.0;
//! assert!((ratio - 10.0 / 11.0).abs() < 0.002);
//! ```

use std::time::Duration;

use statrs::function::gamma::checked_gamma_lr;

/// Caches that are alike, each of which is asked as often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Caches {
    /// The number of caches, 1 or more.
    pub number: usize,
    /// The time for which a cache keeps a value; zero means for ever.
    pub ttl: Duration,
    /// The time that it takes to have a value after a miss.
    pub fetch: Duration,
}

/// The popularity of items: item k is read with weight 1 ÷ kˢ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Popularity {
    /// The number of items.
    pub items: u32,
    /// The exponent s: 0 when all are read as often.
    pub zipf_exponent: f64,
}

/// Reads of caches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reads {
    /// Reads of a warm-up, which filled caches and don't count.
    pub before: u64,
    /// Reads that count.
    pub measured: u64,
    /// The seconds in which the measured ones were sent; more than 0.
    pub seconds: f64,
}

impl Reads {
    /// The expected hits among the measured reads of items that nobody writes, so that only
    /// expiry takes them from a cache.
    ///
    /// The fills of one item in one cache are a renewal process: a value that is fetched at
    /// a miss stays for the time to live, and the first read after that is the next miss.
    /// Over a long time the hit ratio is (μT) ÷ (1 + μT) for reads at rate μ; before
    /// that, and without expiry, misses are first reads: 1 − e^(−μt) of them up to the time t.
    pub fn hits(&self, popularity: &Popularity, caches: &Caches) -> f64 {
        if self.measured == 0 {
            return 0.0;
        }
        let number = caches.number as f64;
        let rate = self.measured as f64 / self.seconds;
        let warm = self.before as f64 / rate;
        let weight = |rank: f64| rank.powf(-popularity.zipf_exponent);
        let items = popularity.items;
        let all: f64 = (1..=items).map(|rank| weight(f64::from(rank))).sum();
        let misses = ranks(items).map(|(rank, alike)| {
            let of_one = rate * weight(rank) / all / number;
            alike * number * self.misses_of_one(of_one, warm, caches)
        });
        let hits = self.measured as f64 - misses.sum::<f64>();
        hits.clamp(0.0, self.measured as f64)
    }

    /// The expected hits among the measured reads of one value that each of `writes` in the
    /// same time makes every cache forget.
    ///
    /// A cache keeps it until it expires or is written, whichever is first; a write while it
    /// is being fetched keeps it from being stored.
    pub fn hits_between(&self, writes: u64, caches: &Caches) -> f64 {
        let measured = self.measured as f64;
        let reads = measured / self.seconds / caches.number as f64;
        let fetch = caches.fetch.as_secs_f64();
        let per_second = writes as f64 / self.seconds;
        let kept = match (caches.ttl.is_zero(), writes) {
            (true, 0) => return measured - (caches.number as f64).min(measured),
            (true, _) => 1.0 / per_second,
            (false, 0) => caches.ttl.as_secs_f64(),
            (false, _) => -(-per_second * caches.ttl.as_secs_f64()).exp_m1() / per_second,
        };
        let hits = reads * kept * (-per_second * fetch).exp();
        (measured * hits / (hits + 1.0 + reads * fetch)).clamp(0.0, measured)
    }

    /// Expected misses of one item in one cache within the measured time, which begins
    /// after `warm` seconds, when it is read there `rate` times a second.
    fn misses_of_one(&self, rate: f64, warm: f64, caches: &Caches) -> f64 {
        let fetch = caches.fetch.as_secs_f64();
        let cycle = match caches.ttl.is_zero() {
            true => f64::INFINITY,
            false => caches.ttl.as_secs_f64() + fetch,
        };
        let fills = if self.seconds / cycle > MOST_TERMS {
            self.seconds * rate / (1.0 + rate * cycle)
        } else {
            fills(rate, warm + self.seconds, cycle) - fills(rate, warm, cycle)
        };
        // Who asks while a value is being fetched misses too.
        (fills * (1.0 + rate * fetch)).min(rate * self.seconds)
    }
}

/// With more cycles than this, how the first began doesn't matter any more.
const MOST_TERMS: f64 = 200.0;

/// Expected fills up to the time `until`: the n-th comes after n + 1 first reads, each an
/// exponential wait, and n cycles.
fn fills(rate: f64, until: f64, cycle: f64) -> f64 {
    let mut sum = 0.0;
    let mut number = 0.0;
    let mut left = until;
    while left > 0.0 && number < 2.0 * MOST_TERMS {
        // Not defined at zero, where nothing was reached.
        let reached = checked_gamma_lr(number + 1.0, rate * left).unwrap_or(0.0);
        sum += reached;
        if reached < 1e-12 {
            break;
        }
        number += 1.0;
        left -= cycle;
    }
    sum
}

/// Every rank by itself as long as neighbours differ, and then in groups of about 1 %,
/// of which the middle is taken for all.
fn ranks(items: u32) -> impl Iterator<Item = (f64, f64)> {
    let mut next = 1;
    std::iter::from_fn(move || {
        let first = next;
        if first > items {
            return None;
        }
        let alike = (first / 100).clamp(1, items - first + 1);
        next = first.saturating_add(alike);
        let middle = f64::from(first) + f64::from(alike - 1) / 2.0;
        Some((middle, f64::from(alike)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp, Zipf};

    use super::*;

    /// Seconds in which reads count.
    const SECONDS: f64 = 20.0;

    fn alike(number: usize, ttl_millis: u64) -> Caches {
        Caches {
            number,
            ttl: Duration::from_millis(ttl_millis),
            fetch: Duration::ZERO,
        }
    }

    fn popular(items: u32) -> Popularity {
        Popularity {
            items,
            zipf_exponent: 1.0,
        }
    }

    fn reads(before: u64, measured: u64) -> Reads {
        Reads {
            before,
            measured,
            seconds: SECONDS,
        }
    }

    /// Hits in percent.
    fn ratio(reads: Reads, items: u32, caches: Caches) -> f64 {
        reads.hits(&popular(items), &caches) / reads.measured as f64 * 100.0
    }

    #[test]
    fn keys_alike_without_expiry_are_read_once_in_each_cache_that_is_asked() {
        // E[database reads] = c·K·(1 − (1 − 1/(c·K))^R).
        let (caches, keys, requests) = (2.0, 100.0, 500.0_f64);
        let slots: f64 = caches * keys;
        let reads_of_database = slots * (1.0 - (1.0 - 1.0 / slots).powf(requests));
        let equal = Popularity {
            items: 100,
            zipf_exponent: 0.0,
        };
        let hits = reads(0, 500).hits(&equal, &alike(2, 0));
        assert!((500.0 - hits - reads_of_database).abs() < 0.5, "{hits}");
    }

    #[test]
    fn with_expiry_it_is_the_ratio_of_a_long_time() {
        // (λT/c) ÷ (1 + λT/c) for one key: 200 reads a second, 100 ms, 2 caches.
        let ratio = ratio(reads(4000, 4000), 1, alike(2, 100));
        assert!((ratio - 10.0 / 11.0 * 100.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn a_value_that_is_written_as_often_as_it_is_read_is_a_hit_every_other_time() {
        // The last of 25 reads and 25 writes a second that concern a cache was a read.
        let hits = reads(0, 1000).hits_between(500, &alike(2, 0));
        assert!((hits - 500.0).abs() < 1e-6, "{hits}");
        // Without writes and expiry only the first read of each cache misses.
        assert_eq!(reads(0, 1000).hits_between(0, &alike(2, 0)), 998.0);
    }

    #[test]
    fn without_reads_there_are_no_hits() {
        assert_eq!(reads(7, 0).hits(&popular(10), &alike(2, 0)), 0.0);
        assert_eq!(reads(7, 0).hits_between(5, &alike(2, 0)), 0.0);
    }

    /// Simulated caches and their hit ratio, in seconds of a Poisson process of reads.
    fn simulated(
        rate: f64,
        warm: f64,
        popularity: &Popularity,
        caches: &Caches,
        seed: u64,
    ) -> (Reads, f64) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let gaps = Exp::new(rate).expect("a rate");
        let zipf = Zipf::new(f64::from(popularity.items), popularity.zipf_exponent).expect("items");
        let mut held = vec![vec![f64::NEG_INFINITY; caches.number]; popularity.items as usize + 1];
        let (mut now, mut reads, mut hits) = (0.0, reads(0, 0), 0);
        while now < warm + SECONDS {
            now += gaps.sample(&mut rng);
            let item = zipf.sample(&mut rng) as usize;
            let until = &mut held[item][rng.random_range(0..caches.number)];
            let hit = now < *until;
            if !hit {
                *until = now
                    + match caches.ttl.is_zero() {
                        true => f64::INFINITY,
                        false => caches.ttl.as_secs_f64(),
                    };
            }
            if now < warm {
                reads.before += 1;
            } else {
                reads.measured += 1;
                hits += u64::from(hit);
            }
        }
        let ratio = hits as f64 / reads.measured as f64 * 100.0;
        (reads, ratio)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_is_what_simulated_caches_do(
            seed in any::<u64>(),
            items in 1u32..3000,
            caches in 1usize..6,
            ttl in prop::sample::select(vec![0, 100, 3_000, 60_000]),
            warm in prop::sample::select(vec![0.0, 1.0, 5.0]),
        ) {
            let caches = alike(caches, ttl);
            let (reads, observed) = simulated(500.0, warm, &popular(items), &caches, seed);
            let told = ratio(reads, items, caches);
            prop_assert!((told - observed).abs() < 2.5, "{told} and {observed}");
        }

        #[test]
        fn longer_life_means_more_hits_and_more_caches_mean_fewer(
            items in 1u32..100_000,
            caches in 1usize..31,
            before in 0u64..100_000,
            measured in 1u64..1_000_000,
        ) {
            let reads = reads(before, measured);
            let with = |caches, ttl| ratio(reads, items, alike(caches, ttl));
            let ratios = [5, 500, 50_000, 0].map(|ttl| with(caches, ttl));
            prop_assert!(ratios.iter().all(|ratio| (0.0..=100.0).contains(ratio)), "{ratios:?}");
            prop_assert!(ratios.is_sorted_by(|a, b| *a <= b + 0.1), "{ratios:?}");
            let more = with(caches + 1, 500);
            prop_assert!(more <= ratios[1] + 0.1, "{more} {ratios:?}");
        }
    }
}
