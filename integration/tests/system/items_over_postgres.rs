//! Items in a real PostgreSQL.

use integration::Topology;
use services::contract::Service;

use crate::item_stories::{ItemHome, items_over};
use crate::postgres_server::Database;

items_over!(Database);

impl ItemHome for Database {
    async fn fresh() -> Self {
        Database::fresh().await
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Database, "store", self.url())
    }
}
