//! Places for clients' connections: how many there are, and who gives theirs up.
//!
//! A process may open so many files and no more. Connections that do nothing must not
//! keep new clients out, nor those of clients the ones to upstreams.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::wire::Notes;

/// The places of one node. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    activity: Arc<Activity>,
    task: Option<AbortHandle>,
}

/// A place that a connection has, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    number: u64,
    /// The connection's activity.
    pub(super) activity: Arc<Activity>,
}

impl Places {
    /// At most `most` places, and at least one.
    pub(super) fn new(most: usize) -> Self {
        Places(Arc::new(Inner {
            most: most.max(1),
            taken: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Takes a place for a connection that has been made, as soon as there is one: the
    /// connections that have been idle longest are closed for it.
    pub(super) async fn take(&self) -> Place {
        /// A connection that becomes idle tells nobody.
        const LOOK_AGAIN: Duration = Duration::from_millis(20);

        let activity = Arc::new(Activity::new());
        let mut complained = false;
        while self.taken().connections.len() >= self.0.most {
            if self.shed() == 0 && !complained {
                complained = true;
                let most = self.0.most;
                warn!(most, "no room for another client, and nobody is idle");
            }
            let _ = timeout(LOOK_AGAIN, self.0.freed.notified()).await;
        }
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        let connection = Connection {
            activity: Arc::clone(&activity),
            task: None,
        };
        taken.connections.insert(number, connection);
        drop(taken);
        Place {
            places: self.clone(),
            number,
            activity,
        }
    }

    /// Remembers which task serves the connection at the place `number`, if it still does.
    pub(super) fn serve_by(&self, number: u64, task: AbortHandle) {
        if let Some(connection) = self.taken().connections.get_mut(&number) {
            connection.task = Some(task);
        }
    }

    /// Closes the connections that have been idle longest, if any are: some at a time,
    /// because finding them takes a look at all. Tells how many.
    ///
    /// One that was at work, or made, a moment ago isn't idle yet: its next request may
    /// have come already, and be waiting until this node has time to read it.
    pub(super) fn shed(&self) -> usize {
        /// In microseconds.
        const MOMENT: u64 = 250_000;
        let long_ago = now().saturating_sub(MOMENT);
        let taken = self.taken();
        let share = (taken.connections.len() / 64).max(8);
        let mut idle: Vec<(u64, &Connection)> = taken
            .connections
            .values()
            .filter_map(|connection| Some((connection.activity.idle_since()?, connection)))
            .filter(|(since, _)| *since <= long_ago)
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        let mut shed = 0;
        for (since, connection) in idle.into_iter().take(share) {
            if let Some(task) = &connection.task
                && connection.activity.shed(since)
            {
                task.abort();
                shed += 1;
            }
        }
        let connections = taken.connections.len();
        drop(taken);
        debug!(shed, connections, "closes idle connections to make room");
        shed
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().connections.remove(&self.number);
        self.places.0.freed.notify_one();
    }
}

/// The activity of a connection: it serves a request, or is idle since some moment.
#[derive(Debug)]
pub(crate) struct Activity {
    /// [`BUSY`], [`SHED`], or the moment since when it is idle.
    state: AtomicU64,
    /// The notes on the connection's bytes.
    pub(super) notes: Arc<Notes>,
}

const BUSY: u64 = 0;
const SHED: u64 = u64::MAX;

/// A request under way on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Activity {
            state: AtomicU64::new(now()),
            notes: Arc::default(),
        }
    }

    /// Begins a request; `None` when the connection is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        (self.state.swap(BUSY, Ordering::AcqRel) != SHED).then(|| Busy(Arc::clone(self)))
    }

    fn idle_since(&self) -> Option<u64> {
        let state = self.state.load(Ordering::Acquire);
        let idle = !matches!(state, BUSY | SHED) && !self.notes.unsent.load(Ordering::Relaxed);
        idle.then_some(state)
    }

    /// Decides that the connection is to be closed, if it is still idle since then.
    fn shed(&self, since: u64) -> bool {
        let exchanged =
            self.state
                .compare_exchange(since, SHED, Ordering::AcqRel, Ordering::Acquire);
        exchanged.is_ok()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state.store(now(), Ordering::Release);
    }
}

/// Microseconds since this process first asked, from 1.
fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_micros()).map_or(SHED - 1, |micros| micros + 1)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A connection that does nothing until it is closed.
    async fn connect(places: &Places) -> Arc<Activity> {
        let place = places.take().await;
        let (number, activity) = (place.number(), Arc::clone(&place.activity));
        let task = tokio::spawn(async move {
            let _place = place;
            pending::<()>().await;
        });
        places.serve_by(number, task.abort_handle());
        activity
    }

    fn is_shed(activity: &Activity) -> bool {
        activity.state.load(Ordering::Acquire) == SHED
    }

    #[tokio::test]
    async fn connections_that_are_idle_longest_make_room_and_busy_ones_stay() {
        let places = Places::new(20);
        let mut connections = Vec::new();
        for _ in 0..20 {
            connections.push(connect(&places).await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let busy = connections[0].begin().expect("nobody has closed it");
        drop(connections[1].begin());
        tokio::time::sleep(Duration::from_millis(300)).await;
        connect(&places).await;
        let shed: Vec<usize> = (0..20).filter(|n| is_shed(&connections[*n])).collect();
        assert_eq!(shed, (2..10).collect::<Vec<_>>());
        drop(busy);
    }

    #[tokio::test]
    async fn nobody_is_closed_who_was_at_work_a_moment_ago() {
        let places = Places::new(1);
        let connection = connect(&places).await;
        drop(connection.begin());
        assert_eq!(places.shed(), 0);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(places.shed(), 1);
    }

    #[tokio::test]
    async fn a_client_waits_while_everybody_is_busy() {
        let places = Places::new(1);
        let busy = connect(&places)
            .await
            .begin()
            .expect("nobody has closed it");
        let waiting = timeout(Duration::from_millis(100), places.take()).await;
        assert!(waiting.is_err(), "there was no place");
        drop(busy);
        timeout(Duration::from_secs(10), places.take())
            .await
            .expect("there is one now");
    }

    #[test]
    fn a_request_does_not_begin_on_a_connection_that_is_being_closed() {
        let activity = Arc::new(Activity::new());
        let since = activity.idle_since().expect("new ones are idle");
        assert!(activity.shed(since));
        assert!(activity.begin().is_none());
    }
}
