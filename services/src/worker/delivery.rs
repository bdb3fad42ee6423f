//! The two ways of tasks to executors: out of the store, or by way of a broker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::broker::{Consumer, Publisher, Unconfirmed};
use super::executor::Executor;

/// The way of tasks to executors.
pub(super) enum Delivery {
    ByTheStore {
        executor: Executor,
        changed: Arc<Notify>,
    },
    ByABroker {
        publisher: Publisher,
        consumer: Box<Consumer>,
    },
}

impl Delivery {
    pub(super) fn way(&self) -> Way {
        match self {
            Delivery::ByTheStore { changed, .. } => Way::Store(Arc::clone(changed)),
            Delivery::ByABroker { publisher, .. } => Way::Broker(publisher.clone()),
        }
    }

    /// Told whenever an attempt has ended; a broker's are only looked for.
    pub(super) fn ended(&self) -> Arc<Notify> {
        match self {
            Delivery::ByTheStore { executor, .. } => Arc::clone(&executor.ended),
            Delivery::ByABroker { .. } => Arc::default(),
        }
    }

    /// Works through tasks while the node serves, and until both have drained. What is accepted
    /// by the last requests can still be published.
    pub(super) async fn beside(
        self,
        serving: impl Future<Output = ()>,
        executors: u32,
        shutdown: CancellationToken,
        drain_deadline: Duration,
    ) {
        match self {
            Delivery::ByTheStore { executor, .. } => {
                tokio::join!(serving, executor.run(executors, shutdown, drain_deadline));
            }
            Delivery::ByABroker {
                publisher,
                consumer,
            } => {
                let served = CancellationToken::new();
                let serving = async {
                    serving.await;
                    served.cancel();
                };
                tokio::join!(
                    serving,
                    publisher.keep_open(served.clone()),
                    consumer.run(shutdown, drain_deadline)
                );
            }
        }
    }
}

/// The receiver that is told of a new task.
pub(super) enum Way {
    /// The executors, who look into the store.
    Store(Arc<Notify>),
    Broker(Publisher),
}

impl Way {
    /// Room for new tasks, or the reason why there is none.
    pub(super) fn room(&self) -> Result<(), Unconfirmed> {
        match self {
            Way::Store(_) => Ok(()),
            Way::Broker(publisher) => publisher.is_open(),
        }
    }
}
