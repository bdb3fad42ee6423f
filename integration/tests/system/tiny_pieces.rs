//! Bodies in many small pieces, or in pieces that stop coming: they cost what their size
//! costs, and nobody else waits for them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use integration::Topology;
use services::contract::Service;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{answer_to, called_by_any_name, chunks, head, in_chunks, read_on, token};
use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::{Lab, PATIENCE};

/// Most memory of a node, altogether, while it serves these: a node that has served
/// nothing takes about 12 MiB.
const MOST_MEMORY: u64 = 96 << 20;
/// CPU time for each body, unoptimised builds included. One byte of six is content, and
/// hyper alone takes some microseconds for each chunk.
const MOST_CPU: Duration = Duration::from_millis(1500);

pub(crate) async fn a_megabyte_of_one_byte_chunks_costs_no_more_than_a_megabyte() {
    const AT_ONCE: u32 = 4;
    let lab = Lab::start(Topology::laboratory().gateways(1)).await;
    let nodes = ["load-balancer", "api-gateway-1", "microservice"];
    let before = nodes.map(|node| lab.usage(node).expect("it runs"));
    let fields = format!("{}connection: close\r\n", token());
    let request = in_chunks("POST /process", &fields, &vec![b'1'; 1_000_000], 1);
    let balancer = lab.address_of("load-balancer");
    let bodies = async {
        let tries = (0..AT_ONCE).map(|_| answer_to(balancer, &request, PATIENCE));
        for answer in join_all(tries).await {
            assert_eq!(answer.status(), 200, "{answer:?}");
            assert!(
                answer.text().contains("\"input_bytes\":1000000"),
                "{answer:?}"
            );
        }
    };
    let others = async {
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(lab.get("/data/item-1").await.status(), 200);
            let took = began.elapsed();
            assert!(
                took < Duration::from_secs(5),
                "an ordinary request took {took:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(bodies, others);
    for (node, before) in nodes.iter().zip(before) {
        let used = lab.usage(node).expect("it runs").since(&before);
        assert!(
            used.peak_memory < MOST_MEMORY,
            "{node} took {} bytes",
            used.peak_memory
        );
        assert!(used.cpu < MOST_CPU * AT_ONCE, "{node} took {:?}", used.cpu);
    }
}

pub(crate) async fn an_answer_of_one_byte_chunks_costs_no_more_than_its_size() {
    const LENGTH: usize = 200_000;
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    answer.extend_from_slice(&chunks(&vec![b'1'; LENGTH], 1));
    let upstream = RudeUpstream::start(Answer::Respond(answer.into())).await;
    for (service, node, flag) in [
        (Service::LoadBalancer, "load-balancer", "gateway"),
        (Service::ApiGateway, "api-gateway-1", "microservice"),
    ] {
        let topology =
            Topology::single(service).with(service, flag, format!("{flag}-1={}", upstream.url()));
        let lab = Lab::start(topology).await;
        let before = lab.usage(node).expect("it runs");
        let answer = lab.get("/process").await;
        assert_eq!(answer.text().await.expect("whole").len(), LENGTH);
        let used = lab.usage(node).expect("it runs").since(&before);
        assert!(
            used.peak_memory < MOST_MEMORY,
            "{node} took {} bytes",
            used.peak_memory
        );
        // A fifth of the bytes.
        assert!(used.cpu < MOST_CPU / 2, "{node} took {:?}", used.cpu);
    }
}

pub(crate) async fn a_body_that_stops_coming_is_408_at_every_node() {
    let gateway = RudeUpstream::start(Answer::Silence).await;
    let nodes = [
        (Service::LoadBalancer, "load-balancer", "POST /process"),
        (Service::ApiGateway, "api-gateway-1", "POST /process"),
        (Service::Cache, "cache-1", "PUT /cache/a"),
        (Service::Database, "database", "PUT /db/a"),
        (Service::Microservice, "microservice", "POST /process"),
        (Service::Worker, "worker", "POST /longtask"),
    ];
    let stalls = nodes.map(async |(service, node, target)| {
        let mut topology = Topology::single(service).with(service, "idle-timeout", "300ms");
        if service == Service::LoadBalancer {
            topology = topology.with(service, "gateway", format!("gateway-1={}", gateway.url()));
        }
        let lab = Lab::start(called_by_any_name(topology)).await;
        for (fields, begun) in [
            ("content-length: 100\r\n", "1"),
            ("transfer-encoding: chunked\r\n", "2\r\n1"),
        ] {
            let mut client = TcpStream::connect(lab.address_of(node))
                .await
                .expect("it listens");
            let request = head(target, &format!("{fields}{}", token())) + begun;
            client
                .write_all(request.as_bytes())
                .await
                .expect("a short request");
            let answer = read_on(&mut client, PATIENCE).await;
            assert_eq!(answer.status(), 408, "{target}, {fields:?}: {answer:?}");
            assert!(answer.closed, "{target} left the connection open");
        }
    });
    join_all(stalls).await;
}
