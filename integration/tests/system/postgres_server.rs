//! A real PostgreSQL server as a plain program.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use integration::Topology;
use integration::wait::wait_for;
use services::contract::Service;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use crate::real_program::{Home, Program, first_of, free_port, on_the_path, run};
use crate::support::PATIENCE;
use crate::task_stories::TaskHome;

/// The user that stories are, and a password that must show nowhere.
pub(crate) const USER: &str = "skein";
pub(crate) const PASSWORD: &str = "hidden";

/// A PostgreSQL server. It goes with its data.
pub(crate) struct PostgresServer {
    home: Home,
    port: u16,
    program: Mutex<Option<Program>>,
}

/// A database of one's own in a server that stories share.
pub(crate) struct Database {
    server: &'static PostgresServer,
    name: String,
}

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

/// Ends what stories share, with its data.
pub(crate) fn end() {
    if let Some(server) = SHARED.get() {
        let mut program = server
            .program
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(program.take());
        server.home.remove();
    }
}

impl PostgresServer {
    /// The server that stories share, each with a database of its own.
    async fn shared() -> &'static PostgresServer {
        SHARED.get_or_init(PostgresServer::start).await
    }

    async fn start() -> Self {
        let home = Home::new("postgres");
        make_cluster(&home);
        let port = free_port();
        let words = [
            &binary("postgres") as &str,
            "-D",
            &home.join("data"),
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=300",
            "-c",
            "shared_buffers=32MB",
        ];
        let program = Program::start(&home, "log", &words, &[]);
        let server = PostgresServer {
            port,
            program: Mutex::new(Some(program)),
            home,
        };
        wait_for("an answer from PostgreSQL", PATIENCE, async || {
            server.connect("postgres", USER).await.map(drop)
        })
        .await
        .expect("the server answers");
        server
    }

    /// The URL of a database in it.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres://{user}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// A connection of one's own.
    pub(crate) async fn connect(
        &self,
        database: &str,
        user: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) =
            tokio_postgres::connect(&self.url(user, database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Has a statement done in a database.
    pub(crate) async fn execute(&self, database: &str, statement: &str) {
        let client = self.connect(database, USER).await.expect("it is there");
        let done = client.batch_execute(statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

impl Database {
    /// A database with nothing in it, in the shared server.
    pub(crate) async fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = PostgresServer::shared().await;
        let name = format!("story_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let create = format!("CREATE DATABASE {name}");
        server.execute("postgres", &create).await;
        Database { server, name }
    }

    /// The URL at which a service finds it.
    pub(crate) fn url(&self) -> String {
        self.server.url(USER, &self.name)
    }

    /// The same for another user, who has the same password.
    pub(crate) fn url_for(&self, user: &str) -> String {
        self.server.url(user, &self.name)
    }

    /// Has a statement done in it.
    pub(crate) async fn execute(&self, statement: &str) {
        self.server.execute(&self.name, statement).await;
    }

    /// The name of the database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it.
    pub(crate) async fn connect(&self, user: &str) -> Client {
        let client = self.try_connect(user).await;
        client.expect("the server lets the user in")
    }

    /// A connection to it, if there is one for this user.
    pub(crate) async fn try_connect(&self, user: &str) -> Result<Client, tokio_postgres::Error> {
        self.server.connect(&self.name, user).await
    }
}

impl TaskHome for Database {
    async fn fresh() -> Self {
        Database::fresh().await
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Worker, "store", self.url())
    }
}

/// The reason why there is no PostgreSQL here, or `None` when there is one.
pub(crate) fn none_installed() -> Option<String> {
    let missing = ["postgres", "initdb"]
        .into_iter()
        .find(|name| found(name).is_none())?;
    Some(format!(
        "{missing} is not installed (Debian's package postgresql)"
    ))
}

/// Debian keeps these programs out of the way, one folder a version.
fn found(name: &str) -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .collect();
    versions.sort();
    first_of(versions.into_iter().rev().chain(on_the_path(name)))
}

fn binary(name: &str) -> String {
    found(name).expect("it is needed").display().to_string()
}

/// A cluster whose superuser is that of the stories.
fn make_cluster(home: &Home) {
    let password = home.join("password");
    fs::write(&password, PASSWORD).expect("a writable folder");
    let (data, password) = (home.join("data"), format!("--pwfile={password}"));
    let words = [
        &binary("initdb") as &str,
        "-D",
        &data,
        "-U",
        USER,
        &password,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ];
    run(home, &words, &[]);
}
