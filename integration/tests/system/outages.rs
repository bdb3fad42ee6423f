//! Outages behind this project's caches.

use integration::Topology;

use crate::outage_stories::{CacheKind, outages_over};

outages_over!(CacheNodes);

/// The cache nodes of the laboratory itself.
struct CacheNodes;

impl CacheKind for CacheNodes {
    fn behind(topology: Topology) -> Topology {
        topology
    }
}
