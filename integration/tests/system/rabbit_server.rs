//! A real RabbitMQ server as a plain program, with an `epmd` of its own beside it: else it
//! would leave one behind.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use integration::Topology;
use integration::wait::wait_for;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::json;
use services::contract::Service;
use tokio::sync::OnceCell;

use crate::real_program::{Home, Program, free_port, run};
use crate::support::PATIENCE;
use crate::task_stories::TaskHome;

/// The user that stories are, and a password that must show nowhere.
pub(crate) const USER: &str = "skein";
pub(crate) const PASSWORD: &str = "hidden";
/// The password with its salt, as the server wants it: SHA-256 of both.
const HASH: &str = "AQIDBKHcMIMvKlGZJKQ771wEDmR6Dz3LKVX0Kma6MKALgJsV";

/// The server itself; the script in `sbin` would refuse other users and hide it behind a shell.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// A RabbitMQ server. It goes with its data.
pub(crate) struct RabbitServer {
    home: Home,
    port: u16,
    ports_of_erlang: [u16; 2],
    programs: Mutex<Vec<Program>>,
    virtual_hosts: usize,
    taken: AtomicUsize,
}

/// A virtual host of one's own.
pub(crate) struct VirtualHost<'s> {
    pub(crate) server: &'s RabbitServer,
    pub(crate) name: String,
}

static SHARED: OnceCell<RabbitServer> = OnceCell::const_new();

/// Ends what stories share, with its data.
pub(crate) fn end() {
    if let Some(server) = SHARED.get() {
        server.kill();
        server.home.remove();
    }
}

impl RabbitServer {
    /// The server that stories share, each with a virtual host of its own.
    pub(crate) async fn shared() -> &'static RabbitServer {
        /// At least as many as there are stories; they are made at the start, since to add one
        /// later costs a second.
        const VIRTUAL_HOSTS: usize = 24;
        SHARED
            .get_or_init(|| RabbitServer::start(VIRTUAL_HOSTS))
            .await
    }

    /// A server with so many virtual hosts, which answers.
    pub(crate) async fn start(virtual_hosts: usize) -> Self {
        let server = RabbitServer {
            home: Home::new("rabbitmq"),
            port: free_port(),
            ports_of_erlang: [free_port(), free_port()],
            programs: Mutex::default(),
            virtual_hosts,
            taken: AtomicUsize::new(0),
        };
        server.write_settings();
        server.run_again().await;
        server
    }

    /// A virtual host that no other story has.
    pub(crate) fn virtual_host(&self) -> VirtualHost<'_> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        assert!(number < self.virtual_hosts, "no virtual host is left");
        VirtualHost {
            server: self,
            name: format!("story-{number}"),
        }
    }

    /// Ends the server at once.
    pub(crate) fn kill(&self) {
        self.programs().clear();
    }

    /// Starts a server that was killed, with its data and on its port.
    pub(crate) async fn run_again(&self) {
        let epmd_port = self.ports_of_erlang[0].to_string();
        let epmd = ["epmd", "-address", "127.0.0.1", "-port", &epmd_port];
        let epmd = Program::start(&self.home, "epmd.log", &epmd, &[]);
        let rabbit = Program::start(&self.home, "log", &[SERVER], &self.environment());
        *self.programs() = vec![epmd, rabbit];
        // It takes seven seconds of CPU time; several of them and busy cores make minutes of it.
        wait_for("an answer from RabbitMQ", PATIENCE * 6, async || {
            self.connect("/").await.map(drop)
        })
        .await
        .expect("the server answers");
    }

    /// Has `rabbitmqctl` do something.
    pub(crate) fn control(&self, words: &[&str]) {
        let words: Vec<&str> = [CONTROL].iter().chain(words).copied().collect();
        run(&self.home, &words, &self.environment());
    }

    fn url(&self, user: &str, virtual_host: &str) -> String {
        format!(
            "amqp://{user}:{PASSWORD}@127.0.0.1:{}/{virtual_host}",
            self.port
        )
    }

    /// Connects; a broker that is about to go or to come may take a connection and never
    /// speak, so that an attempt has its time.
    async fn connect(&self, virtual_host: &str) -> Result<Connection, String> {
        const ATTEMPT: Duration = Duration::from_secs(5);
        let virtual_host = virtual_host.replace('/', "%2f");
        let url = self.url(USER, &virtual_host);
        let attempt = Connection::connect(&url, ConnectionProperties::default());
        match tokio::time::timeout(ATTEMPT, attempt).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no greeting within {ATTEMPT:?}")),
        }
    }

    fn write_settings(&self) {
        let names = (0..self.virtual_hosts).map(|number| format!("story-{number}"));
        let names: Vec<String> = names.chain(["/".to_owned()]).collect();
        let hosts = names.iter().map(|name| json!({ "name": name }));
        let permissions = names.iter().map(|name| {
            json!({
                "user": USER, "vhost": name, "configure": ".*", "write": ".*", "read": ".*",
            })
        });
        let definitions = json!({
            "users": [{
                "name": USER,
                "password_hash": HASH,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }],
            "vhosts": hosts.collect::<Vec<_>>(),
            "permissions": permissions.collect::<Vec<_>>(),
        });
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nload_definitions = {}\nlog.file = false\n\
             log.console = true\n",
            self.port,
            self.home.join("definitions.json")
        );
        let write = |name: &str, text: String| {
            fs::write(self.home.path().join(name), text).expect("a writable folder");
        };
        write("definitions.json", definitions.to_string());
        write("rabbitmq.conf", settings);
        write("enabled_plugins", "[].".to_owned());
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let [epmd, distribution] = self.ports_of_erlang.map(|port| port.to_string());
        let of_home = |name: &str| self.home.join(name);
        vec![
            (
                "RABBITMQ_NODENAME",
                format!("skein-{}@localhost", self.port),
            ),
            ("RABBITMQ_CONFIG_FILE", of_home("rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", of_home("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", of_home("mnesia")),
            ("RABBITMQ_LOG_BASE", of_home("log.d")),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_PID_FILE", of_home("pid")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", of_home("config")),
            ("RABBITMQ_FEATURE_FLAGS_FILE", of_home("feature_flags")),
            ("RABBITMQ_DIST_PORT", distribution),
            ("ERL_EPMD_PORT", epmd),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
            ),
            ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ]
    }

    fn programs(&self) -> std::sync::MutexGuard<'_, Vec<Program>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VirtualHost<'_> {
    /// The URL at which a worker finds it.
    pub(crate) fn url(&self) -> String {
        self.server.url(USER, &self.name)
    }

    /// The same for another user, who has the same password.
    pub(crate) fn url_for(&self, user: &str) -> String {
        self.server.url(user, &self.name)
    }

    /// A channel of one's own, with the connection that it lasts as long as.
    pub(crate) async fn channel(&self) -> (Connection, Channel) {
        let connection = self.server.connect(&self.name).await.expect("it is well");
        let channel = connection.create_channel().await.expect("it is well");
        (connection, channel)
    }

    /// The number of messages that wait in a queue.
    pub(crate) async fn messages_in(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        let look = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let found = channel.queue_declare(queue.into(), look, FieldTable::default());
        found.await.expect("the queue is there").message_count()
    }

    /// Deletes a queue with all that is in it.
    pub(crate) async fn delete(&self, queue: &str) {
        let (_connection, channel) = self.channel().await;
        let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        deleted.await.expect("the queue is there");
    }
}

impl TaskHome for VirtualHost<'static> {
    async fn fresh() -> Self {
        RabbitServer::shared().await.virtual_host()
    }

    fn beneath(&self, topology: Topology) -> Topology {
        topology.with(Service::Worker, "queue", self.url())
    }
}

/// The reason why there is no RabbitMQ here, or `None` when there is one.
pub(crate) fn none_installed() -> Option<String> {
    (!Path::new(SERVER).is_file())
        .then(|| "rabbitmq-server is not installed (Debian's package of this name)".to_owned())
}
