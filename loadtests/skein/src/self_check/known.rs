//! What must be reported, from the server's own account of what it did. The generator's
//! clock has no part in it.

use super::server::Answered;

/// Times in microseconds, shortest first.
#[derive(Clone, Debug)]
pub(super) struct Known(Vec<f64>);

impl Known {
    /// Service times: from each request to the last byte of its answer.
    pub(super) fn service_times(account: &[Answered]) -> Self {
        let times = account.iter();
        Known::sorted(times.map(|a| micros(a.end - a.begin)).collect())
    }

    /// Response times of arrivals that were planned `gap` nanoseconds apart, without
    /// the first `skipped`: the k-th answer that was finished belongs to the k-th
    /// arrival, for requests are served in their order. When the first arrival was due
    /// follows from the answer that came soonest after its own.
    pub(super) fn response_times(account: &[Answered], gap: u64, skipped: usize) -> Self {
        let mut ends: Vec<_> = account.iter().map(|answered| answered.end).collect();
        ends.sort_unstable();
        let planned = |k: usize| k as u64 * gap;
        let delays = ends.iter().enumerate();
        let delays = delays.map(|(k, end)| end.saturating_sub(planned(k)));
        let delays: Vec<u64> = delays.collect();
        let least = delays.iter().skip(skipped).min().copied().unwrap_or(0);
        let measured = delays.iter().skip(skipped);
        Known::sorted(measured.map(|delay| micros(delay - least)).collect())
    }

    /// The time that `quantile` (0 to 1) of all times don't exceed.
    pub(super) fn at(&self, quantile: f64) -> f64 {
        self.0.get(self.index(quantile)).copied().unwrap_or(0.0)
    }

    /// The times before and after that of a quantile.
    pub(super) fn around(&self, quantile: f64) -> (f64, f64) {
        let index = self.index(quantile);
        let last = self.0.len().saturating_sub(1);
        let time = |index: usize| self.0.get(index).copied().unwrap_or(0.0);
        (time(index.saturating_sub(1)), time((index + 1).min(last)))
    }

    fn index(&self, quantile: f64) -> usize {
        (quantile * self.0.len() as f64).ceil().max(1.0) as usize - 1
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn sorted(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Known(times)
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::self_check::server::Fate;

    /// A server that answers at once, and not at all for 1 s in the middle of 10 s at
    /// 1,000 requests/s: what coordinated omission hides.
    #[test]
    fn a_freeze_makes_a_tenth_of_all_requests_wait_evenly_between_a_second_and_nothing() {
        let answers = (0..10_000u64).map(|k| {
            let due = k * 1_000_000;
            let frozen = (4_500_000_000..5_500_000_000).contains(&due);
            let end = if frozen { 5_500_000_000 } else { due };
            let fate = Fate::Right;
            Answered {
                begin: due,
                end,
                fate,
            }
        });
        let account: Vec<_> = answers.collect();
        let known = Known::response_times(&account, 1_000_000, 0);
        assert_eq!(known.len(), 10_000);
        assert!((known.at(0.95) - 500_000.0).abs() <= 1_000.0);
        assert!((known.at(0.99) - 900_000.0).abs() <= 1_000.0);
        assert_eq!(known.at(0.5), 0.0);
        assert_eq!(known.at(1.0), 1_000_000.0);
        assert_eq!(Known::service_times(&account).at(1.0), 1_000_000.0);
    }

    #[test]
    fn a_quantile_is_the_least_time_that_enough_dont_exceed() {
        let known = Known::sorted((1..=100).map(f64::from).collect());
        assert_eq!([0.5, 0.99, 1.0].map(|q| known.at(q)), [50.0, 99.0, 100.0]);
        assert_eq!(
            [0.5, 1.0].map(|q| known.around(q)),
            [(49.0, 51.0), (99.0, 100.0)]
        );
    }
}
