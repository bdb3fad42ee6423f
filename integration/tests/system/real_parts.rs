//! The real thing in each place of the laboratory, as programs of this machine and as servers
//! that run already.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use harness::topology::{NodePlan, Program, ProgramFile, Run, Text};
use integration::Topology;
use integration::error::{FaultError, StartError};
use integration::real::{Part, Parts, Place};
use reqwest::{Method, StatusCode};
use services::contract::Service;
use tokio::net::TcpSocket;
use tokio::time::sleep;

use crate::long_tasks_over_managed_rabbitmq::ManagedRabbitMq;
use crate::part_stories::{
    Piece, SETTLES, everything_works, is_paused_and_killed_whole_and_comes_back,
    outlasts_systems_and_gives_each_a_room, works_and_stops_in_good_order,
};
use crate::postgres_server::{Database, PASSWORD};
use crate::rabbit_server::VirtualHost;
use crate::rabbitmq_in_trouble::until_a_task_is;
use crate::support::{Lab, RunFolder, fails_to_start, options};
use crate::task_stories::{TaskHome, nothing_was_lost, submitted_around};

const NGINX: Piece = Piece::program(Part::Nginx);
const HAPROXY: Piece = Piece::program(Part::Haproxy);
const REDIS: Piece = Piece::program(Part::Redis);
const POSTGRES: Piece = Piece::program(Part::Postgres);
const RABBITMQ: Piece = Piece::program(Part::RabbitMq);

pub(crate) async fn nginx_works_and_stops_in_good_order() {
    works_and_stops_in_good_order(NGINX).await;
}

pub(crate) async fn haproxy_works_and_stops_in_good_order() {
    works_and_stops_in_good_order(HAPROXY).await;
}

pub(crate) async fn redis_works_and_stops_in_good_order() {
    works_and_stops_in_good_order(REDIS).await;
}

pub(crate) async fn postgres_works_and_stops_in_good_order() {
    works_and_stops_in_good_order(POSTGRES).await;
}

pub(crate) async fn nginx_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(NGINX).await;
}

pub(crate) async fn haproxy_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(HAPROXY).await;
}

pub(crate) async fn redis_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(REDIS).await;
}

pub(crate) async fn postgres_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(POSTGRES).await;
}

pub(crate) async fn rabbitmq_is_paused_and_killed_whole_and_comes_back() {
    is_paused_and_killed_whole_and_comes_back(RABBITMQ).await;
}

pub(crate) async fn rabbitmq_outlasts_systems_and_gives_each_a_room() {
    let ManagedRabbitMq(broker) = ManagedRabbitMq::fresh().await;
    outlasts_systems_and_gives_each_a_room(RABBITMQ, &broker).await;
}

pub(crate) async fn a_redis_that_comes_back_tells_nobody_an_old_value() {
    let lab = Lab::start(REDIS.laboratory().caches(1)).await;
    let write = async |value: &'static str| {
        let put = lab.request(Method::PUT, "/data/colour").body(value);
        assert_eq!(put.send().await.expect("an answer").status(), 200);
    };
    let read = async || lab.get("/data/colour").await.text().await.expect("a body");
    write(r#""old""#).await;
    for _ in 0..6 {
        assert_eq!(read().await, r#""old""#);
    }
    lab.kill("cache-1").expect("it runs");
    write(r#""new""#).await;
    lab.restart("cache-1").await.expect("it returns");
    for _ in 0..30 {
        assert_eq!(read().await, r#""new""#);
    }
}

pub(crate) async fn one_cluster_of_several_that_start_at_once_is_kept_to_be_copied() {
    let folder = RunFolder::new();
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).expect("a writable folder");
    // The server is nobody where we are root.
    for path in [folder.path(), &kept] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).expect("a folder of ours");
    }
    let topology = POSTGRES.laboratory();
    let postgres = topology.named("postgres").next().expect("it is there");
    let kept_at = Text::literal(kept.display().to_string());
    let topology = harness::Topology::of([postgres.clone().env("TMPDIR", kept_at)]);
    let topology = topology.expect("one node");
    for time in ["first", "second"] {
        let servers = [1, 2, 3].map(async |number| {
            let options = options(&folder.path().join(format!("{time}-{number}")));
            let system = harness::System::start(&topology, options).await;
            let system = system.unwrap_or_else(|error| panic!("{error}"));
            let counters = system.counters("postgres").await;
            assert!(counters.expect("its password is right").build().is_some());
        });
        join_all(servers).await;
        let mut templates = fs::read_dir(&kept).expect("a folder of ours");
        let of_user = templates.next().expect("one of its user").expect("read");
        let names = fs::read_dir(of_user.path()).expect("a folder");
        let names: Vec<_> = names
            .map(|entry| entry.expect("read").file_name())
            .collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

pub(crate) async fn nothing_accepted_is_lost_when_rabbitmq_is_killed() {
    let topology = quick(RABBITMQ).with(Service::Worker, "queue-timeout", "1s");
    let lab = Lab::start(topology).await;
    let kill_and_restart = async {
        sleep(SETTLES).await;
        lab.kill("rabbitmq").expect("it runs");
        until_a_task_is(StatusCode::SERVICE_UNAVAILABLE, &lab).await;
        lab.restart("rabbitmq").await.expect("it returns");
        until_a_task_is(StatusCode::ACCEPTED, &lab).await;
    };
    let history = submitted_around(&lab, kill_and_restart).await;
    nothing_was_lost(&lab, &history).await;
}

pub(crate) async fn a_server_that_runs_elsewhere_is_used_and_left_alone() {
    let database = Database::fresh().await;
    let lab = Lab::start(behind(Place::Database, &database.url())).await;
    everything_works(&lab, "elsewhere").await;
    let fault = lab.kill("postgres").expect_err("it isn't ours");
    assert!(matches!(fault, FaultError::Elsewhere { .. }), "{fault:?}");
    let fault = fault.to_string();
    assert_eq!(fault, "could not kill postgres, which runs elsewhere");
    assert!(!lab.folder().join("logs/postgres.log").exists());
    lab.stop().await.expect("ours end when they are told to");

    let client = database.connect(crate::postgres_server::USER).await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema LIKE 'skein%'";
    let row = client.query_one(tables, &[]).await;
    let tables: i64 = row.expect("it answers on").get(0);
    assert!(tables > 0, "nothing was written there");
}

pub(crate) async fn a_server_that_does_not_run_elsewhere_fails_the_start() {
    // Bound, so that nobody else is there, but not listening.
    let nobody = TcpSocket::new_v4().expect("a socket");
    let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
    nobody.bind(anywhere).expect("a free port");
    let port = nobody.local_addr().expect("bound").port();
    let starts = [
        (Place::Cache, "redis://127.0.0.1:PORT"),
        (Place::Database, "postgres://me:hidden@127.0.0.1:PORT/skein"),
        (Place::Queue, "amqp://me:hidden@127.0.0.1:PORT"),
    ]
    .map(async |(place, url)| {
        let url = url.replace("PORT", &port.to_string());
        let folder = RunFolder::new();
        let error = fails_to_start(&behind(place, &url), options(folder.path())).await;
        assert!(matches!(error, StartError::OutOfReach { .. }), "{error:?}");
        let said = error.to_string();
        let where_it_should = format!("should run already, does not answer on 127.0.0.1:{port}");
        assert!(said.contains(&where_it_should), "{said}");
        assert!(!said.contains("hidden"), "{said}");
    });
    // Each is waited for a while.
    join_all(starts).await;
}

pub(crate) async fn wrong_credentials_fail_the_start_in_one_sentence() {
    let (database, broker) = tokio::join!(Database::fresh(), VirtualHost::fresh());
    for (place, url, says) in [
        (Place::Database, database.url(), "does not let \"skein\" in"),
        (Place::Queue, broker.url(), "does not let \"skein\" in"),
    ] {
        let wrong = url.replace(PASSWORD, "wrong-one");
        assert_ne!(wrong, url);
        let folder = RunFolder::new();
        let error = fails_to_start(&behind(place, &wrong), options(folder.path())).await;
        assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(says), "{said}");
        assert!(
            !said.contains("wrong-one") && !said.contains('\n'),
            "{said}"
        );
    }
}

pub(crate) async fn a_part_that_can_not_be_had_is_named_with_every_reason_and_the_remedy() {
    let shell = || Program::new(ProgramFile::Path("sh".parse().expect("a text")));
    let contained = Run::Container {
        image: "127.0.0.1:1/no-such-image:none".to_owned(),
        program: shell(),
    };
    let installed = Run::Program(Program {
        needs: vec!["no-such-server".to_owned()],
        ..shell()
    });
    let name = "oddity".parse().expect("a name");
    let plan = NodePlan::running(name, contained).or(installed);
    let plan = plan.remedy("install the package odd");
    let topology = harness::topology::Topology::of([plan]).expect("one node");
    let folder = RunFolder::new();
    let error = harness::System::start(&topology, options(folder.path())).await;
    let said = error.expect_err("it can't be had").to_string();
    let (begins, ends) = (
        "oddity can't be had here, since ",
        ", and no-such-server is not installed: install the package odd",
    );
    assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
    let of_the_first = &said[begins.len()..said.len() - ends.len()];
    let reasons = ["docker is not installed", "no Docker engine answers"];
    let not_here = "the image 127.0.0.1:1/no-such-image:none is not here and can't be fetched";
    assert!(
        reasons.contains(&of_the_first) || of_the_first.starts_with(not_here),
        "{said}"
    );
}

pub(crate) async fn a_redis_that_is_in_use_or_keeps_us_out_fails_the_start() {
    let folder = RunFolder::new();
    let redis = alone(REDIS, "cache-1");
    let redis = harness::System::start(&redis, options(folder.path())).await;
    let redis = redis.unwrap_or_else(|error| panic!("{error}"));
    let url = redis.url_as_told("cache-1");
    let client = redis::Client::open(url.clone()).expect("a URL");
    let mut connection = client.get_connection().expect("it runs");
    let mut say = |words: &[&str]| {
        let said = redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection);
        said.expect("it does as it is told");
    };
    say(&["SET", "somebody's", "1"]);
    refused(Place::Cache, &url, "has a key, and must be empty").await;
    drop(Lab::start(behind(Place::Cache, &format!("{url}/1"))).await);
    say(&["FLUSHALL"]);
    say(&["CONFIG", "SET", "requirepass", "hidden"]);
    let open = url.replace("redis://", "redis://:hidden@");
    let wrong = url.replace("redis://", "redis://:wrong-one@");
    for closed in [&url, &wrong] {
        refused(Place::Cache, closed, "does not let us in").await;
    }
    drop(Lab::start(behind(Place::Cache, &open)).await);
}

pub(crate) async fn something_else_on_the_port_is_not_taken_for_redis() {
    let stranger = Lab::start(Topology::single(Service::Microservice)).await;
    let url = format!("redis://{}", stranger.address_of("microservice"));
    refused(Place::Cache, &url, "does not answer as Redis does").await;
}

pub(crate) async fn a_postgres_that_is_in_use_fails_the_start() {
    let database = Database::fresh().await;
    database.execute("CREATE TABLE mine (a INT)").await;
    let says = "has the table public.mine, and must be empty";
    refused(Place::Database, &database.url(), says).await;
    database.execute("DROP TABLE mine").await;
    drop(Lab::start(behind(Place::Database, &database.url())).await);
    // What a system leaves there would be taken by the next one for its own.
    let says = "has the table skein_database.";
    refused(Place::Database, &database.url(), says).await;
}

async fn refused(place: Place, url: &str, says: &str) {
    let folder = RunFolder::new();
    let error = fails_to_start(&behind(place, url), options(folder.path())).await;
    assert!(matches!(error, StartError::Unfit { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains(says), "{said}");
    let told = ["hidden", "wrong-one", "\n"];
    assert!(!told.iter().any(|secret| said.contains(secret)), "{said}");
}

/// A part without the rest of the laboratory.
fn alone(piece: Piece, node: &str) -> harness::Topology {
    let topology = piece.laboratory();
    let node = topology.named(node).next().expect("it is there").clone();
    harness::Topology::of([node]).expect("one node")
}

/// The laboratory with a server that runs elsewhere in one place.
fn behind(place: Place, url: &str) -> Topology {
    let real = place.parse(url).expect("a URL");
    Topology::laboratory().parts(Parts::default().with(place, real))
}

/// A laboratory with a part, whose tasks are short and not given up soon.
fn quick(piece: Piece) -> Topology {
    piece
        .laboratory()
        .with(Service::Worker, "task-duration", "20ms")
        .with(Service::Worker, "max-attempts", 20)
}
