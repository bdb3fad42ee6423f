//! From a round to its figures: pure functions of what both sides did.

use stats::comparison::{Metric, quad, round_value};
use stats::sequence::Failures;

use super::record::{Round, Side, SideRound, Slot};

/// The name of a metric for people, and the unit of its figures.
pub fn name_and_unit(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::CpuPerRequest => ("CPU per request", "µs"),
        Metric::Throughput => ("throughput", "requests/s"),
        Metric::P50 => ("p50 of the response time", "µs"),
        Metric::P95 => ("p95 of the response time", "µs"),
        Metric::P99 => ("p99 of the response time", "µs"),
    }
}

/// The figure of a metric that `side` shows in a round, in the metric's unit; `None` when it
/// shows nothing.
pub fn value(round: &Round, side: Side, metric: Metric) -> Option<f64> {
    let did = round.of(side);
    let value = match metric {
        Metric::CpuPerRequest => cpu_nanos(did) as f64 / 1e3 / did.requests as f64,
        Metric::Throughput => did.closed_requests as f64 / did.closed_seconds,
        Metric::P50 => did.open_micros?.p50,
        Metric::P95 => did.open_micros?.p95,
        Metric::P99 => did.open_micros?.p99,
    };
    (value.is_finite() && value > 0.0).then_some(value)
}

/// The natural logarithm of candidate ÷ baseline in a round; `None` when a side shows
/// nothing. What slots show is compared quad by quad, so that a drift of the machine's
/// speed cancels and a stall weighs little; the median is among it, which a slot has
/// answers enough for. Higher percentiles are those of all of a side's answers in the
/// round, for a slot has too few.
pub fn log_ratio(round: &Round, metric: Metric) -> Option<f64> {
    match metric {
        Metric::CpuPerRequest | Metric::Throughput | Metric::P50 => {
            round_value(&quad_log_ratios(round, metric))
        }
        Metric::P95 | Metric::P99 => {
            let of = |side| value(round, side, metric);
            Some((of(Side::Candidate)? / of(Side::Baseline)?).ln())
        }
    }
}

/// The log-ratios of quads, for the metrics that slots have: throughput is that of closed
/// load, the median that of open load, CPU time per request that of all load.
pub fn quad_log_ratios(round: &Round, metric: Metric) -> Vec<f64> {
    match metric {
        Metric::CpuPerRequest => quads(round, |slot| {
            Some(slot.cpu_nanos as f64 / slot.requests as f64)
        }),
        Metric::Throughput => quads(round, |slot| {
            let is_closed = slot.open_p50_micros.is_none();
            is_closed.then(|| slot.requests as f64 / slot.micros as f64)
        }),
        Metric::P50 => quads(round, |slot| slot.open_p50_micros),
        Metric::P95 | Metric::P99 => Vec::new(),
    }
}

fn quads(round: &Round, value: impl Fn(&Slot) -> Option<f64>) -> Vec<f64> {
    // The slots of a quad are neighbours, for they were played one after the other.
    let quads = round.slots.chunk_by(|a, b| a.quad == b.quad);
    let ratio = |slots: &[Slot]| {
        let of = |side: Side| -> Option<[f64; 2]> {
            let slots = slots.iter().filter(|slot| slot.side == side);
            slots.filter_map(&value).collect::<Vec<_>>().try_into().ok()
        };
        quad(of(Side::Baseline)?, of(Side::Candidate)?)
    };
    quads.filter_map(ratio).collect()
}

/// The requests that failed in a round.
pub fn failures(round: &Round) -> Failures {
    Failures {
        baseline: round.baseline.failed,
        candidate: round.candidate.failed,
    }
}

/// CPU time of all nodes of a side.
pub fn cpu_nanos(did: &SideRound) -> u64 {
    did.cpu_nanos.iter().map(|node| node.nanos).sum()
}

/// The middle one of some values; `None` of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        1 => Some(values[half]),
        _ => Some((values.get(half.checked_sub(1)?)? + values[half]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::record::example::round;

    #[test]
    fn a_round_tells_by_how_much_the_candidate_differs() {
        let round = round(1, false);
        let ratio = |metric| log_ratio(&round, metric).expect("both sides show it").exp();
        let cpu = ((92.0 * 93.0) / (87.0 * 88.0_f64)).sqrt();
        assert!((ratio(Metric::CpuPerRequest) - cpu).abs() < 1e-9);
        assert!((ratio(Metric::Throughput) - 1.0).abs() < 1e-9);
        assert!((ratio(Metric::P50) - 1.0).abs() < 1e-9);
        assert!((ratio(Metric::P99) - 1.0).abs() < 1e-9);
        let quads = |metric| quad_log_ratios(&round, metric).len();
        assert_eq!(quads(Metric::CpuPerRequest), 2);
        assert_eq!((quads(Metric::Throughput), quads(Metric::P50)), (1, 1));
    }

    #[test]
    fn a_side_that_shows_nothing_has_no_ratio() {
        let mut round = round(1, false);
        round.baseline.open_micros = None;
        round.slots.truncate(2);
        for metric in Metric::ALL {
            assert_eq!(log_ratio(&round, metric), None, "{metric}");
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }
}
