//! Long tasks in a real PostgreSQL, which hands them out as well.

use integration::Topology;
use services::contract::Service;

use crate::postgres_server::Database;
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(Database);

impl TaskHome for Database {
    async fn fresh() -> Self {
        Database::fresh().await
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Worker, "store", self.url())
    }
}
