//! Long tasks that a real RabbitMQ hands out, and which are kept in the worker's file.

use integration::Topology;
use services::contract::Service;

use crate::rabbit_server::{RabbitServer, VirtualHost};
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(VirtualHost<'static>);

impl TaskHome for VirtualHost<'static> {
    async fn fresh() -> Self {
        RabbitServer::shared().await.virtual_host()
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Worker, "queue", self.url())
    }
}
