//! A request's body on its way to a gateway: relayed piece by piece, never
//! collected, no larger than the node accepts.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;

use super::BoxError;
use super::patience::Patience;

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
