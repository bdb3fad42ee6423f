//! Items in the database's own SQLite, with nothing to be installed.

use integration::Topology;

use crate::item_stories::{ItemHome, items_over};

items_over!(Embedded);

/// The database's own file.
struct Embedded;

impl ItemHome for Embedded {
    async fn fresh() -> Self {
        Embedded
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology
    }
}
