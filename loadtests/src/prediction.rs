//! Which share of cache lookups should be hits, worked out from what was asked for:
//! popularity, expiry, invalidation and how many caches there are. Nothing here is
//! measured, so that it can be held against what was.
//!
//! It assumes that reads come independently of each other, each to a cache drawn at
//! random; that they came at the measured rate all the time, as did those of the
//! warm-up; that values fit the caches; and that nothing fails.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::checked_gamma_lr;

/// What was asked of the caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Reads of seeded items in the warm-up.
    pub items_before: u64,
    /// Reads of seeded items, measured.
    pub items: u64,
    /// Reads of the listing.
    pub listings: u64,
    /// Reads of what was just written, and forgotten by every cache.
    pub read_backs: u64,
    /// Writes, each of which has every cache forget the listing.
    pub writes: u64,
}

/// How caches and their users are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circumstances {
    /// How long was measured, in seconds.
    pub seconds: f64,
    /// How many seeded items there are.
    pub items: u32,
    /// Item k is read with weight 1 ÷ kˢ.
    pub zipf_exponent: f64,
    /// How many caches there are.
    pub caches: usize,
    /// How long caches keep a value; zero means for ever.
    pub ttl: Duration,
    /// How long it takes to have a value after a miss.
    pub fetch: Duration,
}

/// What is to be expected of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HitPrediction {
    /// Hits in percent of all lookups.
    pub hit_ratio: f64,
    /// Reads of seeded items.
    pub items: PredictedPart,
    /// Reads of the listing.
    pub listings: PredictedPart,
    /// Reads of what was just written.
    pub read_backs: PredictedPart,
}

/// What is to be expected of lookups of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictedPart {
    /// How many there were.
    pub lookups: u64,
    /// How many should have been hits, on average.
    pub hits: f64,
}

/// What is to be expected; `None` without caches, lookups, or time.
pub fn hit_ratio(asked: &Asked, circumstances: &Circumstances) -> Option<HitPrediction> {
    let lookups = asked.items + asked.listings + asked.read_backs;
    if circumstances.caches == 0 || lookups == 0 || circumstances.seconds <= 0.0 {
        return None;
    }
    let part = |lookups: u64, hits: f64| PredictedPart {
        lookups,
        hits: hits.clamp(0.0, lookups as f64),
    };
    let items = part(asked.items, item_hits(asked, circumstances));
    let listings = part(asked.listings, listing_hits(asked, circumstances));
    let read_backs = part(asked.read_backs, 0.0);
    Some(HitPrediction {
        hit_ratio: (items.hits + listings.hits) / lookups as f64 * 100.0,
        items,
        listings,
        read_backs,
    })
}

/// Nobody writes seeded items, so that only expiry takes them from a cache.
///
/// The fills of one item in one cache are a renewal process: a value that is fetched at
/// a miss stays for the time to live, and the first read after that is the next miss.
/// For a long time this comes to the hit ratio (μT) ÷ (1 + μT) of reads at rate μ; before
/// that, and without expiry, to first reads: 1 − e^(−μt) of them up to the time t.
fn item_hits(asked: &Asked, about: &Circumstances) -> f64 {
    if asked.items == 0 {
        return 0.0;
    }
    let caches = about.caches as f64;
    let rate = asked.items as f64 / about.seconds;
    let warm = asked.items_before as f64 / rate;
    let weight = |rank: f64| rank.powf(-about.zipf_exponent);
    let all: f64 = (1..=about.items).map(|rank| weight(f64::from(rank))).sum();
    let misses = ranks(about.items).map(|(rank, alike)| {
        let of_one = rate * weight(rank) / all / caches;
        alike * caches * misses_of_one(of_one, warm, about)
    });
    asked.items as f64 - misses.sum::<f64>()
}

/// Expected misses of one item in one cache within the measured time, which begins
/// after `warm` seconds, when it is read there `rate` times a second.
fn misses_of_one(rate: f64, warm: f64, about: &Circumstances) -> f64 {
    let fetch = about.fetch.as_secs_f64();
    let cycle = match about.ttl.is_zero() {
        true => f64::INFINITY,
        false => about.ttl.as_secs_f64() + fetch,
    };
    let fills = if about.seconds / cycle > MOST_TERMS {
        about.seconds * rate / (1.0 + rate * cycle)
    } else {
        fills(rate, warm + about.seconds, cycle) - fills(rate, warm, cycle)
    };
    // Who asks while a value is being fetched misses too.
    (fills * (1.0 + rate * fetch)).min(rate * about.seconds)
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
/// of which the middle stands for all.
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

/// A cache keeps the listing until it expires or a write has it forgotten, whichever
/// comes first; what is written while it is being fetched keeps it from being stored.
fn listing_hits(asked: &Asked, about: &Circumstances) -> f64 {
    let reads = asked.listings as f64 / about.seconds / about.caches as f64;
    let writes = asked.writes as f64 / about.seconds;
    let fetch = about.fetch.as_secs_f64();
    let kept = match (about.ttl.is_zero(), asked.writes) {
        (true, 0) => {
            return asked.listings as f64 - (about.caches as f64).min(asked.listings as f64);
        }
        (true, _) => 1.0 / writes,
        (false, 0) => about.ttl.as_secs_f64(),
        (false, _) => -(-writes * about.ttl.as_secs_f64()).exp_m1() / writes,
    };
    let hits = reads * kept * (-writes * fetch).exp();
    asked.listings as f64 * hits / (hits + 1.0 + reads * fetch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp, Zipf};

    use super::*;

    fn about(items: u32, caches: usize, ttl_millis: u64) -> Circumstances {
        Circumstances {
            seconds: 20.0,
            items,
            zipf_exponent: 1.0,
            caches,
            ttl: Duration::from_millis(ttl_millis),
            fetch: Duration::ZERO,
        }
    }

    fn reads(items_before: u64, items: u64) -> Asked {
        Asked {
            items_before,
            items,
            ..Asked::default()
        }
    }

    fn expected(asked: &Asked, about: &Circumstances) -> f64 {
        hit_ratio(asked, about)
            .expect("there are lookups")
            .hit_ratio
    }

    #[test]
    fn keys_alike_without_expiry_are_read_once_in_each_cache_that_is_asked() {
        // E[database reads] = c·K·(1 − (1 − 1/(c·K))^R).
        let (caches, keys, requests) = (2.0, 100.0, 500.0_f64);
        let slots: f64 = caches * keys;
        let reads_of_database = slots * (1.0 - (1.0 - 1.0 / slots).powf(requests));
        let mut about = about(100, 2, 0);
        about.zipf_exponent = 0.0;
        let hits = hit_ratio(&reads(0, 500), &about)
            .expect("lookups")
            .items
            .hits;
        assert!((500.0 - hits - reads_of_database).abs() < 0.5, "{hits}");
    }

    #[test]
    fn with_expiry_it_comes_to_the_ratio_of_a_long_time() {
        // (λT/c) ÷ (1 + λT/c) for one key: 200 reads a second, 100 ms, 2 caches.
        let asked = reads(4000, 4000);
        let ratio = expected(&asked, &about(1, 2, 100));
        assert!((ratio - 10.0 / 11.0 * 100.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn what_was_just_written_is_never_a_hit_and_takes_the_listing_along() {
        let asked = Asked {
            listings: 1000,
            read_backs: 500,
            writes: 500,
            ..Asked::default()
        };
        let told = hit_ratio(&asked, &about(10, 2, 0)).expect("lookups");
        assert_eq!(told.read_backs.hits, 0.0);
        // The last of 25 reads and 25 writes a second that concern a cache was a read.
        assert!((told.listings.hits - 500.0).abs() < 1e-6, "{told:?}");
        assert!((told.hit_ratio - 100.0 / 3.0).abs() < 1e-6, "{told:?}");
    }

    #[test]
    fn where_nothing_was_looked_up_nothing_is_expected() {
        assert_eq!(hit_ratio(&Asked::default(), &about(10, 2, 0)), None);
        assert_eq!(hit_ratio(&reads(0, 10), &about(10, 0, 0)), None);
    }

    /// Caches as they are, in so many seconds of a Poisson process of reads.
    fn simulated(rate: f64, warm: f64, about: &Circumstances, seed: u64) -> (Asked, f64) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let gaps = Exp::new(rate).expect("a rate");
        let zipf = Zipf::new(f64::from(about.items), about.zipf_exponent).expect("items");
        let mut held = vec![vec![f64::NEG_INFINITY; about.caches]; about.items as usize + 1];
        let (mut now, mut asked, mut hits) = (0.0, Asked::default(), 0);
        while now < warm + about.seconds {
            now += gaps.sample(&mut rng);
            let item = zipf.sample(&mut rng) as usize;
            let until = &mut held[item][rng.random_range(0..about.caches)];
            let hit = now < *until;
            if !hit {
                *until = now
                    + match about.ttl.is_zero() {
                        true => f64::INFINITY,
                        false => about.ttl.as_secs_f64(),
                    };
            }
            if now < warm {
                asked.items_before += 1;
            } else {
                asked.items += 1;
                hits += u64::from(hit);
            }
        }
        let ratio = hits as f64 / asked.items as f64 * 100.0;
        (asked, ratio)
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
            let about = about(items, caches, ttl);
            let (asked, observed) = simulated(500.0, warm, &about, seed);
            let told = expected(&asked, &about);
            prop_assert!((told - observed).abs() < 2.5, "{told} and {observed}");
        }

        #[test]
        fn longer_life_means_more_hits_and_more_caches_mean_fewer(
            items in 1u32..100_000,
            caches in 1usize..31,
            before in 0u64..100_000,
            measured in 1u64..1_000_000,
        ) {
            let asked = reads(before, measured);
            let ratios = [5, 500, 50_000, 0].map(|ttl| expected(&asked, &about(items, caches, ttl)));
            prop_assert!(ratios.iter().all(|ratio| (0.0..=100.0).contains(ratio)), "{ratios:?}");
            prop_assert!(ratios.is_sorted_by(|a, b| *a <= b + 0.1), "{ratios:?}");
            let more = expected(&asked, &about(items, caches + 1, 500));
            prop_assert!(more <= ratios[1] + 0.1, "{more} {ratios:?}");
        }
    }
}
