//! HTTP/2: what is sent, who shares a connection, and what the server may end.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{Manners, Polite};
use super::*;

fn over_http2(users: usize) -> ConnectionSettings {
    ConnectionSettings {
        http: Http::Two,
        users,
        ..ConnectionSettings::default()
    }
}

async fn get(client: &mut Client, target: &Target) -> Result<Response<Bytes>, Broken> {
    send(client, target, Request::new(target, Method::GET, "/")).await
}

#[tokio::test]
async fn a_request_is_sent_with_its_authority_over_a_connection_that_is_kept() {
    let server = Polite::start(Manners::PLAIN_HTTP2).await;
    let target = server.target(&over_http2(1));
    let mut client = client();
    for _ in 0..3 {
        let request = Request::new(&target, Method::POST, "/a?b=c")
            .header(header::HOST, "shop.example")
            .header(header::CONNECTION, "keep-alive")
            .body("hello");
        let answer = send(&mut client, &target, request)
            .await
            .expect("an answer");
        let told = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(
            told.starts_with("POST http://shop.example/a?b=c "),
            "{told}"
        );
        assert!(told.ends_with("hello"), "{told}");
        assert!(
            !told.contains("connection") && !told.contains("\"host\""),
            "{told}"
        );
    }
    let journey = client.take_journey();
    assert_eq!((journey.opened.len(), server.connections()), (1, 1));
    assert!(journey.opened[0].handshake.is_none());
}

#[tokio::test]
async fn bodies_larger_than_any_window_go_both_ways() {
    let server = Polite::start(Manners::PLAIN_HTTP2).await;
    let target = server.target(&over_http2(1));
    let mut client = client();
    let body = Bytes::from(vec![b'a'; 5 << 20]);
    let request = Request::new(&target, Method::POST, "/").body(body.clone());
    let answer = send(&mut client, &target, request)
        .await
        .expect("an answer");
    assert!(answer.body().ends_with(&body));
    let journey = client.take_journey();
    assert!(
        journey.sent > 5 << 20 && journey.received > 5 << 20,
        "{journey:?}"
    );
}

#[tokio::test]
async fn users_who_share_a_connection_wait_for_a_stream_and_that_is_told() {
    let server = Polite::start(Manners {
        streams: 1,
        takes: Duration::from_millis(20),
        ..Manners::PLAIN_HTTP2
    })
    .await;
    let target = server.target(&over_http2(3));
    let users = (0..6).map(|seat| {
        let target = target.clone();
        tokio::spawn(async move {
            let mut client = Client::on(&target, seat, AnswerLimits::OF_A_MIX);
            get(&mut client, &target).await.expect("an answer");
            client.take_journey().stream_wait
        })
    });
    let users: Vec<_> = users.collect();
    let mut waits = Vec::new();
    for user in users {
        waits.extend(user.await.expect("no panic"));
    }
    assert_eq!(server.connections(), 2);
    assert_eq!(waits.len(), 4, "two of three wait, on each connection");
    assert!(
        waits.iter().all(|wait| *wait >= Duration::from_millis(15)),
        "{waits:?}"
    );
}

#[tokio::test]
async fn who_sends_again_and_again_keeps_nobody_from_a_stream() {
    let server = Polite::start(Manners {
        streams: 1,
        takes: Duration::from_millis(2),
        ..Manners::PLAIN_HTTP2
    })
    .await;
    let target = server.target(&over_http2(3));
    let until = Instant::now() + Duration::from_millis(300);
    let users = (0..3).map(|seat| {
        let target = target.clone();
        tokio::spawn(async move {
            let mut client = Client::on(&target, seat, AnswerLimits::OF_A_MIX);
            let mut answers = 0u32;
            while Instant::now() < until {
                get(&mut client, &target).await.expect("an answer");
                answers += 1;
            }
            answers
        })
    });
    let users: Vec<_> = users.collect();
    let mut answers = Vec::new();
    for user in users {
        answers.push(user.await.expect("no panic"));
    }
    let (least, most) = (answers.iter().min(), answers.iter().max());
    assert!(least.map(|least| least + 2) >= most.copied(), "{answers:?}");
}

#[tokio::test]
async fn who_gives_up_an_answer_keeps_the_connection() {
    let server = Polite::start(Manners {
        takes: Duration::from_millis(400),
        ..Manners::PLAIN_HTTP2
    })
    .await;
    let target = server.target(&over_http2(1));
    let mut client = impatient();
    for _ in 0..2 {
        assert_eq!(fault(get(&mut client, &target).await).0, Fault::TimedOut);
    }
    let mut client = client.within(AnswerLimits::OF_A_MIX);
    assert!(get(&mut client, &target).await.is_ok());
    assert_eq!(server.connections(), 1);
}

/// A server that treats the first stream of each connection so.
async fn rude(
    deed: fn(&mut h2::server::Connection<TcpStream, Bytes>, h2::server::SendResponse<Bytes>),
) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await?;
                if let Some(Ok((_, answer))) = connection.accept().await {
                    deed(&mut connection, answer);
                }
                // To the end of it, or nothing is sent.
                while connection.accept().await.is_some() {}
                Ok::<_, h2::Error>(())
            });
        }
    });
    let url = format!("http://127.0.0.1:{port}");
    Target::new(&url, &over_http2(1)).expect("a target")
}

/// A server that answers the first request of each connection, and before the second says that
/// it has had enough and has processed none but the first, as nginx does after a thousand.
async fn of_few_words() -> (Target, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer_the_first(stream));
        }
    });
    let url = format!("http://127.0.0.1:{port}");
    let target = Target::new(&url, &over_http2(1)).expect("a target");
    (target, connections)
}

/// Answers stream 1, and gives up the connection when another begins, frame by frame: h2's
/// server counts as processed whatever it has seen.
async fn answer_the_first(mut stream: TcpStream) -> std::io::Result<Infallible> {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_TAKEN: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
    // Status 200 by its place in the table (RFC 7541, appendix A), and the end of the stream.
    const ANSWER: &[u8] = &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
    const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream
        .write_all(&[SETTINGS, SETTINGS_TAKEN].concat())
        .await?;
    loop {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await?;
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await?;
        match (frame[3], frame[8]) {
            (HEADERS, 1) => stream.write_all(ANSWER).await?,
            (HEADERS, _) => stream.write_all(GOAWAY).await?,
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_a_server_says_it_has_not_processed_is_sent_again_over_a_new_connection() {
    let (target, connections) = of_few_words().await;
    let mut client = client();
    for request in 1..=5 {
        let answer = get(&mut client, &target).await;
        assert!(answer.is_ok(), "request {request}");
        assert_eq!(connections.load(Ordering::Relaxed), request);
    }
}

#[tokio::test]
async fn what_a_server_ends_is_named_as_it_names_it() {
    let refusing = rude(|_, mut answer| answer.send_reset(Reason::REFUSED_STREAM)).await;
    let resetting = rude(|_, mut answer| answer.send_reset(Reason::INTERNAL_ERROR)).await;
    let leaving = rude(|connection, _| connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM)).await;
    let breaking_off = rude(|_, mut answer| {
        let head = Response::new(());
        let mut body = answer.send_response(head, false).expect("a head");
        body.send_data(Bytes::from_static(b"half"), false)
            .expect("a piece");
        body.send_reset(Reason::CANCEL);
    })
    .await;
    for (target, expected, says) in [
        (refusing, Http2Fault::Refused, "REFUSED_STREAM"),
        (resetting, Http2Fault::Reset, "RST_STREAM"),
        (leaving, Http2Fault::GoneAway, "GOAWAY"),
        (breaking_off, Http2Fault::Reset, "RST_STREAM"),
    ] {
        let (found, example, _) = fault(get(&mut client(), &target).await);
        assert_eq!(found, Fault::Http2(expected), "{example}");
        assert!(example.contains(says), "{example}");
    }
}
