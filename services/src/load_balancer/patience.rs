//! Waiting for the next piece of a body, but not for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use super::BoxError;

/// Waits for the next piece, but not forever. The timer is made at the first wait,
/// so a body that is there at once, as most are, costs none.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Patience { limit, timer: None }
    }

    pub(super) fn check<T>(
        &mut self,
        polled: Poll<Option<Result<T, BoxError>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, BoxError>>> {
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Paused(self.limit).into())))
    }
}

/// A body that paused for longer than the idle timeout.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
struct Paused(Duration);
