//! A real Redis server in a container of its own; the only file that knows how
//! containers are run.

use std::collections::HashMap;
use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use integration::wait::wait_for;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::support::PATIENCE;

/// The image is a setting, since not every machine can reach the public one;
/// `scripts/build-parts-image` builds one from Debian's packages.
const IMAGE_VARIABLE: &str = "SKEIN_REDIS_IMAGE";
const PUBLIC_IMAGE: &str = "redis:7-alpine";

/// By this our containers are known to those who come after a killed test process.
const LABEL: (&str, &str) = ("dev.skein", "system-tests");

const PORT: u16 = 6379;

/// How long a registry may take to deliver the image.
const PULL: Duration = Duration::from_secs(60);

/// A Redis server. Its container goes with it.
pub(crate) struct RedisServer {
    container: ContainerAsync<GenericImage>,
    port: u16,
}

impl RedisServer {
    /// Starts a server in which nothing is yet, and waits until it answers.
    pub(crate) async fn start() -> Self {
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        SWEPT.get_or_init(sweep_leftovers).await;

        let (name, tag) = image();
        let started = GenericImage::new(&name, &tag)
            .with_exposed_port(PORT.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            // Images that were imported from a file system have no command.
            .with_cmd([
                "redis-server",
                "--bind",
                "0.0.0.0",
                "--protected-mode",
                "no",
                "--save",
                "",
            ])
            .with_label(LABEL.0, LABEL.1)
            .with_host_config_modifier(publish_on_loopback_only)
            .start()
            .await;
        let container = started.unwrap_or_else(|error| {
            panic!("no container of {name}:{tag}: {error}; {IMAGE_VARIABLE} names another image")
        });
        let port = container.get_host_port_ipv4(PORT.tcp()).await;
        let server = RedisServer {
            container,
            port: port.expect("the port is published"),
        };
        wait_for("an answer from Redis", PATIENCE, async || {
            server.connect().await.map(drop)
        })
        .await
        .expect("the server answers once it is ready");
        server
    }

    /// Where gateways find it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How often clients have sent a command; those of scripts are not counted.
    pub(crate) async fn calls(&self, command: &str) -> f64 {
        let mut connection = self.connect().await.expect("the server answers");
        let statistics: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut connection)
            .await
            .expect("the server tells its statistics");
        let calls = statistics.lines().find_map(|line| {
            let line = line.strip_prefix("cmdstat_")?.strip_prefix(command)?;
            line.strip_prefix(":calls=")?.split(',').next()
        });
        calls.map_or(0.0, |calls| calls.parse().expect("a number of calls"))
    }

    /// Ends the server at once.
    pub(crate) async fn kill(&self) {
        let killed = self.container.stop_with_timeout(Some(0)).await;
        killed.expect("the engine ends it");
    }

    /// Stops the server's time.
    pub(crate) async fn pause(&self) {
        self.container.pause().await.expect("the engine pauses it");
    }

    /// Lets the server run on.
    pub(crate) async fn resume(&self) {
        let resumed = self.container.unpause().await;
        resumed.expect("the engine resumes it");
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let client = Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(connection)
    }
}

/// Why there is no image to make a container of, or `None` when there is one. An
/// image that isn't here is pulled, if a registry has it and can be reached.
pub(crate) async fn no_image() -> Option<String> {
    let (name, tag) = image();
    let docker = docker_client_instance().await.expect("the engine answers");
    if docker.inspect_image(&format!("{name}:{tag}")).await.is_ok() {
        return None;
    }
    let wanted = CreateImageOptionsBuilder::new().from_image(&name).tag(&tag);
    let pull = docker.create_image(Some(wanted.build()), None, None);
    match timeout(PULL, pull.try_for_each(async |_| Ok(()))).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) | Err(_) => Some(format!(
            "the image {name}:{tag} is neither here nor to be had; {IMAGE_VARIABLE} names another"
        )),
    }
}

/// Name and tag of the image.
fn image() -> (String, String) {
    let image = env::var(IMAGE_VARIABLE).unwrap_or_else(|_| PUBLIC_IMAGE.to_owned());
    let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    (name.to_owned(), tag.to_owned())
}

/// By default a published port is open to everybody who can reach this machine.
fn publish_on_loopback_only(host: &mut HostConfig) {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(String::new()),
    };
    host.publish_all_ports = Some(false);
    host.port_bindings = Some(HashMap::from([(
        format!("{PORT}/tcp"),
        Some(vec![binding]),
    )]));
}

/// Removes what test processes that were killed have left. Nothing else does, and
/// only age tells their containers from those of a test process that still runs.
async fn sweep_leftovers() {
    const LEFT: Duration = Duration::from_secs(10 * 60);
    let docker = docker_client_instance().await.expect("the engine answers");
    let ours = HashMap::from([("label", vec![format!("{}={}", LABEL.0, LABEL.1)])]);
    let all = ListContainersOptionsBuilder::new().all(true).filters(&ours);
    let containers = docker.list_containers(Some(all.build())).await;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let oldest = since_epoch
        .expect("the clock is past 1970")
        .saturating_sub(LEFT);
    for container in containers.expect("the engine lists them") {
        let created = Duration::from_secs(container.created.unwrap_or(0).unsigned_abs());
        if let (true, Some(id)) = (created < oldest, container.id) {
            let by_force = RemoveContainerOptionsBuilder::new().force(true).v(true);
            // Another test process may be sweeping, too.
            let _ = docker.remove_container(&id, Some(by_force.build())).await;
        }
    }
}
