//! What clients may see when a node is killed, paused, restarted or told to stop,
//! under traffic: each story says it in its name.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use integration::wait::wait_for;
use integration::{System, Topology};
use nix::sys::signal::{Signal, kill};
use reqwest::header::{AUTHORIZATION, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use services::contract::{
    CACHE_STATUS, PROXY_STATUS, SERVED_BY, Service, Task, TaskState, seeded_value,
};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::{Lab, PATIENCE, RunFolder, TOKEN, client, nodes_of, options};
use crate::traffic::{CLIENTS, Outcome, Traffic};

const GATEWAYS: [&str; 3] = ["api-gateway-1", "api-gateway-2", "api-gateway-3"];
const BALANCER: &str = "load-balancer";
/// Keys that the traffic reads.
const KEYS: u32 = 10;
/// What no read may exceed while a cache is ill: half of what the database may take,
/// and much more than the tenth of a second that a cache may.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart()
{
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        lab.kill("api-gateway-2").expect("it runs");
        until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        let gone = Instant::now();
        traffic.flows().await;
        let back = Instant::now();
        lab.restart("api-gateway-2").await.expect("it returns");
        until_in_rotation(&lab, &GATEWAYS).await;
        let all = Instant::now();
        traffic.flows().await;
        (gone, back, all)
    };
    let ((gone, back, all), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    let without = outcomes.iter().filter(|o| gone < o.began && o.ended < back);
    assert_eq!(servers(without), ["api-gateway-1", "api-gateway-3"]);
    assert_eq!(servers(outcomes.iter().filter(|o| all < o.began)), GATEWAYS);
}

/// On a connection, a request is under way when the gateway dies, or it is sent in the
/// moment before the balancer notices: either way, nobody knows whether it was done.
pub(crate) async fn a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway() {
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        let killed = Instant::now();
        lab.kill("api-gateway-2").expect("it runs");
        until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        let gone = Instant::now();
        traffic.flows().await;
        lab.restart("api-gateway-2").await.expect("it returns");
        until_in_rotation(&lab, &GATEWAYS).await;
        traffic.flows().await;
        (killed, gone)
    };
    let ((killed, gone), outcomes) = Traffic::of(&lab, compute).around(events).await;
    let failed: Vec<&Outcome> = outcomes
        .iter()
        .filter(|o| o.status() != Some(200))
        .collect();
    for outcome in &failed {
        assert_eq!(outcome.status(), Some(502), "{outcome:?}");
        let status = outcome.header(PROXY_STATUS.as_str());
        assert_eq!(
            status,
            "load-balancer; error=connection_terminated; next-hop=api-gateway-2"
        );
        assert!(outcome.began < gone, "{outcome:?}");
        assert!(killed < outcome.ended, "{outcome:?}");
    }
    // So many requests at once have needed no more connections.
    assert!(failed.len() <= CLIENTS as usize, "{failed:?}");
}

pub(crate) async fn a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated() {
    let (microservice, lab) = lab_whose_microservice_is_silent().await;
    let mut posts = under_way(&lab, &microservice, Method::POST).await;
    lab.kill("api-gateway-2").expect("it runs");
    let failed = posts.next().await.expect("three are under way");
    assert_eq!(failed.status(), 502);
    assert_eq!(
        failed.headers()[PROXY_STATUS],
        "load-balancer; error=connection_terminated; next-hop=api-gateway-2"
    );
    let retries = lab.counter(BALANCER, "upstream_retries_total", &[]).await;
    assert_eq!((microservice.requests(), retries), (3, 0.0));
}

pub(crate) async fn a_get_under_way_in_a_killed_gateway_is_repeated_on_another() {
    let (microservice, lab) = lab_whose_microservice_is_silent().await;
    let mut gets = under_way(&lab, &microservice, Method::GET).await;
    let respond = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    microservice.change(Answer::Respond(respond.into()));
    lab.kill("api-gateway-2").expect("it runs");
    let repeated = gets.next().await.expect("three are under way");
    assert_eq!(repeated.status(), 200);
    assert_ne!(repeated.headers()[SERVED_BY], "api-gateway-2");
    let retries = lab.counter(BALANCER, "upstream_retries_total", &[]).await;
    assert_eq!((microservice.requests(), retries), (4, 1.0));
}

pub(crate) async fn no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation() {
    // Checks are so rare that requests have to find out for themselves.
    let topology = laboratory()
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(Service::LoadBalancer, "first-byte-timeout", "1s");
    let lab = Lab::start(topology).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        lab.pause("api-gateway-2").expect("it runs");
        until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        traffic.flows().await;
        let gateway = [("upstream", "api-gateway-2")];
        let ejections = lab.counter(BALANCER, "upstream_ejections_total", &gateway);
        assert!(ejections.await >= 1.0, "it was not ejected");
        lab.resume("api-gateway-2").expect("it runs");
        until_in_rotation(&lab, &GATEWAYS).await;
        let all = Instant::now();
        traffic.flows().await;
        all
    };
    let (all, outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    let late = outcomes
        .iter()
        .filter(|o| o.took() >= Duration::from_secs(1));
    assert!(late.count() >= 1, "no read met the paused gateway");
    assert_eq!(servers(outcomes.iter().filter(|o| all < o.began)), GATEWAYS);
}

pub(crate) async fn no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart() {
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        until_hit(&lab, "/data/item-0", "cache-1").await;
        lab.kill("cache-1").expect("it runs");
        traffic.flows().await;
        lab.restart("cache-1").await.expect("it returns");
        until_hit(&lab, "/data/item-0", "cache-1").await;
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    within_bound(&outcomes);
    some_passed_by("cache-1", &outcomes);
}

pub(crate) async fn no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes() {
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        until_hit(&lab, "/data/item-0", "cache-1").await;
        lab.pause("cache-1").expect("it runs");
        traffic.flows().await;
        lab.resume("cache-1").expect("it runs");
        until_hit(&lab, "/data/item-0", "cache-1").await;
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    within_bound(&outcomes);
    some_passed_by("cache-1", &outcomes);
}

pub(crate) async fn without_the_database_cached_keys_are_read_and_others_are_503() {
    let lab = lab_with_warm_caches("10s").await;
    let write = lab.request(Method::PUT, "/data/kept").body(r#""kept""#);
    assert_eq!(answered(write).await.status(), 200);
    let events = async |traffic: &Traffic<'_>| {
        lab.kill("database").expect("it runs");
        for path in ["/data/kept", "/data/item-500", "/data"] {
            gateway_problem(lab.get(path).await, 503, "database").await;
        }
        let write = lab.request(Method::PUT, "/data/kept").body("0");
        gateway_problem(answered(write).await, 503, "database").await;
        traffic.flows().await;
        lab.restart("database").await.expect("it returns");
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    for (path, value) in [
        ("/data/kept", r#""kept""#.to_owned()),
        ("/data/item-500", seeded_value(500)),
    ] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.expect("a body"), value);
    }
}

pub(crate) async fn while_the_database_is_paused_cached_keys_are_read_and_others_are_504() {
    let lab = lab_with_warm_caches("500ms").await;
    let events = async |traffic: &Traffic<'_>| {
        lab.pause("database").expect("it runs");
        let began = Instant::now();
        gateway_problem(lab.get("/data/item-500").await, 504, "database").await;
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        traffic.flows().await;
        lab.resume("database").expect("it runs");
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    until_status(&lab, "/data/item-500", 200).await;
}

pub(crate) async fn without_the_microservice_only_computing_fails() {
    let topology = laboratory().with(Service::ApiGateway, "upstream-timeout", "1s");
    let lab = Lab::start(topology).await;
    let events = async |traffic: &Traffic<'_>| {
        lab.kill("microservice").expect("it runs");
        gateway_problem(lab.get("/process").await, 503, "microservice").await;
        gateway_problem(answered(compute(&lab, 1)).await, 503, "microservice").await;
        traffic.flows().await;
        lab.restart("microservice").await.expect("it returns");
        assert_eq!(lab.get("/process").await.status(), 200);

        lab.pause("microservice").expect("it runs");
        gateway_problem(lab.get("/process").await, 504, "microservice").await;
        traffic.flows().await;
        lab.resume("microservice").expect("it runs");
        until_status(&lab, "/process", 200).await;
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
}

pub(crate) async fn without_the_worker_only_tasks_fail_and_accepted_ones_are_done_later() {
    let topology = laboratory()
        // So slow that most tasks are yet to be done when the worker is killed.
        .with(Service::Worker, "executors", 1)
        .with(Service::Worker, "task-duration", "300ms")
        .with(Service::Worker, "lease", "1s");
    let lab = Lab::start(topology).await;
    let accepted = join_all((0..8).map(async |_| {
        let answer = answered(submit(&lab, 0)).await;
        assert_eq!(answer.status(), 202);
        let location = answer.headers()[LOCATION].to_str().expect("text");
        location.to_owned()
    }))
    .await;
    let events = async |traffic: &Traffic<'_>| {
        lab.kill("worker").expect("it runs");
        gateway_problem(answered(submit(&lab, 0)).await, 503, "worker").await;
        gateway_problem(lab.get(&accepted[0]).await, 503, "worker").await;
        traffic.flows().await;
        lab.restart("worker").await.expect("it returns");
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    for location in &accepted {
        let done = async || {
            let task: Task = lab.get(location).await.json().await.expect("a task");
            match task.state {
                TaskState::Done => Ok(()),
                _ => Err(format!("{task:?}")),
            }
        };
        or_panic(wait_for("a task to be done", PATIENCE, done).await);
    }
}

pub(crate) async fn without_the_balancer_connections_fail_until_it_is_back_on_its_address() {
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        let killed = Instant::now();
        lab.kill(BALANCER).expect("it runs");
        let gone = Instant::now();
        let refused = TcpStream::connect(lab.address_of(BALANCER)).await;
        let refused = refused.map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
        traffic.flows().await;
        let back = Instant::now();
        lab.restart(BALANCER).await.expect("it returns");
        let returned = Instant::now();
        traffic.flows().await;
        [killed, gone, back, returned]
    };
    let ([killed, gone, back, returned], outcomes) = Traffic::of(&lab, read).around(events).await;
    let (answered, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|o| o.answer.is_ok());
    every_read_is_right(&answered);
    for outcome in &failed {
        assert!(killed < outcome.ended, "{outcome:?}");
        assert!(outcome.began < returned, "{outcome:?}");
    }
    assert!(answered.iter().all(|o| o.began < gone || back < o.ended));
}

pub(crate) async fn nothing_is_lost_while_the_balancer_is_paused() {
    const PAUSE: Duration = Duration::from_millis(200);
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        lab.pause(BALANCER).expect("it runs");
        sleep(PAUSE).await;
        lab.resume(BALANCER).expect("it runs");
        traffic.flows().await;
    };
    let ((), outcomes) = Traffic::of(&lab, read).around(events).await;
    every_read_is_right(&outcomes);
    let mut waited = outcomes.iter().filter(|o| o.took() > PAUSE / 2);
    assert!(waited.next().is_some(), "no read met the paused balancer");
}

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
    until_read(&gateway, 1).await;
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
        let reads =
            |(_, of): (_, &integration::counters::Counters)| of.get("database_reads_total", &[]);
        match counters.iter().map(reads).sum::<f64>() {
            1.0.. => Ok(()),
            none => Err(none),
        }
    };
    or_panic(wait_for("the read to be under way", PATIENCE, look).await);
    system.stop().await.expect("every node stops in time");
    let answer = request.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a body"), seeded_value(1));
}

pub(crate) async fn without_any_gateway_the_balancer_says_so_until_they_are_back() {
    let lab = Lab::start(laboratory()).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        let killed = Instant::now();
        for gateway in GATEWAYS {
            lab.kill(gateway).expect("it runs");
        }
        let gone = Instant::now();
        until_status(&lab, "/data", 503).await;
        traffic.flows().await;
        let back = Instant::now();
        join_all(GATEWAYS.map(|gateway| lab.restart(gateway))).await;
        until_in_rotation(&lab, &GATEWAYS).await;
        let all = Instant::now();
        traffic.flows().await;
        [killed, gone, back, all]
    };
    let ([killed, gone, back, all], outcomes) = Traffic::of(&lab, read).around(events).await;
    let (right, failed): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|o| o.status() == Some(200));
    every_read_is_right(&right);
    assert!(right.iter().all(|o| o.began < gone || back < o.ended));
    for outcome in &failed {
        assert!(killed < outcome.ended && outcome.began < all, "{outcome:?}");
        says_who_failed(outcome);
    }
    let nobody = failed.iter().filter(|o| o.status() == Some(503));
    assert!(
        nobody.count() > 0,
        "nobody was told that there is no gateway"
    );
}

/// Three gateways whose health is looked at often, so that stories are short.
fn laboratory() -> Topology {
    Topology::laboratory()
        .with(Service::LoadBalancer, "health-interval", "100ms")
        .with(Service::LoadBalancer, "ejection-time", "300ms")
        .with(Service::ApiGateway, "cache-rest", "100ms")
}

/// A laboratory whose caches have every key that the traffic reads, and are waited
/// for however busy the machine is: what stories see is the database's doing.
async fn lab_with_warm_caches(upstream_timeout: &str) -> Lab {
    let topology = laboratory()
        .with(Service::ApiGateway, "cache-timeout", "20s")
        .with(Service::ApiGateway, "upstream-timeout", upstream_timeout);
    let lab = Lab::start(topology).await;
    for key in 0..KEYS {
        for cache in ["cache-1", "cache-2"] {
            until_hit(&lab, &format!("/data/item-{key}"), cache).await;
        }
    }
    lab
}

async fn lab_whose_microservice_is_silent() -> (RudeUpstream, Lab) {
    let silent = RudeUpstream::start(Answer::Silence).await;
    let microservice = format!("microservice={}", silent.url());
    let topology = laboratory().with(Service::ApiGateway, "microservice", microservice);
    (silent, Lab::start(topology).await)
}

/// A balancer alone before this gateway, whose checks never come round.
fn balancer_before(gateway: &RudeUpstream) -> Topology {
    let gateway = format!("api-gateway-1={}", gateway.url());
    Topology::single(Service::LoadBalancer)
        .with(Service::LoadBalancer, "gateway", gateway)
        .with(Service::LoadBalancer, "health-interval", "1h")
}

/// Three requests to the microservice, one through each gateway, that it has read
/// and doesn't answer.
async fn under_way(
    lab: &Lab,
    microservice: &RudeUpstream,
    method: Method,
) -> FuturesUnordered<impl Future<Output = Response> + use<>> {
    let requests: FuturesUnordered<_> = GATEWAYS
        .map(|_| tokio::spawn(lab.request(method.clone(), "/process").send()))
        .map(async |request| request.await.expect("no panic").expect("an answer"))
        .into_iter()
        .collect();
    until_read(microservice, GATEWAYS.len()).await;
    requests
}

fn read(lab: &Lab, number: u32) -> RequestBuilder {
    lab.request(Method::GET, &format!("/data/item-{}", number % KEYS))
}

fn compute(lab: &Lab, number: u32) -> RequestBuilder {
    let input = number.to_string();
    lab.request(Method::POST, "/process").body(input)
}

fn submit(lab: &Lab, number: u32) -> RequestBuilder {
    let task = format!(r#"{{"task":"report","number":{number}}}"#);
    lab.request(Method::POST, "/longtask").body(task)
}

async fn answered(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn every_read_is_right(outcomes: &[Outcome]) {
    assert!(!outcomes.is_empty(), "nothing was read");
    for outcome in outcomes {
        let answer = outcome.answer.as_ref();
        let answer = answer.unwrap_or_else(|error| panic!("a read was not answered: {error:?}"));
        assert_eq!(answer.status, 200, "{outcome:?}");
        assert_eq!(answer.body, seeded_value(outcome.number % KEYS));
    }
}

fn within_bound(outcomes: &[Outcome]) {
    let longest = outcomes.iter().map(Outcome::took).max();
    assert!(longest < Some(BOUND), "a read took {longest:?}");
}

fn some_passed_by(cache: &str, outcomes: &[Outcome]) {
    let bypass = format!("{cache}; fwd=bypass; detail=unavailable");
    let mut statuses = outcomes.iter().map(|o| o.header(CACHE_STATUS.as_str()));
    assert!(
        statuses.any(|status| status.starts_with(&bypass)),
        "no read met the cache that is ill"
    );
}

/// The balancer names the error and, where it tried one, the gateway.
fn says_who_failed(outcome: &Outcome) {
    let status = outcome.header(PROXY_STATUS.as_str());
    match outcome.status() {
        Some(503) => {
            assert_eq!(status, "load-balancer; error=destination_unavailable");
            assert_eq!(outcome.header(RETRY_AFTER.as_str()), "1");
        }
        Some(502) => assert!(
            status.starts_with("load-balancer; error=connection_")
                && status.contains("; next-hop=api-gateway-"),
            "{status}"
        ),
        _ => panic!("{outcome:?}"),
    }
}

fn servers<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> Vec<&'o str> {
    let servers: BTreeSet<&str> = outcomes.map(|o| o.header(SERVED_BY.as_str())).collect();
    servers.into_iter().collect()
}

/// A gateway says in problem details whom it could not reach.
async fn gateway_problem(answer: Response, status: u16, upstream: &str) {
    assert_eq!(answer.status(), status);
    assert!(answer.headers().contains_key(SERVED_BY), "{answer:?}");
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(upstream), "{detail}");
}

async fn until_in_rotation(lab: &Lab, gateways: &[&str]) {
    let look = async || {
        let counters = lab.counters(BALANCER).await.expect("it shows them");
        let healthy = counters.by_label("upstream_healthy", "upstream");
        let healthy = healthy.into_iter().filter(|(_, healthy)| *healthy == 1.0);
        let names: Vec<String> = healthy.map(|(gateway, _)| gateway).collect();
        if names == gateways {
            Ok(())
        } else {
            Err(names.join(", "))
        }
    };
    or_panic(wait_for(format!("{gateways:?} to be in rotation"), PATIENCE, look).await);
}

async fn until_hit(lab: &Lab, path: &str, cache: &str) {
    let hit = format!("{cache}; hit");
    let look = async || {
        let answer = lab.get(path).await;
        assert_eq!(answer.status(), 200);
        match answer.headers()[CACHE_STATUS].to_str().expect("text") {
            status if status == hit => Ok(()),
            status => Err(status.to_owned()),
        }
    };
    or_panic(wait_for(format!("{path} from {cache}"), PATIENCE, look).await);
}

async fn until_status(lab: &Lab, path: &str, status: u16) {
    let look = async || match lab.get(path).await.status().as_u16() {
        seen if seen == status => Ok(()),
        seen => Err(seen),
    };
    or_panic(wait_for(format!("{path} to be {status}"), PATIENCE, look).await);
}

async fn until_read(upstream: &RudeUpstream, requests: usize) {
    let look = async || match upstream.requests() {
        read if read == requests => Ok(()),
        read => Err(read),
    };
    or_panic(wait_for(format!("{requests} requests to be read"), PATIENCE, look).await);
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
    or_panic(wait_for("connections to be refused", PATIENCE, look).await);
}

async fn until_gone(lab: &Lab) {
    let look = async || match &lab.unexpected_exits()[..] {
        [exit] => Ok(exit.status),
        _ => Err("it runs"),
    };
    let status = or_panic(wait_for("the end of the node", PATIENCE, look).await);
    assert!(status.success(), "{status}");
}

fn or_panic<T>(waited: Result<T, integration::wait::Overdue>) -> T {
    waited.unwrap_or_else(|overdue| panic!("{overdue}"))
}
