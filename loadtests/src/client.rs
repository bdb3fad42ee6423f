//! How one user sends: a request at a time, over one connection that is kept open in
//! between, and the whole answer within a time limit.
//!
//! It sends what it is told, as it is, once: a redirect is an answer like any other,
//! no proxy is asked, and nothing is sent again. Only when the server has closed the
//! connection while nobody used it, and so nothing of the request has left, it goes
//! out over a new one; what that takes is part of the request's time.

mod error;
mod greeting;
mod near_side;
mod request;
mod spoken;
mod target;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use services::connection::{self, Alarm};

pub use error::ExchangeError;
pub use greeting::speaks_tls;
pub use near_side::Shortage;
pub use request::RequestBuilder;
pub use spoken::Spoken;
pub use target::Target;

/// How much of an answer's body is kept, in bytes: many times what the laboratory ever
/// sends. The rest is read, so that its time is known, and dropped.
pub const KEPT_BODY: usize = 16 << 20;

/// How much is kept of all bodies that are being read at the same time, in bytes, beside the
/// first piece of each: however many users a plan has, a target can't fill the memory.
const KEPT_OF_ALL: usize = 256 << 20;

/// The mark, among a response's extensions, of a body of which only the beginning was kept.
#[derive(Clone, Copy, Debug)]
pub struct Cut;

/// How long a user waits for an answer before the request counts as failed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

type Connection = connection::Connection<Full<Bytes>>;

/// One user's way to a target.
#[derive(Debug)]
pub struct Client {
    patience: Duration,
    /// The connection, while nobody uses it.
    idle: Option<Connection>,
    alarm: Alarm,
}

/// An exchange that came to no whole answer.
#[derive(Debug)]
pub struct Broken {
    /// What happened.
    pub error: ExchangeError,
    /// What came of the answer before its body, if it began.
    pub head: Option<response::Parts>,
}

/// The answer of whoever is at `url` to a single GET.
///
/// # Errors
///
/// When there was no whole answer within [`REQUEST_TIMEOUT`].
pub async fn get(url: &str) -> Result<Response<Bytes>, ExchangeError> {
    let target: Target = url.parse()?;
    let request = RequestBuilder::new(&target, Method::GET, "");
    let mut client = Client::new(REQUEST_TIMEOUT);
    let answer = client.exchange(&target, request, Instant::now()).await;
    answer.map_err(|broken| broken.error)
}

/// How far an exchange has got.
#[derive(Debug, Default)]
struct Progress {
    is_connected: bool,
    head: Option<response::Parts>,
}

impl Client {
    /// A client without a connection, which waits for a whole answer for `patience`.
    pub fn new(patience: Duration) -> Self {
        Client {
            patience,
            idle: None,
            alarm: Alarm::default(),
        }
    }

    /// Connects, unless it is connected already, so that the first request needn't. If
    /// that fails, the first request tries again, and tells.
    pub async fn connect(&mut self, target: &Target) {
        if self.idle.is_none()
            && let Ok(Ok(connection)) = tokio::time::timeout(self.patience, target.connect()).await
        {
            self.idle = Some(connection);
        }
    }

    /// Sends `request`, and waits for the last byte of its answer. The time limit
    /// counts from `sent`, which is now.
    ///
    /// # Errors
    ///
    /// When there was no whole answer, with what there was of it.
    pub async fn exchange(
        &mut self,
        target: &Target,
        request: RequestBuilder,
        sent: Instant,
    ) -> Result<Response<Bytes>, Broken> {
        let mut progress = Progress::default();
        let outcome = match request.finish() {
            Ok(request) => {
                let exchange = exchange(&mut self.idle, target, request, &mut progress);
                let mut exchange = pin!(exchange);
                self.alarm.set(sent + self.patience);
                poll_fn(|cx| match exchange.as_mut().poll(cx) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending => self.alarm.poll(cx).map(|()| None),
                })
                .await
            }
            Err(unsendable) => Some(Err(unsendable.into())),
        };
        let outcome = outcome.unwrap_or(Err(match progress.is_connected {
            true => ExchangeError::TimedOut(self.patience),
            false => ExchangeError::ConnectTimedOut(self.patience),
        }));
        match (outcome, progress.head) {
            (Ok(body), Some(head)) => Ok(Response::from_parts(head, body)),
            (Ok(_), None) => unreachable!("a body comes after its head"),
            (Err(error), head) => Err(Broken { error, head }),
        }
    }
}

/// Sends `request` over the idle connection, or else over a new one, which is left idle
/// afterwards. Gives the answer's body; its head is in `progress`.
async fn exchange(
    idle: &mut Option<Connection>,
    target: &Target,
    mut request: Request<Full<Bytes>>,
    progress: &mut Progress,
) -> Result<Bytes, ExchangeError> {
    let mut kept = idle.take_if(|connection| connection.is_usable());
    loop {
        let is_kept = kept.is_some();
        progress.is_connected = is_kept;
        let mut connection = match kept.take() {
            Some(kept) => kept,
            None => target.connect().await?,
        };
        progress.is_connected = true;
        match connection.send(request).await {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                progress.head = Some(head);
                let (body, is_cut) = read(&mut connection, body).await?;
                if is_cut && let Some(head) = &mut progress.head {
                    head.extensions.insert(Cut);
                }
                *idle = Some(connection);
                return Ok(body);
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) if is_kept => request = unsent,
                _ => {
                    let (error, unread) = (error.into_error(), connection.unread());
                    return Err(ExchangeError::before_an_answer(error, unread));
                }
            },
        }
    }
}

/// Reads a body to its end, and tells whether more came than is kept. Most come in one
/// piece, which is given on as it is.
async fn read(
    connection: &mut Connection,
    mut body: Incoming,
) -> Result<(Bytes, bool), ExchangeError> {
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    let mut kept = Kept::default();
    let mut is_cut = false;
    while !body.is_end_stream() {
        let piece = poll_fn(|cx| connection.poll_frame(&mut body, cx)).await;
        let Some(piece) = piece.transpose().map_err(ExchangeError::CutOff)? else {
            break;
        };
        // What isn't data are trailers, which nobody here asks for.
        let Ok(data) = piece.into_data() else {
            continue;
        };
        let mut room = KEPT_BODY - pieces.len().max(whole.len());
        if !whole.is_empty() && !kept.takes(data.len().min(room)) {
            room = 0;
        }
        is_cut |= data.len() > room;
        let data = data.slice(..data.len().min(room));
        if whole.is_empty() {
            whole = data;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&whole);
            }
            pieces.extend_from_slice(&data);
        }
    }
    let body = match pieces.is_empty() {
        true => whole,
        false => pieces.freeze(),
    };
    Ok((body, is_cut))
}

/// The part of [`KEPT_OF_ALL`] that one body takes while it is being read.
#[derive(Default)]
struct Kept(usize);

static KEPT: AtomicUsize = AtomicUsize::new(0);

impl Kept {
    /// Takes so many bytes more, if there is room for them.
    fn takes(&mut self, bytes: usize) -> bool {
        let fits = KEPT.fetch_add(bytes, Ordering::Relaxed) + bytes <= KEPT_OF_ALL;
        if fits {
            self.0 += bytes;
        } else {
            KEPT.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.0, Ordering::Relaxed);
    }
}
