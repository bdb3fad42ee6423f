//! An HTTP/2 connection, which one user has or several share, each with one stream at a time.
//!
//! A task of its own drives it, for it has to answer pings and take settings also while
//! nobody waits for an answer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{self, Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Http2Fault;
use super::wire::{FirstBytes, Wire};

type Outgoing = Full<Bytes>;

/// A user's hold of a connection.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Outgoing>,
    driver: Driver,
    /// The end of the connection, if HTTP/2 has a name for it.
    ended_by: Arc<OnceLock<Http2Fault>>,
    /// True once the server takes no further requests over it.
    is_left: Arc<AtomicBool>,
    streams: Arc<Streams>,
    scheme: Scheme,
    first: Arc<FirstBytes>,
}

/// The streams that the server allows. Who waits for one gets it in turn: somebody who sends
/// again and again takes it from nobody.
#[derive(Debug)]
struct Streams {
    free: Arc<Semaphore>,
    /// Free ones, and those in use.
    allowed: Mutex<usize>,
}

/// The part that hands requests on; it knows how many streams the server allows.
/// At its end it is dropped, which ends whatever still waits.
type Driver = Arc<Mutex<Option<http2::Connection<TokioIo<Wire>, Outgoing, TokioExecutor>>>>;

/// One stream, until its answer is read or given up.
pub(super) type Stream = OwnedSemaphorePermit;

/// Fields that are about an HTTP/1.1 connection and that no HTTP/2 request has
/// (RFC 9113, section 8.2.2).
const OF_A_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Http2 {
    /// Speaks HTTP/2 over `wire`, whose first bytes are kept in `first`.
    pub(super) async fn over(
        wire: Wire,
        first: Arc<FirstBytes>,
        settings: &Builder<TokioExecutor>,
    ) -> hyper::Result<Self> {
        let scheme = match wire {
            Wire::Plain(_) => Scheme::HTTP,
            Wire::Tls(_) => Scheme::HTTPS,
        };
        let (sender, driver) = settings.handshake(TokioIo::new(wire)).await?;
        // It ends when nobody holds the connection any more; what goes wrong with it reaches
        // those who wait for an answer.
        let driver = Arc::new(Mutex::new(Some(driver)));
        let ended_by = Arc::<OnceLock<Http2Fault>>::default();
        let (driven, fate) = (Arc::clone(&driver), Arc::clone(&ended_by));
        tokio::spawn(poll_fn(move |cx| {
            let mut driver = lock(&driven);
            let Some(driving) = driver.as_mut() else {
                return Poll::Ready(());
            };
            let end = ready!(Pin::new(driving).poll(cx));
            if let Some(fault) = end.err().and_then(|error| Http2Fault::behind(&error)) {
                let _ = fate.set(fault);
            }
            *driver = None;
            Poll::Ready(())
        }));
        Ok(Http2 {
            sender,
            driver,
            ended_by,
            is_left: Arc::default(),
            streams: Arc::new(Streams {
                free: Arc::new(Semaphore::new(0)),
                allowed: Mutex::new(0),
            }),
            scheme,
            first,
        })
    }

    /// Waits for a stream. Gives how long, where none was left.
    pub(super) async fn stream(&self) -> (Stream, Option<Duration>) {
        const NEVER_CLOSED: &str = "nobody closes the semaphore";
        /// A server that allows more streams wakes nobody.
        const LOOK_AGAIN: Duration = Duration::from_millis(1);
        self.ask_how_many();
        let free = &self.streams.free;
        if let Ok(stream) = Arc::clone(free).try_acquire_owned() {
            return (stream, None);
        }
        let began = Instant::now();
        let mut turn = pin!(Arc::clone(free).acquire_owned());
        loop {
            tokio::select! {
                stream = &mut turn => {
                    return (stream.expect(NEVER_CLOSED), Some(began.elapsed()));
                }
                () = tokio::time::sleep(LOOK_AGAIN) => self.ask_how_many(),
            }
        }
    }

    /// Allows as many streams as the server does. Of a connection that has ended, there is no
    /// wait for any.
    fn ask_how_many(&self) {
        /// No plan has more users.
        const ENOUGH: usize = 10_000;
        let driver = lock(&self.driver);
        let most = driver
            .as_ref()
            .map_or(ENOUGH, |driver| driver.current_max_send_streams());
        drop(driver);
        let most = most.min(ENOUGH);
        let mut allowed = lock(&self.streams.allowed);
        if *allowed < most {
            self.streams.free.add_permits(most - *allowed);
            *allowed = most;
        } else if *allowed > most {
            // Those in use end first.
            *allowed -= self.streams.free.forget_permits(*allowed - most);
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// When the stream ended before an answer began. The error holds the whole request, if
    /// nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let request = translated(request, &self.scheme);
        self.sender.try_send_request(request).await
    }

    /// True when further requests can be sent, as far as is known here.
    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.is_left.load(Ordering::Relaxed)
    }

    /// Sends no further requests, also none of others who share the connection.
    pub(super) fn leave(&self) {
        self.is_left.store(true, Ordering::Relaxed);
    }

    /// The end of the connection, if HTTP/2 has a name for it.
    pub(super) fn ended_by(&self) -> Option<Http2Fault> {
        self.ended_by.get().copied()
    }

    /// The first bytes that came over the connection.
    pub(super) fn first_bytes(&self) -> &[u8] {
        self.first.get().map_or(&[], |first| first)
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

/// Nothing is half done between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request of HTTP/1.1 as HTTP/2 has it: `Host` becomes a part of the URI, and what is
/// about a connection is left out.
fn translated(mut request: Request<Outgoing>, scheme: &Scheme) -> Request<Outgoing> {
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    for name in OF_A_CONNECTION {
        headers.remove(name);
    }
    if headers.get(header::TE).is_some_and(|te| te != "trailers") {
        headers.remove(header::TE);
    }
    let host = headers.remove(header::HOST);
    let authority = host.as_ref().map(HeaderValue::as_bytes);
    let authority = authority.and_then(|host| Authority::try_from(host).ok());
    if let Some(authority) = authority {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(scheme.clone());
        parts.authority = Some(authority);
        *request.uri_mut() = Uri::from_parts(parts).expect("it has all parts");
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_server_in_the_uri_and_says_nothing_of_a_connection() {
        let request = Request::get("/a?b")
            .header("host", "h:1")
            .header("connection", "close")
            .header("transfer-encoding", "chunked")
            .header("te", "gzip")
            .header("cookie", "a=1")
            .body(Full::default())
            .expect("a request");
        let sent = translated(request, &Scheme::HTTPS);
        assert_eq!(sent.uri(), "https://h:1/a?b");
        let names: Vec<_> = sent.headers().keys().collect();
        assert_eq!(names, ["cookie"]);
        // One that nobody took is sent over another connection.
        assert_eq!(translated(sent, &Scheme::HTTPS).uri(), "https://h:1/a?b");
    }
}
