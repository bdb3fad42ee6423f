//! Waiting for a condition: look often, be patient, and say in the end what was
//! seen last. Sleeping for a fixed time instead is how tests become flaky.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(5);

/// The condition did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("waited {waited:?} for {what}; last seen: {last}")]
pub struct Overdue {
    /// The condition that was waited for.
    pub what: String,
    /// For how long.
    pub waited: Duration,
    /// The last thing that was seen instead.
    pub last: String,
}

/// Looks until `look` is `Ok`, for at most `patience`; an `Err` says what was seen
/// instead. At least one look is taken, and none is cut short.
///
/// # Errors
///
/// [`Overdue`] when the last look within `patience` was still an `Err`.
pub async fn wait_for<T, E: Display>(
    what: impl Display,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, Overdue> {
    let began = Instant::now();
    loop {
        let last = match look().await {
            Ok(seen) => return Ok(seen),
            Err(last) => last,
        };
        if began.elapsed() >= patience {
            return Err(Overdue {
                what: what.to_string(),
                waited: patience,
                last: last.to_string(),
            });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_seen_when_it_comes_true() {
        let mut looks = 0;
        let seen = wait_for("the third look", Duration::from_secs(10), async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        });
        assert_eq!(seen.await.ok(), Some(3));
    }

    #[tokio::test]
    async fn what_was_seen_last_is_told() {
        let never = wait_for("rain", Duration::ZERO, async || Err::<(), _>("sun")).await;
        let message = never.expect_err("it never rains").to_string();
        assert_eq!(message, "waited 0ns for rain; last seen: sun");
    }
}
