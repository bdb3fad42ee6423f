//! A recording backend: an origin server behind a proxy that takes nothing but
//! requests in perfect order, answers them, and keeps what it has seen.
//!
//! It can tell whose a request is, since every target that a vector sends bears the
//! vector's number, and so do the plain request behind it (`/after-17`) and the
//! requests that a vector tries to smuggle (`/smuggled-17`).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::vector::Arrival;
use super::wire::{Extent, Framing, Head, is_token, split_head};

/// The backend; it stops when it is dropped.
pub(crate) struct Recorder {
    address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
    _server: JoinSet<()>,
}

/// What has come of one request.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What the target says: whether it is a vector's own request, and which's.
    of: Option<(Kind, usize)>,
    head: Option<Head>,
    /// True when its body has come to its end, too.
    is_whole: bool,
    /// What isn't in order about it.
    faults: Vec<String>,
}

/// Which of a vector's requests a target names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// The vector itself.
    Vector,
    /// The plain request behind it.
    After,
    /// One that is none, unless somebody sees a request's end where it isn't.
    Smuggled,
}

/// What the backend has seen, by vector.
pub(crate) struct Arrivals(HashMap<usize, Vec<Record>>);

/// The names of the fields that are for one hop only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

impl Recorder {
    /// Starts to listen.
    pub(crate) async fn start() -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let records = Arc::default();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&records)));
        Recorder {
            address,
            records,
            _server: server,
        }
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    pub(crate) fn arrivals(&self) -> Arrivals {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let mut arrivals: HashMap<usize, Vec<Record>> = HashMap::new();
        for record in records.iter() {
            let number = record.of.map_or(Arrivals::NOBODY, |(_, number)| number);
            arrivals.entry(number).or_default().push(record.clone());
        }
        Arrivals(arrivals)
    }
}

impl Arrivals {
    /// The number under which a request is kept that bears none.
    const NOBODY: usize = usize::MAX;

    /// True when any head of the vector with this number has arrived.
    pub(crate) fn any_of(&self, number: usize) -> bool {
        let mut records = self.of(number).iter();
        records.any(|record| record.kind() != Some(Kind::After))
    }

    /// What is wrong about the arrivals of the vector with this number, of which
    /// `served` requests were answered by the backend as far as the client knows.
    pub(crate) fn faults(&self, number: usize, served: usize, arrival: &Arrival) -> Vec<String> {
        let records = self.of(number);
        let of = |kind| records.iter().filter(move |r| r.kind() == Some(kind));
        let mut faults: Vec<String> = records.iter().flat_map(|r| r.faults.clone()).collect();
        if of(Kind::Smuggled).next().is_some() {
            faults.push("a request was smuggled".to_owned());
        }
        let method = |record: &Record| record.head.as_ref().map(|head| head.method().to_owned());
        if of(Kind::After).any(|record| method(record).is_some_and(|method| method != "GET")) {
            faults.push("the request behind it was mangled".to_owned());
        }
        let whole = of(Kind::Vector).filter(|record| record.is_whole).count();
        if whole != served {
            faults.push(format!("{whole} arrived whole, and {served} were served"));
        }
        if served == 0 && !arrival.head_may_arrive && of(Kind::Vector).next().is_some() {
            faults.push("its head arrived".to_owned());
        }
        for head in of(Kind::Vector).filter_map(|record| record.head.as_ref()) {
            faults.extend(arrival.faults(head, number));
        }
        faults
    }

    /// Requests that bear no number: something else than a vector's was made of one.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let strangers = self.of(Self::NOBODY).iter();
        strangers.map(|record| format!("{record:?}")).collect()
    }

    fn of(&self, number: usize) -> &[Record] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }
}

impl Arrival {
    fn faults(&self, head: &Head, number: usize) -> Vec<String> {
        let lost = self.lost.iter().filter(|name| !head.all(name).is_empty());
        let lost = lost.map(|name| format!("{name} arrived"));
        let kept = self.kept.iter().filter_map(|(name, value)| {
            let arrived = head.all(name);
            (arrived != [*value]).then(|| format!("{name} arrived as {arrived:?}"))
        });
        let meant = self.target.as_ref();
        let meant = meant.map(|target| target.replace("{number}", &number.to_string()));
        let target = meant.filter(|meant| head.target() != meant);
        let target = target.map(|_| format!("the target arrived as {}", head.target()));
        lost.chain(kept).chain(target).collect()
    }
}

impl Record {
    fn kind(&self) -> Option<Kind> {
        self.of.map(|(kind, _)| kind)
    }
}

impl Head {
    fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// What an origin server behind a proxy must never meet.
    fn faults_behind_a_proxy(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let parts: Vec<&str> = self.start.split(' ').collect();
        match parts[..] {
            [method, target, "HTTP/1.1" | "HTTP/1.0"]
                if is_token(method.as_bytes()) && (target.starts_with('/') || target == "*") => {}
            _ => faults.push(format!("arrived with the request line {:?}", self.start)),
        }
        match self.all("host")[..] {
            [host] if is_host(host) => {}
            ref hosts => faults.push(format!("arrived with Host {hosts:?}")),
        }
        for name in HOP_BY_HOP {
            if !self.all(name).is_empty() {
                faults.push(format!("{name} arrived, which is for one hop"));
            }
        }
        for option in self
            .all("connection")
            .iter()
            .flat_map(|list| list.split(','))
        {
            if !["close", "keep-alive", ""].contains(&option.trim().to_ascii_lowercase().as_str()) {
                faults.push(format!("Connection arrived with {option:?}"));
            }
        }
        faults
    }
}

/// `uri-host [ ":" port ]`, without user information (RFC 9110 §7.2).
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    };
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=[]:".contains(&b);
    name.bytes().all(in_name) && port.bytes().all(|b| b.is_ascii_digit())
}

async fn serve(listener: TcpListener, records: Arc<Mutex<Vec<Record>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&records)));
    }
}

/// Answers request after request, until one isn't in order or the proxy has closed.
async fn converse(mut stream: TcpStream, records: Arc<Mutex<Vec<Record>>>) {
    let mut octets = Vec::new();
    loop {
        let Some(Ok(framing)) = next_head(&mut stream, &mut octets, &records).await else {
            return;
        };
        let (index, framing) = framing;
        let length = loop {
            match framing.extent(&octets) {
                Ok(Extent::Whole(length)) => break length,
                Ok(Extent::Begun) => {}
                Err(fault) => {
                    change(&records, index, |record| record.faults.push(fault));
                    return;
                }
            }
            if !matches!(stream.read_buf(&mut octets).await, Ok(1..)) {
                return;
            }
        };
        octets.drain(..length);
        change(&records, index, |record| record.is_whole = true);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Waits for a head and records it: `None` when none comes any more, and an error when
/// nobody can tell where its body ends.
async fn next_head(
    stream: &mut TcpStream,
    octets: &mut Vec<u8>,
    records: &Mutex<Vec<Record>>,
) -> Option<Result<(usize, Framing), ()>> {
    while split_head(octets).is_none() {
        if !matches!(stream.read_buf(octets).await, Ok(1..)) {
            // What a proxy leaves unfinished is no request; its beginning is recorded
            // nevertheless, for it should not have come.
            if !octets.is_empty() {
                record(
                    records,
                    octets,
                    vec!["an unfinished head arrived".to_owned()],
                );
            }
            return None;
        }
    }
    let (head, rest) = split_head(octets)?;
    let (head, rest) = (head.to_owned(), rest.to_owned());
    let index = record(records, &head, Vec::new());
    *octets = rest;
    let framing = change(records, index, |record| {
        let framing = record.head.as_ref().map(Head::framing);
        framing.unwrap_or_else(|| Err("a malformed head arrived".to_owned()))
    });
    Some(match framing {
        Ok(framing) => Ok((index, framing)),
        Err(fault) => {
            change(records, index, |record| record.faults.push(fault));
            Err(())
        }
    })
}

/// Keeps a head and returns its place.
fn record(records: &Mutex<Vec<Record>>, head: &[u8], mut faults: Vec<String>) -> usize {
    let of = whose(head);
    let read = Head::read(head);
    faults.extend(read.as_ref().err().cloned());
    faults.extend(read.iter().flat_map(Head::faults_behind_a_proxy));
    let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
    records.push(Record {
        of,
        head: read.ok(),
        is_whole: false,
        faults,
    });
    records.len() - 1
}

fn change<T>(
    records: &Mutex<Vec<Record>>,
    index: usize,
    change: impl FnOnce(&mut Record) -> T,
) -> T {
    let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut records[index])
}

/// Which request a head is, by the first number that it bears.
fn whose(head: &[u8]) -> Option<(Kind, usize)> {
    let head = String::from_utf8_lossy(head);
    let kinds = [
        (Kind::Vector, "vector-"),
        (Kind::After, "after-"),
        (Kind::Smuggled, "smuggled-"),
    ];
    let places = kinds.iter().filter_map(|(kind, word)| {
        let at = head.find(word)? + word.len();
        let digits: String = head[at..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Some((at, (*kind, digits.parse().ok()?)))
    });
    places.min_by_key(|(at, _)| *at).map(|(_, of)| of)
}
