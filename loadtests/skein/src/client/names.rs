//! The names of header fields in the case in which they were written.
//!
//! Names are the same in any case, and hyper's client sends them in small letters. A
//! request that its server reads keeps its names in an extension of hyper's own, by
//! which its client writes them again, so that proxies change nothing. A head that is
//! read here, from memory, gives that extension to requests of our own.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;

/// The names of some header fields in the case in which they were written; those that
/// there are several of in their order.
#[derive(Clone, Debug)]
pub struct WrittenNames(Extensions);

impl WrittenNames {
    /// These names, each of which must be that of a header field; `None` if they are
    /// sent so anyway.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let is_small = |name: &str| !name.contains(|c: char| c.is_ascii_uppercase());
        if names.clone().all(is_small) {
            return None;
        }
        let mut count = 0;
        let mut head = String::from("GET / HTTP/1.1\r\n");
        for name in names {
            count += 1;
            // A value that none of those fields minds that say how a request is framed.
            let is_coding = name.eq_ignore_ascii_case("transfer-encoding");
            let value = if is_coding { "chunked" } else { "0" };
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        read(head, count).map(WrittenNames)
    }

    pub(super) fn apply_to<B>(&self, request: &mut Request<B>) {
        request.extensions_mut().extend(self.0.clone());
    }
}

/// The extensions of the request with this head, as hyper's server reads it.
fn read(head: String, fields: usize) -> Option<Extensions> {
    let read = Arc::<Mutex<Option<Extensions>>>::default();
    let keep = service_fn(|request: Request<Incoming>| {
        let extensions = request.extensions().clone();
        *read.lock().unwrap_or_else(PoisonError::into_inner) = Some(extensions);
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut connection = Box::pin(
        http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(fields + 1)
            .serve_connection(Memory(Bytes::from(head)), keep),
    );
    // All of it is there, so that nothing has to be waited for.
    let mut cx = Context::from_waker(Waker::noop());
    let _ = connection.as_mut().poll(&mut cx);
    drop(connection);
    read.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A peer that has said all that it ever will, and listens to nothing.
struct Memory(Bytes);

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
