//! The way from the broker to executors: each delivery is an attempt, which is acknowledged
//! after its effect is in the store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::Semaphore;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use super::super::executor::{complain, drain, work};
use super::super::moment::Moment;
use super::super::storage::StorageError;
use super::super::store::{Begin, Claim, Outbox};
use super::{Broker, BrokerError, NOTICES, TASKS};
use crate::busy::BusyTime;
use crate::metrics::Outcome;

/// Executors of what the broker delivers.
#[derive(Clone, Debug)]
pub(in crate::worker) struct Consumer {
    pub(in crate::worker) broker: Arc<Broker>,
    pub(in crate::worker) store: Arc<dyn Outbox>,
    pub(in crate::worker) executors: u32,
    /// Most deliveries that are not acknowledged.
    pub(in crate::worker) prefetch: u16,
    /// Simulated length of a task.
    pub(in crate::worker) task_duration: Duration,
    pub(in crate::worker) attempts: Family<Outcome, Counter>,
    pub(in crate::worker) busy: BusyTime,
}

/// One connection's deliveries under way, and what is said to all of them.
#[derive(Clone, Debug)]
struct Session {
    slots: Arc<Semaphore>,
    running: TaskTracker,
    /// The broker has taken its deliveries back.
    lost: CancellationToken,
    /// There is no time left.
    give_back: CancellationToken,
}

/// The word that the broker is told of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Acknowledge,
    /// To be delivered again, or to the dead letters after too many times.
    Requeue,
    /// To the dead letters at once.
    Reject,
}

impl Consumer {
    /// Works through deliveries until `stop`, over as many connections as it takes. Then
    /// waits for those under way until the drain deadline, and gives the others back.
    pub(in crate::worker) async fn run(self, stop: CancellationToken, drain_deadline: Duration) {
        while !stop.is_cancelled() {
            let connection = tokio::select! {
                () = stop.cancelled() => return,
                connection = self.broker.connect_again("consuming", &*self.store) => connection,
            };
            let session = Session {
                slots: Arc::new(Semaphore::new(self.executors as usize)),
                running: TaskTracker::new(),
                lost: CancellationToken::new(),
                give_back: CancellationToken::new(),
            };
            let consumed = self.consume(&connection, &session, &stop, drain_deadline);
            if let Err(error) = consumed.await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "lost the way to consume"
                );
            }
            session.lost.cancel();
            session.running.close();
            session.running.wait().await;
            let closed = connection.close(200, "done".into());
            let _ = timeout(self.broker.limit, closed).await;
            sleep(Broker::FIRST_PAUSE).await;
        }
    }

    async fn consume(
        &self,
        connection: &Connection,
        session: &Session,
        stop: &CancellationToken,
        drain_deadline: Duration,
    ) -> Result<(), BrokerError> {
        const NOTICES_AT_A_TIME: u16 = 16;
        let (task_channel, mut tasks) = self.consumer(connection, TASKS, self.prefetch).await?;
        let (_notice_channel, mut notices) = self
            .consumer(connection, NOTICES, NOTICES_AT_A_TIME)
            .await?;
        let mut look = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivery = tasks.next() => {
                    let delivery = self.delivered(delivery, TASKS)?;
                    let (consumer, session) = (self.clone(), session.clone());
                    let running = session.running.clone();
                    running.spawn(async move { consumer.attempt(delivery, &session).await });
                }
                notice = notices.next() => {
                    let notice = self.delivered(notice, NOTICES)?;
                    let (consumer, session) = (self.clone(), session.clone());
                    let running = session.running.clone();
                    running.spawn(async move { consumer.bury(notice, &session).await });
                }
                _ = look.tick() => {
                    if !connection.status().connected() || !task_channel.status().connected() {
                        return Ok(());
                    }
                }
            }
        }
        let cancelled = task_channel.basic_cancel(TASKS.into(), BasicCancelOptions::default());
        let _ = timeout(self.broker.limit, cancelled).await;
        drain(&session.running, &session.give_back, drain_deadline).await;
        Ok(())
    }

    async fn consumer(
        &self,
        connection: &Connection,
        queue: &str,
        prefetch: u16,
    ) -> Result<(Channel, lapin::Consumer), BrokerError> {
        let failed = |error| self.broker.failed_to("consume from", queue, error);
        let channel = self.broker.channel(connection).await?;
        let bounded = channel.basic_qos(prefetch, BasicQosOptions::default());
        bounded.await.map_err(failed)?;
        let consumer = channel.basic_consume(
            queue.into(),
            queue.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let consumer = consumer.await.map_err(failed)?;
        Ok((channel, consumer))
    }

    fn delivered(
        &self,
        delivery: Option<lapin::Result<Delivery>>,
        queue: &str,
    ) -> Result<Delivery, BrokerError> {
        match delivery {
            Some(Ok(delivery)) => Ok(delivery),
            Some(Err(error)) => Err(self.broker.failed_to("consume from", queue, error)),
            // The queue is gone, or was taken away from us.
            None => {
                let cancelled =
                    lapin::ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed);
                Err(self
                    .broker
                    .failed_to("consume from", queue, cancelled.into()))
            }
        }
    }

    /// Sees to one delivery of a task, from its beginning in the store to the verdict.
    async fn attempt(&self, delivery: Delivery, session: &Session) {
        let count = |outcome| self.broker.counters.count(outcome);
        count("delivered");
        if delivery.redelivered {
            count("redelivered");
        }
        let (id, attempt) = (id_of(&delivery), attempt_of(&delivery));
        let mut claim = None;
        let verdict = tokio::select! {
            biased;
            () = session.lost.cancelled() => None,
            () = session.give_back.cancelled() => Some(Verdict::Requeue),
            verdict = self.work_on(&id, attempt, &mut claim, session) => Some(verdict),
        };
        if let Some(claim) = claim {
            // It didn't come to its end.
            let outcome = match verdict {
                None => "lost",
                Some(_) => self.release(&claim).await,
            };
            self.ended(&id, attempt, outcome);
        }
        match verdict {
            None => count("taken_back"),
            Some(verdict) => self.tell(&delivery, verdict).await,
        }
    }

    /// Begins the task, does it, and ends it. `claim` is there for as long as it is under way.
    async fn work_on(
        &self,
        id: &str,
        attempt: u32,
        claim: &mut Option<Claim>,
        session: &Session,
    ) -> Verdict {
        let Ok(slot) = session.slots.acquire().await else {
            return Verdict::Requeue;
        };
        let busy = self.busy.begin();
        let begun = until_kept(|| self.store.begin(id, attempt, Moment::now()));
        let held = match begun.await {
            Begin::Run(begun) => claim.insert(begun),
            Begin::Done => return Verdict::Acknowledge,
            Begin::Dead => return Verdict::Reject,
            Begin::Unknown => {
                error!(task = id, "a task was delivered that is not in the store");
                return Verdict::Acknowledge;
            }
        };
        let (outcome, hold) = match work(held, self.task_duration).await {
            Ok(result) => {
                let finish = || self.store.finish(held, result.clone());
                ("done", until_kept(finish).await)
            }
            Err(reason) => {
                let now = Moment::now();
                let fail = || self.store.fail(held, reason.clone(), now);
                ("failed", until_kept(fail).await)
            }
        };
        *claim = None;
        drop((busy, slot));
        // One that was lost was delivered to somebody else as well, who answers for it now.
        let outcome = hold.or_lost(outcome);
        self.ended(id, attempt, outcome);
        if outcome != "failed" {
            return Verdict::Acknowledge;
        }
        let rules = self.store.rules();
        if attempt < rules.max_attempts {
            sleep(rules.delay_after(attempt)).await;
        }
        Verdict::Requeue
    }

    async fn release(&self, claim: &Claim) -> &'static str {
        match self.store.release(claim, Moment::now()).await {
            Ok(hold) => hold.or_lost("released"),
            Err(source) => {
                complain("could not give a task back", &source);
                "lost"
            }
        }
    }

    fn ended(&self, id: &str, attempt: u32, outcome: &'static str) {
        debug!(task = id, attempt, outcome, "attempt ended");
        self.attempts.get_or_create(&Outcome { outcome }).inc();
    }

    async fn tell(&self, delivery: &Delivery, verdict: Verdict) {
        let requeue = |requeue| BasicNackOptions {
            requeue,
            ..BasicNackOptions::default()
        };
        let (outcome, told) = match verdict {
            Verdict::Acknowledge => {
                let told = delivery.acker.ack(BasicAckOptions::default()).await;
                ("acknowledged", told)
            }
            Verdict::Requeue => ("requeued", delivery.acker.nack(requeue(true)).await),
            Verdict::Reject => ("rejected", delivery.acker.nack(requeue(false)).await),
        };
        // What can't be told will be delivered again.
        let outcome = if matches!(told, Ok(true)) {
            outcome
        } else {
            "taken_back"
        };
        self.broker.counters.count(outcome);
    }

    /// Gives up the task that a dead letter is about.
    async fn bury(&self, notice: Delivery, session: &Session) {
        let id = id_of(&notice);
        let buried = until_kept(|| self.store.bury(&id));
        tokio::select! {
            () = session.lost.cancelled() => return,
            () = session.give_back.cancelled() => return,
            () = buried => {}
        }
        if matches!(notice.acker.ack(BasicAckOptions::default()).await, Ok(true)) {
            self.broker.counters.count("dead_lettered");
        }
    }
}

/// Asks the store until it answers: what is delivered meanwhile waits, and loses no attempt
/// since the store is away.
async fn until_kept<'a, T>(ask: impl Fn() -> BoxFuture<'a, Result<T, StorageError>>) -> T {
    const PAUSE: Duration = Duration::from_millis(500);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(source) => complain("the store did not answer; asking again", &source),
        }
        sleep(PAUSE).await;
    }
}

/// The task that a message is about; nothing that we publish is without one.
fn id_of(delivery: &Delivery) -> String {
    let id = delivery.properties.message_id().as_ref();
    id.map(|id| id.as_str().to_owned()).unwrap_or_default()
}

/// The number of the attempt that a delivery is, as the broker counts.
fn attempt_of(delivery: &Delivery) -> u32 {
    let headers = delivery.properties.headers().as_ref();
    let mut headers = headers.into_iter().flat_map(|headers| headers.inner());
    let count = headers.find(|(name, _)| name.as_str() == "x-delivery-count");
    let returns = count.and_then(|(_, value)| value.as_long_long_int());
    u32::try_from(returns.unwrap_or(0))
        .unwrap_or(0)
        .saturating_add(1)
}
