//! One exchange: a vector's octets go out, a plain request right behind them, and
//! what comes back is read until the other side closes the connection.
//!
//! The plain request asks for the connection to be closed, so nobody ever waits for
//! an answer that might come: a server that closes has refused or answered all, and
//! the number of answers tells where it saw requests begin and end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::{Extent, Framing, Head, split_head};

/// The time that a connection may stay open. Nobody who answers rightly needs nearly as
/// long, not even on a machine whose cores are all busy.
const PATIENCE: Duration = Duration::from_secs(25);

/// The bytes that came back.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The statuses of interim answers, such as 100.
    pub(crate) interim: Vec<u16>,
    /// The statuses of final answers.
    pub(crate) answers: Vec<u16>,
    /// What isn't HTTP about it.
    pub(crate) fault: Option<String>,
    /// How it ended.
    pub(crate) end: End,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed it, in good order or not.
    Closed,
    /// Not at all, for as long as anybody wanted to wait.
    Open,
}

/// Sends octets on a connection of their own and reads what comes back to its end.
/// `head_first` says that the first answer is one to a `HEAD`.
pub(crate) async fn exchange(address: SocketAddr, octets: &[u8], head_first: bool) -> Seen {
    let mut received = Vec::new();
    let end = match timeout(PATIENCE, converse(address, octets, &mut received)).await {
        // A reset is an end like any other.
        Ok(Ok(()) | Err(_)) => End::Closed,
        Err(_) => End::Open,
    };
    let mut seen = Seen {
        interim: Vec::new(),
        answers: Vec::new(),
        fault: None,
        end,
    };
    if let Err(fault) = seen.read(&received, head_first) {
        seen.fault = Some(fault);
    }
    seen
}

async fn converse(address: SocketAddr, octets: &[u8], received: &mut Vec<u8>) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut reading, mut writing) = stream.into_split();
    let write = async {
        // Who has refused a request needn't read the rest of it.
        let _ = writing.write_all(octets).await;
        // Kept open: a client that closes its half may be taken for one that is gone.
        writing
    };
    let read = async {
        while reading.read_buf(received).await? > 0 {}
        Ok(())
    };
    let (_writing, read) = tokio::join!(write, read);
    read
}

impl Seen {
    fn read(&mut self, mut octets: &[u8], mut head_first: bool) -> Result<(), String> {
        while !octets.is_empty() {
            let (head, rest) = split_head(octets)
                .ok_or_else(|| format!("an answer that isn't one: {}", beginning(octets)))?;
            let head = Head::read(head)?;
            let status = status(&head)?;
            if (100..=199).contains(&status) {
                self.interim.push(status);
                octets = rest;
                continue;
            }
            self.answers.push(status);
            let has_body = !(head_first || status == 204 || status == 304);
            head_first = false;
            octets = match (has_body, head.framing()?) {
                (false, _) => rest,
                // Until the connection is closed (RFC 9112 §6.3).
                (true, Framing::Nothing) => &[],
                (true, framing) => match framing.extent(rest)? {
                    Extent::Whole(length) => &rest[length..],
                    Extent::Begun => return Err(format!("a {status} whose body is cut off")),
                },
            };
        }
        Ok(())
    }

    /// What was seen in short, as in `200, 200` or `400`.
    pub(crate) fn shown(&self) -> String {
        let statuses = self.interim.iter().chain(&self.answers);
        let mut shown: Vec<String> = statuses.map(u16::to_string).collect();
        shown.extend(self.fault.clone());
        match self.end {
            End::Open => shown.push("open".to_owned()),
            End::Closed if shown.is_empty() => shown.push("closed".to_owned()),
            End::Closed => {}
        }
        shown.join(", ")
    }
}

fn status(head: &Head) -> Result<u16, String> {
    let status = head.start.strip_prefix("HTTP/1.").and_then(|rest| {
        let (_minor, rest) = rest.split_once(' ')?;
        rest.get(..3)?.parse().ok()
    });
    status.ok_or_else(|| format!("a malformed status line: {}", head.start))
}

fn beginning(octets: &[u8]) -> String {
    octets[..octets.len().min(40)].escape_ascii().to_string()
}
