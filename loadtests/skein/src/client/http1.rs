//! A user's HTTP/1.1 connection, driven by the user's own requests: hyper's connection
//! future is polled where an answer is waited for, which saves two hand-overs between tokio
//! tasks for every request. An idle connection is driven by nobody, and whether it still
//! lives shows when it is taken up again.
//!
//! The balancer under test drives its connections in the same manner by code of its own: a
//! fault that both shared would be seen by neither.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::unconstrained;

use super::wire::Wire;

type Outgoing = Full<Bytes>;

/// One connection, for one exchange at a time.
#[derive(Debug)]
pub(super) struct Http1 {
    sender: SendRequest<Outgoing>,
    line: Line,
}

/// The part that reads and writes.
#[derive(Debug)]
enum Line {
    Open(Pin<Box<http1::Connection<TokioIo<Forgiving>, Outgoing>>>),
    Ended(Ending),
}

/// The end of a connection.
#[derive(Debug, Default)]
struct Ending {
    /// Bytes that came and were no part of an answer.
    unread: Bytes,
    /// True when bytes ended it that belong to no answer.
    by_unasked_bytes: bool,
}

impl Http1 {
    /// Speaks HTTP/1.1 over `stream`.
    ///
    /// # Errors
    ///
    /// None that is known: nothing is sent or read yet.
    pub(super) async fn over(wire: Wire, settings: &http1::Builder) -> hyper::Result<Self> {
        let (sender, driver) = settings
            .handshake(TokioIo::new(Forgiving::new(wire)))
            .await?;
        Ok(Http1 {
            sender,
            line: Line::Open(Box::pin(driver)),
        })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// When the connection broke before an answer began. The error holds the whole request,
    /// if nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let Http1 { sender, line } = self;
        // Out of its budget, a future is woken to go on later; here nobody would wake it.
        let mut answer = pin!(unconstrained(sender.try_send_request(request)));
        poll_fn(|cx| {
            line.drive(cx);
            // Only the line can bring the answer, and it wakes this user itself.
            answer.as_mut().poll(&mut quietly())
        })
        .await
    }

    /// Takes the next piece of an answer's body, which this connection brings. It reads on
    /// only when a piece has been asked for, so it is driven after that.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut quietly()) {
            return Poll::Ready(frame);
        }
        self.line.drive(cx);
        Pin::new(body).poll_frame(&mut quietly())
    }

    /// True when the server has kept an idle connection open, as far as is known here.
    pub(super) fn is_usable(&mut self) -> bool {
        self.line.drive(&mut quietly());
        matches!(self.line, Line::Open(_)) && self.sender.is_ready()
    }

    /// The first bytes of what came and is no HTTP/1.1 answer, of a connection that ended
    /// because of it; else nothing.
    pub(super) fn unread(&self) -> &[u8] {
        match &self.line {
            Line::Open(_) => &[],
            Line::Ended(ending) => &ending.unread,
        }
    }

    /// True when the connection has ended because the server sent more than the answers
    /// that were asked for.
    pub(super) fn was_ended_by_unasked_bytes(&self) -> bool {
        matches!(&self.line, Line::Ended(ending) if ending.by_unasked_bytes)
    }
}

impl Line {
    /// Reads and writes what can be read and written now.
    fn drive(&mut self, cx: &mut Context<'_>) {
        let Line::Open(driver) = self else {
            return;
        };
        let Poll::Ready(end) = driver.as_mut().poll(cx) else {
            return;
        };
        // What else went wrong reaches the exchange under way. hyper has words for this, and
        // no name.
        let by_unasked_bytes = end
            .is_err_and(|error| error.to_string() == "received unexpected message from connection");
        if let Line::Open(driver) = std::mem::replace(self, Line::Ended(Ending::default())) {
            *self = Line::Ended(Ending {
                unread: Pin::into_inner(driver).into_parts().read_buf,
                by_unasked_bytes,
            });
        }
    }
}

/// A context that wakes nobody.
fn quietly() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A connection as bytes, where a write that fails isn't the last word: a server that
/// refuses a request may answer, and close, before it has read the body (RFC 9112 §9.6).
/// Then the answer is there to be read, so that hyper isn't told of the failure, and reads
/// on: it finds the answer, or the end.
#[derive(Debug)]
struct Forgiving {
    wire: Wire,
    /// True when the server takes nothing more.
    is_closed: bool,
}

impl Forgiving {
    fn new(wire: Wire) -> Self {
        Forgiving {
            wire,
            is_closed: false,
        }
    }

    fn forgive(&mut self, written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.is_closed = true;
                Poll::Ready(Ok(all))
            }
            written => written,
        }
    }
}

/// True when a write failed because the other side takes nothing more.
fn is_end(error: &io::Error) -> bool {
    [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
    ]
    .contains(&error.kind())
}

impl AsyncRead for Forgiving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Forgiving {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_closed {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.forgive(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_closed {
            return Poll::Ready(Ok(all));
        }
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, pieces);
        self.forgive(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What TLS has taken leaves only now.
        match Pin::new(&mut self.wire).poll_flush(cx) {
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.is_closed = true;
                Poll::Ready(Ok(()))
            }
            flushed => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
