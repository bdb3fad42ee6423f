//! An answer that is given before the request's body was read reaches its client, at
//! every node, and counts against nobody.

use std::time::Duration;

use futures_util::future::join_all;
use integration::Topology;
use services::contract::Service;

use crate::raw::{answer_to, called_by_any_name, in_chunks, token, with_length};
use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::Lab;
use crate::traffic::laboratory;

/// Less than a node accepts, and more than fits into the buffers of a connection.
const LARGE: usize = 900_000;
/// More than a node accepts.
const TOO_LARGE: usize = 3 << 20;
/// No answer takes nearly as long.
const SILENCE: Duration = Duration::from_secs(20);
const CLOSE: &str = "connection: close\r\n";

pub(crate) async fn a_refusal_reaches_a_client_that_still_sends_its_body() {
    let lab = Lab::start(called_by_any_name(laboratory())).await;
    let cases = [
        ("load-balancer", "POST /longtask", String::new(), LARGE, 401),
        ("load-balancer", "PUT /data/a", String::new(), LARGE, 401),
        ("load-balancer", "POST /nowhere", token(), LARGE, 404),
        ("load-balancer", "PATCH /data", token(), LARGE, 405),
        ("load-balancer", "POST /process", token(), TOO_LARGE, 413),
        ("api-gateway-1", "POST /longtask", String::new(), LARGE, 401),
        ("api-gateway-1", "POST /nowhere", token(), LARGE, 404),
        ("api-gateway-1", "PATCH /data", token(), LARGE, 405),
        ("api-gateway-1", "POST /process", token(), TOO_LARGE, 413),
        ("cache-1", "POST /cache/a", String::new(), LARGE, 405),
        ("cache-1", "PUT /cache/a", String::new(), TOO_LARGE, 413),
        ("database", "PUT /db", String::new(), LARGE, 405),
        ("database", "PUT /db/a", String::new(), TOO_LARGE, 413),
        ("microservice", "POST /nowhere", String::new(), LARGE, 404),
        ("worker", "POST /longtask", String::new(), TOO_LARGE, 413),
        ("worker", "POST /health", String::new(), LARGE, 405),
    ];
    for (node, target, fields, size, status) in cases {
        let body = vec![b'1'; size];
        let fields = format!("{fields}{CLOSE}");
        for request in [
            with_length(target, &fields, &body),
            in_chunks(target, &fields, &body, 10_000),
        ] {
            let tries = (0..4).map(|_| answer_to(lab.address_of(node), &request, SILENCE));
            for answer in join_all(tries).await {
                assert_eq!(answer.status(), status, "{target} at {node}: {answer:?}");
                assert!(
                    answer.closed,
                    "{target} at {node} was not closed in good order"
                );
            }
        }
    }
    let failures = lab.counters("load-balancer").await.expect("it shows them");
    for gateway in ["api-gateway-1", "api-gateway-2", "api-gateway-3"] {
        let upstream = [("upstream", gateway)];
        assert_eq!(failures.get("upstream_ejections_total", &upstream), 0.0);
        assert_eq!(failures.get("upstream_healthy", &upstream), 1.0);
        // Not `http_request_error`, which is the client's.
        for error in [
            "connection_terminated",
            "connection_refused",
            "http_protocol_error",
        ] {
            let labels = [("upstream", gateway), ("error", error)];
            assert_eq!(
                failures.get("upstream_failures_total", &labels),
                0.0,
                "{error}"
            );
        }
    }
}

pub(crate) async fn an_answer_is_passed_on_although_the_gateway_takes_no_more_of_the_request() {
    let refusal = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno";
    let gateway = RudeUpstream::start(Answer::EarlyThenReset(refusal.into())).await;
    let topology = Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(
            Service::LoadBalancer,
            "gateway",
            format!("gateway-1={}", gateway.url()),
        );
    let lab = Lab::start(topology).await;
    let body = vec![b'1'; LARGE];
    for request in [
        with_length("POST /longtask", CLOSE, &body),
        in_chunks("POST /longtask", CLOSE, &body, 10_000),
    ] {
        for _ in 0..20 {
            let answer = answer_to(lab.address_of("load-balancer"), &request, SILENCE).await;
            assert_eq!(answer.status(), 401, "{answer:?}");
        }
    }
    let blamed = [("upstream", "gateway-1")];
    assert_eq!(
        lab.counter("load-balancer", "upstream_failures_total", &blamed)
            .await,
        0.0
    );
}
