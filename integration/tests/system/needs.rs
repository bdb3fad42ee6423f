//! What some stories can't do without, and whether it is there. It is looked for
//! once, when the first story needs it.

use std::sync::OnceLock;
use std::time::Duration;

use testcontainers::core::client::docker_client_instance;
use tokio::runtime;
use tokio::time::timeout;

use crate::{
    parts_in_containers, postgres_server, rabbit_server, real_program, redis_server,
    small_machines, vectors,
};

/// How long a Docker engine may take to answer a ping.
const PING: Duration = Duration::from_secs(10);

/// What a story can't do without.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// Nothing but this machine.
    Nothing,
    /// A Docker engine that answers.
    Docker,
    /// The engine, and the image of Redis.
    Redis,
    /// nginx and HAProxy, with which ours is compared.
    Controls,
    /// The programs of PostgreSQL.
    Postgres,
    /// The programs of RabbitMQ.
    RabbitMq,
    /// The programs of both.
    PostgresAndRabbitMq,
    /// The program of nginx.
    Nginx,
    /// The program of HAProxy.
    Haproxy,
    /// The program of Redis.
    RedisProgram,
    /// The programs of every part that can take a place of the laboratory.
    Parts,
    /// The engine, and an image of each part.
    Images,
    /// A cgroup of one's own.
    Cgroups,
}

impl Need {
    /// The need as the list of tests shows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Need::Nothing => "",
            Need::Docker => "docker",
            Need::Redis => "redis",
            Need::Controls => "controls",
            Need::Postgres => "postgres",
            Need::RabbitMq => "rabbitmq",
            Need::PostgresAndRabbitMq => "postgres and rabbitmq",
            Need::Nginx => "nginx",
            Need::Haproxy => "haproxy",
            Need::RedisProgram => "redis-server",
            Need::Parts => "parts",
            Need::Images => "images",
            Need::Cgroups => "cgroups",
        }
    }

    /// The variable that, set to `1`, makes it a failure that this isn't there.
    pub(crate) fn required_by(self) -> &'static str {
        match self {
            Need::Nothing | Need::Docker | Need::Redis | Need::Images => "SKEIN_REQUIRE_DOCKER",
            Need::Controls => "SKEIN_REQUIRE_CONTROLS",
            Need::Cgroups => "SKEIN_REQUIRE_CGROUPS",
            Need::Postgres
            | Need::RabbitMq
            | Need::PostgresAndRabbitMq
            | Need::Nginx
            | Need::Haproxy
            | Need::RedisProgram
            | Need::Parts => "SKEIN_REQUIRE_REAL",
        }
    }

    /// Why a story with this need can't be told here, or `None` when it can.
    pub(crate) fn unmet(self) -> Option<String> {
        static DOCKER: OnceLock<Option<String>> = OnceLock::new();
        static IMAGE: OnceLock<Option<String>> = OnceLock::new();
        let docker = || DOCKER.get_or_init(|| look(no_docker())).clone();
        let image = || IMAGE.get_or_init(|| look(redis_server::no_image())).clone();
        match self {
            Need::Nothing => None,
            Need::Docker => docker(),
            Need::Redis => docker().or_else(image),
            Need::Controls => vectors::no_controls(),
            Need::Cgroups => small_machines::no_cgroups(),
            Need::Postgres => postgres_server::none_installed(),
            Need::RabbitMq => rabbit_server::none_installed(),
            Need::PostgresAndRabbitMq => {
                postgres_server::none_installed().or_else(rabbit_server::none_installed)
            }
            Need::Nginx => real_program::none_installed("nginx", "nginx-light"),
            Need::Haproxy => real_program::none_installed("haproxy", "haproxy"),
            Need::RedisProgram => real_program::none_installed("redis-server", "redis-server"),
            Need::Parts => [
                Need::Nginx,
                Need::Haproxy,
                Need::RedisProgram,
                Need::PostgresAndRabbitMq,
            ]
            .into_iter()
            .find_map(Need::unmet),
            Need::Images => docker().or_else(parts_in_containers::no_images),
        }
    }
}

async fn no_docker() -> Option<String> {
    let answer = async { docker_client_instance().await.ok()?.ping().await.ok() };
    match timeout(PING, answer).await {
        Ok(Some(_)) => None,
        _ => Some("no Docker engine answers".to_owned()),
    }
}

/// Stories have runtimes of their own, and the answer outlives them.
fn look(condition: impl Future<Output = Option<String>>) -> Option<String> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(condition)
}
