//! More clients than a node has room for: those that do nothing make room, and what this
//! node is short of is no gateway's fault.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use integration::{Launcher, StartOptions, System, Topology};
use reqwest::StatusCode;
use services::contract::{PROXY_STATUS, Service};
use tokio::net::TcpStream;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::raw::read_on;
use crate::support::{Lab, PATIENCE, RunFolder, client};
use crate::traffic::laboratory;

pub(crate) async fn idle_connections_make_room_for_new_clients() {
    const ROOM: usize = 20;
    let topology = Service::ALL
        .into_iter()
        .fold(laboratory(), |topology, service| {
            topology.with(service, "max-connections", ROOM)
        });
    let lab = Lab::start(topology).await;
    for node in [
        "load-balancer",
        "api-gateway-1",
        "cache-1",
        "database",
        "microservice",
        "worker",
    ] {
        let mut idle = connections(&lab, node, 5 * ROOM).await;
        for _ in 0..5 {
            let answer = lab
                .request_to(node, reqwest::Method::GET, "/health")
                .send()
                .await;
            assert_eq!(answer.expect("an answer").status(), 200, "{node}");
        }
        let oldest = read_on(&mut idle[0], PATIENCE).await;
        assert!(
            oldest.closed,
            "{node} keeps its oldest idle connection: {oldest:?}"
        );
    }
    for _ in 0..20 {
        assert_eq!(lab.get("/data/item-1").await.status(), 200);
    }
}

pub(crate) async fn a_balancer_without_files_blames_nobody() {
    let gateway = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(300));
    Mock::given(any()).respond_with(slow).mount(&gateway).await;
    let topology = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(Service::LoadBalancer, "max-connections", 1000)
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("gateway-1={}", gateway.uri()),
        );
    let (_folder, system) = with_files("ulimit -n 40", &topology).await;
    let http = client();
    let requests = (0..60).map(|_| async {
        // Somebody who is shed meanwhile has no answer, and that is no error of a gateway.
        http.get(format!("{}/data", system.url())).send().await.ok()
    });
    let answers = futures_util::future::join_all(requests).await;
    let mut served = 0;
    let mut short = 0;
    for answer in answers.iter().flatten() {
        match answer.status() {
            StatusCode::OK => served += 1,
            StatusCode::SERVICE_UNAVAILABLE => {
                let status = answer.headers()[PROXY_STATUS].to_str().expect("text");
                assert!(
                    status.contains("error=connection_limit_reached"),
                    "{status}"
                );
                short += 1;
            }
            status => panic!("unexpected {status}"),
        }
    }
    assert!(
        served > 0 && short > 0,
        "{served} were served, {short} were not"
    );
    let counters = system
        .counters("load-balancer")
        .await
        .expect("it shows them");
    let upstream = [("upstream", "gateway-1")];
    assert_eq!(counters.get("upstream_ejections_total", &upstream), 0.0);
}

pub(crate) async fn the_limit_on_files_is_raised_as_far_as_it_may_be() {
    const IDLE: usize = 300;
    let topology = Topology::single(Service::Microservice);
    let (_folder, system) = with_files("ulimit -Sn 64; ulimit -Hn 1000", &topology).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(
            TcpStream::connect(system.address_of("microservice"))
                .await
                .expect("it listens"),
        );
    }
    let answer = client()
        .get(format!("{}/health", system.url()))
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status(), 200);
    let first = read_on(&mut idle[0], Duration::from_millis(200)).await;
    assert!(!first.closed, "there was room for {IDLE} connections");
}

async fn connections(lab: &Lab, node: &str, count: usize) -> Vec<TcpStream> {
    let address = lab.address_of(node);
    let connections = (0..count).map(|_| TcpStream::connect(address));
    let connections = futures_util::future::join_all(connections).await;
    connections
        .into_iter()
        .map(|connection| connection.expect("it listens"))
        .collect()
}

/// Starts a system whose nodes have this limit on open files.
async fn with_files(limit: &str, topology: &Topology) -> (RunFolder, System) {
    let folder = RunFolder::new();
    let program = folder.path().join("node-with-limits");
    let node = env!("CARGO_BIN_EXE_node");
    fs::write(
        &program,
        format!("#!/bin/sh\n{limit}\nexec {node} \"$@\"\n"),
    )
    .expect("a writable folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
    let options = StartOptions {
        launcher: Launcher::program(program),
        folder: folder.path().join("nodes"),
    };
    fs::create_dir(&options.folder).expect("a writable folder");
    let started = System::start(topology, options).await;
    let system = started.unwrap_or_else(|error| panic!("the system did not start: {error:?}"));
    (folder, system)
}
