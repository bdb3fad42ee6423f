//! Long tasks that RabbitMQ hands out as a part that the harness starts: once for all of them,
//! since it takes seconds, with a virtual host for each.

use std::sync::{Mutex, PoisonError};

use harness::LastingNodes;
use integration::Topology;
use integration::real::{Part, Parts};
use tokio::sync::OnceCell;

use crate::part_stories::Piece;
use crate::support::{Lab, RunFolder};
use crate::task_stories::{TaskHome, tasks_over};

tasks_over!(ManagedRabbitMq);

const RABBITMQ: Piece = Piece::program(Part::RabbitMq);

/// A virtual host of a broker that these stories share.
pub(crate) struct ManagedRabbitMq(pub(crate) LastingNodes);

static SHARED: OnceCell<Mutex<Option<Shared>>> = OnceCell::const_new();

/// The broker, and the folder of its log.
struct Shared(
    LastingNodes,
    #[expect(dead_code, reason = "it goes with this")] RunFolder,
);

/// Ends what stories share, with its data.
pub(crate) fn end() {
    if let Some(shared) = SHARED.get() {
        shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl TaskHome for ManagedRabbitMq {
    async fn fresh() -> Self {
        let shared = SHARED.get_or_init(async || {
            let folder = RunFolder::new();
            let broker = RABBITMQ.lasting(&folder).await;
            Mutex::new(Some(Shared(broker, folder)))
        });
        let shared = shared.await.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared(broker, _) = shared.as_ref().expect("no story is told after the end");
        ManagedRabbitMq(broker.clone())
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.parts(RABBITMQ.among(Parts::default()))
    }

    async fn start(&self, topology: Topology) -> Lab {
        Lab::start_among(&self.0, &self.beneath(topology)).await
    }
}
