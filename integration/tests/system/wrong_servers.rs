//! A store or a broker that can't be used: the node says in one sentence why, and what to do,
//! before it is ready; and never what the password is.

use std::net::TcpListener;

use integration::Topology;
use integration::error::StartError;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use services::contract::Service;

use crate::postgres_server::{Database, PASSWORD};
use crate::rabbit_server::VirtualHost;
use crate::real_program::free_port;
use crate::support::{Lab, RunFolder, fails_to_start, nodes_of, options};
use crate::task_stories::TaskHome;

pub(crate) async fn an_address_that_is_no_url_of_such_a_server_is_refused() {
    for service in [Service::Database, Service::Worker] {
        for url in [
            "mysql://a:hidden@b/c",
            "hidden",
            "postgres://a:hidden@b:c/d",
        ] {
            refused(service, "store", url, &["--store", "postgres://USER"]).await;
        }
        let encrypted = "postgres://a:hidden@127.0.0.1/b?sslmode=require";
        refused(service, "store", encrypted, &["--store", "TLS", "sslmode"]).await;
    }
    for url in ["http://a:hidden@b/c", "hidden", "amqp://a:hidden@b:c"] {
        refused(Service::Worker, "queue", url, &["--queue", "amqp://USER"]).await;
    }
    let encrypted = "amqps://a:hidden@127.0.0.1/b";
    refused(Service::Worker, "queue", encrypted, &["--queue", "TLS"]).await;
}

pub(crate) async fn a_server_that_is_not_there_is_named() {
    let place = format!("127.0.0.1:{}", free_port());
    let store = format!("postgres://a:hidden@{place}/b");
    let words = ["no PostgreSQL can be reached", &place, "running"];
    refused(Service::Database, "store", &store, &words).await;
    refused(Service::Worker, "store", &store, &words).await;
    let queue = format!("amqp://a:hidden@{place}");
    let words = ["no RabbitMQ can be reached", &place, "running"];
    refused(Service::Worker, "queue", &queue, &words).await;
}

pub(crate) async fn something_else_on_the_port_is_not_taken_for_a_broker() {
    let stranger = Lab::start(Topology::single(Service::Microservice)).await;
    let address = stranger.address_of("microservice");
    let words = ["does not speak AMQP", &address.to_string()];
    let queue = format!("amqp://a:hidden@{address}");
    refused(Service::Worker, "queue", &queue, &words).await;
}

pub(crate) async fn an_old_broker_is_refused() {
    // All that it has to say is who it is.
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().flatten().take(1) {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 8]);
            let _ = stream.write_all(&greeting("3.8.2"));
            let _ = stream.read(&mut [0; 1]);
        }
    });
    let words = ["RabbitMQ 3.8.2", "too old", "3.10 or newer"];
    let queue = format!("amqp://a:hidden@{address}");
    refused(Service::Worker, "queue", &queue, &words).await;
}

pub(crate) async fn a_user_or_database_that_postgres_does_not_know_is_named() {
    let database = Database::fresh().await;
    let url = database.url();
    let wrong = url.replace(PASSWORD, "wrong-one");
    let words = ["does not let \"skein\" in", "password", "in its URL"];
    refused(Service::Database, "store", &wrong, &words).await;
    let nobody = database.url_for("nobody_here");
    let words = ["does not let \"nobody_here\" in", "in its URL"];
    refused(Service::Worker, "store", &nobody, &words).await;
    let elsewhere = url.replace(database.name(), "no_such_database");
    let words = ["no_such_database", "create"];
    refused(Service::Database, "store", &elsewhere, &words).await;
}

pub(crate) async fn a_database_with_another_schema_is_refused_and_left_alone() {
    let database = Database::fresh().await;
    database
        .execute("CREATE SCHEMA skein_database; CREATE TABLE skein_database.items (a INT)")
        .await;
    let words = [
        "another schema skein_database",
        "somebody else's",
        "--store",
    ];
    refused(Service::Database, "store", &database.url(), &words).await;

    let database = Database::fresh().await;
    let topology = |service| Topology::single(service).with(service, "store", database.url());
    for service in [Service::Database, Service::Worker] {
        drop(Lab::start(topology(service)).await);
    }
    // Both are in one database, and both are known again.
    for service in [Service::Database, Service::Worker] {
        drop(Lab::start(topology(service)).await);
    }
    database
        .execute("INSERT INTO skein_worker.steps VALUES (99, 'later')")
        .await;
    let words = ["another schema skein_worker", "version 2", "version 1"];
    refused(Service::Worker, "store", &database.url(), &words).await;
    database
        .execute("UPDATE skein_database.steps SET digest = 'other'")
        .await;
    let words = ["another schema skein_database", "another program"];
    refused(Service::Database, "store", &database.url(), &words).await;
}

pub(crate) async fn a_changed_table_is_another_schema() {
    let database = Database::fresh().await;
    let topology =
        Topology::single(Service::Database).with(Service::Database, "store", database.url());
    drop(Lab::start(topology).await);
    database
        .execute("ALTER TABLE skein_database.items RENAME COLUMN value TO content")
        .await;
    let words = ["another schema skein_database", "value", "does not exist"];
    refused(Service::Database, "store", &database.url(), &words).await;
}

pub(crate) async fn a_user_or_virtual_host_that_rabbitmq_does_not_know_is_named() {
    let broker = VirtualHost::fresh().await;
    let url = broker.url();
    let wrong = url.replace(crate::rabbit_server::PASSWORD, "wrong-one");
    let words = ["does not let \"skein\" in", "password", "in its URL"];
    refused(Service::Worker, "queue", &wrong, &words).await;
    let nobody = broker.url_for("nobody_here");
    let words = ["does not let \"nobody_here\" in", "in its URL"];
    refused(Service::Worker, "queue", &nobody, &words).await;
    let elsewhere = url.replace(&broker.name, "nowhere");
    let words = ["virtual host \"nowhere\"", "rabbitmqctl add_vhost"];
    refused(Service::Worker, "queue", &elsewhere, &words).await;
}

pub(crate) async fn a_queue_with_other_properties_is_named() {
    let broker = VirtualHost::fresh().await;
    let (_connection, channel) = broker.channel().await;
    let declared = channel.queue_declare(
        "skein.tasks".into(),
        QueueDeclareOptions::durable(),
        FieldTable::default(),
    );
    declared.await.expect("a classic queue");
    let words = [
        "skein.tasks",
        "other properties",
        "inequivalent arg",
        "delete it",
    ];
    refused(Service::Worker, "queue", &broker.url(), &words).await;

    let broker = VirtualHost::fresh().await;
    drop(Lab::start(broker.beneath(Topology::single(Service::Worker))).await);
    let topology =
        broker
            .beneath(Topology::single(Service::Worker))
            .with(Service::Worker, "max-attempts", 7);
    let words = ["other properties", "x-delivery-limit", "--max-attempts"];
    refused_in(topology, &words).await;
}

pub(crate) async fn no_password_shows_on_a_command_line_or_in_a_log() {
    let (database, broker) = tokio::join!(Database::fresh(), VirtualHost::fresh());
    let topology = Topology::laboratory()
        .with(Service::Database, "store", database.url())
        .with(Service::Database, "log", "trace")
        .with(Service::Worker, "store", database.url())
        .with(Service::Worker, "queue", broker.url())
        .with(Service::Worker, "log", "debug");
    let lab = Lab::start(topology).await;
    assert_eq!(lab.get("/data/item-0").await.status(), 200);
    crate::task_stories::accepted(&lab, "a", r#"{"task":"report"}"#).await;
    for node in nodes_of(lab.folder()) {
        let command_line = std::fs::read(format!("/proc/{node}/cmdline")).expect("it runs");
        let command_line = String::from_utf8_lossy(&command_line);
        assert!(!command_line.contains(PASSWORD), "{command_line}");
    }
    for node in ["database", "worker"] {
        let log = lab.log(node);
        let line = log.lines().find(|line| line.contains(PASSWORD));
        assert_eq!(line, None, "{node} logged its password");
    }
}

/// Expects a node of this service not to start with this flag.
async fn refused(service: Service, flag: &str, value: &str, words: &[&str]) {
    refused_in(Topology::single(service).with(service, flag, value), words).await;
}

async fn refused_in(topology: Topology, words: &[&str]) {
    let folder = RunFolder::new();
    let error = fails_to_start(&topology, options(folder.path())).await;
    assert!(matches!(error, StartError::GaveUp { .. }), "{error:?}");
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    for secret in [PASSWORD, "wrong-one"] {
        let all = format!("{error:?}{message}");
        assert!(!all.contains(secret), "the password is in {all:?}");
    }
}

/// The first words of a RabbitMQ of this version.
fn greeting(version: &str) -> Vec<u8> {
    let long = |text: &str| {
        let length = u32::try_from(text.len()).expect("short").to_be_bytes();
        [&length[..], text.as_bytes()].concat()
    };
    let mut properties = Vec::new();
    for (name, value) in [("product", "RabbitMQ"), ("version", version)] {
        properties.push(u8::try_from(name.len()).expect("short"));
        properties.extend(name.as_bytes());
        properties.push(b'S');
        properties.extend(long(value));
    }
    // Class and method (Connection.Start), and the protocol's version.
    let mut payload = vec![0, 10, 0, 10, 0, 9];
    payload.extend(
        u32::try_from(properties.len())
            .expect("short")
            .to_be_bytes(),
    );
    payload.extend(properties);
    payload.extend(long("PLAIN"));
    payload.extend(long("en_US"));
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&[1, 0, 0][..], &length, &payload, &[0xce]].concat()
}
