//! A server whose behaviour is known exactly, and which keeps its own account of it:
//! a thread for each connection, whose sleeps end on time, and no runtime in between.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::encrypted;
use crate::pacer::sleep_finely;
use crate::{makeshift_tls, output};

/// Answers at once.
pub(super) const AT_ONCE: &str = "/at-once";
/// Answers after [`CONSTANT`].
pub(super) const AFTER_A_WHILE: &str = "/after-a-while";
/// Answers nine requests after [`FAST`] and the tenth after [`SLOW`].
pub(super) const TWO_MODES: &str = "/two-modes";
/// Answers with headers at once, and with a body that takes [`TRICKLE`].
pub(super) const TRICKLING: &str = "/trickling";
/// Of ten requests, answers seven with 200 and two with 500, and hangs up on one without
/// a word.
pub(super) const FAULTY: &str = "/faulty";
/// Says whether the request is [`AS_WRITTEN_REQUEST`] to the byte, in an answer with more
/// header fields than most.
pub(super) const AS_WRITTEN: &str = "/as-written/";
/// Tells what was answered so far, as JSON.
pub(super) const ACCOUNT: &str = "/account";
/// Tells of the handshakes so far, likewise.
pub(super) const HANDSHAKES: &str = "/handshakes";

pub(super) const CONSTANT: Duration = Duration::from_millis(5);
pub(super) const FAST: Duration = Duration::from_millis(2);
pub(super) const SLOW: Duration = Duration::from_millis(20);
pub(super) const TRICKLE: Duration = Duration::from_millis(50);
pub(super) const PIECES: u32 = 10;

/// A request with what is easily changed on its way, without its `Host`.
pub(super) const AS_WRITTEN_REQUEST: &str = concat!(
    "POST /as-written/a%20%22b%22?q=a%20%22b%22 HTTP/1.1\r\n",
    "accept: */*\r\n",
    "user-agent: skein/",
    env!("CARGO_PKG_VERSION"),
    "\r\n",
    "X-Twice: 1\r\n",
    "x-twice: a \"b\"\r\n",
    "Content-Type: application/json\r\n",
    "content-length: 52\r\n",
    "\r\n",
    r#"{"a": "a \"b\"", "b": a "b", "c": "{item}", "d": {}}"#,
);
/// What is said of a request that is as it was written.
pub(super) const IT_IS: &str = "as it was written";
const FIELDS: usize = 300;

/// One answer in the server's own account, in nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    /// When the request had been read.
    pub(super) begin: u64,
    /// When the last byte had been written.
    pub(super) end: u64,
    /// What became of the request.
    pub(super) fate: Fate,
}

/// What the server did about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// It answered as it should.
    Right,
    /// It answered with 500.
    Wrong,
    /// It hung up without an answer.
    HungUp,
}

/// What all connections share.
pub(super) struct Server {
    start: Instant,
    account: Mutex<Vec<Answered>>,
    handshakes: Mutex<Vec<Answered>>,
    two_modes: AtomicU64,
    faulty: AtomicU64,
}

/// Serves until the process ends. The first line on the standard output is where: the URL, and
/// that of the same over TLS.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (plain, encrypted) = (listen()?, listen()?);
    let (address, over_tls) = (plain.local_addr()?, encrypted.local_addr()?);
    let acceptor = makeshift_tls::acceptor()?;
    let server = Arc::new(Server {
        start: Instant::now(),
        account: Mutex::default(),
        handshakes: Mutex::default(),
        two_modes: AtomicU64::new(0),
        faulty: AtomicU64::new(0),
    });
    output::deliver(format_args!("http://{address} https://{over_tls}\n"))?;
    let others = Arc::clone(&server);
    thread::spawn(move || {
        accept_all(&encrypted, move |stream| {
            encrypted::answer_all(&others, stream, &acceptor)
        })
    });
    accept_all(&plain, move |stream| server.answer_all(&stream))
}

/// Has each connection answered by a thread of its own.
fn accept_all(
    listener: &TcpListener,
    answer_all: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<()> {
    for stream in listener.incoming() {
        let (stream, answer_all) = (stream?, answer_all.clone());
        thread::spawn(move || {
            sleep_finely();
            // A connection that breaks is its user's to notice.
            let _ = answer_all(stream);
        });
    }
    Ok(())
}

impl Server {
    fn answer_all(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        while let Some(request) = read_request(&mut requests)? {
            if self.answer(&request, stream)? == Fate::HungUp {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, request: &str, mut stream: &TcpStream) -> io::Result<Fate> {
        let begin = Instant::now();
        let mut fate = Fate::Right;
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path {
            AT_ONCE => {}
            AFTER_A_WHILE => thread::sleep(CONSTANT),
            TWO_MODES => {
                let turn = self.two_modes.fetch_add(1, Ordering::Relaxed);
                thread::sleep(if turn % 10 == 9 { SLOW } else { FAST });
            }
            TRICKLING => {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {PIECES}\r\n\r\n"
                )?;
                for piece in 1..=PIECES {
                    let due = begin + TRICKLE * piece / PIECES;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    stream.write_all(b".")?;
                }
                self.enter(begin, fate);
                return Ok(fate);
            }
            FAULTY => {
                fate = match self.faulty.fetch_add(1, Ordering::Relaxed) % 10 {
                    3 | 6 => Fate::Wrong,
                    9 => Fate::HungUp,
                    _ => Fate::Right,
                };
            }
            _ if path.starts_with(AS_WRITTEN) => {
                let told = match request == AS_WRITTEN_REQUEST {
                    true => IT_IS,
                    false => "something else",
                };
                respond_with(stream, 200, &"x-field: a\r\n".repeat(FIELDS), told)?;
                self.enter(begin, fate);
                return Ok(fate);
            }
            ACCOUNT | HANDSHAKES => {
                let book = match path {
                    ACCOUNT => &self.account,
                    _ => &self.handshakes,
                };
                let book = serde_json::to_string(&*lock(book))?;
                return respond(stream, 200, &book).map(|()| fate);
            }
            _ => return respond(stream, 200, "a server for self-checks").map(|()| fate),
        }
        match fate {
            Fate::Right => respond(stream, 200, "ok")?,
            Fate::Wrong => respond(stream, 500, "no")?,
            Fate::HungUp => {}
        }
        self.enter(begin, fate);
        Ok(fate)
    }

    /// Enters an answer whose last byte has been written.
    pub(super) fn enter(&self, begin: Instant, fate: Fate) {
        lock(&self.account).push(self.since(begin, fate));
    }

    /// Enters a handshake that is over.
    pub(super) fn shook_hands(&self, begin: Instant) {
        lock(&self.handshakes).push(self.since(begin, Fate::Right));
    }

    fn since(&self, begin: Instant, fate: Fate) -> Answered {
        let at = |moment: Instant| moment.duration_since(self.start).as_nanos() as u64;
        Answered {
            begin: at(begin),
            end: at(Instant::now()),
            fate,
        }
    }
}

fn lock(book: &Mutex<Vec<Answered>>) -> MutexGuard<'_, Vec<Answered>> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A whole request without its `Host`, which differs from server to server; `None` once
/// there are no more.
fn read_request(requests: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut request = String::new();
    let mut length = 0;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(told) = line.strip_prefix("content-length: ") {
            length = told.trim_end().parse().map_err(io::Error::other)?;
        }
        if !line.starts_with("host: ") {
            request.push_str(&line);
        }
    }
    requests.take(length).read_to_string(&mut request)?;
    Ok(Some(request))
}

/// In one piece, lest the answer's parts travel apart.
fn respond(stream: &TcpStream, status: u16, body: &str) -> io::Result<()> {
    respond_with(stream, status, "", body)
}

fn respond_with(mut stream: &TcpStream, status: u16, fields: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} As told\r\n{fields}content-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes())
}
