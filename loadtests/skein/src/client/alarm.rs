//! A time limit that costs next to nothing for what ends before it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::Sleep;

/// Tells when a moment has come that is moved on again and again, as the end of each
/// request's time limit is. The timer underneath stays where it is and is only moved
/// once it has run out, for setting one takes a lock that all users share.
#[derive(Debug, Default)]
pub struct Alarm {
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Waits for `due` from now on. Later ones than before cost nothing, earlier ones a
    /// timer.
    pub fn set(&mut self, due: Instant) {
        self.due = Some(due);
    }

    /// Ready once the moment has come; before one is set, never.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
        if timer.deadline() > due.into() {
            timer.as_mut().reset(due.into());
        }
        while timer.deadline() < due.into() {
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(due.into());
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_alarm_that_was_moved_on_goes_off_at_the_last_moment_and_not_before() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        for millis in [20, 40, 60] {
            alarm.set(start + Duration::from_millis(millis));
            let polled = poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await;
            assert!(polled.is_pending() || start.elapsed() >= Duration::from_millis(millis));
        }
        poll_fn(|cx| alarm.poll(cx)).await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn an_alarm_that_was_moved_forward_goes_off_at_the_earlier_moment() {
        let mut alarm = Alarm::default();
        alarm.set(Instant::now() + Duration::from_secs(3600));
        let polled = poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await;
        assert!(polled.is_pending());
        let soon = Instant::now() + Duration::from_millis(20);
        alarm.set(soon);
        poll_fn(|cx| alarm.poll(cx)).await;
        assert!(Instant::now() >= soon);
    }
}
