//! The balancer shares requests among gateways exactly: shares differ by at most
//! one, whoever asks and however many at once, and any other difference is named
//! by a counter. Told over ours in `round_robin`, and over those of others in files named after
//! them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use integration::Topology;
use services::contract::{SERVED_BY, Service};

use crate::balancers::{Attempts, Balancer};
use crate::support::Lab;

/// Tells each of these stories over one kind of balancer.
macro_rules! round_robin_over {
    ($balancer:ident) => {
        $crate::round_robin_stories::round_robin_over! { $balancer:
            requests_one_after_another_go_round,
            concurrent_requests_are_shared_exactly,
            any_number_of_gateways_is_shared_exactly,
            shares_are_exact_again_after_a_gateway_left_and_came_back,
            a_dead_gateway_unbalances_only_what_its_failures_name,
        }
    };
    ($balancer:ident: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::round_robin_stories::$story::<$crate::balancers::$balancer>().await;
        })*
    };
}
pub(crate) use round_robin_over;

const GATEWAYS: [&str; 3] = ["api-gateway-1", "api-gateway-2", "api-gateway-3"];

pub(crate) async fn requests_one_after_another_go_round<B: Balancer>() {
    let lab = Lab::start(B::before(laboratory())).await;
    let mut order = Vec::new();
    for _ in 0..9 {
        order.push(served_by(&lab).await);
    }
    let (first, rest) = order.split_at(3);
    assert!(
        GATEWAYS
            .iter()
            .all(|gateway| first.iter().any(|served| served == gateway)),
        "{order:?}"
    );
    assert!(rest.chunks(3).all(|round| round == first), "{order:?}");
}

pub(crate) async fn concurrent_requests_are_shared_exactly<B: Balancer>() {
    let lab = Lab::start(B::before(laboratory())).await;
    // 200 is no multiple of 3: two gateways get one more.
    let shares = ask_at_once(&lab, 200).await;
    assert_eq!(shares.values().sum::<u64>(), 200);
    assert!(spread(&shares) <= 1, "{shares:?}");
}

pub(crate) async fn any_number_of_gateways_is_shared_exactly<B: Balancer>() {
    for gateways in [1, 2, 5] {
        let lab = Lab::start(B::before(laboratory().gateways(gateways))).await;
        let shares = ask_at_once(&lab, 60).await;
        assert_eq!(shares.len(), gateways, "{shares:?}");
        assert!(spread(&shares) == 0, "{shares:?}");
    }
}

pub(crate) async fn shares_are_exact_again_after_a_gateway_left_and_came_back<B: Balancer>() {
    let lab = Lab::start(B::before(laboratory())).await;
    lab.kill("api-gateway-2").expect("it runs");
    B::until_in_rotation(&lab, &["api-gateway-1", "api-gateway-3"]).await;
    let without = ask_at_once(&lab, 100).await;
    assert_eq!(
        without.keys().collect::<Vec<_>>(),
        ["api-gateway-1", "api-gateway-3"]
    );
    assert!(spread(&without) <= 1, "{without:?}");

    lab.restart("api-gateway-2").await.expect("it starts again");
    B::until_in_rotation(&lab, &GATEWAYS).await;
    let with = ask_at_once(&lab, 200).await;
    assert_eq!(with.len(), 3, "{with:?}");
    assert!(spread(&with) <= 1, "{with:?}");
}

pub(crate) async fn a_dead_gateway_unbalances_only_what_its_failures_name<B: Balancer>() {
    // Checks are so rare that requests have to find out for themselves.
    let topology = laboratory().with(Service::LoadBalancer, "health-interval", "1h");
    let lab = Lab::start(B::before(topology)).await;
    ask_at_once(&lab, 30).await;
    let before = lab.counters("load-balancer").await.expect("counters");
    lab.kill("api-gateway-2").expect("it runs");
    let answered = ask_at_once(&lab, 100).await;
    let counted = lab
        .counters("load-balancer")
        .await
        .expect("counters")
        .since(&before);

    let Attempts {
        attempts,
        failures,
        retries,
    } = B::attempts(&counted);
    let failures = failures["api-gateway-2"];
    assert_eq!(
        answered.values().sum::<u64>(),
        100,
        "every request was answered by somebody"
    );
    assert_eq!(
        attempts.values().sum::<f64>(),
        100.0 + retries,
        "{attempts:?}"
    );
    assert_eq!(
        attempts["api-gateway-2"], failures,
        "who is dead answers nothing"
    );
    assert_eq!(
        retries, failures,
        "each failure was tried again elsewhere, once"
    );
    assert!(failures > 0.0, "somebody must have met the dead gateway");
    // Without the retries, turns are exact; each retry gives somebody one more.
    let alive = attempts["api-gateway-1"] - attempts["api-gateway-3"];
    assert!(
        alive.abs() <= 1.0 + retries,
        "{attempts:?}, {retries} retries"
    );
}

/// Three gateways, whose health is looked at often.
fn laboratory() -> Topology {
    Topology::laboratory()
        .with(Service::LoadBalancer, "health-interval", "50ms")
        .with(Service::Database, "storage-latency", "0ms")
}

async fn served_by(lab: &Lab) -> String {
    let answer = lab.get("/data/item-1").await;
    assert_eq!(answer.status(), 200);
    answer.headers()[SERVED_BY]
        .to_str()
        .expect("a name")
        .to_owned()
}

/// The number of `requests` concurrent ones that each gateway has served.
async fn ask_at_once(lab: &Lab, requests: usize) -> BTreeMap<String, u64> {
    let served = join_all((0..requests).map(|_| served_by(lab))).await;
    served
        .into_iter()
        .fold(BTreeMap::new(), |mut shares, gateway| {
            *shares.entry(gateway).or_default() += 1;
            shares
        })
}

fn spread(shares: &BTreeMap<String, u64>) -> u64 {
    let most = shares.values().max().copied().unwrap_or(0);
    most - shares.values().min().copied().unwrap_or(0)
}
