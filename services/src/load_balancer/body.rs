//! Bodies on their way through: relayed piece by piece, never collected, and
//! given up when nothing comes for too long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::connections::Loan;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client's body on its way to a gateway: no larger than the node accepts.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Option<Limited<Incoming>>,
    patience: Patience,
    progress: Option<Progress>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, limit: usize, idle_timeout: Duration) -> Self {
        if body.is_end_stream() {
            return RequestBody::empty();
        }
        RequestBody {
            body: Some(Limited::new(body, limit)),
            patience: Patience::new(idle_timeout),
            progress: Some(Progress::default()),
        }
    }

    pub(super) fn empty() -> Self {
        RequestBody {
            body: None,
            patience: Patience::new(Duration::ZERO),
            progress: None,
        }
    }

    /// Counts the pieces that have passed; `None` when the request has no body.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let (Poll::Ready(_), Some(progress)) = (&polled, &this.progress) {
            progress.0.fetch_add(1, Ordering::Relaxed);
        }
        this.patience.check(polled, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

/// How many pieces of a request's body have passed.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn pieces(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A response's body on its way to the client. When it has ended, the connection
/// that brought it is given back.
#[derive(Debug)]
pub(super) struct ResponseBody {
    body: Incoming,
    patience: Patience,
    loan: Option<Loan>,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, idle_timeout: Duration, loan: Loan) -> Self {
        let mut relayed = ResponseBody {
            body,
            patience: Patience::new(idle_timeout),
            loan: Some(loan),
        };
        relayed.give_back_at_the_end(false);
        relayed
    }

    /// Drives the connection and takes what it brings. The connection reads on only
    /// when the next piece has been asked for, so it is driven again after that.
    fn poll_driven(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        for _ in 0..2 {
            if let Some(loan) = &mut self.loan {
                loan.connection.drive(cx);
            }
            // Only the driver can bring the piece, and it wakes this task itself.
            let mut quietly = Context::from_waker(Waker::noop());
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(&mut quietly) {
                return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
            }
        }
        Poll::Pending
    }

    fn give_back_at_the_end(&mut self, ended: bool) {
        if (ended || self.body.is_end_stream())
            && let Some(loan) = self.loan.take()
        {
            loan.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = this.poll_driven(cx);
        match &polled {
            Poll::Ready(Some(Ok(_))) => this.give_back_at_the_end(false),
            Poll::Ready(None) => this.give_back_at_the_end(true),
            // A connection that broke or stalls is dropped with the body.
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        this.patience.check(polled, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the balancer sends to a client: a gateway's response, or its own.
#[derive(Debug)]
pub(super) enum Outgoing {
    Relayed(ResponseBody),
    Own(axum::body::Body),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Outgoing::Relayed(body) => Pin::new(body).poll_frame(cx),
            Outgoing::Own(body) => Pin::new(body).poll_frame(cx).map_err(BoxError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Relayed(body) => body.is_end_stream(),
            Outgoing::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Relayed(body) => body.size_hint(),
            Outgoing::Own(body) => body.size_hint(),
        }
    }
}

/// A body that paused for longer than the idle timeout.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
struct Paused(Duration);

/// Waits for the next piece, but not forever. The timer is made at the first wait,
/// so a body that is there at once, as most are, costs none.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Patience { limit, timer: None }
    }

    fn check<T>(
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
