//! How many requests are under way, counted by those who send, so that somebody else
//! can look at it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests under way.
#[derive(Debug, Default)]
pub struct InFlight(AtomicUsize);

/// A request under way, for as long as it lives.
#[derive(Debug)]
pub struct UnderWay<'a>(&'a AtomicUsize);

impl InFlight {
    /// Counts a request until the value is dropped.
    pub fn enter(&self) -> UnderWay<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(&self.0)
    }

    /// How many requests are under way now.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_until_it_is_dropped() {
        let in_flight = InFlight::default();
        let (one, two) = (in_flight.enter(), in_flight.enter());
        assert_eq!(in_flight.now(), 2);
        drop(one);
        assert_eq!(in_flight.now(), 1);
        drop(two);
        assert_eq!(in_flight.now(), 0);
    }
}
