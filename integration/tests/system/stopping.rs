//! Who is told to stop finishes what is under way, within limits.

use std::time::Duration;

use integration::counters::Counters;
use integration::wait::wait_for;
use integration::{System, Topology};
use nix::sys::signal::{Signal, kill};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use services::contract::{Service, seeded_value};
use tokio::net::TcpStream;

use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::{Lab, PATIENCE, RunFolder, TOKEN, client, nodes_of, options};

const BALANCER: &str = "load-balancer";

pub(crate) async fn a_balancer_that_is_told_to_stop_finishes_what_is_under_way_and_takes_nothing_new()
 {
    const LENGTH: usize = 20;
    let gateway = RudeUpstream::start(Answer::SlowBody {
        content_length: LENGTH,
        pause: Duration::from_millis(100),
    })
    .await;
    let lab = Lab::start(balancer_before(&gateway)).await;
    let answer = lab.get("/data").await;
    stop_the_only_node(&lab);
    until_refused(&lab).await;
    let body = answer.text().await.expect("the rest of the body");
    assert_eq!(body.len(), LENGTH);
    until_gone(&lab).await;
}

pub(crate) async fn a_balancer_that_is_told_to_stop_does_not_wait_beyond_its_deadline() {
    let gateway = RudeUpstream::start(Answer::Silence).await;
    let topology = balancer_before(&gateway).with(Service::LoadBalancer, "drain-deadline", "300ms");
    let lab = Lab::start(topology).await;
    let request = tokio::spawn(lab.request(Method::GET, "/data").send());
    gateway.until_requests(1).await;
    stop_the_only_node(&lab);
    let broken = request.await.expect("no panic");
    assert!(broken.is_err(), "{broken:?}");
    until_gone(&lab).await;
    assert!(lab.log(BALANCER).contains("still under way"));
}

pub(crate) async fn a_system_that_stops_finishes_what_is_under_way() {
    let folder = RunFolder::new();
    let topology = Topology::laboratory().with(Service::Database, "storage-latency", "1s");
    let started = System::start(&topology, options(folder.path())).await;
    let system = started.expect("the system starts");
    let url = format!("{}/data/item-1", system.url());
    let request = tokio::spawn(client().get(url).header(AUTHORIZATION, TOKEN).send());
    let look = async || {
        let counters = system.all_counters().await.expect("nodes show them");
        let reads = |(_, of): (_, &Counters)| of.get("database_reads_total", &[]);
        match counters.iter().map(reads).sum::<f64>() {
            1.0.. => Ok(()),
            none => Err(none),
        }
    };
    wait_for("the read to be under way", PATIENCE, look)
        .await
        .expect("it comes true");
    system.stop().await.expect("every node stops in time");
    let answer = request.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a body"), seeded_value(1));
}

/// A balancer alone before this gateway, whose checks never come round.
fn balancer_before(gateway: &RudeUpstream) -> Topology {
    let gateway = format!("api-gateway-1={}", gateway.url());
    Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "gateway", gateway)
        .with(Service::LoadBalancer, "health-interval", "1h")
}

fn stop_the_only_node(lab: &Lab) {
    let [node] = nodes_of(lab.folder())[..] else {
        panic!("one node runs");
    };
    kill(node, Signal::SIGTERM).expect("it runs");
}

async fn until_refused(lab: &Lab) {
    let address = lab.address_of(BALANCER);
    let look = async || match TcpStream::connect(address).await {
        Err(refused) => Ok(refused),
        Ok(_) => Err("a connection"),
    };
    wait_for("connections to be refused", PATIENCE, look)
        .await
        .expect("it comes true");
}

async fn until_gone(lab: &Lab) {
    let look = async || match &lab.unexpected_exits()[..] {
        [exit] => Ok(exit.status),
        _ => Err("it runs"),
    };
    let status = wait_for("the end of the node", PATIENCE, look)
        .await
        .expect("it comes true");
    assert!(status.success(), "{status}");
}
