//! A small machine, simulated: requests wait until the process has used no more CPU time
//! than a share of one CPU would have given it.
//!
//! It is a token bucket. Tokens are CPU time: they come in at the share's rate, up to a burst,
//! and the process's own clock takes them out, whatever it works for. A request begins when
//! there is one, in the order of arrival. What is simulated is the queue in front of a slow
//! machine; a request that has begun runs as fast as this one. Where the kernel can do it,
//! a control group is the better way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::Mutex;

/// CPU time that may be used at once after a rest: what a quota grants in its period.
const BURST: Duration = Duration::from_millis(10);

/// The settings of the simulated machine.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CpuShare {
    /// Simulate a smaller machine, with this share of a CPU: requests wait until the process
    /// has used no more CPU time than that. Without it, the machine is as it is.
    #[arg(long, env = "SKEIN_CPUS", value_name = "SHARE", value_parser = share)]
    pub cpus: Option<f64>,
}

/// The place where requests wait for CPU time; nobody waits without a share.
#[derive(Clone, Debug, Default)]
pub struct Turnstile(Option<Arc<Mutex<Bucket>>>);

/// CPU time that may be used.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    share: f64,
    /// In seconds; less than none after a request that took more than there was.
    tokens: f64,
    seen: Seen,
}

/// A moment, by the clock on the wall and by that of the process.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    used: Duration,
}

impl CpuShare {
    /// The place where the requests of a node wait.
    pub fn turnstile(&self) -> Turnstile {
        let bucket = self.cpus.map(|share| Bucket::full(share, Seen::now()));
        Turnstile(bucket.map(|bucket| Arc::new(Mutex::new(bucket))))
    }
}

impl Turnstile {
    /// Waits until there is CPU time for one more request.
    pub async fn pass(&self) {
        let Some(bucket) = &self.0 else { return };
        // Held while it waits, so that those who come later wait behind it.
        let mut bucket = bucket.lock().await;
        while let Some(wait) = bucket.wait(Seen::now()) {
            tokio::time::sleep(wait).await;
        }
    }
}

impl Bucket {
    fn full(share: f64, seen: Seen) -> Self {
        Bucket {
            share,
            tokens: BURST.as_secs_f64() * share,
            seen,
        }
    }

    /// The time until there is a token; none when there is one.
    fn wait(&mut self, now: Seen) -> Option<Duration> {
        let passed = now.at.saturating_duration_since(self.seen.at).as_secs_f64();
        let used = now.used.saturating_sub(self.seen.used).as_secs_f64();
        let most = BURST.as_secs_f64() * self.share;
        // What was used comes off first, so that no more than the burst is ever kept.
        self.tokens = (self.tokens - used + passed * self.share).min(most);
        self.seen = now;
        (self.tokens < 0.0).then(|| Duration::from_secs_f64(-self.tokens / self.share))
    }
}

impl Seen {
    fn now() -> Self {
        let used = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID);
        Seen {
            at: Instant::now(),
            // A process has a clock; without one, nobody would wait.
            used: used.map_or(Duration::ZERO, Duration::from),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| "is no number".to_owned())?;
    match (0.01..=1024.0).contains(&share) {
        true => Ok(share),
        false => Err("must be between 0.01 and 1024".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_a_number_within_limits() {
        assert_eq!(share("0.25"), Ok(0.25));
        for refused in ["0", "-1", "x", "NaN", "1e9"] {
            assert!(share(refused).is_err(), "{refused} was taken");
        }
    }

    proptest! {
        /// Over any time, a process that waits as it is told uses no more than its share, the
        /// burst, and the last request.
        #[test]
        fn the_cpu_time_of_requests_is_within_the_share(
            share in 0.05..2.0_f64,
            requests in prop::collection::vec((0_u64..20_000, 1_u64..5_000), 1..200),
        ) {
            let began = Instant::now();
            let (mut clock, mut used) = (Duration::ZERO, Duration::ZERO);
            let mut bucket = Bucket::full(share, Seen { at: began, used });
            let mut largest = Duration::ZERO;
            for (pause, cost) in requests {
                clock += Duration::from_micros(pause);
                while let Some(wait) = bucket.wait(Seen { at: began + clock, used }) {
                    // As a timer does, which never wakes too early.
                    clock += wait + Duration::from_micros(1);
                }
                let cost = Duration::from_micros(cost);
                used += cost;
                largest = largest.max(cost);
                let allowed = clock.as_secs_f64() * share + BURST.as_secs_f64() * share;
                prop_assert!(used.as_secs_f64() <= allowed + largest.as_secs_f64() + 1e-6);
            }
        }
    }

    #[tokio::test]
    async fn without_a_share_nobody_waits() {
        CpuShare::default().turnstile().pass().await;
    }
}
