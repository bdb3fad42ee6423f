//! Attacks on what a node has little of: memory, files, time. Ordinary readers beside
//! them get every answer, no gateway is blamed for what a client does, and the memory of
//! every node stays below one figure (`siege.rs` states it).

mod siege;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use integration::Topology;
use reqwest::Method;
use reqwest::header::CONNECTION;
use services::contract::Service;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{Lab, PATIENCE};
use crate::traffic::laboratory;
use siege::{
    all_at_once, beside_new_readers, beside_readers, everybody, head, left_open, nodes_of,
};

/// A body just below the largest that nodes take, in bytes.
const LARGE: usize = 900_000;

/// A chunk's head makes six octets of one, and a node that keeps each piece by itself
/// makes some thousand of it.
pub(crate) async fn a_megabyte_in_one_byte_chunks_is_a_megabyte() {
    let lab = Lab::start(laboratory()).await;
    let address = lab.address_of("load-balancer");
    let mut octets = head(address, "POST /process", "Transfer-Encoding: chunked\r\n").into_bytes();
    octets.extend_from_slice(&b"1\r\nx\r\n".repeat(1_000_000));
    octets.extend_from_slice(b"0\r\n\r\n");
    beside_readers(&lab, async || {
        let statuses = all_at_once(address, 4, &octets).await;
        assert_eq!(statuses, [Some(200); 4]);
    })
    .await;
}

pub(crate) async fn bodies_in_one_byte_chunks_are_bounded_at_every_node() {
    let lab = Lab::start(laboratory()).await;
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().map(async |(address, request)| {
            let mut octets = head(address, request, "Transfer-Encoding: chunked\r\n").into_bytes();
            // Larger than any node takes, whatever it thinks of the content.
            octets.extend_from_slice(&b"1\r\n1\r\n".repeat(1_200_000));
            octets.extend_from_slice(b"0\r\n\r\n");
            let statuses = all_at_once(address, 1, &octets).await;
            assert_eq!(statuses, [Some(413)], "{request}");
        });
        join_all(attacks).await;
    })
    .await;
}

pub(crate) async fn a_refused_body_is_401_and_no_gateway_is_blamed() {
    let lab = Lab::start(laboratory()).await;
    let request = format!(
        "POST /longtask HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {LARGE}\r\n\r\n{}",
        " ".repeat(LARGE)
    );
    beside_readers(&lab, async || {
        let address = lab.address_of("load-balancer");
        for _ in 0..9 {
            let statuses = all_at_once(address, 20, request.as_bytes()).await;
            assert_eq!(statuses, [Some(401); 20]);
        }
    })
    .await;
}

pub(crate) async fn heads_that_come_slowly_are_given_up() {
    let lab = Lab::start(everywhere("head-timeout", "1s")).await;
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().map(async |(address, request)| {
            let octets = format!("{request} HTTP/1.1\r\nHost: {address}\r\nX-Slow: ");
            let open = left_open(address, 40, octets.as_bytes()).await;
            join_all(open.into_iter().map(drip_until_closed)).await;
        });
        join_all(attacks).await;
    })
    .await;
}

pub(crate) async fn bodies_that_stall_are_given_up_by_every_node() {
    let lab = Lab::start(everywhere("idle-timeout", "1s")).await;
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().flat_map(|(address, request)| {
            let length = head(address, request, "Content-Length: 1000\r\n") + "1";
            let chunked = head(address, request, "Transfer-Encoding: chunked\r\n") + "5\r\n1";
            [(address, length), (address, chunked)]
        });
        let attacks = attacks.map(async |(address, octets)| {
            let open = left_open(address, 20, octets.as_bytes()).await;
            join_all(open.into_iter().map(wait_until_closed)).await;
        });
        join_all(attacks).await;
    })
    .await;
}

/// Answers that nobody reads fill the connection's buffers, and then the node waits.
pub(crate) async fn clients_that_do_not_read_are_given_up() {
    let lab = Lab::start(everywhere("write-timeout", "1s")).await;
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().map(async |(address, _)| {
            let mut stream = with_little_room(address).await;
            let pipeline = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(1000);
            // The node reads nothing more while it has more to write than anybody takes,
            // and then it gives up.
            let written = async { while stream.write_all(pipeline.as_bytes()).await.is_ok() {} };
            let given_up = timeout(PATIENCE, written).await;
            given_up.expect("a node gives up a client that doesn't read");
        });
        join_all(attacks).await;
    })
    .await;
}

/// 256 files a process, and more connections than that to the balancer and to every
/// gateway: those that have been idle longest make room.
pub(crate) async fn more_idle_connections_than_files_harm_nobody() {
    let lab = Lab::start_with_few_files(laboratory()).await;
    beside_new_readers(&lab, async || {
        let mut open = Vec::new();
        let mut attacked = nodes_of(&lab, Service::ApiGateway);
        attacked.push("load-balancer".to_owned());
        for node in attacked {
            let address = lab.address_of(&node);
            // Fresh, between two requests, and within a head.
            open.extend(left_open(address, 150, b"").await);
            let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
            open.extend(left_open(address, 150, request).await);
            open.extend(left_open(address, 150, b"GET / HTTP/1.1\r\nHost:").await);
        }
        // They stay while readers go on for a while.
        traffic_goes_on(&lab).await;
        drop(open);
    })
    .await;
}

pub(crate) async fn heads_beyond_measure_are_refused_and_forgotten() {
    let lab = Lab::start(laboratory()).await;
    let large = format!("X-Large: {}\r\n", "a".repeat(1 << 20));
    let many = "a:b\r\n".repeat(100_000);
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().flat_map(|(address, request)| {
            [
                head(address, request, &large),
                head(address, request, &many),
            ]
            .map(|octets| (address, octets))
        });
        let attacks = attacks.map(async |(address, octets)| {
            for status in all_at_once(address, 10, octets.as_bytes()).await {
                assert_eq!(status, Some(431));
            }
        });
        join_all(attacks).await;
    })
    .await;
}

/// The largest head that is taken, with its last line missing, on many connections: what
/// a node keeps for each of them is bounded, and so are they.
pub(crate) async fn heads_that_are_almost_too_large_are_bounded_together() {
    let lab = Lab::start(laboratory()).await;
    let almost = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: {}",
        "a".repeat(15_000)
    );
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().map(async |(address, _)| {
            let open = left_open(address, 100, almost.as_bytes()).await;
            assert_eq!(lab.get("/data/item-1").await.status(), 200);
            drop(open);
        });
        join_all(attacks).await;
    })
    .await;
}

pub(crate) async fn a_flood_of_pipelined_requests_is_answered_in_its_turn() {
    let lab = Lab::start(laboratory()).await;
    const REQUESTS: usize = 2_000;
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().map(async |(address, _)| {
            let mut pipeline =
                format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(REQUESTS - 1);
            pipeline.push_str(&head(address, "GET /health", ""));
            let seen = crate::vectors::exchange(address, pipeline.as_bytes(), false).await;
            assert_eq!(seen.answers, vec![200; REQUESTS], "{:?}", seen.fault);
        });
        join_all(attacks).await;
    })
    .await;
}

/// Clients that go away within a head, within a body, and before their answer.
pub(crate) async fn requests_that_are_broken_off_are_forgotten() {
    let lab = Lab::start(laboratory()).await;
    let body = " ".repeat(LARGE / 2);
    beside_readers(&lab, async || {
        let attacks = everybody(&lab).into_iter().flat_map(|(address, request)| {
            let whole = head(address, request, "Content-Length: 2\r\n") + "{}";
            let half = head(address, request, &format!("Content-Length: {LARGE}\r\n")) + &body;
            let chunk =
                head(address, request, "Transfer-Encoding: chunked\r\n") + "fffff\r\n" + &body;
            let begun = format!("{request} HTTP/1.1\r\nHost: local");
            [whole, half, chunk, begun].map(|octets| (address, octets))
        });
        let attacks = attacks.map(async |(address, octets)| {
            for _ in 0..5 {
                drop(left_open(address, 10, octets.as_bytes()).await);
            }
        });
        join_all(attacks).await;
    })
    .await;
}

/// The laboratory with one more setting for every node.
fn everywhere(flag: &str, value: &str) -> Topology {
    Service::ALL
        .into_iter()
        .fold(laboratory(), |topology, service| {
            topology.with(service, flag, value)
        })
}

/// Reads twenty items one after the other, each over a connection of its own.
async fn traffic_goes_on(lab: &Lab) {
    for _ in 0..20 {
        let request = lab
            .request(Method::GET, "/data/item-1")
            .header(CONNECTION, "close");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

/// A connection whose client has hardly any room for what it doesn't read.
async fn with_little_room(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(address).await.expect("it listens")
}

/// Sends an octet now and then, which keeps a connection from being idle but not from
/// being slow, until the node has closed it.
async fn drip_until_closed(stream: TcpStream) {
    let (reading, mut writing) = stream.into_split();
    let drip = async {
        while writing.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = drip => {}
        () = wait_until_closed(reading) => {}
    }
}

/// Waits until the node has closed the connection, whatever it says before.
async fn wait_until_closed(mut stream: impl AsyncRead + Unpin) {
    let mut answer = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(
        closed.is_ok(),
        "open after {PATIENCE:?}: {}",
        answer.escape_ascii()
    );
}
