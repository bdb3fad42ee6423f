//! Long tasks that a real RabbitMQ hands out, and which are kept in a real PostgreSQL.

use integration::Topology;

use crate::postgres_server::Database;
use crate::rabbit_server::VirtualHost;
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(Both:
    a_task_is_accepted_at_once_and_done_later,
    repeats_of_one_key_are_one_task_and_one_effect,
    a_key_with_another_body_is_refused,
    no_accepted_task_is_lost_when_the_worker_is_killed,
    a_task_that_keeps_failing_is_given_up,
    a_task_is_shown_to_its_owner_only,
);

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
