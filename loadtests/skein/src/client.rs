//! One user's way to send: a request at a time, over a connection that is kept open in
//! between, and the whole answer within a time limit.
//!
//! It sends what it is told, as it is, once: a redirect is an answer like any other,
//! no proxy is asked, and nothing is sent again. Only when the server has closed the
//! connection while nobody used it, and so nothing of the request has left, it goes
//! out over a new one; and in HTTP/2, when the server gives up a connection in good
//! order and says that it has not processed the request. What that takes is part of the
//! request's time.

mod alarm;
mod connection;
mod content;
mod error;
mod greeting;
mod http1;
mod http2;
mod journey;
mod lane;
mod limits;
mod names;
mod near_side;
mod request;
mod settings;
mod spoken;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod tls_problem;
mod wire;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, response};
use hyper::body::{Body, Incoming};

use alarm::Alarm;
use connection::Connection;
use content::Reader;
use http1::Http1;
use lane::Lane;
use request::Outgoing;

pub use content::KEPT_OF_ALL;
pub use content::{Content, Needle, Reading};
pub use error::{ExchangeError, Http2Fault};
pub use greeting::speaks_tls;
#[cfg(test)]
pub use journey::NOWHERE;
pub use journey::{Journey, Opened};
pub use limits::AnswerLimits;
pub use names::WrittenNames;
pub use near_side::Shortage;
pub use request::Request;
pub use settings::{ConnectionSettings, Http, Protocol, Sessions};
pub use spoken::Spoken;
pub use target::{InvalidTarget, Target};
pub use tls_problem::TlsProblem;

/// The time that a user waits for an answer before the request counts as failed, unless the
/// plan or the command line say otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One user's way to a target.
#[derive(Debug)]
pub struct Client {
    limits: AnswerLimits,
    /// The connection, while nobody uses it; one of HTTP/2 is in the lane.
    idle: Option<Http1>,
    /// The user's own, or one that it shares; found with the first request.
    lane: Option<Arc<Lane>>,
    journey: Journey,
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

/// Connects to whoever is at `target`, and hangs up without a word.
///
/// # Errors
///
/// When no connection came about within [`REQUEST_TIMEOUT`].
pub async fn reach(target: &Target) -> Result<(), ExchangeError> {
    let limits = AnswerLimits::OF_A_MIX;
    let lane = Lane::to(target);
    let mut opened = Vec::new();
    let connected = lane.connection(target, &limits, &mut opened);
    match tokio::time::timeout(limits.timeout, connected).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(ExchangeError::ConnectTimedOut(limits.timeout)),
    }
}

/// How far an exchange has got.
#[derive(Debug, Default)]
struct Progress {
    is_connected: bool,
    head: Option<response::Parts>,
    first_byte: Option<Instant>,
}

impl Client {
    /// A client without a connection, which takes answers within `limits`.
    pub fn new(limits: AnswerLimits) -> Self {
        Client {
            limits,
            idle: None,
            lane: None,
            journey: Journey::default(),
            alarm: Alarm::default(),
            has_seen_unasked: false,
        }
    }

    /// A client of the user on `seat`, who may share its connection with others.
    pub fn on(target: &Target, seat: usize, limits: AnswerLimits) -> Self {
        Client {
            lane: Some(target.lane(seat)),
            ..Client::new(limits)
        }
    }

    /// The same, which takes answers within other limits.
    pub fn within(self, limits: AnswerLimits) -> Self {
        Client { limits, ..self }
    }

    /// The doings of the client's connections since the last call.
    pub fn take_journey(&mut self) -> Journey {
        let mut journey = std::mem::take(&mut self.journey);
        if let Some(lane) = &self.lane {
            (journey.sent, journey.received) = lane.tally().take();
        }
        journey
    }

    /// Whether, since the last call, a connection had to be given up because bytes came
    /// over it that belong to no answer.
    pub fn take_unasked(&mut self) -> bool {
        std::mem::take(&mut self.has_seen_unasked)
    }

    /// Connects, unless it is connected already, so that the first request needn't. If
    /// that fails, the first request tries again, and tells.
    pub async fn connect(&mut self, target: &Target) {
        if self.idle.is_some() {
            return;
        }
        let lane = self.lane.get_or_insert_with(|| target.lane(0));
        let connected = lane.connection(target, &self.limits, &mut self.journey.opened);
        if let Ok(Ok((Connection::Http1(connection), _))) =
            tokio::time::timeout(self.limits.timeout, connected).await
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
                let lane = self.lane.get_or_insert_with(|| target.lane(0));
                let mut exchange = pin!(exchange(
                    (kept, &mut self.idle),
                    (lane, target),
                    outgoing,
                    &self.limits,
                    (&mut progress, &mut self.journey),
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
        let first_byte = progress.first_byte;
        self.journey.first_byte = first_byte.map(|at| at.saturating_duration_since(sent));
        match (outcome, progress.head) {
            (Ok(body), Some(head)) => Ok(Response::from_parts(head, body)),
            (Ok(_), None) => unreachable!("a body comes after its head"),
            (Err(error), head) => Err(Broken { error, head }),
        }
    }

    /// The idle connection, if it can still be used.
    fn usable_connection(&mut self) -> Option<Http1> {
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
    (mut kept, idle): (Option<Http1>, &mut Option<Http1>),
    (lane, target): (&Lane, &Target),
    outgoing: Outgoing,
    limits: &AnswerLimits,
    (progress, journey): (&mut Progress, &mut Journey),
) -> Result<Content, ExchangeError> {
    let Outgoing {
        mut request,
        reading,
        is_last,
        ..
    } = outgoing;
    loop {
        progress.is_connected = kept.is_some();
        let (mut connection, is_kept) = match kept.take() {
            Some(kept) => (Connection::Http1(kept), true),
            None => {
                let opened = &mut journey.opened;
                lane.connection(target, limits, opened).await?
            }
        };
        progress.is_connected = true;
        let spare = connection.spare(&request).filter(|_| is_kept);
        match connection.send(request, &mut journey.stream_wait).await {
            Ok(answer) => {
                progress.first_byte = Some(Instant::now());
                let (head, body) = answer.into_parts();
                let fields = head.headers.len();
                progress.head = Some(head);
                // hyper counts those of HTTP/1.1 only.
                if fields > limits.fields {
                    return Err(ExchangeError::HeadTooLarge {
                        fields: limits.fields,
                        bytes: limits.head,
                    });
                }
                let reader = Reader::new(reading);
                let content = read(&mut connection, body, reader, limits.body).await?;
                if let Connection::Http1(own) = connection {
                    *idle = (!is_last).then_some(own);
                }
                return Ok(content);
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) if is_kept => {
                    connection.leave();
                    request = unsent;
                }
                _ if connection.fell_back() => {
                    return Err(ExchangeError::of_falling_back(error.into_error()));
                }
                _ => {
                    let end = (connection.unread(), connection.ended_by());
                    let error = error.into_error();
                    match spare.filter(|_| Http2Fault::left_it_undone(&error)) {
                        Some(spare) => {
                            connection.leave();
                            request = spare;
                        }
                        None => return Err(ExchangeError::before_an_answer(error, end, limits)),
                    }
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
        let piece = connection.next_frame(&mut body).await;
        let Some(piece) = piece.transpose().map_err(ExchangeError::in_an_answer)? else {
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
