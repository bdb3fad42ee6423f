//! Takes a run's ticks while it goes, and makes its timeline of them: how many were
//! over in each, how long they had taken, and what each process used.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::record::{CoresRecord, EventRecord, TickRecord, TickTimes, Timeline};
use crate::samples::Tick;

/// A timeline has about so many ticks: as many as a page can show.
const TICKS: f64 = 120.0;
/// The lengths that a tick may have, in seconds. Shorter ones hold too few requests,
/// and all but the shortest are what clocks show.
const LENGTHS: [f64; 11] = [
    0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 900.0,
];
/// Bands of response time between one power of ten and the next.
const BANDS_A_DECADE: f64 = 8.0;
/// Most bands that are kept; those above share the last.
const MOST_BANDS: usize = 48;

/// The ticks of a run that goes on.
#[derive(Debug)]
pub struct Ticker {
    tick: Duration,
    ticks: Mutex<BTreeMap<usize, Tick>>,
}

/// The CPU time that each process had used at a moment, from the begin of the load.
#[derive(Clone, Debug, Default)]
pub struct CoresAt {
    /// When it was looked.
    pub elapsed: Duration,
    /// CPU time by process, of those that ran.
    pub used: Vec<(String, Duration)>,
}

impl Ticker {
    /// For a run that is to last for `length`.
    pub fn new(length: Duration) -> Self {
        let wanted = length.as_secs_f64() / TICKS;
        let fits = LENGTHS.into_iter().find(|tick| *tick >= wanted);
        Ticker {
            tick: Duration::from_secs_f64(fits.unwrap_or(wanted)),
            ticks: Mutex::default(),
        }
    }

    /// How long a tick is.
    pub fn tick(&self) -> Duration {
        self.tick
    }

    /// What was over at `elapsed`, and wasn't before.
    pub fn add(&self, elapsed: Duration, tick: &Tick) {
        if tick.times.is_empty() {
            return;
        }
        let index = (elapsed.as_secs_f64() / self.tick.as_secs_f64()) as usize;
        let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        ticks.entry(index).or_default().add(tick);
    }

    /// The timeline, given what processes had used from time to time, in order, and what
    /// happened to nodes.
    pub fn timeline(&self, looks: &[CoresAt], events: Vec<EventRecord>) -> Timeline {
        let ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = ticks.last_key_value().map_or(0, |(last, _)| last + 1);
        let bands = bands(&ticks);
        let nothing = Tick::default();
        Timeline {
            tick_seconds: self.tick.as_secs_f64(),
            ticks: (0..count)
                .map(|index| of_tick(ticks.get(&index).unwrap_or(&nothing), &bands))
                .collect(),
            bands,
            cores: cores(looks, self.tick, count),
            events,
        }
    }
}

fn of_tick(tick: &Tick, bands: &[u64]) -> TickRecord {
    let times = &tick.times;
    let at = |quantile| times.value_at_quantile(quantile);
    TickRecord {
        requests: times.len(),
        failed: tick.failed,
        turns: tick.turns,
        times: (!times.is_empty()).then(|| TickTimes {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: times.max(),
        }),
        bands: by_band(times, bands),
    }
}

/// Where bands begin, from the shortest time of all ticks to the longest, and where the
/// last one ends.
fn bands(ticks: &BTreeMap<usize, Tick>) -> Vec<u64> {
    let filled = || ticks.values().filter(|tick| !tick.times.is_empty());
    let (Some(shortest), Some(longest)) = (
        filled().map(|tick| tick.times.min()).min(),
        filled().map(|tick| tick.times.max()).max(),
    ) else {
        return Vec::new();
    };
    let step_of = |micros: u64| ((micros.max(1) as f64).log10() * BANDS_A_DECADE).floor() as i32;
    let first = step_of(shortest);
    let last = step_of(longest).min(first + MOST_BANDS as i32 - 1);
    let begin = |step: i32| 10_f64.powf(f64::from(step) / BANDS_A_DECADE).round() as u64;
    let mut bands: Vec<u64> = (first..=last + 1).map(begin).collect();
    // Around a few microseconds, neighbours round to the same.
    bands.dedup();
    bands
}

fn by_band(times: &Histogram<u32>, bands: &[u64]) -> Vec<u64> {
    let mut counts = vec![0; bands.len().saturating_sub(1)];
    if counts.is_empty() {
        return counts;
    }
    for value in times.iter_recorded() {
        let micros = times.lowest_equivalent(value.value_iterated_to());
        let band = bands.partition_point(|begin| *begin <= micros);
        let band = band.saturating_sub(1).min(counts.len() - 1);
        counts[band] += u64::from(value.count_at_value());
    }
    while counts.last() == Some(&0) {
        counts.pop();
    }
    counts
}

/// CPU seconds a second between neighbouring looks, by process, each in the tick that
/// the later look ended.
fn cores(looks: &[CoresAt], tick: Duration, count: usize) -> Vec<CoresRecord> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in looks.iter().flat_map(|look| &look.used) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut records: Vec<_> = names
        .iter()
        .map(|name| CoresRecord {
            name: (*name).to_owned(),
            cores: vec![None; count],
        })
        .collect();
    for pair in looks.windows(2) {
        let (before, now) = (&pair[0], &pair[1]);
        let middle = (before.elapsed + now.elapsed) / 2;
        let index = (middle.as_secs_f64() / tick.as_secs_f64()) as usize;
        let passed = now.elapsed.saturating_sub(before.elapsed).as_secs_f64();
        if index >= count || passed <= 0.0 {
            continue;
        }
        for record in &mut records {
            let of = |look: &CoresAt| {
                let mut used = look.used.iter();
                used.find(|(name, _)| *name == record.name)
                    .map(|(_, used)| *used)
            };
            let used = of(before).zip(of(now));
            // A node that was started again begins at nothing.
            let used = used.and_then(|(before, now)| now.checked_sub(before));
            record.cores[index] = used.map(|used| thousandths(used.as_secs_f64() / passed));
        }
    }
    records
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tick_of(times: &[u64]) -> Tick {
        let mut tick = Tick::default();
        for time in times {
            tick.times.record(*time).expect("it grows");
        }
        tick
    }

    #[test]
    fn ticks_are_of_a_length_that_clocks_show() {
        let length = |seconds| {
            Ticker::new(Duration::from_secs(seconds))
                .tick()
                .as_secs_f64()
        };
        assert_eq!([5, 25, 45, 930].map(length), [0.25, 0.25, 0.5, 10.0]);
        assert!(length(1_000_000) > 900.0);
    }

    #[test]
    fn cores_are_those_between_two_looks_and_unknown_where_a_node_was_gone() {
        let look = |millis, used: &[u64]| CoresAt {
            elapsed: Duration::from_millis(millis),
            used: used
                .iter()
                .map(|used| ("database".to_owned(), Duration::from_millis(*used)))
                .collect(),
        };
        let looks = [
            look(0, &[10]),
            look(500, &[260]),
            look(1000, &[]),
            look(1500, &[5]),
            look(2000, &[10]),
        ];
        let cores = cores(&looks, Duration::from_millis(500), 4);
        assert_eq!(cores[0].cores, [Some(0.5), None, None, Some(0.01)]);
    }

    proptest! {
        #[test]
        fn a_timeline_has_every_request_in_its_tick_and_in_a_band(
            requests in prop::collection::vec((0u64..3_000, 1u64..20_000_000), 0..200),
        ) {
            let ticker = Ticker::new(Duration::from_secs(3));
            for (millis, time) in &requests {
                ticker.add(Duration::from_millis(*millis), &tick_of(&[*time]));
            }
            let timeline = ticker.timeline(&[], Vec::new());
            let sum: u64 = timeline.ticks.iter().map(|tick| tick.requests).sum();
            prop_assert_eq!(sum, requests.len() as u64);
            prop_assert!(timeline.bands.is_sorted_by(|a, b| a < b));
            for (index, tick) in timeline.ticks.iter().enumerate() {
                let here = requests.iter().filter(|(millis, _)| *millis as usize / 250 == index);
                prop_assert_eq!(tick.requests, here.count() as u64);
                prop_assert_eq!(tick.requests, tick.bands.iter().sum::<u64>());
                prop_assert!(tick.bands.len() < timeline.bands.len().max(1));
            }
        }
    }
}
