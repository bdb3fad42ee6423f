//! As much of HTTP/1.1 as three small programs need, and their counters.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    body: Vec<u8>,
}

/// An answer.
pub(crate) struct Response {
    status: u16,
    body: Vec<u8>,
}

impl Request {
    /// The number that follows `prefix` in the path.
    pub(crate) fn number_after(&self, prefix: &str) -> Option<u64> {
        self.path.strip_prefix(prefix)?.parse().ok()
    }

    /// The only number in the body, such as 7 in `{"item":7}`.
    pub(crate) fn number_in_body(&self) -> Option<u64> {
        let digits = self.body.iter().filter(|byte| byte.is_ascii_digit());
        let digits: Vec<u8> = digits.copied().collect();
        String::from_utf8(digits).ok()?.parse().ok()
    }

    /// The route that counters name.
    fn route(&self) -> String {
        let first = self.path.split('/').nth(1).unwrap_or_default();
        format!("{} /{first}", self.method)
    }
}

impl Response {
    pub(crate) fn new(status: u16, body: String) -> Self {
        Response {
            status,
            body: body.into_bytes(),
        }
    }
}

/// Counters by name and labels, for a page at `/metrics`.
#[derive(Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Counters {
    pub(crate) fn count(&self, name: &str, labels: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry((name.to_owned(), labels.to_owned()))
            .or_default() += 1;
    }

    /// The page in the OpenMetrics text format.
    fn page(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        let mut family = "";
        for ((name, labels), count) in counts.iter() {
            if family != name {
                page += &format!("# TYPE {} counter\n", name.trim_end_matches("_total"));
                family = name;
            }
            page += &format!("{name}{{{labels}}} {count}\n");
        }
        page + "# EOF\n"
    }
}

/// Serves on a port of the loopback: each connection has a thread and a handler of its own.
pub(crate) fn serve<H: FnMut(&Request) -> Response + Send + 'static>(
    port: &str,
    counters: &Counters,
    handler: impl Fn() -> H,
) {
    let listener = match TcpListener::bind(format!("127.0.0.1:{port}")) {
        Ok(listener) => listener,
        Err(error) => {
            let _ = writeln!(io::stderr(), "could not listen on port {port}: {error}");
            return;
        }
    };
    for stream in listener.incoming().flatten() {
        let (counters, mut handler) = (counters.clone(), handler());
        // A connection that breaks ends its thread.
        thread::spawn(move || converse(&stream, &counters, &mut handler));
    }
}

fn converse(
    stream: &TcpStream,
    counters: &Counters,
    handler: &mut impl FnMut(&Request) -> Response,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    while let Some((first, body)) = read(&mut input)? {
        let mut words = first.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let request = Request {
            method: word(),
            path: word(),
            body,
        };
        let (response, kind) = match request.path.as_str() {
            "/health" => (Response::new(200, "well".to_owned()), "text/plain"),
            "/metrics" => (
                Response::new(200, counters.page()),
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            _ => {
                let response = handler(&request);
                let labels = format!(
                    "route=\"{}\",status=\"{}\"",
                    request.route(),
                    response.status
                );
                counters.count("requests_total", &labels);
                (response, "application/json")
            }
        };
        let head = format!("HTTP/1.1 {} \r\nContent-Type: {kind}", response.status);
        write(stream, &head, &response.body)?;
    }
    Ok(())
}

/// Asks `address` the same, over a connection that is kept.
pub(crate) fn call(
    kept: &mut BTreeMap<String, TcpStream>,
    address: &str,
    request: &Request,
) -> io::Result<Response> {
    let stream = match kept.remove(address) {
        Some(stream) => stream,
        None => TcpStream::connect(address)?,
    };
    stream.set_nodelay(true)?;
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {address}",
        request.method, request.path
    );
    write(&stream, &head, &request.body)?;
    let (first, body) = read(&mut BufReader::new(&stream))?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    kept.insert(address.to_owned(), stream);
    Ok(Response { status, body })
}

/// Reads a first line and a body of a known length; `None` at the end.
fn read(input: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if input.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut field = String::new();
        if input.read_line(&mut field)? == 0 {
            return Ok(None);
        }
        let field = field.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(text) = field.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some((first.trim_end().to_owned(), body)))
}

fn write(mut stream: &TcpStream, head: &str, body: &[u8]) -> io::Result<()> {
    let mut message = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)
}
