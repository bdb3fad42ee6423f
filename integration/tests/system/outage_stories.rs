//! The view that clients have when a cache, the database, the microservice or the worker is
//! killed, paused and restarted under traffic: each story says it in its name. Told over this
//! project's caches in `outages`, and over Redis in `outages_over_redis`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use integration::Topology;
use integration::wait::wait_for;
use reqwest::header::LOCATION;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use services::contract::{CACHE_STATUS, SERVED_BY, Service, Task, TaskState, seeded_value};

use crate::support::{Lab, PATIENCE};
use crate::traffic::{KEYS, Outcome, Traffic, every_read_is_right, laboratory, read, until_status};

/// A kind of caches.
pub(crate) trait CacheKind {
    /// The topology with its gateways on such caches, called `cache-1` and `cache-2`.
    fn behind(topology: Topology) -> Topology;
}

/// Tells each of these stories over one kind of caches.
macro_rules! outages_over {
    ($caches:ty) => {
        $crate::outage_stories::outages_over! { $caches:
            no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart,
            no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes,
            without_the_database_cached_keys_are_read_and_others_are_503,
            while_the_database_is_paused_cached_keys_are_read_and_others_are_504,
            without_the_microservice_only_computing_fails,
            without_the_worker_only_tasks_fail_and_accepted_ones_are_done_later,
        }
    };
    ($caches:ty: $($story:ident,)*) => {
        $(pub(crate) async fn $story() {
            $crate::outage_stories::$story::<$caches>().await;
        })*
    };
}
pub(crate) use outages_over;

/// The time that no read may exceed while a cache is ill: half of what the database may take,
/// and much more than the tenth of a second that a cache may.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart<
    C: CacheKind,
>() {
    let lab = Lab::start(C::behind(laboratory())).await;
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

pub(crate) async fn no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes<
    C: CacheKind,
>() {
    let lab = Lab::start(C::behind(laboratory())).await;
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

pub(crate) async fn without_the_database_cached_keys_are_read_and_others_are_503<C: CacheKind>() {
    let lab = lab_with_warm_caches::<C>("10s").await;
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

pub(crate) async fn while_the_database_is_paused_cached_keys_are_read_and_others_are_504<
    C: CacheKind,
>() {
    let lab = lab_with_warm_caches::<C>("500ms").await;
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

pub(crate) async fn without_the_microservice_only_computing_fails<C: CacheKind>() {
    let topology = laboratory().with(Service::ApiGateway, "upstream-timeout", "1s");
    let lab = Lab::start(C::behind(topology)).await;
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

pub(crate) async fn without_the_worker_only_tasks_fail_and_accepted_ones_are_done_later<
    C: CacheKind,
>() {
    let topology = laboratory()
        // So slow that most tasks are yet to be done when the worker is killed.
        .with(Service::Worker, "executors", 1)
        .with(Service::Worker, "task-duration", "300ms")
        .with(Service::Worker, "lease", "1s");
    let lab = Lab::start(C::behind(topology)).await;
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
        wait_for("a task to be done", PATIENCE, done)
            .await
            .expect("it comes true");
    }
}

/// A laboratory whose caches have every key that the traffic reads, and are waited
/// for however busy the machine is: what stories see is the database's doing.
async fn lab_with_warm_caches<C: CacheKind>(upstream_timeout: &str) -> Lab {
    let topology = laboratory()
        .with(Service::ApiGateway, "cache-timeout", "20s")
        .with(Service::ApiGateway, "upstream-timeout", upstream_timeout);
    let lab = Lab::start(C::behind(topology)).await;
    for key in 0..KEYS {
        for cache in ["cache-1", "cache-2"] {
            until_hit(&lab, &format!("/data/item-{key}"), cache).await;
        }
    }
    lab
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

/// A gateway says in problem details whom it could not reach.
async fn gateway_problem(answer: Response, status: u16, upstream: &str) {
    assert_eq!(answer.status(), status);
    assert!(answer.headers().contains_key(SERVED_BY), "{answer:?}");
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(upstream), "{detail}");
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
    wait_for(format!("{path} from {cache}"), PATIENCE, look)
        .await
        .expect("it comes true");
}
