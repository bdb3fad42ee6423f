//! A response's body on its way to a client: relayed piece by piece, never
//! collected; at its end the connection that brought it is free again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BoxError;
use super::connections::Loan;
use super::patience::Patience;

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

    /// Takes what the connection brings; without one, the body has ended.
    fn poll_driven(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match &mut self.loan {
            Some(loan) => loan.connection.poll_frame(&mut self.body, cx),
            None => Pin::new(&mut self.body).poll_frame(cx),
        };
        frame.map_err(BoxError::from)
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

/// The body of a response to a client: a gateway's, or the balancer's own.
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
