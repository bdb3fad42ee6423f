//! A client's connection as bytes, on their way to hyper: what hyper would hide, pass
//! over or wait for is seen here, in one place for every node.
//!
//! - [`head`] reads where each request ends, and what of its head can't be served.
//! - [`chunks`] checks chunked bodies and joins their small pieces.
//! - A pause within a body, or of a client that reads, has a limit.
//! - Whatever of a request is left when its answer has been sent is read for a while,
//!   so that the answer survives ([`linger`]).

pub(crate) mod chunks;
pub(crate) mod head;

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connection::Alarm;
use crate::request_rules::Refused;
use chunks::{Chunks, Next};
use head::Length;

/// Time limits of a client's connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// The longest time without a byte within a body.
    pub(crate) within_body: Duration,
    /// The longest time in which the client takes nothing of what is to be sent.
    pub(crate) reader: Duration,
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Absent only while the wire is dropped.
    stream: Option<TcpStream>,
    requests: Requests,
    notes: Arc<Notes>,
    pauses: Pauses,
    read_alarm: Alarm,
    write_alarm: Alarm,
    /// The alarm is set for a pause that has begun.
    reading_paused: bool,
    writing_paused: bool,
    /// The client will send nothing more.
    ended: bool,
}

/// The notes that a connection's bytes and its requests leave for each other.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The number of the request that can't be served, from 1, and why. It is the last
    /// one of its connection.
    refused: OnceLock<(u64, Refused)>,
    requests: AtomicU64,
    /// Something of an answer waits for a client that doesn't read.
    pub(crate) unsent: AtomicBool,
    left: Mutex<Option<TcpStream>>,
}

impl Notes {
    /// Counts the next request and says why it can't be served, if it can't.
    pub(crate) fn next_request(&self) -> Option<Refused> {
        // Only the connection's own task counts.
        let number = self.requests.load(Ordering::Relaxed) + 1;
        self.requests.store(number, Ordering::Relaxed);
        let (refused, why) = self.refused.get()?;
        (*refused == number).then_some(*why)
    }

    /// Reads for a while what the client still sends, if the wire was dropped in the
    /// middle of a request, and closes the connection.
    pub(crate) async fn linger(&self) {
        let left = self
            .left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(stream) = left {
            linger(stream).await;
        }
    }
}

impl Wire {
    /// Takes over a connection that a client has made.
    pub(crate) fn new(stream: TcpStream, notes: Arc<Notes>, pauses: Pauses) -> Self {
        Wire {
            stream: Some(stream),
            requests: Requests::default(),
            notes,
            pauses,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
            reading_paused: false,
            writing_paused: false,
            ended: false,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        Ok(Pin::new(stream))
    }

    /// Bounds how long a write may wait for the client.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.writing_paused {
                self.writing_paused = false;
                self.notes.unsent.store(false, Ordering::Relaxed);
            }
            return written;
        }
        if !self.writing_paused {
            self.writing_paused = true;
            self.notes.unsent.store(true, Ordering::Relaxed);
            self.write_alarm.set(Instant::now() + self.pauses.reader);
        }
        ready!(self.write_alarm.poll(cx));
        Poll::Ready(Err(io::Error::new(
            ErrorKind::TimedOut,
            "the client doesn't read",
        )))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let State::Malformed(why) = this.requests.state {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, why)));
        }
        let before = buf.filled().len();
        if this.stream()?.poll_read(cx, buf)?.is_pending() {
            if !this.requests.within_body() {
                return Poll::Pending;
            }
            if !this.reading_paused {
                this.reading_paused = true;
                this.read_alarm
                    .set(Instant::now() + this.pauses.within_body);
            }
            ready!(this.read_alarm.poll(cx));
            return Poll::Ready(Err(io::Error::new(
                ErrorKind::TimedOut,
                "the body stopped coming",
            )));
        }
        this.reading_paused = false;
        let came = &mut buf.filled_mut()[before..];
        if came.is_empty() {
            this.ended = true;
            return Poll::Ready(Ok(()));
        }
        let kept = this.requests.pass(came, &this.notes);
        buf.set_filled(before + kept);
        match this.requests.state {
            // An empty read would be the end.
            State::Malformed(why) if kept == 0 => {
                Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, why)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(cx, pieces);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

/// A connection that is closed while something of it is unread is reset, and the reset
/// takes the answer away from a client that hasn't read it yet. So what is left goes to
/// whoever will [`linger`].
impl Drop for Wire {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| !self.ended) else {
            return;
        };
        // What can't be read at once has not come, and so the close is in order.
        if self.requests.between() && stream.try_read(&mut [0; 1]).is_err() {
            return;
        }
        let mut left = self
            .notes
            .left
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *left = Some(stream);
    }
}

/// Says that nothing more will be sent, and reads what still comes, for a bounded time
/// and up to a bounded size (RFC 9112 §9.6).
async fn linger(mut stream: TcpStream) {
    /// As long as a client may need for a body of the largest size at 1 Mbit/s.
    const LONGEST: Duration = Duration::from_secs(10);
    /// A client that has read the answer closes long before.
    const LONGEST_PAUSE: Duration = Duration::from_secs(2);
    const MOST_BYTES: usize = 16 << 20;

    let read_on = async {
        let _ = stream.shutdown().await;
        let mut unwanted = vec![0; 16 << 10];
        let mut bytes = 0;
        while bytes < MOST_BYTES {
            match timeout(LONGEST_PAUSE, stream.read(&mut unwanted)).await {
                Ok(Ok(read)) if read > 0 => bytes += read,
                _ => return,
            }
        }
    };
    let _ = timeout(LONGEST, read_on).await;
}

/// The ends of a connection's requests, followed from byte to byte.
#[derive(Debug, Default)]
struct Requests {
    state: State,
    heads: u64,
    /// The beginning of a head that came in several reads.
    begun: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    /// A body, of which this much is to come.
    Body(u64),
    Chunks(Chunks),
    /// The connection can't go on.
    Malformed(&'static str),
    /// Nothing that still comes will be served.
    Over,
}

impl Requests {
    /// A head that is longer is refused by hyper, since no node is set to accept it.
    const LONGEST_HEAD: usize = 1 << 20;

    /// Follows the bytes that came, and leaves at their beginning what hyper is to see;
    /// tells how much that is.
    fn pass(&mut self, bytes: &mut [u8], notes: &Notes) -> usize {
        let (mut taken, mut kept) = (0, 0);
        while taken < bytes.len() {
            let rest = &mut bytes[taken..];
            let (length, left) = match &mut self.state {
                State::Head => {
                    let length = self.head(rest, notes);
                    (length, length)
                }
                State::Body(to_come) => {
                    let length =
                        usize::try_from(*to_come).map_or(rest.len(), |n| n.min(rest.len()));
                    *to_come -= length as u64;
                    if *to_come == 0 {
                        self.state = State::Head;
                    }
                    (length, length)
                }
                State::Chunks(chunks) => {
                    let passed = chunks.pass(rest);
                    match passed.next {
                        Next::More => {}
                        Next::End => self.state = State::Head,
                        Next::Malformed(why) => self.state = State::Malformed(why),
                    }
                    (passed.taken, passed.kept)
                }
                State::Over => (rest.len(), rest.len()),
                State::Malformed(_) => break,
            };
            if kept < taken {
                bytes.copy_within(taken..taken + left, kept);
            }
            taken += length;
            kept += left;
        }
        kept
    }

    /// Takes what belongs to a head from the beginning of `bytes`, and tells how much.
    fn head(&mut self, bytes: &mut [u8], notes: &Notes) -> usize {
        let earlier = self.begun.len();
        let read = if earlier == 0 {
            head::read(bytes)
        } else {
            self.begun.extend_from_slice(bytes);
            // The end of a head is the end of a line.
            memchr(b'\n', bytes).and_then(|_| head::read(&self.begun))
        };
        let Some((end, length)) = read else {
            if earlier == 0 {
                self.begun.extend_from_slice(bytes);
            }
            if self.begun.len() > Self::LONGEST_HEAD {
                self.begun = Vec::new();
                self.state = State::Over;
            }
            return bytes.len();
        };
        let end = end - earlier;
        self.begun = Vec::new();
        self.heads += 1;
        self.state = match length {
            Length::Known(0) => State::Head,
            Length::Known(length) => State::Body(length),
            Length::Chunked => State::Chunks(Chunks::default()),
            Length::Unknown => State::Over,
            Length::Refused(why) => {
                let _ = notes.refused.set((self.heads, why));
                if earlier == 0 {
                    head::hide_transfer_encoding(&mut bytes[..end]);
                }
                State::Over
            }
        };
        end
    }

    fn within_body(&self) -> bool {
        matches!(self.state, State::Body(_) | State::Chunks(_))
    }

    /// The state in which every request is whole, and nothing of another has come.
    fn between(&self) -> bool {
        matches!(self.state, State::Head) && self.begun.is_empty()
    }
}
