//! RabbitMQ as the one who hands tasks out to executors.
//!
//! The worker keeps its interface and its store, and publishes there: a gateway that
//! published by itself would have to keep idempotency keys and states, too, or answer 202 for
//! what nobody can be told of afterwards. So whoever has the laboratory with RabbitMQ has the
//! same nodes, and the same questions get the same answers.
//!
//! The order of writes is an outbox, by which nothing is lost whatever is killed when:
//!
//! 1. The task and its place in the outbox are committed to the store, as one.
//! 2. It is published to a quorum queue, `mandatory` and persistent, and the broker confirms
//!    that a majority has it on the disk. (Without `mandatory`, what has no queue is confirmed
//!    as well, and gone.)
//! 3. It is taken out of the outbox. Only then the `202` leaves.
//! 4. An executor begins it in the store, has its effect, and acknowledges the delivery
//!    after that.
//!
//! What stays in the outbox, since a worker or the broker was killed in between or the
//! confirmation was late, is published again: at worst a task is delivered twice, which the
//! store notices. If publishing came first, an executor might have a task that nobody can be
//! told of, and a key could not be known before it is used.
//!
//! The broker counts deliveries: after `--max-attempts` of them it moves the task to the dead
//! letters, where it stays for people to look at; a notice of it comes back to the workers, who
//! show the task as `dead`. That also catches tasks which kill every worker that begins them.
//!
//! Publishing and consuming have a connection each, for a broker that is short of memory
//! stops reading from those who publish, and acknowledgements have to get through.

mod consumer;
mod error;
mod greeting;
mod publisher;

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::time::timeout;
use tracing::warn;

pub(super) use self::consumer::Consumer;
pub(super) use self::error::BrokerError;
pub(super) use self::publisher::{Confirmed, Publisher, Unconfirmed};
use super::store::Outbox;
use crate::metrics::{Metrics, Outcome};
use crate::secret_url::SecretUrl;
use crate::setting;

/// A broker that hands tasks out.
#[derive(Clone, Debug, clap::Args)]
pub struct QueueConfig {
    /// RabbitMQ hands tasks out in place of the store: amqp://USER:PASSWORD@HOST:PORT/VHOST,
    /// without TLS. Every user of the machine sees the flag, and not the variable.
    #[arg(long, env = "SKEIN_QUEUE", value_name = "URL", hide_env_values = true)]
    pub queue: Option<SecretUrl>,

    /// The longest wait until the broker confirms a task; beyond, the request is 503.
    #[arg(long, env = "SKEIN_QUEUE_TIMEOUT", value_name = "DURATION", default_value = "3s", value_parser = setting::positive_duration)]
    pub queue_timeout: Duration,

    /// The most tasks that the broker hands over before they are acknowledged, by default as
    /// many as there are --executors. A failed task that waits for its next attempt is one of
    /// them.
    #[arg(long, env = "SKEIN_PREFETCH", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub prefetch: Option<u16>,
}

impl QueueConfig {
    pub(super) fn prefetch_for(&self, executors: u32) -> u16 {
        self.prefetch
            .unwrap_or_else(|| u16::try_from(executors).unwrap_or(u16::MAX))
    }
}

/// The queue of tasks.
const TASKS: &str = "skein.tasks";
/// The exchange for dead letters, and the queue in which they stay.
const DEAD: &str = "skein.tasks.dead";
/// The queue of notices for the workers, one for each dead letter.
const NOTICES: &str = "skein.tasks.dead.notices";

/// A broker, and how it is to be used.
#[derive(Debug)]
pub(super) struct Broker {
    uri: AMQPUri,
    /// The address as messages name it.
    place: String,
    limit: Duration,
    max_attempts: u32,
    counters: Counters,
}

/// The fates of messages, each counted once at every stage that it went through.
#[derive(Clone, Debug)]
struct Counters(Family<Outcome, Counter>);

impl Counters {
    fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&Outcome { outcome }).inc();
    }
}

impl Broker {
    pub(super) fn new(
        url: &SecretUrl,
        config: &QueueConfig,
        max_attempts: u32,
        metrics: &Metrics,
    ) -> Result<Self, BrokerError> {
        let uri = uri(url)?;
        let place = format!("{}:{}", uri.authority.host, uri.authority.port);
        Ok(Broker {
            uri,
            place,
            limit: config.queue_timeout,
            max_attempts,
            counters: Counters(metrics.counters(
                "queue_messages",
                "Messages between the worker and the broker, by what became of them: published \
                 ones are confirmed, returned, refused or lost; delivered ones acknowledged, \
                 requeued, rejected or taken back with the connection; redelivered ones are among \
                 the delivered, and dead_lettered ones what the worker was told of.",
            )),
        })
    }

    /// A connection to publish by, to a broker that can be used and has the queues that we need.
    pub(super) async fn prepare(&self, store: &dyn Outbox) -> Result<Connection, BrokerError> {
        let greeting = greeting::of(&self.uri, self.limit.max(Self::PATIENCE));
        let greeting = greeting.await.map_err(|error| error.at(&self.place))?;
        greeting.suffices().map_err(|error| error.at(&self.place))?;
        let connection = self.connect("publishing").await?;
        self.declare(&connection, store).await?;
        Ok(connection)
    }

    /// The least time that an attempt to connect is given.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// Before the second attempt to connect; it doubles up to a second.
    const FIRST_PAUSE: Duration = Duration::from_millis(50);

    /// A connection for this purpose.
    async fn connect(&self, purpose: &str) -> Result<Connection, BrokerError> {
        let name = format!("skein worker {} ({purpose})", std::process::id());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        match timeout(self.limit.max(Self::PATIENCE), connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(BrokerError::connecting(error, &self.uri, &self.place)),
            Err(_) => Err(BrokerError::Silent {
                place: self.place.clone(),
            }),
        }
    }

    /// Connects and declares until both succeed, with pauses, complaining once.
    async fn connect_again(&self, purpose: &str, store: &dyn Outbox) -> Connection {
        let (mut pause, mut complained) = (Self::FIRST_PAUSE, false);
        loop {
            let attempt = async {
                let connection = self.connect(purpose).await?;
                self.declare(&connection, store).await?;
                Ok::<_, BrokerError>(connection)
            };
            match attempt.await {
                Ok(connection) => return connection,
                Err(error) if !complained => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        purpose, "could not connect again"
                    );
                    complained = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Declares exchange and queues, which does nothing where they are. Where the queue of
    /// tasks isn't, the broker has lost what was in it, and the outbox gets it back.
    async fn declare(
        &self,
        connection: &Connection,
        store: &dyn Outbox,
    ) -> Result<(), BrokerError> {
        let was_there = self.has_tasks(connection).await?;
        let channel = self.channel(connection).await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = channel.exchange_declare(
            DEAD.into(),
            ExchangeKind::Fanout,
            durable,
            FieldTable::default(),
        );
        exchange
            .await
            .map_err(|error| self.failed_to("declare the exchange", DEAD, error))?;
        for (name, arguments) in [
            (DEAD, quorum()),
            (NOTICES, quorum()),
            (TASKS, self.arguments_of_tasks()),
        ] {
            let declared =
                channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments);
            declared
                .await
                .map_err(|error| self.failed_to("declare the queue", name, error))?;
        }
        for name in [DEAD, NOTICES] {
            let bound = channel.queue_bind(
                name.into(),
                DEAD.into(),
                ShortString::default(),
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bound
                .await
                .map_err(|error| self.failed_to("bind the queue", name, error))?;
        }
        let _ = channel.close(200, "declared".into()).await;
        if !was_there {
            let tasks = store.publish_again().await.map_err(BrokerError::Store)?;
            if tasks > 0 {
                warn!(tasks, "the broker had lost its queue; publishing again");
            }
        }
        Ok(())
    }

    /// Asking for a queue that isn't there costs the channel.
    async fn has_tasks(&self, connection: &Connection) -> Result<bool, BrokerError> {
        let channel = self.channel(connection).await?;
        let only_look = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        match channel
            .queue_declare(TASKS.into(), only_look, FieldTable::default())
            .await
        {
            Ok(_) => {
                let _ = channel.close(200, "looked".into()).await;
                Ok(true)
            }
            Err(error) if error::code(&error) == Some(error::NOT_FOUND) => Ok(false),
            Err(error) => Err(self.failed_to("look for the queue", TASKS, error)),
        }
    }

    async fn channel(&self, connection: &Connection) -> Result<Channel, BrokerError> {
        let channel = connection.create_channel().await;
        channel.map_err(|source| self.failed_to("open a channel", "", source))
    }

    fn failed_to(&self, what: &'static str, name: &str, source: lapin::Error) -> BrokerError {
        BrokerError::declaring(what, name, source, &self.place)
    }

    /// Dead letters go at least once, for which a queue that is full has to refuse what is
    /// published, and not to drop its oldest.
    fn arguments_of_tasks(&self) -> FieldTable {
        let mut arguments = quorum();
        let mut text = |name: &str, value: &str| {
            arguments.insert(
                name.into(),
                lapin::types::AMQPValue::LongString(value.into()),
            );
        };
        text("x-dead-letter-exchange", DEAD);
        text("x-dead-letter-strategy", "at-least-once");
        text("x-overflow", "reject-publish");
        // The limit is on returns, and the first delivery isn't one.
        let returns = i64::from(self.max_attempts) - 1;
        arguments.insert("x-delivery-limit".into(), returns.into());
        arguments
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    let quorum = lapin::types::AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    arguments
}

/// The broker that a URL names.
fn uri(url: &SecretUrl) -> Result<AMQPUri, BrokerError> {
    let text = url.reveal();
    if text.starts_with("amqps://") {
        return Err(BrokerError::Tls);
    }
    // The parser takes any host in brackets for localhost.
    if !text.starts_with("amqp://") || text.contains('[') {
        return Err(BrokerError::Url);
    }
    // What the parser says may repeat a part of the password.
    let mut uri: AMQPUri = text.parse().map_err(|_| BrokerError::Url)?;
    if uri.scheme != AMQPScheme::AMQP || uri.authority.host.is_empty() {
        return Err(BrokerError::Url);
    }
    // By this a broker that has fallen silent is noticed.
    uri.query.heartbeat.get_or_insert(5);
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<AMQPUri, BrokerError> {
        uri(&url.parse().expect("any text"))
    }

    #[test]
    fn a_url_names_a_broker_and_a_virtual_host() {
        let uri = read("amqp://ann:p%40ss@broker:5673/shop").expect("fine");
        assert_eq!(
            (uri.authority.host.as_str(), uri.authority.port, &*uri.vhost),
            ("broker", 5673, "shop")
        );
        assert_eq!(uri.authority.userinfo.password, "p@ss");
        let uri = read("amqp://127.0.0.1").expect("fine");
        assert_eq!((uri.authority.port, &*uri.vhost), (5672, "/"));
        assert_eq!(uri.authority.host, "127.0.0.1");
    }

    #[test]
    fn what_is_no_url_of_a_broker_is_refused_without_being_repeated() {
        for url in [
            "",
            "broker",
            "http://ann:hidden@broker",
            "amqp://ann:hidden@broker:port",
            "amqp://ann:hidden@[::1]",
            "amqp://ann:hidden@broker/?heartbeat=hidden",
            "amqps://ann:hidden@broker",
        ] {
            let error = read(url).expect_err(url);
            assert!(!format!("{error:?} {error}").contains("hidden"), "{error}");
        }
    }
}
