//! An HTTP/1.1 connection that is driven by whoever uses it.
//!
//! hyper's connection future is polled in the task of the request instead of one of
//! its own, which saves two hand-overs between tasks for every request. An idle
//! connection is driven by nobody; whether it still lives shows at the moment it is
//! taken up again.

mod alarm;
mod answers;
mod outlet;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::unconstrained;

pub use alarm::Alarm;
pub(crate) use outlet::Outlet;

/// One connection, for one exchange at a time; `B` is what requests have as their body.
#[derive(Debug)]
pub struct Connection<B>
where
    B: Body + 'static,
{
    sender: SendRequest<B>,
    /// `None` once the connection has ended.
    driver: Option<Driver<B>>,
    /// The bytes that came and were no part of an answer, once the connection has ended.
    unread: Bytes,
    /// True when it ended because of bytes that belong to no response.
    has_unasked_bytes: bool,
}

type Driver<B> = Pin<Box<http1::Connection<TokioIo<Outlet>, B>>>;

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Speaks HTTP/1.1 over `stream`.
    ///
    /// # Errors
    ///
    /// None that is known: nothing is sent or read yet.
    pub async fn over(stream: TcpStream) -> hyper::Result<Self> {
        Connection::with_settings(stream, &http1::Builder::new()).await
    }

    /// The same with other settings than hyper's own.
    ///
    /// # Errors
    ///
    /// As [`Connection::over`].
    pub async fn with_settings(
        stream: TcpStream,
        settings: &http1::Builder,
    ) -> hyper::Result<Self> {
        let stream = TokioIo::new(Outlet::new(stream));
        let (sender, driver) = settings.handshake(stream).await?;
        Ok(Connection {
            sender,
            driver: Some(Box::pin(driver)),
            unread: Bytes::new(),
            has_unasked_bytes: false,
        })
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    ///
    /// When the connection broke before a response began. The error holds the whole
    /// request, if nothing of it was sent.
    pub async fn send(
        &mut self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, TrySendError<Request<B>>> {
        // Out of its budget, a task is woken to go on later; the response wakes nobody.
        let mut response = pin!(unconstrained(self.sender.try_send_request(request)));
        let (driver, unread) = (&mut self.driver, &mut self.unread);
        let has_unasked_bytes = &mut self.has_unasked_bytes;
        let response = poll_fn(|cx| {
            // What else went wrong reaches the exchange under way.
            if let Some(error) = drive(driver, unread, cx) {
                *has_unasked_bytes = is_of_unasked_bytes(&error);
            }
            // Only the driver can bring the response, and it wakes this task itself.
            response
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        });
        response.await
    }

    /// Takes the next piece of a response's body, which this connection brings. It
    /// reads on only when a piece has been asked for, so it is driven after that.
    pub fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        // Only the driver can bring the piece, and it wakes this task itself.
        let mut quietly = Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut quietly) {
            return Poll::Ready(frame);
        }
        self.drive_between_requests(cx);
        Pin::new(body).poll_frame(&mut quietly)
    }

    /// True when whoever is at the other end has kept an idle connection open, as far as
    /// is known here.
    pub fn is_usable(&mut self) -> bool {
        self.drive_between_requests(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// The first bytes of what came and is no HTTP/1.1 answer, of a connection that ended
    /// because of it; else nothing.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// True when the connection has ended because whoever is at the other end sent more
    /// than the responses that were asked for.
    pub fn was_ended_by_unasked_bytes(&self) -> bool {
        self.has_unasked_bytes
    }

    fn drive_between_requests(&mut self, cx: &mut Context<'_>) {
        if let Some(error) = drive(&mut self.driver, &mut self.unread, cx) {
            self.has_unasked_bytes = is_of_unasked_bytes(&error);
        }
    }
}

/// True when a connection ended because of bytes that belong to no response. hyper has
/// words for that, and no name.
fn is_of_unasked_bytes(error: &hyper::Error) -> bool {
    error.to_string() == "received unexpected message from connection"
}

/// Lets a connection read and write what it can. Gives the error that it ended with.
fn drive<B>(
    driver: &mut Option<Driver<B>>,
    unread: &mut Bytes,
    cx: &mut Context<'_>,
) -> Option<hyper::Error>
where
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B::Data: Send + Unpin,
{
    let Poll::Ready(end) = driver.as_mut()?.as_mut().poll(cx) else {
        return None;
    };
    if let Some(driver) = driver.take() {
        *unread = Pin::into_inner(driver).into_parts().read_buf;
    }
    end.err()
}
