//! An upstream whose answers are wrong on purpose, in ways that no HTTP library
//! would send them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use services::contract::VERSION;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
    /// Sends a whole response, one byte of its body after each pause.
    SlowBody {
        content_length: usize,
        pause: Duration,
    },
    /// Sends these bytes, whatever they are, and waits for the next request.
    Respond(Bytes),
}

/// A TCP server on a free port of 127.0.0.1, which stops when it is dropped.
#[derive(Debug)]
pub(crate) struct RudeUpstream {
    address: SocketAddr,
    script: Arc<Script>,
    // Aborts the server, and with it the connections, on drop.
    _server: JoinSet<()>,
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

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has read, in full or in part.
    pub(crate) fn requests(&self) -> usize {
        self.script.requests.load(Ordering::SeqCst)
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
    while read_request(&mut stream, &script.requests).await {
        let sent = match script.answer() {
            Answer::CloseAtOnce | Answer::Close => return,
            Answer::Silence => std::future::pending().await,
            Answer::Malformed => {
                let _ = stream.write_all(b"Pray, what is HTTP?\r\n\r\n").await;
                return;
            }
            Answer::Truncated {
                content_length,
                sent,
            } => {
                let body = "1".repeat(sent);
                let response = format!("{}{body}", head(content_length));
                let _ = stream.write_all(response.as_bytes()).await;
                return;
            }
            Answer::SlowBody {
                content_length,
                pause,
            } => send_slowly(&mut stream, content_length, pause).await,
            Answer::Respond(response) => stream.write_all(&response).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The head of a response that every service of the laboratory understands.
fn head(content_length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{VERSION}: 1\r\n\
         content-length: {content_length}\r\n\r\n"
    )
}

async fn send_slowly(
    stream: &mut TcpStream,
    content_length: usize,
    pause: Duration,
) -> std::io::Result<()> {
    stream.write_all(head(content_length).as_bytes()).await?;
    for _ in 0..content_length {
        tokio::time::sleep(pause).await;
        stream.write_all(b"1").await?;
    }
    Ok(())
}

/// Reads a request to its end, so that closing the connection afterwards is in good
/// order for TCP. Counts it once it begins; false when the caller sends no more.
async fn read_request(stream: &mut TcpStream, requests: &AtomicUsize) -> bool {
    let mut request = Vec::new();
    while !is_whole(&request) {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return false,
            Ok(read) if read == request.len() => {
                requests.fetch_add(1, Ordering::SeqCst);
            }
            Ok(_) => {}
        }
    }
    true
}

/// Whether a request, as proxies and clients in good order send it, is all there.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = (&request[..end], &request[end + 4..]);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find_map(|(field, value)| (field == name).then(|| value.trim().to_owned()))
    };
    if field("transfer-encoding").is_some() {
        body.ends_with(b"0\r\n\r\n")
    } else {
        let length = field("content-length").and_then(|length| length.parse().ok());
        body.len() >= length.unwrap_or(0)
    }
}
