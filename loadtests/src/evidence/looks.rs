//! Looks at how many requests are under way, from a thread of its own that no busy
//! runtime delays, so that rate and service time can be held against it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1};

use super::InFlight;
use crate::workload::Workload;

/// Between two looks, on average.
const MEAN_PAUSE: Duration = Duration::from_millis(4);

/// The thread that looks, until it is told to stop.
#[derive(Debug)]
pub struct Looker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<usize, Looks>>,
}

/// What the looks in one stage saw, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    samples: u64,
    sum: u64,
    most: u64,
}

impl Looker {
    /// Starts to look.
    ///
    /// # Errors
    ///
    /// When the operating system grants no thread.
    pub fn start(workload: Arc<Workload>) -> std::io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("in-flight".to_owned())
            .spawn(move || look_around(&workload, &told))?;
        Ok(Looker { stop, thread })
    }

    /// Stops, and tells what was under way, by stage.
    pub fn stop(self) -> BTreeMap<usize, InFlight> {
        self.stop.store(true, Ordering::Relaxed);
        // Without looks, Little's law isn't consulted.
        let looks = self.thread.join().unwrap_or_default();
        let stages = looks.into_iter();
        stages
            .map(|(stage, looks)| (stage, looks.sum_up()))
            .collect()
    }
}

impl Looks {
    fn add(&mut self, now: u64) {
        self.samples += 1;
        self.sum += now;
        self.most = self.most.max(now);
    }

    fn sum_up(self) -> InFlight {
        InFlight {
            samples: self.samples,
            mean: self.sum as f64 / self.samples as f64,
            most: self.most,
        }
    }
}

/// Its pauses are exponential, so that no rhythm of the load hides from it: Poisson
/// looks see time averages (R. W. Wolff, Poisson Arrivals See Time Averages, 1982).
fn look_around(workload: &Workload, stop: &AtomicBool) -> BTreeMap<usize, Looks> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(workload.seed);
    let mut stages: BTreeMap<usize, Looks> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let pause: f64 = Exp1.sample(&mut rng);
        // The cut keeps the thread stoppable, and comes once in 20,000 looks.
        thread::sleep(MEAN_PAUSE.mul_f64(pause.min(10.0)));
        if let Some(stage) = workload.clock.started().and(workload.stage_now()) {
            let now = workload.in_flight.now() as u64;
            stages.entry(stage).or_default().add(now);
        }
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    #[test]
    fn looks_see_what_is_under_way() {
        let plan = Plan::load("smoke").expect("built in");
        let workload = Arc::new(Workload::new(&plan, 1, "http://localhost"));
        let looker = Looker::start(Arc::clone(&workload)).expect("a thread");
        let under_way = [(); 3].map(|()| workload.in_flight.enter());
        workload.clock.start();
        thread::sleep(Duration::from_millis(200));
        let seen = looker.stop()[&0];
        assert_eq!(
            (seen.mean, seen.most),
            (3.0, 3),
            "of {} looks",
            seen.samples
        );
        assert!(seen.samples > 2);
        drop(under_way);
    }
}
