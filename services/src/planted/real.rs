//! The slowdowns, and what they do.

use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use http::{HeaderMap, Method};
use nix::time::{ClockId, clock_gettime};
use rand::RngExt;
use tokio::sync::Mutex;

use crate::client::{Client, Upstream};
use crate::setting;

/// The slowdowns of a node.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Plants {
    /// Slow every request down on purpose: cpu=100us, allocate=1MiB, sleep=1ms,
    /// lock=200us, or share=1%:20ms for a share of the requests. May be repeated.
    #[arg(
        long = "plant",
        env = "SKEIN_PLANT",
        value_name = "KIND=SIZE",
        value_delimiter = ','
    )]
    pub plants: Vec<Kind>,
}

/// One slowdown and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Burns so much CPU time.
    Cpu(Duration),
    /// Allocates and frees so much, in pieces of [`Kind::PIECE`] bytes.
    Allocate(ByteSize),
    /// Sleeps.
    Sleep(Duration),
    /// Waits so long for another thread, with a lock in hand that all requests want.
    Lock(Duration),
    /// Sleeps so long, in so large a share of the requests.
    Share(f64, Duration),
}

/// A text that is no slowdown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no slowdown; write cpu=100us, allocate=1MiB, sleep=1ms, lock=200us or share=1%:20ms"
)]
pub struct InvalidPlant(String);

impl Kind {
    /// As large as a header or a small string, and too small for the system's pages.
    const PIECE: usize = 256;
}

impl FromStr for Kind {
    type Err = InvalidPlant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = || {
            let (kind, size) = text.split_once('=')?;
            let time = || setting::positive_duration(size).ok();
            match kind {
                "cpu" => time().map(Kind::Cpu),
                "allocate" => size.parse().ok().map(Kind::Allocate),
                "sleep" => time().map(Kind::Sleep),
                "lock" => time().map(Kind::Lock),
                "share" => {
                    let (percent, time) = size.split_once("%:")?;
                    let percent: f64 = percent.parse().ok()?;
                    let time = setting::positive_duration(time).ok()?;
                    let share = percent / 100.0;
                    (0.0..=1.0)
                        .contains(&share)
                        .then_some(Kind::Share(share, time))
                }
                _ => None,
            }
        };
        kind().ok_or_else(|| InvalidPlant(text.to_owned()))
    }
}

impl Plants {
    /// The slowdowns as every request meets them.
    pub fn planted(&self) -> Planted {
        Planted(Arc::new(Bed {
            plants: self.plants.clone(),
            lock: Mutex::default(),
        }))
    }
}

/// The slowdowns of every request of a node. Clones share the lock.
#[derive(Clone, Debug)]
pub struct Planted(Arc<Bed>);

#[derive(Debug)]
struct Bed {
    plants: Vec<Kind>,
    lock: Mutex<()>,
}

impl Planted {
    /// Does all that was planted, one after the other.
    pub async fn slow_down(&self) {
        for plant in &self.0.plants {
            match *plant {
                Kind::Cpu(time) => burn(time),
                Kind::Allocate(size) => allocate(size),
                Kind::Sleep(time) => tokio::time::sleep(time).await,
                Kind::Lock(time) => {
                    let _held = self.0.lock.lock().await;
                    wait_for_another_thread(time).await;
                }
                Kind::Share(share, time) => {
                    if rand::rng().random_bool(share) {
                        tokio::time::sleep(time).await;
                    }
                }
            }
        }
    }
}

/// By the thread's own clock, so that it is as much on a machine whose cores are busy.
fn burn(time: Duration) {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let Ok(began) = used() else { return };
    while used().is_ok_and(|now| now.saturating_sub(began) < time) {
        black_box((0..100_u64).fold(0, |sum, next| black_box(sum + next)));
    }
}

fn allocate(size: ByteSize) {
    let pieces = size.as_u64() / Kind::PIECE as u64;
    let storm: Vec<Box<[u8]>> = (0..pieces)
        .map(|piece| vec![piece as u8; Kind::PIECE].into_boxed_slice())
        .collect();
    black_box(storm);
}

/// The runtime's own timer is no finer than a millisecond.
async fn wait_for_another_thread(time: Duration) {
    // It can't panic, and one that is cancelled by a shutdown has nobody waiting for it.
    let _ = tokio::task::spawn_blocking(move || thread::sleep(time)).await;
}

/// The number of calls that a gateway makes beyond those it needs.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ExtraCalls {
    /// Ask the microservice for its health so many times in every request, on purpose.
    #[arg(long, env = "SKEIN_PLANT_CALLS", value_name = "N", default_value_t = 0)]
    pub plant_calls: u32,
}

impl ExtraCalls {
    /// The calls, with whom to call.
    pub fn to(&self, client: &Client, upstream: &Upstream) -> MoreCalls {
        MoreCalls(Arc::new(Calls {
            times: self.plant_calls,
            client: client.clone(),
            upstream: upstream.clone(),
        }))
    }
}

/// Calls that nobody needs. They are made to `/health`, which counts no requests, so
/// that what hops have counted still adds up.
#[derive(Clone, Debug)]
pub struct MoreCalls(Arc<Calls>);

#[derive(Debug)]
struct Calls {
    times: u32,
    client: Client,
    upstream: Upstream,
}

impl MoreCalls {
    /// Makes the calls one after the other, whatever is answered.
    pub async fn call(&self) {
        /// As long as a health check may take.
        const LIMIT: Duration = Duration::from_secs(1);

        let Calls {
            times,
            client,
            upstream,
        } = &*self.0;
        for _ in 0..*times {
            let nothing = (HeaderMap::new(), Bytes::new());
            let call = client.call(
                upstream,
                Method::GET,
                "/health",
                nothing.0,
                nothing.1,
                LIMIT,
            );
            let _ = call.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::FutureExt;

    use super::*;

    fn planted(texts: &[&str]) -> Planted {
        let parse = |text: &&str| text.parse().expect("a slowdown");
        let plants = texts.iter().map(parse).collect();
        Plants { plants }.planted()
    }

    fn cpu_time() -> Duration {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
            .expect("every thread has one")
            .into()
    }

    #[test]
    fn a_slowdown_is_a_kind_and_a_size() {
        let micros = Duration::from_micros;
        for (text, kind) in [
            ("cpu=100us", Kind::Cpu(micros(100))),
            ("allocate=1MiB", Kind::Allocate(ByteSize::mib(1))),
            ("sleep=1ms", Kind::Sleep(micros(1000))),
            ("lock=200us", Kind::Lock(micros(200))),
            ("share=1%:20ms", Kind::Share(0.01, micros(20_000))),
        ] {
            assert_eq!(text.parse(), Ok(kind));
        }
        for refused in [
            "",
            "cpu",
            "cpu=",
            "cpu=0s",
            "cpu=100",
            "share=1:20ms",
            "share=101%:1ms",
            "disk=1ms",
        ] {
            assert!(refused.parse::<Kind>().is_err(), "{refused} was taken");
        }
    }

    #[tokio::test]
    async fn burning_costs_cpu_time_and_sleeping_does_not() {
        let before = cpu_time();
        planted(&["cpu=20ms"]).slow_down().await;
        assert!(cpu_time() - before >= Duration::from_millis(20));

        let (before, began) = (cpu_time(), Instant::now());
        planted(&["sleep=20ms"]).slow_down().await;
        assert!(began.elapsed() >= Duration::from_millis(20));
        assert!(cpu_time() - before < Duration::from_millis(20));
    }

    #[tokio::test]
    async fn allocating_costs_cpu_time_that_grows_with_the_size() {
        let cost = async |size| {
            let planted = planted(&[size]);
            planted.slow_down().await;
            let before = cpu_time();
            planted.slow_down().await;
            cpu_time() - before
        };
        assert!(cost("allocate=64MiB").await > cost("allocate=1MiB").await);
    }

    #[tokio::test]
    async fn requests_queue_for_a_lock() {
        let planted = planted(&["lock=20ms"]);
        let began = Instant::now();
        let one = || planted.slow_down();
        tokio::join!(one(), one(), one(), one());
        assert!(began.elapsed() >= Duration::from_millis(80));
    }

    #[tokio::test]
    async fn only_the_share_is_slowed() {
        let planted = planted(&["share=10%:20ms"]);
        let is_slowed = |_: &u32| planted.slow_down().now_or_never().is_none();
        let slowed = (0..2000).filter(is_slowed).count();
        // 200 on average; nine standard deviations to either side.
        assert!((80..320).contains(&slowed), "{slowed}");
    }

    #[tokio::test]
    async fn nothing_planted_holds_nobody_up() {
        assert_eq!(planted(&[]).slow_down().now_or_never(), Some(()));
    }
}
