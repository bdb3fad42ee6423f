//! The hit ratio that was to be expected of the laboratory's caches, from what was asked of
//! them: seeded items that nobody writes, their listing, and what was just written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::occupancy::{Caches, Popularity, Reads};

/// What was asked of the caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Reads of seeded items in the warm-up.
    pub(crate) items_before: u64,
    /// Reads of seeded items, measured.
    pub(crate) items: u64,
    /// Reads of the listing.
    pub(crate) listings: u64,
    /// Reads of what was just written, and forgotten by every cache.
    pub(crate) read_backs: u64,
    /// Writes, each of which has every cache forget the listing.
    pub(crate) writes: u64,
}

/// How caches and their users are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Circumstances {
    /// How long was measured, in seconds.
    pub(crate) seconds: f64,
    /// The seeded items.
    pub(crate) popularity: Popularity,
    /// The caches.
    pub(crate) caches: Caches,
}

/// What is to be expected of the caches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HitPrediction {
    /// Hits in percent of all lookups.
    pub(crate) hit_ratio: f64,
    /// Reads of seeded items.
    pub(crate) items: PredictedPart,
    /// Reads of the listing.
    pub(crate) listings: PredictedPart,
    /// Reads of what was just written.
    pub(crate) read_backs: PredictedPart,
}

/// What is to be expected of lookups of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PredictedPart {
    /// How many there were.
    pub(crate) lookups: u64,
    /// How many should have been hits, on average.
    pub(crate) hits: f64,
}

/// What is to be expected; `None` without caches, lookups, or time.
pub(crate) fn hit_ratio(asked: &Asked, about: &Circumstances) -> Option<HitPrediction> {
    let lookups = asked.items + asked.listings + asked.read_backs;
    if about.caches.number == 0 || lookups == 0 || about.seconds <= 0.0 {
        return None;
    }
    let reads = |before, measured| Reads {
        before,
        measured,
        seconds: about.seconds,
    };
    let of_items = reads(asked.items_before, asked.items);
    let of_listing = reads(0, asked.listings);
    let part = |lookups: u64, hits: f64| PredictedPart { lookups, hits };
    let items = part(asked.items, of_items.hits(&about.popularity, &about.caches));
    let listing_hits = of_listing.hits_between(asked.writes, &about.caches);
    let listings = part(asked.listings, listing_hits);
    Some(HitPrediction {
        hit_ratio: (items.hits + listings.hits) / lookups as f64 * 100.0,
        items,
        listings,
        read_backs: part(asked.read_backs, 0.0),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Ten items in caches that keep them for ever.
    fn about(caches: usize) -> Circumstances {
        Circumstances {
            seconds: 20.0,
            popularity: Popularity {
                items: 10,
                zipf_exponent: 1.0,
            },
            caches: Caches {
                number: caches,
                ttl: Duration::ZERO,
                fetch: Duration::ZERO,
            },
        }
    }

    #[test]
    fn what_was_just_written_is_never_a_hit_and_takes_the_listing_along() {
        let asked = Asked {
            listings: 1000,
            read_backs: 500,
            writes: 500,
            ..Asked::default()
        };
        let told = hit_ratio(&asked, &about(2)).expect("lookups");
        assert_eq!(told.read_backs.hits, 0.0);
        // The last of 25 reads and 25 writes a second that concern a cache was a read.
        assert!((told.listings.hits - 500.0).abs() < 1e-6, "{told:?}");
        assert!((told.hit_ratio - 100.0 / 3.0).abs() < 1e-6, "{told:?}");
    }

    #[test]
    fn where_nothing_was_looked_up_nothing_is_expected() {
        assert_eq!(hit_ratio(&Asked::default(), &about(2)), None);
        let reads = Asked {
            items: 10,
            ..Asked::default()
        };
        assert_eq!(hit_ratio(&reads, &about(0)), None);
    }
}
