//! Servers that answer every request at once, each from a thread of its own: in plain
//! HTTP/1.1 with hardly any code, else by hyper.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::makeshift_tls;

/// The language that a responder speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Plain HTTP/1.1.
    Http1,
    /// Plain HTTP/2.
    Http2,
    /// Either of them over TLS, HTTP/2 if the user can.
    Tls,
}

impl Language {
    /// The scheme of its URLs.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Language::Http1 | Language::Http2 => "http",
            Language::Tls => "https",
        }
    }
}

/// Answers every request at once, from a thread of its own.
pub(super) struct NullResponder {
    address: SocketAddr,
    /// Dropped, it ends the thread.
    end: oneshot::Sender<()>,
    /// Ends with the CPU time that it has used.
    thread: JoinHandle<io::Result<Duration>>,
}

impl NullResponder {
    pub(super) fn start(language: Language) -> io::Result<Self> {
        let tls = match language {
            Language::Http1 | Language::Http2 => None,
            Language::Tls => Some(makeshift_tls::acceptor()?),
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (end, ended) = oneshot::channel();
        Ok(NullResponder {
            address: listener.local_addr()?,
            end,
            thread: thread::Builder::new()
                .name("null-responder".to_owned())
                .spawn(move || respond(listener, ended, (language, tls)))?,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the CPU time that it has used.
    pub(super) fn stop(self) -> io::Result<Duration> {
        drop(self.end);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the null responder panicked"))?
    }
}

fn respond(
    listener: std::net::TcpListener,
    ended: oneshot::Receiver<()>,
    (language, tls): (Language, Option<TlsAcceptor>),
) -> io::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => match (language, tls.clone()) {
                        (_, Some(tls)) => drop(tokio::spawn(answer_encrypted(stream, tls))),
                        (Language::Http2, _) => drop(tokio::spawn(serve(stream, true))),
                        _ => drop(tokio::spawn(answer_all(stream))),
                    },
                    Err(error) => return error,
                }
            }
        };
        tokio::select! {
            error = accept => Err(error),
            _ = ended => Ok(()),
        }
    })?;
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Answers each head that is read; requests here have no body, and a client sends the
/// next one only after an answer.
async fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const HEAD_ENDS: &[u8] = b"\r\n\r\n";
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(4096);
    while stream.read_buf(&mut head).await? > 0 {
        if head.ends_with(HEAD_ENDS) {
            head.clear();
            stream.write_all(ANSWER).await?;
        }
    }
    Ok(())
}

async fn answer_encrypted(stream: TcpStream, tls: TlsAcceptor) {
    if let Ok(stream) = tls.accept(stream).await {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        serve(stream, is_http2).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, is_http2: bool) {
    let stream = TokioIo::new(stream);
    let answer = service_fn(|_: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    // Users hang up when their second is over, which is no error of anybody's.
    let _ = match is_http2 {
        true => {
            http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, answer)
                .await
        }
        false => http1::Builder::new().serve_connection(stream, answer).await,
    };
}
