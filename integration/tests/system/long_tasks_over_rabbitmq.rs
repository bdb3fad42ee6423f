//! Long tasks that a real RabbitMQ hands out, and which are kept in the worker's file.

use integration::Topology;
use services::contract::Service;

use crate::rabbit_server::{RabbitServer, VirtualHost};
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(VirtualHost<'static>:
    a_task_is_accepted_at_once_and_done_later,
    repeats_of_one_key_are_one_task_and_one_effect,
    a_key_with_another_body_is_refused,
    no_accepted_task_is_lost_when_the_worker_is_killed,
    a_task_that_keeps_failing_is_given_up,
    a_task_is_shown_to_its_owner_only,
);

impl TaskHome for VirtualHost<'static> {
    async fn fresh() -> Self {
        RabbitServer::shared().await.virtual_host()
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Worker, "queue", self.url())
    }
}
