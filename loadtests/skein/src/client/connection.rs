//! A connection to a server, in whichever version of HTTP was agreed on.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::TrySendError;

use super::Http2Fault;
use super::http1::Http1;
use super::http2::{Http2, Stream};

/// One connection, for one exchange of a user at a time.
#[derive(Debug)]
pub(super) enum Connection {
    /// The user's own.
    Http1(Http1),
    /// A hold of one that others may share, and the stream that is used.
    Http2(Http2, Option<Stream>),
}

impl Connection {
    /// Sends a request and waits for the head of its answer; in `wait`, how long there was
    /// no stream for it.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        wait: &mut Option<Duration>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        match self {
            Connection::Http1(own) => own.send(request).await,
            Connection::Http2(shared, stream) => {
                let (next, waited) = shared.stream().await;
                *wait = waited;
                *stream = Some(next);
                shared.send(request).await
            }
        }
    }

    /// Takes the next piece of an answer's body, which this connection brings.
    pub(super) async fn next_frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| match self {
            Connection::Http1(own) => own.poll_frame(body, cx),
            Connection::Http2(..) => Pin::new(&mut *body).poll_frame(cx),
        })
        .await
    }

    /// A request that is kept, in case the server gives up the connection without having
    /// processed it: that can only be said in HTTP/2.
    pub(super) fn spare(&self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        match self {
            Connection::Http1(_) => None,
            Connection::Http2(..) => Some(request.clone()),
        }
    }

    /// Sends no further requests over it, where others could.
    pub(super) fn leave(&self) {
        if let Connection::Http2(shared, _) = self {
            shared.leave();
        }
    }

    /// True when the server was spoken to in HTTP/2 and answers in HTTP/1.
    pub(super) fn fell_back(&self) -> bool {
        match self {
            Connection::Http1(_) => false,
            Connection::Http2(shared, _) => shared.first_bytes().starts_with(b"HTTP/1."),
        }
    }

    /// The end of the connection, by the name that HTTP/2 has for it, if it has one.
    pub(super) fn ended_by(&self) -> Option<Http2Fault> {
        match self {
            Connection::Http1(_) => None,
            Connection::Http2(shared, _) => shared.ended_by(),
        }
    }

    /// The first bytes of what came and is no answer; else nothing.
    pub(super) fn unread(&self) -> &[u8] {
        match self {
            Connection::Http1(own) => own.unread(),
            Connection::Http2(..) => &[],
        }
    }
}
