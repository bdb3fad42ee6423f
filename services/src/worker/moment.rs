//! Times that are kept in the worker's file.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time on the wall clock, in milliseconds since the epoch, so that it means the
/// same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) i64);

impl Moment {
    /// This moment.
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is past 1970");
        Moment(0) + since_epoch
    }

    /// The time from `earlier` to this moment, if it is earlier.
    pub(super) fn since(self, earlier: Moment) -> Duration {
        let milliseconds = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Moment(self.0.saturating_add(milliseconds))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Moment(self.0.saturating_sub(milliseconds))
    }
}
