//! Nodes can be killed, paused, resumed and restarted, and keep their place.

use std::io::ErrorKind;
use std::time::Duration;

use integration::Topology;
use integration::error::{CpuTimeError, FaultError};
use integration::wait::wait_for;
use nix::sys::signal::{Signal, kill};
use reqwest::Method;
use services::contract::Service;
use std::os::unix::process::ExitStatusExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Lab, PATIENCE, nodes_of};

pub(crate) async fn a_killed_node_refuses_connections_and_returns_to_its_address() {
    let lab = Lab::start(Topology::laboratory()).await;
    let address = lab.address_of("cache-2");
    lab.kill("cache-2").expect("it runs");
    let refused = TcpStream::connect(address)
        .await
        .expect_err("nobody is there");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(lab.unexpected_exits().is_empty(), "it was told to end");

    lab.restart("cache-2").await.expect("it returns");
    assert_eq!(lab.address_of("cache-2"), address);
    TcpStream::connect(address).await.expect("it is there");
}

pub(crate) async fn a_port_stays_with_its_node_however_many_are_wanted_meanwhile() {
    let lab = Lab::start(Topology::single(Service::Cache)).await;
    let address = lab.address_of("cache-1");
    lab.kill("cache-1").expect("it runs");

    let taken = TcpListener::bind(address).await.expect_err("it is kept");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    let mut listeners = Vec::new();
    for _ in 0..300 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        assert_ne!(listener.local_addr().expect("bound"), address);
        listeners.push(listener);
    }
    let others = Lab::start(Topology::laboratory()).await;
    let refused = TcpStream::connect(address)
        .await
        .expect_err("nobody is there");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    lab.restart("cache-1")
        .await
        .expect("its port is free for it");
    assert_eq!(lab.address_of("cache-1"), address);
    assert_eq!(others.topology().nodes().len(), 9);
}

pub(crate) async fn a_restarted_node_has_its_data() {
    let lab = Lab::start(Topology::single(Service::Database)).await;
    let write = lab
        .request_to("database", Method::PUT, "/db/colour")
        .body("\"green\"");
    let answer = write.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    lab.restart("database").await.expect("it returns");
    let answer = lab.get("/db/colour").await.text().await.expect("a body");
    assert!(answer.contains("green"), "{answer}");
}

pub(crate) async fn a_restart_ends_the_old_process_first() {
    let lab = Lab::start(Topology::single(Service::Cache)).await;
    let before = nodes_of(lab.folder());
    lab.restart("cache-1").await.expect("it returns");
    let after = nodes_of(lab.folder());
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    assert!(lab.unexpected_exits().is_empty(), "it was told to end");
    assert_eq!(lab.log("cache-1").matches("listening").count(), 2);
}

pub(crate) async fn a_paused_node_answers_when_it_is_resumed() {
    let lab = Lab::start(Topology::single(Service::Cache)).await;
    lab.pause("cache-1").expect("it runs");
    lab.pause("cache-1").expect("pausing again changes nothing");
    let cpu_time = lab.cpu_time("cache-1").expect("it runs, in a way");
    let health = lab.request_to("cache-1", Method::GET, "/health");
    let mut answer = tokio::spawn(health.send());
    let early = tokio::time::timeout(Duration::from_millis(200), &mut answer).await;
    assert!(
        early.is_err(),
        "it answered while it stood still: {early:?}"
    );
    assert_eq!(lab.cpu_time("cache-1").ok(), Some(cpu_time));

    lab.resume("cache-1").expect("it runs");
    let answer = answer.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
}

pub(crate) async fn a_node_that_ends_by_itself_is_not_forgotten() {
    let lab = Lab::start(Topology::laboratory()).await;
    let everybody = nodes_of(lab.folder());
    lab.kill("worker").expect("it runs");
    lab.restart("worker").await.expect("it returns");
    let mut now = nodes_of(lab.folder());
    now.retain(|pid| !everybody.contains(pid));
    let [worker] = now[..] else {
        panic!("one process is new, not {now:?}");
    };

    kill(worker, Signal::SIGKILL).expect("it runs");
    let look = async || match &lab.unexpected_exits()[..] {
        [] => Err("no exit"),
        exits => Ok(exits.to_vec()),
    };
    let exits = wait_for("the exit", PATIENCE, look).await.expect("noticed");
    assert_eq!(exits.len(), 1, "{exits:?}");
    assert_eq!(exits[0].node.as_str(), "worker");
    assert_eq!(exits[0].status.signal(), Some(Signal::SIGKILL as i32));
    assert!(exits[0].log.contains("listening"), "{}", exits[0].log);

    lab.restart("worker").await.expect("it returns");
    assert_eq!(lab.unexpected_exits().len(), 1);
}

pub(crate) async fn a_node_that_is_down_has_no_faults() {
    let lab = Lab::start(Topology::single(Service::Cache)).await;
    lab.kill("cache-1").expect("it runs");
    for fault in [
        lab.kill("cache-1"),
        lab.pause("cache-1"),
        lab.resume("cache-1"),
    ] {
        assert!(
            matches!(fault, Err(FaultError::NotRunning { .. })),
            "{fault:?}"
        );
    }
    let cpu_time = lab.cpu_time("cache-1");
    assert!(
        matches!(cpu_time, Err(CpuTimeError::NotRunning { .. })),
        "{cpu_time:?}"
    );
    let counters = lab.counters("cache-1").await.expect_err("nobody is there");
    assert_eq!(
        counters.to_string(),
        "could not read the counters of cache-1"
    );
}
