//! Answers that clients may see when PostgreSQL is killed or out of connections.

use std::time::{Duration, Instant};

use integration::Topology;
use integration::real::Part;
use integration::wait::wait_for;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use services::contract::{Service, seeded_value};
use tokio::time::sleep;

use crate::part_stories::Piece;
use crate::postgres_server::{Database, USER};
use crate::support::{Lab, PATIENCE};
use crate::task_stories::{nothing_was_lost, submitted_around};

/// The time that no answer may exceed: a second for a connection and one for an answer, and the rest
/// for machines that are busy with something else.
const BOUND: Duration = Duration::from_secs(5);

pub(crate) async fn nothing_that_was_answered_is_lost_when_postgres_is_killed() {
    const KILLS: usize = 2;
    let topology = Piece::program(Part::Postgres)
        .laboratory()
        .with(Service::Database, "store-timeout", "1s")
        .with(Service::Worker, "store-timeout", "1s")
        .with(Service::Worker, "task-duration", "20ms")
        .with(Service::Worker, "lease", "1s")
        .with(Service::Worker, "max-attempts", 20);
    let lab = Lab::start(topology).await;
    let mut written = 0;
    let kill_and_restart = async {
        for _ in 0..KILLS {
            written = write_until_it_fails(&lab, written, async || {
                sleep(Duration::from_millis(300)).await;
                lab.kill("postgres").expect("it runs");
            })
            .await;
            let failed = lab.get("/data/never-cached").await;
            assert_eq!(failed.status(), 503);
            lab.restart("postgres").await.expect("it returns");
            until_read(&lab, "/data/never-cached", StatusCode::NOT_FOUND).await;
        }
    };
    let history = submitted_around(&lab, kill_and_restart).await;
    // The write that failed may have been made all the same.
    let read: u64 = lab.get("/data/counter").await.json().await.expect("JSON");
    assert!(
        read == written || read == written + 1,
        "{read} was read after {written} was written"
    );
    nothing_was_lost(&lab, &history).await;
}

pub(crate) async fn without_a_connection_reads_are_503_in_bounded_time() {
    let database = Database::fresh().await;
    // The one connection of this user is the service's, until it is taken from it.
    database
        .execute(
            "CREATE ROLE narrow LOGIN CONNECTION LIMIT 1 PASSWORD 'hidden';
             GRANT CREATE ON DATABASE CURRENT_CATALOG TO narrow"
                .replace("CURRENT_CATALOG", database.name())
                .as_str(),
        )
        .await;
    let topology = Topology::laboratory()
        .caches(0)
        .with(Service::Database, "store", database.url_for("narrow"))
        .with(Service::Database, "store-timeout", "1s");
    let lab = Lab::start(topology).await;
    assert_eq!(lab.get("/data/item-0").await.status(), 200);
    let somebody = wait_for("somebody to take the connection", PATIENCE, async || {
        database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'narrow'",
            )
            .await;
        database.try_connect("narrow").await
    });
    let somebody = somebody.await.expect("it can be taken");
    for _ in 0..5 {
        let began = Instant::now();
        let answer = lab.get("/data/item-0").await;
        assert_eq!(answer.status(), 503);
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    }
    let at_the_service = lab.request_to("database", Method::GET, "/db/item-0");
    let answer = at_the_service.send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], 503);

    drop(somebody);
    until_read(&lab, "/data/item-0", StatusCode::OK).await;
    let value = lab.get("/data/item-0").await.text().await.expect("a body");
    assert_eq!(value, seeded_value(0));
}

pub(crate) async fn a_statement_that_takes_too_long_is_503_in_bounded_time() {
    let database = Database::fresh().await;
    let topology = Topology::laboratory()
        .caches(0)
        .with(Service::Database, "store", database.url())
        .with(Service::Database, "store-connections", 2)
        .with(Service::Database, "store-timeout", "1s");
    let lab = Lab::start(topology).await;
    let mut holder = database.connect(USER).await;
    let held = holder.transaction().await.expect("it is well");
    held.batch_execute("LOCK TABLE skein_database.items IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("nobody else has it");
    // More of them than there are connections.
    let reads = (0..6).map(async |_| {
        let began = Instant::now();
        let answer = lab.get("/data/item-0").await;
        (answer.status(), began.elapsed())
    });
    for (status, took) in futures_util::future::join_all(reads).await {
        assert_eq!(status, 503);
        assert!(took < BOUND, "{took:?}");
    }
    held.rollback().await.expect("it is well");
    until_read(&lab, "/data/item-0", StatusCode::OK).await;
}

/// Counts up in an item until a write fails, and returns the last number that was written.
async fn write_until_it_fails(lab: &Lab, mut written: u64, meanwhile: impl AsyncFnOnce()) -> u64 {
    let write = async {
        loop {
            let next = written + 1;
            let body = next.to_string();
            let write = lab.request(Method::PUT, "/data/counter").body(body);
            match write.send().await {
                Ok(answer) if answer.status() == StatusCode::OK => written = next,
                _ => return written,
            }
        }
    };
    let (written, ()) = tokio::join!(write, meanwhile());
    written
}

async fn until_read(lab: &Lab, path: &str, status: StatusCode) {
    let look = async || match lab.get(path).await.status() {
        found if found == status => Ok(()),
        found => Err(found),
    };
    wait_for(format!("{path} to be {status}"), PATIENCE, look)
        .await
        .expect("it comes true");
}
