//! Looks at the generator while it is at work, from a thread of its own that no busy
//! runtime delays: how many requests are under way, so that rate and service time can be
//! held against it; and how long an answer that comes just now would lie unread.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1};
use tokio::io::AsyncReadExt;

use super::{InFlight, Unread};
use crate::pacer::sleep_finely;
use crate::workload::Workload;

/// Between two looks, on average.
const MEAN_PAUSE: Duration = Duration::from_millis(4);

/// The thread that looks, until it is told to stop.
#[derive(Debug)]
pub struct Looker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<usize, Looks>>,
    pulses: Arc<Pulses>,
}

/// What the looks in a stage saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What was under way.
    pub in_flight: InFlight,
    /// How long answers lay unread; `None` when no pulse arrived.
    pub unread: Option<Unread>,
}

/// What the looks in one stage saw, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    samples: u64,
    sum: u64,
    most: u64,
    /// How much later they were than intended.
    late: Duration,
}

impl Looker {
    /// Starts to look at users who are at work in the runtime of the caller.
    ///
    /// # Errors
    ///
    /// When the operating system grants no thread, or no pair of sockets.
    pub fn start(workload: Arc<Workload>) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let told = Arc::clone(&stop);
        let (ours, theirs) = UnixStream::pair()?;
        // Whatever else happens, a look doesn't wait for the generator.
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let pulses = Arc::new(Pulses::new());
        tokio::spawn({
            let (pulses, theirs) = (
                Arc::clone(&pulses),
                tokio::net::UnixStream::from_std(theirs)?,
            );
            async move { pulses.read(theirs).await }
        });
        let thread = thread::Builder::new().name("looker".to_owned()).spawn({
            let pulses = Arc::clone(&pulses);
            move || {
                sleep_finely();
                look_around(&workload, &told, &pulses, ours)
            }
        })?;
        Ok(Looker {
            stop,
            thread,
            pulses,
        })
    }

    /// Stops, and tells what was seen, by stage.
    pub fn stop(self) -> BTreeMap<usize, Seen> {
        self.stop.store(true, Ordering::Relaxed);
        // Without looks, neither Little's law nor the generator's delay is consulted.
        let looks = self.thread.join().unwrap_or_default();
        let stages = looks.into_iter();
        stages
            .map(|(stage, looks)| (stage, looks.sum_up(self.pulses.of(stage))))
            .collect()
    }
}

impl Looks {
    fn add(&mut self, now: u64, late: Duration) {
        self.samples += 1;
        self.sum += now;
        self.most = self.most.max(now);
        self.late += late;
    }

    fn sum_up(self, pulses: Option<Arrived>) -> Seen {
        let micros = |sum: Duration, of: u64| sum.as_secs_f64() * 1e6 / of as f64;
        Seen {
            in_flight: InFlight {
                samples: self.samples,
                mean: self.sum as f64 / self.samples as f64,
                most: self.most,
            },
            unread: pulses.map(|pulses| Unread {
                samples: pulses.count,
                // On a core that others hold, the looker may have had to wait in the
                // generator's place; in what order the two have their turns is chance.
                mean_micros: micros(pulses.lay, pulses.count).max(micros(self.late, self.samples)),
            }),
        }
    }
}

/// Its pauses are exponential, so that no rhythm of the load hides from it: Poisson
/// looks see time averages (R. W. Wolff, Poisson Arrivals See Time Averages, 1982).
fn look_around(
    workload: &Workload,
    stop: &AtomicBool,
    pulses: &Pulses,
    mut line: UnixStream,
) -> BTreeMap<usize, Looks> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(workload.seed);
    let mut stages: BTreeMap<usize, Looks> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let pause: f64 = Exp1.sample(&mut rng);
        // The cut keeps the thread stoppable, and comes once in 20,000 looks.
        let due = Instant::now() + MEAN_PAUSE.mul_f64(pause.min(10.0));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Some(stage) = workload.clock.started().and(workload.stage_now()) {
            let now = workload.in_flight.now() as u64;
            stages.entry(stage).or_default().add(now, due.elapsed());
            // A line that is full of unread pulses has told enough.
            let _ = line.write_all(&pulses.pulse(stage));
        }
    }
    stages
}

/// Pulses go the way that answers go: into a socket that a task of the generator's
/// runtime waits for. How long each lies there is what an answer would, too.
#[derive(Debug)]
struct Pulses {
    began: Instant,
    arrived: Mutex<BTreeMap<u64, Arrived>>,
}

/// Pulses of a stage that were read.
#[derive(Clone, Copy, Debug, Default)]
struct Arrived {
    count: u64,
    /// How long they lay there, in total.
    lay: Duration,
}

impl Pulses {
    fn new() -> Self {
        Pulses {
            began: Instant::now(),
            arrived: Mutex::default(),
        }
    }

    /// A pulse of now: the stage, and the time in nanoseconds.
    fn pulse(&self, stage: usize) -> [u8; 16] {
        let now = self.began.elapsed().as_nanos() as u64;
        let mut pulse = [0; 16];
        pulse[..8].copy_from_slice(&(stage as u64).to_le_bytes());
        pulse[8..].copy_from_slice(&now.to_le_bytes());
        pulse
    }

    /// Reads until nobody sends any more.
    async fn read(&self, mut line: tokio::net::UnixStream) {
        while let Ok(stage) = line.read_u64_le().await {
            let Ok(sent) = line.read_u64_le().await else {
                return;
            };
            let lay = self
                .began
                .elapsed()
                .saturating_sub(Duration::from_nanos(sent));
            let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            let arrived = arrived.entry(stage).or_default();
            arrived.count += 1;
            arrived.lay += lay;
        }
    }

    fn of(&self, stage: usize) -> Option<Arrived> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.get(&(stage as u64)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn looks_see_what_is_under_way() {
        let plan = crate::testing::plan("smoke");
        let workload = Arc::new(Workload::new(&plan, 1, "http://localhost"));
        let looker = Looker::start(Arc::clone(&workload)).expect("a thread");
        let under_way = [(); 3].map(|()| workload.in_flight.enter());
        workload.clock.start();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let seen = looker.stop()[&0];
        let InFlight {
            samples,
            mean,
            most,
        } = seen.in_flight;
        assert_eq!((mean, most), (3.0, 3), "of {samples} looks");
        assert!(samples > 2);
        assert!(seen.unread.expect("pulses arrive").samples > 2);
        drop(under_way);
    }

    #[tokio::test]
    async fn a_runtime_that_is_kept_busy_leaves_answers_unread() {
        let plan = crate::testing::plan("smoke");
        let workload = Arc::new(Workload::new(&plan, 1, "http://localhost"));
        let looker = Looker::start(Arc::clone(&workload)).expect("a thread");
        workload.clock.start();
        for _ in 0..10 {
            tokio::task::yield_now().await;
            // What no task should do.
            thread::sleep(Duration::from_millis(20));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let unread = looker.stop()[&0].unread.expect("pulses arrive");
        // Those that came at a random moment of 20 ms lay there for 10 ms on average.
        assert!(unread.mean_micros > 2_000.0, "{unread:?}");
    }
}
