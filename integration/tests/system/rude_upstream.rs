//! An upstream whose answers are wrong on purpose, in ways that no HTTP library
//! would send them.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use integration::wait::wait_for;
use services::contract::VERSION;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::PATIENCE;

/// How a [`RudeUpstream`] answers each request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Closes each connection as soon as it is made, without having read anything.
    CloseAtOnce,
    /// Reads the request and closes the connection.
    Close,
    /// Reads the request and says nothing.
    Silence,
    /// Sends what is not HTTP, and closes the connection.
    Malformed,
    /// Sends the head of a response whose body has `content_length` bytes, and `sent`
    /// bytes of it; then closes the connection. All else about it is in order.
    Truncated { content_length: usize, sent: usize },
    /// The same, but the connection stays open and nothing more comes.
    Stall { content_length: usize, sent: usize },
    /// Sends a whole response, one byte of its body after each pause.
    SlowBody {
        content_length: usize,
        pause: Duration,
    },
    /// Sends these bytes as soon as the request's head has come, and closes the connection
    /// with the rest unread, which resets it.
    EarlyThenReset(Bytes),
    /// Sends the body of a chunked request back, each piece as soon as it has come.
    Echo,
    /// Sends these bytes, whatever they are, and waits for the next request.
    Respond(Bytes),
}

/// The answer to a health check, which is no rude one: who fails at it isn't asked anything else.
const HEALTHY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A TCP server on a free port of 127.0.0.1, which stops when it is dropped.
#[derive(Debug)]
pub(crate) struct RudeUpstream {
    address: SocketAddr,
    script: Arc<Script>,
    // Aborts the server, and with it the connections, on drop.
    _server: JoinSet<()>,
}

/// An address of 127.0.0.1 that refuses connections, and is nobody else's until it is
/// dropped.
#[derive(Debug)]
pub(crate) struct NobodyThere {
    address: SocketAddr,
    // Bound, and never listens.
    _socket: TcpSocket,
}

impl NobodyThere {
    /// Takes a free port.
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any_port = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any_port).expect("a free port");
        NobodyThere {
            address: socket.local_addr().expect("bound"),
            _socket: socket,
        }
    }

    /// Where nobody listens, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[derive(Debug)]
struct Script {
    answer: Mutex<Answer>,
    requests: AtomicUsize,
}

impl RudeUpstream {
    /// Starts to listen.
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(Script {
            answer: Mutex::new(answer),
            requests: AtomicUsize::new(0),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&script)));
        RudeUpstream {
            address,
            script,
            _server: server,
        }
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have reached it, with their heads at least.
    pub(crate) fn requests(&self) -> usize {
        self.script.requests.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have reached it.
    pub(crate) async fn until_requests(&self, requests: usize) {
        let look = async || match self.requests() {
            reached if reached == requests => Ok(()),
            reached => Err(reached),
        };
        let waited = wait_for(format!("{requests} requests"), PATIENCE, look).await;
        waited.expect("they come");
    }

    /// Answers differently from the next request on.
    pub(crate) fn change(&self, answer: Answer) {
        *self
            .script
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

impl Script {
    fn answer(&self) -> Answer {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&script)));
    }
}

/// Answers one request after the other, until it is time to close the connection or
/// the caller has.
async fn converse(mut stream: TcpStream, script: Arc<Script>) {
    if matches!(script.answer(), Answer::CloseAtOnce) {
        return;
    }
    while let Some(request) = begun_request(&mut stream).await {
        if request.starts_with(b"GET /health ") || request.starts_with(b"GET /health?") {
            match stream.write_all(HEALTHY).await {
                Ok(()) => continue,
                Err(_) => return,
            }
        }
        script.requests.fetch_add(1, Ordering::SeqCst);
        let outcome = match script.answer() {
            Answer::Echo => echo(&mut stream, request).await,
            Answer::EarlyThenReset(response) => stream
                .write_all(&response)
                .await
                .map(|()| Afterwards::Close),
            answer => match rest_of(&mut stream, request).await {
                Ok(()) => give(&mut stream, answer).await,
                Err(error) => Err(error),
            },
        };
        match outcome {
            Ok(Afterwards::NextRequest) => {}
            Ok(Afterwards::Close) | Err(_) => return,
        }
    }
}

/// What becomes of the connection after an answer.
enum Afterwards {
    NextRequest,
    Close,
}

async fn give(stream: &mut TcpStream, answer: Answer) -> io::Result<Afterwards> {
    match answer {
        Answer::CloseAtOnce | Answer::Close => Ok(Afterwards::Close),
        Answer::Silence => pending().await,
        Answer::Malformed => {
            stream.write_all(b"Pray, what is HTTP?\r\n\r\n").await?;
            Ok(Afterwards::Close)
        }
        Answer::Truncated {
            content_length,
            sent,
        } => {
            begin_response(stream, content_length, sent).await?;
            Ok(Afterwards::Close)
        }
        Answer::Stall {
            content_length,
            sent,
        } => {
            begin_response(stream, content_length, sent).await?;
            pending().await
        }
        Answer::SlowBody {
            content_length,
            pause,
        } => {
            begin_response(stream, content_length, 0).await?;
            for _ in 0..content_length {
                sleep(pause).await;
                stream.write_all(b"1").await?;
            }
            Ok(Afterwards::NextRequest)
        }
        Answer::Respond(response) => {
            stream.write_all(&response).await?;
            Ok(Afterwards::NextRequest)
        }
        Answer::Echo | Answer::EarlyThenReset(_) => {
            unreachable!("this does not wait for the request's end")
        }
    }
}

/// Sends the head of a response that every service of the laboratory understands,
/// and the first `sent` bytes of its body.
async fn begin_response(
    stream: &mut TcpStream,
    content_length: usize,
    sent: usize,
) -> io::Result<()> {
    let body = "1".repeat(sent);
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{VERSION}: 1\r\n\
         content-length: {content_length}\r\n\r\n{body}"
    );
    stream.write_all(response.as_bytes()).await
}

/// The chunks of a request are those of its response, as they stand.
async fn echo(stream: &mut TcpStream, request: Vec<u8>) -> io::Result<Afterwards> {
    let body = body_of(&request).unwrap_or_default();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    stream.write_all(body).await?;
    let mut request = request;
    while !is_whole(&request) {
        let known = request.len();
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(Afterwards::Close);
        }
        stream.write_all(&request[known..]).await?;
    }
    Ok(Afterwards::NextRequest)
}

/// A request as far as it has come, its head at least; `None` when the caller has
/// closed the connection.
async fn begun_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    while body_of(&request).is_none() {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// Reads a request to its end, so that closing the connection afterwards is in good
/// order for TCP.
async fn rest_of(stream: &mut TcpStream, mut request: Vec<u8>) -> io::Result<()> {
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// The body of a request as far as it has come, once its head has.
fn body_of(request: &[u8]) -> Option<&[u8]> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(&request[end + 4..])
}

/// Whether a request, as callers in good order send it, is all there.
fn is_whole(request: &[u8]) -> bool {
    let Some(body) = body_of(request) else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..request.len() - body.len()]);
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find_map(|(field, value)| field.eq_ignore_ascii_case(name).then(|| value.trim()))
    };
    if field("transfer-encoding").is_some() {
        body.ends_with(b"0\r\n\r\n")
    } else {
        let length = field("content-length").and_then(|length| length.parse().ok());
        body.len() >= length.unwrap_or(0)
    }
}
