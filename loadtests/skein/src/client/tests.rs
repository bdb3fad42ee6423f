//! A client against servers that are polite, careless or rude: what it makes of them,
//! and what they get to see.

use std::sync::{Arc, Mutex};

use http::{StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::samples::Fault;

mod encrypted;
mod sending;
mod server;
mod streams;
mod taking;

/// What a server does once it has read a request whole.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// It sends this, and reads the next request.
    Answers(&'static str),
    /// It sends this, and neither goes on nor hangs up.
    Stalls(&'static str),
}
use Deed::{Answers, Stalls};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that does what it is told, connection by connection, and then hangs up.
struct Server {
    target: Target,
    /// The requests that were read whole.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(connections: &'static [&'static [Deed]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let server = Server {
            // Listens on only one of the two addresses that this name has.
            target: format!("http://localhost:{port}")
                .parse()
                .expect("a target"),
            seen: Arc::clone(&seen),
        };
        tokio::spawn(async move {
            for deeds in connections {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                for deed in *deeds {
                    let Some(request) = read_request(&mut stream).await else {
                        break;
                    };
                    seen.lock().expect("not poisoned").push(request);
                    let (Answers(text) | Stalls(text)) = deed;
                    stream.write_all(text.as_bytes()).await.expect("writable");
                    if matches!(deed, Stalls(_)) {
                        std::future::pending::<()>().await;
                    }
                }
            }
        });
        server
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// How often a path was asked for.
    fn count(&self, path: &str) -> usize {
        let line = format!(" {path} HTTP/1.1\r\n");
        self.seen().iter().filter(|r| r.contains(&line)).count()
    }
}

/// A whole request, whose body has as many bytes as its head says.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            let length = length.map_or(0, |length| length.parse().expect("a number"));
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

/// A client that is patient enough for anything that isn't broken.
fn client() -> Client {
    Client::new(AnswerLimits::OF_A_MIX)
}

/// A client that gives up soon.
fn impatient() -> Client {
    Client::new(AnswerLimits::OF_A_MIX.within(Duration::from_millis(100)))
}

async fn ask(client: &mut Client, server: &Server, path: &str) -> Result<Response<Bytes>, Broken> {
    let request = Request::new(&server.target, Method::GET, path);
    send(client, &server.target, request).await
}

/// Sends a request, and gives the answer with what is kept of its body.
async fn send(
    client: &mut Client,
    target: &Target,
    request: Request,
) -> Result<Response<Bytes>, Broken> {
    let answer = client.exchange(target, request, Instant::now()).await?;
    Ok(answer.map(|content| content.kept))
}

/// The fault, its example, and the status of what there was of the answer.
fn fault<T: std::fmt::Debug>(outcome: Result<Response<T>, Broken>) -> (Fault, String, Option<u16>) {
    let broken = outcome.expect_err("no whole answer");
    (
        broken.error.fault().expect("the server's doing"),
        broken.error.with_causes(),
        broken.head.map(|head| head.status.as_u16()),
    )
}

#[tokio::test]
async fn a_server_sees_a_request_with_its_name_its_body_and_nothing_that_nobody_wrote() {
    let server = Server::start(&[&[Answers(OK), Answers(OK)]]).await;
    let mut client = client();
    let request = Request::new(&server.target, Method::POST, "/a/../b?c=d e")
        .header(header::CONTENT_TYPE, "text/plain")
        .header(header::ACCEPT, "text/html")
        .body("hello");
    let answer = send(&mut client, &server.target, request).await;
    assert_eq!(answer.expect("an answer").body(), "ok");
    ask(&mut client, &server, "/").await.expect("an answer");
    let host = server.target.host().to_str().expect("text");
    let seen = server.seen();
    assert_eq!(
        seen[0],
        format!(
            "POST /a/../b?c=d%20e HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n\
             content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
        )
    );
    assert_eq!(
        seen[1],
        format!("GET / HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n\r\n")
    );
}

#[tokio::test]
async fn a_request_that_cant_be_sent_reaches_nobody_and_says_why() {
    let server = Server::start(&[]).await;
    let (fault, example, _) = fault(ask(&mut client(), &server, "no-slash").await);
    assert_eq!(fault, Fault::NotConnected);
    assert!(example.contains("begins with `/`"), "{example}");
}

#[tokio::test]
async fn a_connection_is_kept_as_long_as_the_server_keeps_it() {
    const CLOSE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let server = Server::start(&[&[Answers(OK), Answers(CLOSE)], &[Answers(OK)]]).await;
    let mut client = client();
    for path in ["/1", "/2", "/3"] {
        ask(&mut client, &server, path).await.expect("an answer");
        assert_eq!(server.count(path), 1);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_nobody_used_it_costs_no_request() {
    let server = Server::start(&[&[Answers(OK)], &[Answers(OK)]]).await;
    let mut client = client();
    ask(&mut client, &server, "/1").await.expect("an answer");
    // The server hangs up after that; whether it is noticed before the next request is
    // sent is what the runtime has seen of it.
    while client
        .idle
        .as_mut()
        .is_some_and(|connection| connection.is_usable())
    {
        tokio::task::yield_now().await;
    }
    ask(&mut client, &server, "/2").await.expect("an answer");
    assert_eq!((server.count("/1"), server.count("/2")), (1, 1));
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again_when_the_server_hangs_up_on_it() {
    let server = Server::start(&[&[Answers(OK), Answers("")], &[Answers(OK)]]).await;
    let mut client = client();
    ask(&mut client, &server, "/1").await.expect("an answer");
    let (fault, example, status) = fault(ask(&mut client, &server, "/2").await);
    assert_eq!((fault, status), (Fault::Closed, None));
    assert!(
        example.contains("on its way: connection closed"),
        "{example}"
    );
    assert_eq!(server.count("/2"), 1);
    ask(&mut client, &server, "/3").await.expect("an answer");
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let server = Server::start(&[&[Answers("SSH-2.0-OpenSSH_9.2\r\n")]]).await;
    let (fault, example, status) = fault(ask(&mut client(), &server, "/").await);
    assert_eq!((fault, status), (Fault::NotHttp(Spoken::Ssh), None));
    assert!(
        example.contains("\"SSH-2.0-OpenSSH_9.2\\r\\n\""),
        "{example}"
    );
}

/// A server that says `words` to each connection before it has read anything, or once a
/// request was read, and hangs up.
async fn blurts(words: &'static [u8], at_once: bool) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            if !at_once {
                read_request(&mut stream).await.expect("a request");
            }
            stream.write_all(words).await.expect("writable");
            // Lest what is unread makes a reset of the goodbye.
            while stream.read_buf(&mut Vec::new()).await.is_ok_and(|n| n > 0) {}
        }
    });
    url.parse().expect("a target")
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_by_its_first_words() {
    for (words, spoken) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], Spoken::Tls),
        (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", Spoken::Http2),
        (b"220 mail.example.org ESMTP\r\n", Spoken::Greeting),
        (b"<html>an answer of HTTP/0.9</html>", Spoken::Unknown),
        (b"\xff\xfe\x00garbage", Spoken::Unknown),
    ] {
        for at_once in [false, true] {
            let target = blurts(words, at_once).await;
            let request = Request::new(&target, Method::GET, "/");
            let outcome = client().exchange(&target, request, Instant::now()).await;
            let (fault, example, status) = fault(outcome);
            assert_eq!((fault, status), (Fault::NotHttp(spoken), None), "{example}");
        }
    }
}

#[tokio::test]
async fn a_server_that_says_goodbye_is_told_from_one_that_is_cut_down() {
    for (crashes, expected) in [(false, Fault::Closed), (true, Fault::NoAnswer)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            read_request(&mut stream).await.expect("a request");
            if crashes {
                // As the kernel does for a process that leaves something unread.
                stream.set_zero_linger().expect("a reset at the end");
            }
        });
        let target: Target = url.parse().expect("a target");
        let request = Request::new(&target, Method::GET, "/");
        let outcome = client().exchange(&target, request, Instant::now()).await;
        let (fault, example, status) = fault(outcome);
        assert_eq!((fault, status), (expected, None), "{example}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_without_a_word_is_asked_whether_it_speaks_tls() {
    // What a server without a cipher suite in common, or with one, says first.
    for (words, is_tls) in [
        (&b"\x15\x03\x03\x00\x02\x02\x28"[..], true),
        (b"\x16\x03\x03\x00\x35\x02", true),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
        (b"", false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut greeting = [0; 52];
            stream.read_exact(&mut greeting).await.expect("a greeting");
            assert!(greeting.starts_with(b"\x16\x03"));
            stream.write_all(words).await.expect("writable");
        });
        let target: Target = url.parse().expect("a target");
        assert_eq!(speaks_tls(&target).await, is_tls, "{words:?}");
    }
}

#[tokio::test]
async fn a_name_that_nobody_has_is_this_machines_affair() {
    // Reserved for names that never exist (RFC 6761, section 6.4).
    let target: Target = "http://nobody.invalid:80".parse().expect("a target");
    let request = Request::new(&target, Method::GET, "/");
    let outcome = client().exchange(&target, request, Instant::now()).await;
    let broken = outcome.expect_err("no answer");
    assert_eq!(broken.error.fault(), Err(Shortage::Names), "{broken:?}");
}

#[tokio::test]
async fn an_address_that_takes_no_connection_is_told_from_one_that_takes_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    drop(listener);
    let target: Target = url.parse().expect("a target");
    let request = Request::new(&target, Method::GET, "/");
    let (refused, example, _) = fault(send(&mut client(), &target, request.clone()).await);
    assert_eq!(refused, Fault::NotConnected);
    assert!(example.contains("refused"), "{example}");
    let (listener, target, _waiting) = full_house().await;
    let request = Request::new(&target, Method::GET, "/");
    let (late, example, _) = fault(send(&mut impatient(), &target, request).await);
    assert_eq!(late, Fault::NotConnected);
    assert_eq!(example, "no connection within 100ms");
    drop(listener);
}

/// A listener who accepts nobody, and so many before the door that no more fit.
async fn full_house() -> (TcpListener, Target, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let anywhere = "127.0.0.1:0".parse().expect("an address");
    socket.bind(anywhere).expect("a free port");
    let listener = socket.listen(1).expect("it listens");
    let address = listener.local_addr().expect("it listens");
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(stream) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        waiting.push(stream.expect("a connection"));
    }
    let target = format!("http://{address}").parse().expect("a target");
    (listener, target, waiting)
}

#[tokio::test]
async fn silence_counts_as_too_late_before_an_answer_and_within_one() {
    const HALF: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 4\r\n\r\nok";
    let server = Server::start(&[&[Stalls("")]]).await;
    let (silent, example, status) = fault(ask(&mut impatient(), &server, "/").await);
    assert_eq!((silent, status), (Fault::TimedOut, None));
    assert_eq!(example, "no whole answer within 100ms");
    let server = Server::start(&[&[Stalls(HALF)]]).await;
    let (half, _, status) = fault(ask(&mut impatient(), &server, "/").await);
    assert_eq!((half, status), (Fault::TimedOut, Some(202)));
}

#[tokio::test]
async fn an_answer_that_breaks_off_keeps_its_status_whichever_way_its_length_is_told() {
    const COUNTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nok";
    for deeds in [&[&[Answers(COUNTED)] as &[_]], &[&[Answers(CHUNKED)]]] as [&'static [_]; 2] {
        let server = Server::start(deeds).await;
        // Reading on, the server would wait for a request that nobody sends.
        let mut client = client();
        let outcome = ask(&mut client, &server, "/").await;
        let (fault, example, status) = fault(outcome);
        assert_eq!((fault, status), (Fault::CutOff, Some(200)), "{example}");
        assert!(example.starts_with("the answer broke off: "), "{example}");
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_end_whichever_way_its_length_is_told() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        2\r\nto\r\n7\r\ngether!\r\n0\r\nchecksum: none\r\n\r\n";
    const UNTIL_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\ntogether!";
    const NONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";
    let server = Server::start(&[
        &[Answers(CHUNKED), Answers(NONE), Answers(UNTIL_THE_END)],
        &[Answers(OK)],
    ])
    .await;
    let mut client = client();
    for body in ["together!", "", "together!", "ok"] {
        let answer = ask(&mut client, &server, "/").await.expect("an answer");
        assert_eq!(answer.body(), body);
    }
}

#[tokio::test]
async fn the_answer_to_a_head_has_no_body_whatever_length_it_tells() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let server = Server::start(&[&[Answers(HEAD), Answers(OK)]]).await;
    let mut client = client();
    let request = Request::new(&server.target, Method::HEAD, "/");
    let answer = send(&mut client, &server.target, request).await;
    assert_eq!(answer.expect("an answer").body(), "");
    let answer = ask(&mut client, &server, "/").await.expect("an answer");
    assert_eq!(answer.body(), "ok", "over the same connection");
}

#[tokio::test]
async fn redirects_and_hints_are_not_followed() {
    const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
        HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(&[&[Answers(HINTED), Answers(OK)]]).await;
    let answer = ask(&mut client(), &server, "/").await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_large_body_arrives_whole_in_both_directions() {
    let echo = axum::Router::new()
        .route("/", axum::routing::post(|body: Bytes| async move { body }))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    tokio::spawn(async move { axum::serve(listener, echo).await });
    let target: Target = url.parse().expect("a target");
    let body: Bytes = (0..10_000_000u32).map(|n| n as u8).collect();
    let mut client = client();
    for _ in 0..2 {
        let request = Request::new(&target, Method::POST, "/").body(body.clone());
        let answer = send(&mut client, &target, request).await;
        // Not with assert_eq, which would show both.
        assert!(answer.expect("an answer").body() == &body);
    }
}

#[tokio::test]
async fn a_client_that_connected_before_needs_no_second_connection() {
    let server = Server::start(&[&[Answers(OK)]]).await;
    let mut client = client();
    client.connect(&server.target).await;
    client.connect(&server.target).await;
    assert!(client.idle.is_some());
    ask(&mut client, &server, "/").await.expect("an answer");
}
