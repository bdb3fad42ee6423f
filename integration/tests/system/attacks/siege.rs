//! A laboratory under attack: ordinary readers beside it must not notice, and no node
//! may take more memory than is stated here.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use integration::service_of;
use reqwest::RequestBuilder;
use reqwest::header::CONNECTION;
use services::contract::Service;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Lab, TOKEN};
use crate::traffic::{Outcome, Traffic, every_read_is_right, read};
use crate::vectors::exchange;

/// The most physical memory that any node may ever have, in bytes. A node at rest has
/// some 15 MiB; each of the attacks sends many times this figure, or would make a node
/// that keeps what it is sent exceed it.
const MOST_MEMORY: u64 = 64 << 20;
/// The time that any ordinary request may take beside an attack, on a machine whose cores are
/// all busy with the attacker and seven other stories.
const LONGEST: Duration = Duration::from_secs(10);

/// Attacks a laboratory while ordinary readers go on, and afterwards looks whether
/// anybody was harmed.
pub(super) async fn beside_readers(lab: &Lab, attack: impl AsyncFnOnce()) {
    beside(lab, read, attack).await;
}

/// The same beside readers who make a connection for each request. One who keeps a
/// connection may find it closed just when the next request goes out over it, as anybody
/// who keeps one must expect, and a node that is short of files closes many.
pub(super) async fn beside_new_readers(lab: &Lab, attack: impl AsyncFnOnce()) {
    let read_afresh = |lab: &Lab, number| read(lab, number).header(CONNECTION, "close");
    beside(lab, read_afresh, attack).await;
}

async fn beside(lab: &Lab, read: fn(&Lab, u32) -> RequestBuilder, attack: impl AsyncFnOnce()) {
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        attack().await;
        traffic.flows().await;
    };
    let ((), reads) = Traffic::of(lab, read).around(events).await;
    every_read_is_right(&reads);
    let slowest = reads.iter().map(Outcome::took).max().unwrap_or_default();
    assert!(slowest < LONGEST, "a reader waited {slowest:?}");
    nobody_was_ejected(lab).await;
    let figures = Figures::of(lab);
    figures.write(reads.len(), slowest);
    figures.are_bounded();
    assert!(lab.unexpected_exits().is_empty(), "a node ended by itself");
}

/// The balancer has not taken a gateway for broken.
async fn nobody_was_ejected(lab: &Lab) {
    for gateway in nodes_of(lab, Service::ApiGateway) {
        let labels = [("upstream", gateway.as_str())];
        let name = "upstream_ejections_total";
        let ejections = lab.counter("load-balancer", name, &labels).await;
        assert_eq!(ejections, 0.0, "{gateway} was ejected");
    }
}

/// The peak memory of each node, in bytes.
struct Figures(Vec<(String, u64)>);

impl Figures {
    fn of(lab: &Lab) -> Figures {
        let nodes = lab.topology().nodes().iter().map(|node| {
            let name = node.name.to_string();
            let usage = lab.usage(&name).expect("the node runs");
            (name, usage.peak_memory)
        });
        Figures(nodes.collect())
    }

    fn are_bounded(&self) {
        for (node, peak) in &self.0 {
            assert!(*peak < MOST_MEMORY, "{node} had {} MiB", peak >> 20);
        }
    }

    /// Leaves the figures in the target folder, for whoever wants to know them.
    fn write(&self, reads: usize, slowest: Duration) {
        let thread = thread::current();
        let story = thread.name().unwrap_or("story").replace("::", "-");
        let mut page = format!("{reads} reads, the slowest took {slowest:?}\n");
        for (node, peak) in &self.0 {
            let _ = writeln!(
                page,
                "{node}: {:.1} MiB at most",
                *peak as f64 / f64::from(1 << 20)
            );
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{story}.txt"));
        fs::write(path, page).expect("a writable target folder");
    }
}

/// The names of a laboratory's nodes that run this service.
pub(super) fn nodes_of(lab: &Lab, service: Service) -> Vec<String> {
    let nodes = lab.topology().nodes().iter();
    let nodes = nodes.filter(|node| service_of(node) == service);
    nodes.map(|node| node.name.to_string()).collect()
}

/// Every node with the beginning of a request that it takes a body with, up to the
/// version: an attack on all of them at once.
pub(super) fn everybody(lab: &Lab) -> Vec<(SocketAddr, &'static str)> {
    let nodes = lab.topology().nodes().iter();
    let takes_bodies = |service| match service {
        Service::LoadBalancer | Service::ApiGateway | Service::Microservice => "POST /process",
        Service::Cache => "PUT /cache/attack",
        Service::Database => "PUT /db/attack",
        Service::Worker => "POST /longtask",
    };
    nodes
        .map(|node| {
            (
                lab.address_of(node.name.as_str()),
                takes_bodies(service_of(node)),
            )
        })
        .collect()
}

/// A head that ends the connection behind its answer, with a valid token and these
/// further lines, each with its CRLF.
pub(super) fn head(address: SocketAddr, request: &str, lines: &str) -> String {
    format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {TOKEN}\r\nConnection: close\r\n\
         {lines}\r\n"
    )
}

/// Sends the same octets over connections of their own, all at once, and returns the
/// first status that came back on each; `None` where nothing did.
pub(super) async fn all_at_once(
    address: SocketAddr,
    connections: usize,
    octets: &[u8],
) -> Vec<Option<u16>> {
    let sent = (0..connections).map(async |_| {
        let seen = exchange(address, octets, false).await;
        seen.answers.first().copied()
    });
    join_all(sent).await
}

/// Connections on which these octets have been sent and nothing more happens.
pub(super) async fn left_open(
    address: SocketAddr,
    connections: usize,
    octets: &[u8],
) -> Vec<TcpStream> {
    let opened = (0..connections).map(async |_| {
        let mut stream = TcpStream::connect(address).await.ok()?;
        // Who has closed already has defended itself.
        let _ = stream.write_all(octets).await;
        Some(stream)
    });
    join_all(opened).await.into_iter().flatten().collect()
}
