//! Open load as it happens: one thread sleeps until each arrival is nearly due and
//! hands it to the user who has waited longest, who is awake when it is. An arrival
//! that finds nobody free waits in a queue; what is still there when its stage ends is
//! never sent, and counted.
//!
//! Waking a thread takes the kernel tens of microseconds, and an arrival needs two to
//! wake. So it is handed over a little ahead, and its user stays awake until the moment
//! itself. That costs at most a tenth of one core, whatever the rate: the lead is
//! a tenth of the time since the arrival before.

mod timetable;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_timerslack;
use tokio::sync::oneshot;

use crate::plan::LoadIndex;
use crate::workload::Workload;
use timetable::{Moment, What, timetable};

/// A turn that a plan asks for at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The stage that asks for it.
    pub stage: usize,
    /// The load in it that does.
    pub load: LoadIndex,
    /// When it should begin: its intended time.
    pub due: Instant,
    /// Whether no user was free when it came up.
    pub queued: bool,
}

/// Where arrivals meet users.
#[derive(Debug, Default)]
pub struct ArrivalQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    loads: Vec<OfLoad>,
    closed: bool,
}

/// The arrivals and users of one open load.
#[derive(Debug, Default)]
struct OfLoad {
    /// Due, and not taken by anybody yet.
    backlog: VecDeque<Arrival>,
    /// Users with nothing to do, the one that has waited longest first.
    waiting: VecDeque<oneshot::Sender<Arrival>>,
    planned: u64,
    /// Arrivals that surely are never sent.
    given_up: u64,
    /// True when there are no arrivals any more.
    is_over: bool,
}

impl Queue {
    fn of(&mut self, load: LoadIndex) -> &mut OfLoad {
        if load >= self.loads.len() {
            self.loads.resize_with(load + 1, OfLoad::default);
        }
        &mut self.loads[load]
    }
}

impl ArrivalQueue {
    /// The next arrival of `load`, once it is due; `None` when the load is over.
    pub async fn next(&self, load: LoadIndex) -> Option<Arrival> {
        let turn = {
            let mut queue = self.lock();
            if queue.closed {
                return None;
            }
            let queue = queue.of(load);
            if queue.is_over {
                return None;
            }
            if let Some(arrival) = queue.backlog.pop_front() {
                Turn::Now(arrival)
            } else {
                let (sender, turn) = oneshot::channel();
                queue.waiting.push_back(sender);
                Turn::Later(turn)
            }
        };
        let arrival = match turn {
            Turn::Now(arrival) => Arrival {
                // It was handed out ahead, and there is a user before it is due.
                queued: arrival.due < Instant::now(),
                ..arrival
            },
            Turn::Later(turn) => turn.await.ok()?,
        };
        stay_awake_until(arrival.due).await;
        Some(arrival)
    }

    /// The number of arrivals that came up so far, by load.
    pub fn planned(&self) -> BTreeMap<LoadIndex, u64> {
        let queue = self.lock();
        let loads = queue.loads.iter().enumerate();
        let planned = loads.filter(|(_, load)| load.planned > 0);
        planned.map(|(load, of)| (load, of.planned)).collect()
    }

    /// The number of arrivals that surely are never sent, by load.
    pub fn given_up(&self) -> BTreeMap<LoadIndex, u64> {
        let queue = self.lock();
        let loads = queue.loads.iter().enumerate();
        loads.map(|(load, of)| (load, of.given_up)).collect()
    }

    /// Sends all users away, for good; what comes up afterwards isn't counted.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.loads.iter_mut().for_each(OfLoad::end);
    }

    fn release(&self, (stage, load): (usize, LoadIndex), due: Instant) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        let queue = queue.of(load);
        queue.planned += 1;
        let mut arrival = Arrival {
            stage,
            load,
            due,
            queued: false,
        };
        // A user that is gone meanwhile gives the arrival back.
        while let Some(user) = queue.waiting.pop_front() {
            match user.send(arrival) {
                Ok(()) => return,
                Err(returned) => arrival = returned,
            }
        }
        arrival.queued = true;
        queue.backlog.push_back(arrival);
    }

    fn end(&self, load: LoadIndex) {
        self.lock().of(load).end();
    }

    /// The lists are whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfLoad {
    /// What is left is never sent, and nobody waits for it.
    fn end(&mut self) {
        self.is_over = true;
        self.given_up += self.backlog.len() as u64;
        self.backlog.clear();
        self.waiting.clear();
    }
}

/// Lets others take their turns until `moment`, and the runtime look for what has come
/// for them, but does not let the thread fall asleep.
async fn stay_awake_until(moment: Instant) {
    while Instant::now() < moment {
        tokio::task::yield_now().await;
    }
}

/// How long before it is due an arrival is handed over that comes `gap` after the one
/// before it, or after the begin of its load.
fn lead(gap: Duration) -> Duration {
    /// What waking two threads takes at the most, on a machine that isn't busy.
    const ENOUGH: Duration = Duration::from_micros(100);
    /// Of the time, how much may be spent on staying awake.
    const SHARE: u32 = 10;
    (gap / SHARE).min(ENOUGH)
}

/// How long a wait may last before it is asked whether there is still reason to.
const NAP: Duration = Duration::from_millis(20);

/// Starts the thread that releases the arrivals of every open load, until all are
/// over or `stop` is set.
pub fn start(workload: Arc<Workload>, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(move || {
            sleep_finely();
            // Nobody waits for arrivals that nobody releases, whatever ends this thread.
            let _close = CloseAtEnd(&workload.arrivals);
            pace(&workload, &stop);
        })
}

/// Starts a thread that releases an arrival at each of `moments`, which are in order, as
/// those of one load, the first, and ends it at `end`.
pub fn release_at(
    queue: &Arc<ArrivalQueue>,
    moments: Vec<Instant>,
    end: Instant,
) -> std::io::Result<JoinHandle<()>> {
    let queue = Arc::clone(queue);
    thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(move || {
            sleep_finely();
            let _close = CloseAtEnd(&queue);
            let never = AtomicBool::new(false);
            let mut last = Instant::now();
            for due in moments {
                sleep_until(due - lead(due.saturating_duration_since(last)), &never);
                queue.release((0, 0), due);
                last = due;
            }
            sleep_until(end, &never);
        })
}

/// Has the kernel end this thread's sleeps on time. By default it may add 50 µs to
/// each, to wake several threads at once.
pub fn sleep_finely() {
    // Where that is refused, sleeps are longer, and the send lag tells.
    let _ = set_timerslack(1);
}

fn pace(workload: &Workload, stop: &AtomicBool) {
    let Some(start) = begin(workload, stop) else {
        return;
    };
    // Of all loads together, the arrival before; or the load's own begin, if that was later.
    let mut last = start;
    for Moment { after, load, what } in timetable(&workload.schedule, workload.seed) {
        let moment = start + after;
        match what {
            What::Due => {
                let of = &workload.schedule.loads()[load];
                let since = last.max(start + of.begins);
                if !sleep_until(moment - lead(moment.saturating_duration_since(since)), stop) {
                    return;
                }
                workload.arrivals.release((of.stage, load), moment);
                last = moment;
            }
            What::Over => {
                if !sleep_until(moment, stop) {
                    return;
                }
                workload.arrivals.end(load);
            }
        }
    }
}

/// When the load begins.
fn begin(workload: &Workload, stop: &AtomicBool) -> Option<Instant> {
    while !stop.load(Ordering::Relaxed) {
        if let Some(start) = workload.clock.started() {
            return Some(start);
        }
        thread::sleep(Duration::from_micros(200));
    }
    None
}

/// Sleeps until `moment`; false if it was told to stop before.
fn sleep_until(moment: Instant, stop: &AtomicBool) -> bool {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(NAP));
        if stop.load(Ordering::Relaxed) {
            return false;
        }
    }
}

/// How a user comes by an arrival.
enum Turn {
    Now(Arrival),
    Later(oneshot::Receiver<Arrival>),
}

struct CloseAtEnd<'a>(&'a ArrivalQueue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment() -> Instant {
        Instant::now()
    }

    #[tokio::test]
    async fn an_arrival_goes_to_the_user_who_waited_longest() {
        let queue = ArrivalQueue::default();
        let (first, second) = (queue.next(0), queue.next(0));
        tokio::pin!(first, second);
        assert!(futures_are_pending(&mut first, &mut second).await);
        let due = moment();
        queue.release((0, 0), due);
        let arrival = first.await.expect("an arrival");
        assert_eq!((arrival.due, arrival.queued), (due, false));
        queue.end(0);
        assert_eq!(second.await, None, "the stage is over");
    }

    #[tokio::test]
    async fn an_arrival_that_finds_nobody_waits_and_says_so() {
        let queue = ArrivalQueue::default();
        queue.release((0, 0), moment());
        assert!(queue.next(0).await.expect("an arrival").queued);
    }

    #[tokio::test]
    async fn an_arrival_that_is_handed_over_ahead_waits_for_its_moment_and_was_never_queued() {
        let queue = ArrivalQueue::default();
        let due = moment() + Duration::from_millis(5);
        queue.release((0, 0), due);
        let arrival = queue.next(0).await.expect("an arrival");
        assert!(moment() >= due);
        assert!(!arrival.queued);
    }

    proptest! {
        #[test]
        fn staying_awake_takes_a_tenth_of_the_time_at_most_and_no_arrival_overtakes_another(
            gaps in prop::collection::vec(0u64..10_000_000, 1..50)
        ) {
            let gaps: Vec<_> = gaps.into_iter().map(Duration::from_nanos).collect();
            let awake: Duration = gaps.iter().map(|gap| lead(*gap)).sum();
            prop_assert!(awake <= gaps.iter().sum::<Duration>() / 10);
            for gap in gaps {
                prop_assert!(lead(gap) <= gap);
            }
        }
    }

    #[tokio::test]
    async fn a_user_who_left_loses_no_arrival() {
        let queue = ArrivalQueue::default();
        {
            let gone = queue.next(0);
            tokio::pin!(gone);
            let still = std::future::pending::<()>();
            tokio::pin!(still);
            tokio::select! { biased; _ = &mut gone => {}, () = std::future::ready(()) => {} }
        }
        queue.release((0, 0), moment());
        assert!(queue.next(0).await.is_some());
    }

    #[tokio::test]
    async fn what_a_load_leaves_is_counted_and_not_sent_in_another() {
        let queue = ArrivalQueue::default();
        queue.release((0, 0), moment());
        queue.release((0, 0), moment());
        assert!(queue.next(0).await.is_some());
        queue.end(0);
        assert_eq!(queue.next(0).await, None);
        queue.release((1, 1), moment());
        assert_eq!(queue.next(1).await.expect("an arrival").load, 1);
        assert_eq!(queue.planned(), BTreeMap::from([(0, 2), (1, 1)]));
    }

    /// Asks both once, in order, and tells whether neither has anything.
    async fn futures_are_pending<F: Future + Unpin>(first: &mut F, second: &mut F) -> bool {
        let nothing = std::future::ready(());
        tokio::select! {
            biased;
            _ = first => false,
            _ = second => false,
            () = nothing => true,
        }
    }
}
