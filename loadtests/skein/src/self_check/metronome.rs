//! A witness of the machine: a thread that does nothing but sleep for a millisecond,
//! again and again, and notes how much too late it wakes. What delays it delays the
//! generator and the server alike, and is nobody's fault but the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::pacer::sleep_finely;

const BEAT: Duration = Duration::from_millis(1);

/// The witness, until it is asked.
#[derive(Debug)]
pub(super) struct Metronome {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Histogram<u64>>,
}

impl Metronome {
    /// Starts to beat.
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Metronome {
            stop,
            thread: thread::spawn(move || beat(&told)),
        }
    }

    /// Stops, and tells how late its wakings were, in microseconds.
    pub(super) fn stop(self) -> Histogram<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a beat doesn't panic")
    }
}

fn beat(stop: &AtomicBool) -> Histogram<u64> {
    sleep_finely();
    let mut late = Histogram::new(3).expect("3 digits are allowed");
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        thread::sleep(BEAT);
        let over = begin.elapsed().saturating_sub(BEAT);
        let micros = (over.as_micros() as u64).max(1);
        late.record(micros).expect("the histogram grows");
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metronome_beats_until_it_is_asked() {
        let metronome = Metronome::start();
        thread::sleep(Duration::from_millis(100));
        let late = metronome.stop();
        // On a machine that is busy with other tests, some beats are missed.
        assert!((2..=100).contains(&late.len()), "{}", late.len());
    }
}
