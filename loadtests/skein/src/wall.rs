//! Time of day, which may be set at any moment, beside a clock that only goes forward.
//! Lengths are always of the latter.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where the time of day is read.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(pub fn() -> Timestamp);

impl WallClock {
    /// The machine's.
    pub const SYSTEM: WallClock = WallClock(Timestamp::now);
}

/// A moment at which both clocks were read.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    clock: WallClock,
    wall: Timestamp,
    moment: Instant,
}

impl Beginning {
    /// Now.
    pub fn now(clock: WallClock) -> Self {
        Beginning {
            clock,
            wall: (clock.0)(),
            moment: Instant::now(),
        }
    }

    /// The time of day then.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// The time of day at a `moment` that isn't earlier, as the clock would have it if
    /// nobody had set it since.
    pub fn wall_at(&self, moment: Instant) -> Timestamp {
        later(self.wall, moment.saturating_duration_since(self.moment))
    }

    /// By how many seconds the time of day has been set forward since, or back, if it is
    /// negative; `None` if it hasn't been.
    pub fn clock_set_by(&self) -> Option<i64> {
        // The wall first: what passes between the two is of the right sign for neither.
        let (wall, passed) = ((self.clock.0)(), self.moment.elapsed());
        set_by(self.wall, passed, wall)
    }
}

/// `begin` and `length` later; the end of time at most.
pub fn later(begin: Timestamp, length: Duration) -> Timestamp {
    begin.saturating_add(length).unwrap_or(Timestamp::MAX)
}

/// By how many seconds a clock was set that showed `begin`, and `end` after `length`. What
/// a clock is merely slowed down or sped up by, to have it right again, is at most one in
/// two thousand (adjtimex(2)) and isn't told.
fn set_by(begin: Timestamp, length: Duration, end: Timestamp) -> Option<i64> {
    let bearable = 1.0 + length.as_secs_f64() / 1000.0;
    let shown = end.duration_since(begin).as_secs_f64();
    let off = shown - length.as_secs_f64();
    (off.abs() > bearable).then_some(off.round() as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("within range")
    }

    proptest! {
        #[test]
        fn a_clock_that_is_set_is_told_by_how_much_and_one_that_is_adjusted_is_not(
            length in 0u32..1_000_000, by in -100_000i64..100_000, adjusted in -0.0004f64..0.0004,
        ) {
            let length = Duration::from_secs(length.into());
            let drift = (length.as_secs_f64() * adjusted).trunc() as i64;
            let end = at(length.as_secs() as i64 + by + drift);
            let told = set_by(at(0), length, end);
            prop_assert_eq!(set_by(at(0), length, at(length.as_secs() as i64 + drift)), None);
            let bearable = 1.0 + length.as_secs_f64() / 1000.0;
            if by.unsigned_abs() as f64 > 2.0 * bearable {
                prop_assert!(told.is_some_and(|told| told.abs_diff(by) as f64 <= bearable));
            }
        }
    }

    #[test]
    fn an_end_is_never_before_its_beginning() {
        fn long_ago() -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
        let beginning = Beginning {
            clock: WallClock(long_ago),
            wall: at(0),
            moment: Instant::now(),
        };
        let end = beginning.wall_at(Instant::now());
        assert!(end >= beginning.wall() && end < at(60), "{end}");
        assert_eq!(beginning.clock_set_by(), Some(-1_800_000_000));
        assert_eq!(later(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
    }
}
