//! More than a thousand raw requests, each with what is right for it and why, sent to
//! every kind of node, and to nginx and HAProxy where these are installed.
//!
//! Behind every proxy is a backend that records: what was refused never gets there,
//! what was served gets there once and in perfect order, and what a vector tries to
//! smuggle never does. All that was seen is one table, `target/tmp/vectors.md`.

mod bench;
mod chunks;
mod codings;
mod connections;
mod exceptions;
mod expectations;
mod fields;
mod hosts;
mod lengths;
mod limits;
mod request_lines;
mod smuggling;
mod targets;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use integration::{Topology, service_of};
use services::contract::Service;
use tokio::sync::OnceCell;

use crate::support::{Lab, RunFolder};
use bench::controls::Control;
pub(crate) use bench::controls::missing as no_controls;
pub(crate) use bench::exchange::exchange;
use bench::recorder::Recorder;
use bench::subject::{Column, Subject};
use bench::table::Table;
use bench::vector::Vector;
use exceptions::Exceptions;

/// Every vector, part by part.
fn vectors() -> Arc<[Vector]> {
    let parts = [
        ("request line", request_lines::vectors()),
        ("target", targets::vectors()),
        ("field", fields::vectors()),
        ("host", hosts::vectors()),
        ("length", lengths::vectors()),
        ("coding", codings::vectors()),
        ("chunk", chunks::vectors()),
        ("smuggling", smuggling::vectors()),
        ("connection", connections::vectors()),
        ("expectation", expectations::vectors()),
        ("limit", limits::vectors()),
    ];
    let all = parts.into_iter().flat_map(|(part, vectors)| {
        let of_part = vectors.into_iter();
        of_part.map(move |vector| Vector { part, ..vector })
    });
    // What is written by hand comes first, and what is generated may make it once more.
    let mut known = HashSet::new();
    all.filter(|vector| known.insert((vector.part, vector.raw.clone())))
        .collect()
}

pub(crate) async fn there_are_hundreds_of_vectors_and_no_two_are_alike() {
    let vectors = vectors();
    assert!(vectors.len() >= 300, "{} vectors", vectors.len());
    let names: HashSet<_> = vectors.iter().map(|v| (v.part, &v.name)).collect();
    assert_eq!(
        names.len(),
        vectors.len(),
        "each has a name of its own in its part"
    );
}

pub(crate) async fn every_node_answers_every_vector_rightly() {
    let vectors = vectors();
    let ours = ours().await;
    let table = Table {
        vectors: &vectors,
        columns: ours.iter().collect(),
    };
    let path = table.write("vectors-of-nodes.md");
    let exceptions = Exceptions::of(&vectors, ours);
    assert!(
        exceptions.are_all(),
        "{}\n{}\n{exceptions}\nThe whole table is {}",
        table.sums(),
        table.wrong_rows(|_| true),
        path.display()
    );
}

pub(crate) async fn no_malformed_head_and_nothing_smuggled_reaches_a_backend() {
    let vectors = vectors();
    for column in ours().await {
        let through: Vec<&str> = column
            .malformed_heads_let_through(&vectors)
            .map(|vector| vector.name.as_str())
            .collect();
        assert_eq!(through, [""; 0], "{} lets them through", column.name);
        assert_eq!(column.strangers, [""; 0], "{} makes them up", column.name);
    }
}

/// Whatever nginx refuses rightly, every node refuses.
pub(crate) async fn no_node_is_worse_than_nginx() {
    let vectors = vectors();
    let ours = ours().await;
    let folder = RunFolder::new();
    let controls = Control::ALL.map(async |control| {
        let recorder = Recorder::start().await;
        let running = control.start(folder.path(), recorder.address()).await;
        let subject = Subject::proxy(control.name(), running.address(), recorder).control();
        subject.answer(Arc::clone(&vectors)).await
    });
    let controls: Vec<Column> = join_all(controls).await;
    let table = Table {
        vectors: &vectors,
        columns: ours.iter().chain(&controls).collect(),
    };
    let path = table.write("vectors.md");
    let nginx = &controls[0];
    let mut worse = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        let by_nginx = nginx.cells[number].as_ref();
        let is_refused_rightly = by_nginx.is_some_and(|cell| cell.is_refused() && cell.is_right());
        for column in ours {
            let taken = column.cells[number]
                .as_ref()
                .is_some_and(|cell| !cell.is_refused());
            if vector.right.demands_refusal() && is_refused_rightly && taken {
                worse.push(format!(
                    "{}: {} ({})",
                    column.name, vector.name, vector.part
                ));
            }
        }
    }
    assert_eq!(
        worse,
        [""; 0],
        "nginx refuses these.\n{}\nThe whole table is {}",
        table.sums(),
        path.display()
    );
}

/// What every kind of node made of the vectors, found out once for all stories.
async fn ours() -> &'static [Column] {
    static OURS: OnceCell<Vec<Column>> = OnceCell::const_new();
    OURS.get_or_init(ask_our_nodes).await
}

/// A balancer before a recording backend, and one node of each other kind.
async fn ask_our_nodes() -> Vec<Column> {
    let vectors = vectors();
    let recorder = Recorder::start().await;
    let balancer = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("recorder=http://{}", recorder.address()),
        );
    let balancer = Lab::start(balancer).await;
    let others =
        Topology::laboratory()
            .gateways(1)
            .caches(1)
            .with(Service::Microservice, "iterations", 1);
    let others = Lab::start(others).await;
    let proxy = Subject::proxy(
        "load-balancer",
        balancer.address_of("load-balancer"),
        recorder,
    );
    let nodes = others.topology().nodes().iter();
    let nodes = nodes
        .filter(|node| service_of(node) != Service::LoadBalancer)
        .map(|node| {
            let name = node.name.as_str();
            Subject::node(service_of(node), name, others.address_of(name))
        });
    let subjects = [proxy].into_iter().chain(nodes);
    let columns = join_all(subjects.map(|subject| subject.answer(Arc::clone(&vectors)))).await;
    let blamed = [("upstream", "recorder")];
    let ejections = balancer
        .counter("load-balancer", "upstream_ejections_total", &blamed)
        .await;
    assert_eq!(ejections, 0.0, "no client can have a gateway ejected");
    columns
}
