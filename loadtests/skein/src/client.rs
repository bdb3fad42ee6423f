//! How one user sends: a request at a time, over one connection that is kept open in
//! between, and the whole answer within a time limit.
//!
//! It sends what it is told, as it is, once: a redirect is an answer like any other,
//! no proxy is asked, and nothing is sent again. Only when the server has closed the
//! connection while nobody used it, and so nothing of the request has left, it goes
//! out over a new one; what that takes is part of the request's time.

mod alarm;
mod connection;
mod content;
mod error;
mod greeting;
mod limits;
mod names;
mod near_side;
mod request;
mod spoken;
mod target;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, response};
use hyper::body::{Body, Incoming};

use alarm::Alarm;
use connection::Connection;
use content::Reader;
use request::Outgoing;

pub use content::KEPT_OF_ALL;
pub use content::{Content, Needle, Reading};
pub use error::ExchangeError;
pub use greeting::speaks_tls;
pub use limits::AnswerLimits;
pub use names::WrittenNames;
pub use near_side::Shortage;
pub use request::Request;
pub use spoken::Spoken;
pub use target::Target;

/// The time that a user waits for an answer before the request counts as failed, unless the
/// plan or the command line say otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One user's way to a target.
#[derive(Debug)]
pub struct Client {
    limits: AnswerLimits,
    /// The connection, while nobody uses it.
    idle: Option<Connection>,
    alarm: Alarm,
    /// True when a connection had to be given up for bytes that belong to no answer.
    has_seen_unasked: bool,
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
    let request = Request::new(&target, Method::GET, "");
    let mut client = Client::new(AnswerLimits::OF_A_MIX);
    let answer = client.exchange(&target, request, Instant::now()).await;
    let answer = answer.map_err(|broken| broken.error)?;
    Ok(answer.map(|content| content.kept))
}

/// Connects to whoever is at `url`, and hangs up without a word.
///
/// # Errors
///
/// When no connection came about within [`REQUEST_TIMEOUT`].
pub async fn reach(url: &str) -> Result<(), ExchangeError> {
    let target: Target = url.parse()?;
    let limits = AnswerLimits::OF_A_MIX;
    match tokio::time::timeout(limits.timeout, target.connect(&limits)).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(ExchangeError::ConnectTimedOut(limits.timeout)),
    }
}

/// How far an exchange has got.
#[derive(Debug, Default)]
struct Progress {
    is_connected: bool,
    head: Option<response::Parts>,
}

impl Client {
    /// A client without a connection, which takes answers within `limits`.
    pub fn new(limits: AnswerLimits) -> Self {
        Client {
            limits,
            idle: None,
            alarm: Alarm::default(),
            has_seen_unasked: false,
        }
    }

    /// Whether, since the last call, a connection had to be given up because bytes came
    /// over it that belong to no answer.
    pub fn take_unasked(&mut self) -> bool {
        std::mem::take(&mut self.has_seen_unasked)
    }

    /// Connects, unless it is connected already, so that the first request needn't. If
    /// that fails, the first request tries again, and tells.
    pub async fn connect(&mut self, target: &Target) {
        let limits = &self.limits;
        if self.idle.is_none()
            && let Ok(Ok(connection)) =
                tokio::time::timeout(limits.timeout, target.connect(limits)).await
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
        request: Request,
        sent: Instant,
    ) -> Result<Response<Content>, Broken> {
        let mut progress = Progress::default();
        let mut patience = self.limits.timeout;
        let outcome = match request.finish() {
            Ok(outgoing) => {
                patience = outgoing.timeout.unwrap_or(patience);
                let kept = self.usable_connection();
                let mut exchange = pin!(exchange(
                    (kept, &mut self.idle),
                    target,
                    outgoing,
                    &self.limits,
                    &mut progress,
                ));
                self.alarm.set(sent + patience);
                poll_fn(|cx| match exchange.as_mut().poll(cx) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending => self.alarm.poll(cx).map(|()| None),
                })
                .await
            }
            Err(unsendable) => Some(Err(unsendable.into())),
        };
        let outcome = outcome.unwrap_or(Err(match progress.is_connected {
            true => ExchangeError::TimedOut(patience),
            false => ExchangeError::ConnectTimedOut(patience),
        }));
        match (outcome, progress.head) {
            (Ok(body), Some(head)) => Ok(Response::from_parts(head, body)),
            (Ok(_), None) => unreachable!("a body comes after its head"),
            (Err(error), head) => Err(Broken { error, head }),
        }
    }

    /// The idle connection, if it can still be used.
    fn usable_connection(&mut self) -> Option<Connection> {
        let mut kept = self.idle.take()?;
        if kept.is_usable() {
            return Some(kept);
        }
        self.has_seen_unasked |= kept.was_ended_by_unasked_bytes();
        None
    }
}

/// Sends a request over the connection that was kept, or else over a new one, which is
/// left idle afterwards. Gives the answer's body; its head is in `progress`.
async fn exchange(
    (mut kept, idle): (Option<Connection>, &mut Option<Connection>),
    target: &Target,
    outgoing: Outgoing,
    limits: &AnswerLimits,
    progress: &mut Progress,
) -> Result<Content, ExchangeError> {
    let Outgoing {
        mut request,
        reading,
        is_last,
        ..
    } = outgoing;
    loop {
        let is_kept = kept.is_some();
        progress.is_connected = is_kept;
        let mut connection = match kept.take() {
            Some(kept) => kept,
            None => target.connect(limits).await?,
        };
        progress.is_connected = true;
        match connection.send(request).await {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                progress.head = Some(head);
                let reader = Reader::new(reading);
                let content = read(&mut connection, body, reader, limits.body).await?;
                *idle = (!is_last).then_some(connection);
                return Ok(content);
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) if is_kept => request = unsent,
                _ => {
                    let (error, unread) = (error.into_error(), connection.unread());
                    return Err(ExchangeError::before_an_answer(error, unread, limits));
                }
            },
        }
    }
}

/// Reads a body to its end, unless it is longer than `most`.
async fn read(
    connection: &mut Connection,
    mut body: Incoming,
    mut reader: Reader,
    most: u64,
) -> Result<Content, ExchangeError> {
    if body.size_hint().lower() > most {
        return Err(ExchangeError::BodyTooLarge(most));
    }
    while !body.is_end_stream() {
        let piece = poll_fn(|cx| connection.poll_frame(&mut body, cx)).await;
        let Some(piece) = piece.transpose().map_err(ExchangeError::CutOff)? else {
            break;
        };
        // What isn't data are trailers, which nobody here asks for.
        if let Ok(data) = piece.into_data() {
            reader.take(data);
        }
        if reader.length() > most {
            return Err(ExchangeError::BodyTooLarge(most));
        }
    }
    Ok(reader.finish())
}
