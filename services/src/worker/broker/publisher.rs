//! The way from the outbox to the broker: publishes, waits for the confirmation, and takes
//! out of the outbox what is confirmed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use prometheus_client::metrics::counter::Counter;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::super::executor::complain;
use super::super::moment::Moment;
use super::super::store::{Letter, Outbox};
use super::{Broker, BrokerError, TASKS};

/// Publishes tasks. Clones share the connection.
#[derive(Clone, Debug)]
pub(in crate::worker) struct Publisher {
    broker: Arc<Broker>,
    store: Arc<dyn Outbox>,
    /// The way to the broker, while there is one.
    way: Arc<ArcSwapOption<Way>>,
    /// Tasks that the broker has confirmed for the first time.
    accepted: Counter,
    /// Tasks whose confirmation is waited for, and which the sweep leaves alone.
    under_way: Arc<Mutex<HashSet<String>>>,
}

#[derive(Debug)]
struct Way {
    connection: Connection,
    channel: Channel,
}

/// The reason why a task isn't confirmed. It stays in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::worker) enum Unconfirmed {
    #[error("the broker can't be reached")]
    Away,
    #[error("the broker takes nothing, since it is short of memory or disk")]
    Blocked,
    #[error("the broker has no queue for tasks")]
    Unroutable,
    #[error("the broker's queue is full")]
    Refused,
    #[error("the connection to the broker broke")]
    Lost,
    #[error("the broker did not confirm it in time")]
    Late,
}

/// A task that the broker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum Confirmed {
    /// Nobody knew before.
    Newly,
    Already,
    /// It will be published once more, because the store doesn't know.
    Unnoted,
}

impl Publisher {
    /// Publishes to this broker what is in this outbox, and counts what is `accepted`.
    pub(in crate::worker) fn new(
        broker: Arc<Broker>,
        store: Arc<dyn Outbox>,
        accepted: Counter,
    ) -> Self {
        Publisher {
            broker,
            store,
            accepted,
            way: Arc::default(),
            under_way: Arc::default(),
        }
    }

    /// Keeps the way to the broker open until `stop`, and publishes what has been in the
    /// outbox for too long.
    pub(in crate::worker) async fn keep_open(self, stop: CancellationToken) {
        let keep = async {
            loop {
                if let Some(way) = self.way.load_full() {
                    self.watch(&way).await;
                    self.way.store(None);
                }
                tokio::time::sleep(Broker::FIRST_PAUSE).await;
                let connection = self.broker.connect_again("publishing", &*self.store).await;
                if let Err(error) = self.open(connection).await {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "could not publish again"
                    );
                }
            }
        };
        tokio::select! {
            () = keep => {}
            () = self.sweep() => {}
            () = stop.cancelled() => {}
        }
        if let Some(way) = self.way.swap(None) {
            let closed = way.connection.close(200, "stopped".into());
            let _ = timeout(self.broker.limit, closed).await;
        }
    }

    /// Opens the way by this connection.
    pub(in crate::worker) async fn open(&self, connection: Connection) -> Result<(), BrokerError> {
        let channel = self.broker.channel(&connection).await?;
        // Without it, confirmations would come at once and mean nothing.
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| {
                self.broker
                    .failed_to("ask for confirmations of", TASKS, error)
            })?;
        self.way.store(Some(Arc::new(Way {
            connection,
            channel,
        })));
        Ok(())
    }

    /// Returns when the way is broken.
    async fn watch(&self, way: &Way) {
        let mut events = Box::pin(way.connection.events_listener());
        let mut look = interval(Duration::from_secs(1));
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = look.tick() => {
                    if way.connection.status().connected() && way.channel.status().connected() {
                        continue;
                    }
                    None
                }
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => warn!(reason, "the broker takes nothing"),
                Some(Event::ConnectionUnblocked) => warn!("the broker takes tasks again"),
                Some(Event::Error(error)) => {
                    warn!(%error, "lost the way to publish");
                    return;
                }
                Some(_) => {}
                None => {
                    warn!("lost the way to publish");
                    return;
                }
            }
        }
    }

    /// True when the broker would take a task at the moment, as far as one knows.
    pub(in crate::worker) fn is_open(&self) -> Result<(), Unconfirmed> {
        self.open_way().map(drop)
    }

    fn open_way(&self) -> Result<Arc<Way>, Unconfirmed> {
        let way = self.way.load_full().ok_or(Unconfirmed::Away)?;
        if way.connection.status().blocked() {
            return Err(Unconfirmed::Blocked);
        }
        if !way.channel.status().connected() {
            return Err(Unconfirmed::Away);
        }
        Ok(way)
    }

    /// Publishes a task from the outbox, and waits for the confirmation as long as the limit
    /// allows. A later one counts all the same.
    pub(in crate::worker) async fn publish(
        &self,
        letter: Letter,
    ) -> Result<Confirmed, Unconfirmed> {
        let publisher = self.clone();
        let settled = tokio::spawn(async move { publisher.settle(&letter).await });
        match timeout(self.broker.limit, settled).await {
            Ok(Ok(settled)) => settled,
            Ok(Err(_)) => Err(Unconfirmed::Lost),
            Err(_) => Err(Unconfirmed::Late),
        }
    }

    async fn settle(&self, letter: &Letter) -> Result<Confirmed, Unconfirmed> {
        let _under_way = UnderWay::of(self, letter.id.clone());
        let way = self.open_way()?;
        let count = |outcome| self.broker.counters.count(outcome);
        count("published");
        let sent = way.channel.basic_publish(
            "".into(),
            TASKS.into(),
            BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            },
            &letter.body,
            BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_content_type("application/json".into())
                .with_message_id(letter.id.as_str().into()),
        );
        let confirmation = match sent.await {
            Ok(confirmation) => confirmation.await,
            Err(error) => Err(error),
        };
        match confirmation {
            Ok(Confirmation::Ack(None)) => count("confirmed"),
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
                count("returned");
                return Err(Unconfirmed::Unroutable);
            }
            Ok(Confirmation::Nack(None)) => {
                count("refused");
                return Err(Unconfirmed::Refused);
            }
            // Nobody asked for confirmations, which can't be: such a task isn't safe.
            Ok(Confirmation::NotRequested) | Err(_) => {
                count("lost");
                return Err(Unconfirmed::Lost);
            }
        }
        match self.store.confirm(&letter.id).await {
            Ok(true) => {
                self.accepted.inc();
                Ok(Confirmed::Newly)
            }
            Ok(false) => Ok(Confirmed::Already),
            Err(source) => {
                // The broker has it all the same; at worst it gets it once more.
                error!(
                    error = &source as &dyn std::error::Error,
                    task = letter.id,
                    "could not take a task out of the outbox"
                );
                Ok(Confirmed::Unnoted)
            }
        }
    }

    /// Publishes what nobody has confirmed for long, such as tasks of a worker that was
    /// killed, over and over.
    async fn sweep(&self) {
        const PAUSE: Duration = Duration::from_millis(500);
        const BATCH: u32 = 100;
        // Younger ones are somebody's request that still waits.
        let patience = self.broker.limit + Duration::from_secs(1);
        loop {
            tokio::time::sleep(PAUSE).await;
            if self.is_open().is_err() {
                continue;
            }
            let now = Moment::now();
            let letters = match self.store.unconfirmed(now - patience, BATCH, now).await {
                Ok(letters) => letters,
                Err(source) => {
                    complain("could not look into the outbox", &source);
                    continue;
                }
            };
            let open = |letter: &Letter| !self.lock().contains(&letter.id);
            let letters: Vec<Letter> = letters.into_iter().filter(open).collect();
            let published = letters.into_iter().map(|letter| self.publish(letter));
            for outcome in futures_util::future::join_all(published).await {
                if let Err(reason) = outcome {
                    warn!(%reason, "a task stays in the outbox");
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The delivery mode of messages that survive a restart.
const PERSISTENT: u8 = 2;

/// A task whose confirmation is waited for.
struct UnderWay<'a> {
    publisher: &'a Publisher,
    id: String,
}

impl<'a> UnderWay<'a> {
    fn of(publisher: &'a Publisher, id: String) -> Self {
        publisher.lock().insert(id.clone());
        UnderWay { publisher, id }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.publisher.lock().remove(&self.id);
    }
}
