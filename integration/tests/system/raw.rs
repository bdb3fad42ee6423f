//! A client that sends bytes, whatever they are, and tells what came back.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use integration::Topology;
use services::contract::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, TOKEN};

/// The bytes that came back.
pub(crate) struct RawAnswer {
    bytes: Vec<u8>,
    /// From the last byte that was sent to the last one that came.
    pub(crate) took: Duration,
    /// The connection was closed in good order after it.
    pub(crate) closed: bool,
}

impl RawAnswer {
    /// The final status; 0 when there is none.
    pub(crate) fn status(&self) -> u16 {
        let text = self.text();
        let lines = text.split("HTTP/1.").skip(1);
        let mut statuses = lines.filter_map(|rest| rest.get(2..5)?.parse().ok());
        statuses.find(|status| *status >= 200).unwrap_or(0)
    }

    /// Everything, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RawAnswer { took, closed, .. } = self;
        write!(f, "{:?} (after {took:?}, closed: {closed})", self.text())
    }
}

/// Sends `request` over a connection of its own, as far as that is possible, and reads
/// what comes until the connection is closed, or nothing has come for `silence`.
pub(crate) async fn answer_to(address: SocketAddr, request: &[u8], silence: Duration) -> RawAnswer {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // Whoever refuses a request may stop reading it.
    let _ = timeout(PATIENCE, stream.write_all(request)).await;
    read_on(&mut stream, silence).await
}

/// Reads what comes until the connection is closed, or nothing has come for `silence`.
pub(crate) async fn read_on(stream: &mut TcpStream, silence: Duration) -> RawAnswer {
    let sent = Instant::now();
    let mut answer = RawAnswer {
        bytes: Vec::new(),
        took: Duration::ZERO,
        closed: false,
    };
    while let Ok(read) = timeout(silence, stream.read_buf(&mut answer.bytes)).await {
        match read {
            Ok(0) => answer.closed = true,
            Ok(_) => answer.took = sent.elapsed(),
            Err(_) => {}
        }
        if !matches!(read, Ok(1..)) {
            break;
        }
    }
    answer
}

/// A request with this body, its length declared.
pub(crate) fn with_length(method_and_path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("content-length: {}\r\n{fields}", body.len());
    [head(method_and_path, &length).as_bytes(), body].concat()
}

/// A request with this body, in chunks of up to `size` bytes.
pub(crate) fn in_chunks(method_and_path: &str, fields: &str, body: &[u8], size: usize) -> Vec<u8> {
    let chunked = format!("transfer-encoding: chunked\r\n{fields}");
    let mut request = head(method_and_path, &chunked).into_bytes();
    request.extend_from_slice(&chunks(body, size));
    request
}

/// A body in chunks of up to `size` bytes.
pub(crate) fn chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut chunks = Vec::with_capacity(body.len() * 2);
    for chunk in body.chunks(size) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

/// The head of a request with these lines of fields beside `Host`.
pub(crate) fn head(method_and_path: &str, fields: &str) -> String {
    format!("{method_and_path} HTTP/1.1\r\nhost: skein\r\n{fields}\r\n")
}

/// The line with the laboratory's token.
pub(crate) fn token() -> String {
    format!("authorization: {TOKEN}\r\n")
}

/// The same topology with inner nodes that may be called by the names in these stories, which
/// are about what comes after the name.
pub(crate) fn called_by_any_name(topology: Topology) -> Topology {
    let names = "skein,skein.example,other,a,localhost,127.0.0.1,[::1]";
    [
        Service::Cache,
        Service::Database,
        Service::Microservice,
        Service::Worker,
    ]
    .into_iter()
    .fold(topology, |topology, service| {
        topology.with(service, "allow-host", names)
    })
}
