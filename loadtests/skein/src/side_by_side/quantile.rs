//! A run's response times as a curve: what share of requests took at most how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::RouteRecord;

/// So many points let a curve be read between them.
const FINE: usize = 16;

/// Response times: what share of requests took at most how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// How many requests it is of.
    pub requests: u64,
    /// A share, from 0 to 1, and the time in microseconds, both rising.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// The curve of a route's requests: the percentiles that have a name, and those at
    /// even steps between them, of records that have any. `None` without requests.
    pub fn of(route: &RouteRecord) -> Option<Self> {
        let times = route.requests.times.as_ref()?;
        let named = [
            (0.0, times.min),
            (0.5, times.p50),
            (0.9, times.p90),
            (0.95, times.p95),
            (0.99, times.p99),
            (0.999, times.p99_9),
            (1.0, times.max),
        ];
        let between = route.curve.points().filter(|(share, _)| *share > 0.0);
        let mut points: Vec<_> = named
            .into_iter()
            .chain(between)
            .map(|(share, time)| (share, time as f64))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A step that is a named percentile too is off it by a rounding error.
        points.dedup_by(|a, b| a.0 - b.0 < 1e-9);
        Some(Curve {
            requests: route.requests.count,
            points,
        })
    }

    /// The time that a `share` of requests took at most: that of the point there, or on
    /// the straight line between the points beside it.
    pub fn at(&self, share: f64) -> f64 {
        let after = self.points.partition_point(|(known, _)| *known < share);
        match (self.points.get(after), after.checked_sub(1)) {
            (Some(&(known, time)), _) if known == share => time,
            (Some(&(to, high)), Some(before)) => {
                let (from, low) = self.points[before];
                low + (high - low) * (share - from) / (to - from)
            }
            (Some(&(_, first)), None) => first,
            (None, _) => self.points.last().map_or(0.0, |(_, time)| *time),
        }
    }

    /// The lower end, the value and the upper end of the interval that the quantile of
    /// all such requests is in, by the order statistics of independent ones: a share p
    /// of n is known to within `spreads` × √(p(1 − p) / n) (David and Nagaraja, "Order
    /// Statistics", section 7.1). `None` where the curve is too coarse to be read there,
    /// or has too few requests.
    pub fn around(&self, share: f64, spreads: f64) -> Option<[f64; 3]> {
        let within = spreads * (share * (1.0 - share) / self.requests.max(1) as f64).sqrt();
        let (from, to) = (share - within, share + within);
        let readable = self.points.len() >= FINE && from > 0.0 && to < 1.0;
        readable.then(|| [self.at(from), self.at(share), self.at(to)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::example::example;

    fn straight(requests: u64) -> Curve {
        let points = (0..=100).map(|n| (f64::from(n) / 100.0, f64::from(n) * 10.0));
        Curve {
            requests,
            points: points.collect(),
        }
    }

    #[test]
    fn a_curve_has_the_percentiles_of_its_record() {
        let route = &example().routes[0];
        let times = route.requests.times.as_ref().expect("some");
        let curve = Curve::of(route).expect("some");
        for (share, time) in [(0.5, times.p50), (0.99, times.p99), (0.999, times.p99_9)] {
            assert_eq!(curve.at(share), time as f64);
        }
    }

    #[test]
    fn more_requests_make_an_interval_smaller() {
        let width = |requests| {
            let [low, mid, high] = straight(requests).around(0.5, 1.96).expect("readable");
            assert!(low < mid && mid < high);
            high - low
        };
        assert!((width(100) - 196.0).abs() < 1.0, "{}", width(100));
        assert!(width(10_000) < width(100) / 9.0);
    }

    #[test]
    fn what_a_few_requests_cant_tell_has_no_interval() {
        assert_eq!(straight(100).around(0.99, 1.96), None);
        let coarse = Curve {
            points: vec![(0.0, 1.0), (0.5, 2.0), (1.0, 9.0)],
            ..straight(100)
        };
        assert_eq!(coarse.around(0.5, 1.96), None);
    }

    proptest! {
        #[test]
        fn a_curve_rises_from_its_first_point_to_its_last(
            times in prop::collection::vec(0.0..1e6f64, 1..20),
            shares in prop::array::uniform2(0.0..=1.0f64),
        ) {
            let mut times = times;
            times.sort_by(f64::total_cmp);
            let last = (times.len() - 1).max(1) as f64;
            let points = times.iter().enumerate().map(|(n, time)| (n as f64 / last, *time));
            let curve = Curve { requests: 1000, points: points.collect() };
            let (low, high) = (shares[0].min(shares[1]), shares[0].max(shares[1]));
            prop_assert!(curve.at(low) <= curve.at(high) + 1e-6);
            prop_assert!(times[0] <= curve.at(low) && curve.at(high) <= times[times.len() - 1] + 1e-6);
        }
    }
}
