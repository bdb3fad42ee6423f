//! A server of known capacity: a queue before some executors, each of which takes the same time
//! for each request, so that what every request waits follows from the arrivals alone. One kind
//! gets slower the longer its queue is, and collapses beyond its capacity.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::output;
use crate::pacer::sleep_finely;

/// The variable that makes this program the server: its value is the address to listen at.
pub(crate) const ADDRESS: &str = "SKEIN_METERED_ADDRESS";
/// The variable that names the kind of server.
pub(super) const KIND: &str = "SKEIN_METERED_KIND";

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its executors always take the same time.
    Steady,
    /// They take longer for a request that found a queue.
    Collapsing,
}

impl Kind {
    /// Both.
    pub(super) const BOTH: [Kind; 2] = [Kind::Steady, Kind::Collapsing];

    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Steady => "steady",
            Kind::Collapsing => "collapsing",
        }
    }
}

/// The number of executors.
const EXECUTORS: usize = 4;
/// The time that one takes for a request.
const SERVICE: Duration = Duration::from_millis(10);
/// The share by which a collapsing server takes longer for each request that is before one.
const SLOWER: f64 = 0.02;

/// The queue and its executors, as arithmetic.
#[derive(Clone, Debug)]
struct Metered {
    kind: Kind,
    /// The moment from which on each executor is free.
    free: [Duration; EXECUTORS],
    /// The moments at which those end that are under way.
    ends: Vec<Duration>,
}

impl Metered {
    fn new(kind: Kind) -> Self {
        Metered {
            kind,
            free: [Duration::ZERO; EXECUTORS],
            ends: Vec::new(),
        }
    }

    /// The moment at which a request is done that arrives `now`, later than all before it.
    fn admit(&mut self, now: Duration) -> Duration {
        self.ends.retain(|end| *end > now);
        let waiting = self.ends.len().saturating_sub(EXECUTORS);
        let service = match self.kind {
            Kind::Steady => SERVICE,
            Kind::Collapsing => SERVICE.mul_f64(1.0 + SLOWER * waiting as f64),
        };
        let first = self.free.iter_mut().min().expect("there are executors");
        let end = now.max(*first) + service;
        *first = end;
        self.ends.push(end);
        end
    }
}

/// The rate at which a share of requests takes `limit` or longer in slots like those of a
/// study: with a lead that doesn't count, on a server at rest before.
pub(super) fn capacity(
    kind: Kind,
    limit: Duration,
    share: f64,
    [lead, slot]: [Duration; 2],
) -> f64 {
    /// Slots at each rate that is tried: the share is then known to a hundredth of it.
    const SLOTS: u64 = 400;
    let broken = |rate: f64| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let (mut late, mut all) = (0u64, 0u64);
        for _ in 0..SLOTS {
            let mut server = Metered::new(kind);
            let mut now = Duration::ZERO;
            loop {
                let gap = -(1.0 - rng.random::<f64>()).ln() / rate;
                now += Duration::from_secs_f64(gap);
                if now >= lead + slot {
                    break;
                }
                let end = server.admit(now);
                if now >= lead {
                    all += 1;
                    late += u64::from(end - now >= limit);
                }
            }
        }
        late as f64 / all.max(1) as f64
    };
    let most = EXECUTORS as f64 / SERVICE.as_secs_f64();
    let (mut low, mut high) = (most / 100.0, most * 2.0);
    for _ in 0..16 {
        let middle = f64::midpoint(low, high);
        match broken(middle) > share {
            true => high = middle,
            false => low = middle,
        }
    }
    f64::midpoint(low, high)
}

/// Serves until the process ends, if the environment asks for it.
pub(crate) fn serve_if_asked() -> Option<ExitCode> {
    let address = std::env::var(ADDRESS).ok()?;
    let kind = match std::env::var(KIND).as_deref() {
        Ok("collapsing") => Kind::Collapsing,
        _ => Kind::Steady,
    };
    Some(match serve(&address, kind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn serve(address: &str, kind: Kind) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let (start, queue) = (Instant::now(), Arc::new(Mutex::new(Metered::new(kind))));
    for stream in listener.incoming() {
        let (stream, queue) = (stream?, Arc::clone(&queue));
        thread::spawn(move || {
            sleep_finely();
            // A connection that breaks is its user's to notice.
            let _ = answer_all(&stream, start, &queue);
        });
    }
    Ok(())
}

fn answer_all(mut stream: &TcpStream, start: Instant, queue: &Mutex<Metered>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        // Requests have no body here.
        if line == "\r\n" {
            let now = start.elapsed();
            let end = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(now);
            thread::sleep((start + end).saturating_duration_since(Instant::now()));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

    #[test]
    fn a_queue_that_is_never_full_takes_the_time_of_its_executors() {
        let mut server = Metered::new(Kind::Steady);
        for number in 0..100u32 {
            let now = SERVICE * number;
            assert_eq!(server.admit(now), now + SERVICE);
        }
    }

    #[test]
    fn a_fifth_request_waits_for_the_first_of_four_executors() {
        let mut server = Metered::new(Kind::Steady);
        let ends: Vec<Duration> = (0..5).map(|_| server.admit(Duration::ZERO)).collect();
        assert_eq!(ends, [SERVICE, SERVICE, SERVICE, SERVICE, SERVICE * 2]);
    }

    #[test]
    fn the_capacity_is_below_what_the_executors_can_do_and_less_for_one_that_collapses() {
        let of = |kind| capacity(kind, Duration::from_millis(40), 0.01, SLOT);
        let (steady, collapsing) = (of(Kind::Steady), of(Kind::Collapsing));
        assert!((250.0..400.0).contains(&steady), "{steady}");
        assert!(collapsing < steady, "{collapsing} and {steady}");
    }
}
