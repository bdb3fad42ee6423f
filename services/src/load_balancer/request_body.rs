//! A request's body on its way to a gateway: relayed piece by piece, never
//! collected, no larger than the node accepts.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;

use super::BoxError;

/// A client's body on its way to a gateway: no larger than the node accepts. The
/// client's connection bounds its pauses.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Option<Limited<Incoming>>,
    progress: Option<Progress>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, limit: usize) -> Self {
        if body.is_end_stream() {
            return RequestBody::empty();
        }
        RequestBody {
            body: Some(Limited::new(body, limit)),
            progress: Some(Progress::default()),
        }
    }

    pub(super) fn empty() -> Self {
        RequestBody {
            body: None,
            progress: None,
        }
    }

    /// Tells of the pieces that have passed; `None` when the request has no body.
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
            progress.0.fetch_add(Progress::PIECE, Ordering::Relaxed);
        }
        polled
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

/// A body that hyper needs no more has all been sent.
impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.0.fetch_or(Progress::OVER, Ordering::Relaxed);
        }
    }
}

/// The progress of a request's body on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    const OVER: u64 = 1;
    const PIECE: u64 = 2;

    /// The number of pieces that have passed.
    pub(super) fn pieces(&self) -> u64 {
        self.0.load(Ordering::Relaxed) / Self::PIECE
    }

    /// The end of it: nothing more will be sent.
    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::OVER != 0
    }
}
