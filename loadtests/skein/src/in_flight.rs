//! How many requests are under way, counted by those who send, so that somebody else
//! can look at it.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts requests under way.
#[derive(Debug, Default)]
pub struct InFlight {
    now: AtomicUsize,
    broken_off: AtomicU64,
}

/// A request under way, for as long as it lives.
#[derive(Debug)]
pub struct UnderWay<'a>(&'a InFlight);

impl InFlight {
    /// Counts a request until it is over. One that is dropped before was broken off.
    pub fn enter(&self) -> UnderWay<'_> {
        self.now.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// How many requests are under way now.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// The number of requests that nobody waited for any longer, so that nothing else is
    /// known of them.
    pub fn broken_off(&self) -> u64 {
        self.broken_off.load(Ordering::Relaxed)
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl UnderWay<'_> {
    /// The request has come to its end, whatever that is.
    pub fn over(self) {
        self.0.leave();
        mem::forget(self);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.leave();
        self.0.broken_off.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_until_it_is_over_and_is_remembered_if_it_never_was() {
        let in_flight = InFlight::default();
        let (one, two) = (in_flight.enter(), in_flight.enter());
        assert_eq!(in_flight.now(), 2);
        one.over();
        assert_eq!((in_flight.now(), in_flight.broken_off()), (1, 0));
        drop(two);
        assert_eq!((in_flight.now(), in_flight.broken_off()), (0, 1));
    }
}
