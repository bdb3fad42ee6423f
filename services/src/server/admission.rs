//! The service around a node's service: refuses what no node serves, and tells when a
//! connection is busy.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::Service;
use pin_project_lite::pin_project;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::places::{Activity, Busy};
use crate::request_rules::{self, Refused};

/// A node's service on one connection, behind the rules for every request.
#[derive(Debug)]
pub(super) struct Admitting<S> {
    pub(super) service: S,
    pub(super) activity: Arc<Activity>,
    pub(super) refusals: Refusals,
}

/// Counts requests that were refused for their form, by reason.
pub(super) type Refusals = Family<Reason, Counter>;

/// A reason as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    reason: &'static str,
}

impl<S, B> Service<Request<Incoming>> for Admitting<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Some(busy) = self.activity.begin() else {
            // The connection is closed before an answer could be sent.
            return Answering::Never;
        };
        let (head, body) = request.into_parts();
        let refused = self.activity.notes.next_request();
        match refused.map_or_else(|| request_rules::check(&head), Err) {
            Ok(()) => Answering::Service {
                future: self.service.call(Request::from_parts(head, body)),
                busy: Some(busy),
            },
            Err(refused) => {
                let reason = refused.reason();
                self.refusals.get_or_create(&Reason { reason }).inc();
                Answering::Refused {
                    refused,
                    busy: Some(busy),
                }
            }
        }
    }
}

pin_project! {
    /// A response on its way.
    #[project = AnsweringProjection]
    pub(super) enum Answering<F> {
        /// The node's own.
        Service { #[pin] future: F, busy: Option<Busy> },
        /// A refusal.
        Refused { refused: Refused, busy: Option<Busy> },
        /// None.
        Never,
    }
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<Answer<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringProjection::Service { future, busy } => {
                let Ok(response) = ready!(future.poll(cx));
                let busy = busy.take();
                Poll::Ready(Ok(response.map(|body| Answer::Service { body, busy })))
            }
            AnsweringProjection::Refused { refused, busy } => {
                let response: Response<Vec<u8>> = refused.response();
                let busy = busy.take();
                Poll::Ready(Ok(response.map(|body| Answer::Refusal {
                    body: Full::from(body),
                    busy,
                })))
            }
            AnsweringProjection::Never => Poll::Pending,
        }
    }
}

pin_project! {
    /// A response's body. The connection is busy until it is dropped.
    #[project = AnswerProjection]
    pub(super) enum Answer<B> {
        /// The node's own.
        Service { #[pin] body: B, busy: Option<Busy> },
        /// A refusal's.
        Refusal { body: Full<Bytes>, busy: Option<Busy> },
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project() {
            AnswerProjection::Service { body, .. } => body.poll_frame(cx),
            AnswerProjection::Refusal { body, .. } => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Service { body, .. } => body.is_end_stream(),
            Answer::Refusal { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Service { body, .. } => body.size_hint(),
            Answer::Refusal { body, .. } => body.size_hint(),
        }
    }
}
