//! The server whose behaviour is known, over TLS: a thread for each connection, as in plain
//! HTTP/1.1, and in the version of HTTP that was agreed on. A handshake takes a known time, too.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::runtime;
use tokio::time::{Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::server::{AFTER_A_WHILE, CONSTANT, Fate, PIECES, Server, TRICKLE, TRICKLING};

/// The time for which the server says nothing before a handshake.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(50);

/// Answers everything on a connection that came just now.
pub(super) fn answer_all(
    server: &Arc<Server>,
    stream: TcpStream,
    acceptor: &TlsAcceptor,
) -> io::Result<()> {
    let began = Instant::now();
    thread::sleep(HANDSHAKE);
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stream = acceptor
            .accept(tokio::net::TcpStream::from_std(stream)?)
            .await?;
        server.shook_hands(began);
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        let answer = service_fn(|request| std::future::ready(answer(server, &request)));
        let served = match is_http2 {
            true => {
                let connection = http2::Builder::new(TokioExecutor::new());
                connection.serve_connection(stream, answer).await
            }
            false => http1::Builder::new().serve_connection(stream, answer).await,
        };
        served.map_err(io::Error::other)
    })
}

/// The answer to a request, which sleeps on its connection's thread as in plain HTTP/1.1.
fn answer(
    server: &Arc<Server>,
    request: &Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let began = Instant::now();
    let body = match request.uri().path() {
        TRICKLING => Trickle::new(Arc::clone(server), began).boxed(),
        path => {
            if path == AFTER_A_WHILE {
                thread::sleep(CONSTANT);
            }
            server.enter(began, Fate::Right);
            Full::from("ok").boxed()
        }
    };
    Ok(Response::new(body))
}

/// A body that comes piece by piece over [`TRICKLE`].
struct Trickle {
    server: Arc<Server>,
    began: Instant,
    sent: u32,
    pause: Pin<Box<Sleep>>,
}

impl Trickle {
    fn new(server: Arc<Server>, began: Instant) -> Self {
        Trickle {
            server,
            began,
            sent: 0,
            pause: Box::pin(sleep_until((began + TRICKLE / PIECES).into())),
        }
    }
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent == PIECES {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(context));
        self.sent += 1;
        if self.sent == PIECES {
            self.server.enter(self.began, Fate::Right);
        }
        let next = self.began + TRICKLE * (self.sent + 1) / PIECES;
        self.pause.as_mut().reset(next.into());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
    }
}
