//! A turn that can be broken off, at next to no cost for one that isn't.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::sync::oneshot;

/// The end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It came to its end.
    Taken,
    /// It didn't.
    BrokenOff,
}

/// Waits for a turn, unless whoever holds the other end of `line` lets go of it before.
pub(super) async fn unless_broken_off(
    line: &mut oneshot::Receiver<Infallible>,
    turn: impl Future<Output = ()>,
) -> Turn {
    let mut turn = pin!(turn);
    poll_fn(|cx| match turn.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Turn::Taken),
        Poll::Pending => Pin::new(&mut *line).poll(cx).map(|_| Turn::BrokenOff),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_broken_off_when_the_line_is_let_go_of_and_not_before() {
        let (end, mut line) = oneshot::channel();
        let at_once = unless_broken_off(&mut line, async {}).await;
        assert_eq!(at_once, Turn::Taken);
        let soon = unless_broken_off(&mut line, tokio::task::yield_now()).await;
        assert_eq!(soon, Turn::Taken);
        drop(end);
        let never = unless_broken_off(&mut line, std::future::pending()).await;
        assert_eq!(never, Turn::BrokenOff);
    }
}
