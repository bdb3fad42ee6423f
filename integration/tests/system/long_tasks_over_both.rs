//! Long tasks that a real RabbitMQ hands out, and which are kept in a real PostgreSQL.

use integration::Topology;

use crate::postgres_server::Database;
use crate::rabbit_server::VirtualHost;
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(Both);

/// A broker and a database.
struct Both(VirtualHost<'static>, Database);

impl TaskHome for Both {
    async fn fresh() -> Self {
        let (broker, database) = tokio::join!(VirtualHost::fresh(), Database::fresh());
        Both(broker, database)
    }

    fn beneath(&self, topology: Topology) -> Topology {
        self.1.beneath(self.0.beneath(topology))
    }
}
