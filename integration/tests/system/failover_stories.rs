//! The view that clients have of the balancer and its gateways when one of them is killed,
//! paused and restarted under traffic: each story says it in its name. Told over ours in
//! `failover`, and over those of others in files named after them.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response};
use services::contract::{PROXY_STATUS, SERVED_BY, Service};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::balancers::{BALANCER, Balancer};
use crate::rude_upstream::{Answer, RudeUpstream};
use crate::support::Lab;
use crate::traffic::{
    CLIENTS, Outcome, Traffic, every_read_is_right, laboratory, read, until_status,
};

/// Tells each of these stories over one kind of balancer.
macro_rules! failover_over {
    ($balancer:ident) => {
        $crate::failover_stories::failover_over! { $balancer:
            no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart,
            a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway,
            a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated,
            a_get_under_way_in_a_killed_gateway_is_repeated_on_another,
            no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation,
            without_any_gateway_the_balancer_says_so_until_they_are_back,
            without_the_balancer_connections_fail_until_it_is_back_on_its_address,
            nothing_is_lost_while_the_balancer_is_paused,
        }
    };
    ($balancer:ident: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::failover_stories::$story::<$crate::balancers::$balancer>().await;
        })*
    };
}
pub(crate) use failover_over;

const GATEWAYS: [&str; 3] = ["api-gateway-1", "api-gateway-2", "api-gateway-3"];
const TERMINATED: &str = "load-balancer; error=connection_terminated; next-hop=api-gateway-2";

pub(crate) async fn no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart<
    B: Balancer,
>() {
    let lab = Lab::start(B::before(laboratory())).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        lab.kill("api-gateway-2").expect("it runs");
        B::until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        let gone = Instant::now();
        traffic.flows().await;
        let back = Instant::now();
        lab.restart("api-gateway-2").await.expect("it returns");
        B::until_in_rotation(&lab, &GATEWAYS).await;
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
pub(crate) async fn a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway<
    B: Balancer,
>() {
    let lab = Lab::start(B::before(laboratory())).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        let killed = Instant::now();
        lab.kill("api-gateway-2").expect("it runs");
        B::until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        let gone = Instant::now();
        traffic.flows().await;
        lab.restart("api-gateway-2").await.expect("it returns");
        B::until_in_rotation(&lab, &GATEWAYS).await;
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
        if B::EXPLAINS_ITSELF {
            assert_eq!(outcome.header(PROXY_STATUS.as_str()), TERMINATED);
        }
        assert!(outcome.began < gone, "{outcome:?}");
        assert!(killed < outcome.ended, "{outcome:?}");
    }
    // So many requests at once have needed no more connections.
    assert!(failed.len() <= CLIENTS as usize, "{failed:?}");
}

pub(crate) async fn a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated<B: Balancer>() {
    let (microservice, lab) = lab_whose_microservice_is_silent::<B>().await;
    let mut posts = under_way(&lab, &microservice, Method::POST).await;
    lab.kill("api-gateway-2").expect("it runs");
    let failed = posts.next().await.expect("three are under way");
    assert_eq!(failed.status(), 502);
    assert_eq!(microservice.requests(), 3);
    if B::EXPLAINS_ITSELF {
        assert_eq!(failed.headers()[PROXY_STATUS], TERMINATED);
        let retries = lab.counter(BALANCER, "upstream_retries_total", &[]).await;
        assert_eq!(retries, 0.0);
    }
}

pub(crate) async fn a_get_under_way_in_a_killed_gateway_is_repeated_on_another<B: Balancer>() {
    let (microservice, lab) = lab_whose_microservice_is_silent::<B>().await;
    let mut gets = under_way(&lab, &microservice, Method::GET).await;
    let respond = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    microservice.change(Answer::Respond(respond.into()));
    lab.kill("api-gateway-2").expect("it runs");
    let repeated = gets.next().await.expect("three are under way");
    assert_eq!(repeated.status(), 200);
    assert_ne!(repeated.headers()[SERVED_BY], "api-gateway-2");
    assert_eq!(microservice.requests(), 4);
    if B::EXPLAINS_ITSELF {
        let retries = lab.counter(BALANCER, "upstream_retries_total", &[]).await;
        assert_eq!(retries, 1.0);
    }
}

pub(crate) async fn no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation<
    B: Balancer,
>() {
    // Checks are so rare that requests have to find out for themselves.
    let topology = laboratory()
        .with(Service::LoadBalancer, "health-interval", "1h")
        .with(Service::LoadBalancer, "first-byte-timeout", "1s");
    let lab = Lab::start(B::before(topology)).await;
    let events = async |traffic: &Traffic<'_>| {
        traffic.flows().await;
        lab.pause("api-gateway-2").expect("it runs");
        B::until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
        traffic.flows().await;
        if B::EXPLAINS_ITSELF {
            let gateway = [("upstream", "api-gateway-2")];
            let ejections = lab.counter(BALANCER, "upstream_ejections_total", &gateway);
            assert!(ejections.await >= 1.0, "it was not ejected");
        }
        lab.resume("api-gateway-2").expect("it runs");
        B::until_in_rotation(&lab, &GATEWAYS).await;
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

pub(crate) async fn without_any_gateway_the_balancer_says_so_until_they_are_back<B: Balancer>() {
    let lab = Lab::start(B::before(laboratory())).await;
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
        for restarted in join_all(GATEWAYS.map(|gateway| lab.restart(gateway))).await {
            restarted.expect("it returns");
        }
        B::until_in_rotation(&lab, &GATEWAYS).await;
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

pub(crate) async fn without_the_balancer_connections_fail_until_it_is_back_on_its_address<
    B: Balancer,
>() {
    let lab = Lab::start(B::before(laboratory())).await;
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

pub(crate) async fn nothing_is_lost_while_the_balancer_is_paused<B: Balancer>() {
    const PAUSE: Duration = Duration::from_millis(200);
    let lab = Lab::start(B::before(laboratory())).await;
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

async fn lab_whose_microservice_is_silent<B: Balancer>() -> (RudeUpstream, Lab) {
    let silent = RudeUpstream::start(Answer::Silence).await;
    let microservice = format!("microservice={}", silent.url());
    let topology = laboratory().with(Service::ApiGateway, "microservice", microservice);
    (silent, Lab::start(B::before(topology)).await)
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
    microservice.until_requests(GATEWAYS.len()).await;
    requests
}

fn compute(lab: &Lab, number: u32) -> RequestBuilder {
    let input = number.to_string();
    lab.request(Method::POST, "/process").body(input)
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
