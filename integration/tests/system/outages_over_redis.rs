//! Outages behind Redis in the place of this project's caches.

use integration::Topology;
use integration::real::{Part, Parts};

use crate::outage_stories::{CacheKind, outages_over};
use crate::part_stories::Piece;

outages_over!(Redis:
    no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart,
    no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes,
    without_the_database_cached_keys_are_read_and_others_are_503,
    while_the_database_is_paused_cached_keys_are_read_and_others_are_504,
);

/// Redis servers that the harness starts.
struct Redis;

impl CacheKind for Redis {
    fn behind(topology: Topology) -> Topology {
        topology.parts(Piece::program(Part::Redis).among(Parts::default()))
    }
}
