//! A connection to an upstream as bytes, where a write that fails isn't the last word.
//!
//! An upstream that refuses a request may answer, and close, before it has read the
//! body (RFC 9112 §9.6). Then the write fails, and the answer is there to be read. So
//! hyper isn't told of the failure, and reads on: it finds the answer, or the end.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::answers::Answers;

/// A connection to an upstream.
#[derive(Debug)]
pub(crate) struct Outlet {
    stream: TcpStream,
    answers: Answers,
    /// The upstream takes nothing more.
    is_closed: bool,
}

impl Outlet {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Outlet {
            stream,
            answers: Answers::default(),
            is_closed: false,
        }
    }

    /// The outcome of a write of `length` bytes, as hyper is told it.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.is_closed = true;
                Poll::Ready(Ok(length))
            }
            written => written,
        }
    }
}

/// Errors that tell that the upstream has closed the connection.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl AsyncRead for Outlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.answers.error() {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let came = &mut buf.filled_mut()[before..];
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let kept = self.answers.pass(came);
        buf.set_filled(before + kept);
        match self.answers.error() {
            // An empty read would be the end.
            Some(error) if kept == 0 => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Outlet {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_closed {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.answers.sends(bytes);
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_closed {
            return Poll::Ready(Ok(length));
        }
        self.answers
            .sends(pieces.first().map_or(&[], |piece| piece));
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(written, length)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connection for Outlet {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
