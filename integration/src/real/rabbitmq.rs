//! RabbitMQ as the queue of long tasks, on ports of its own for the daemon that Erlang keeps
//! names in, for other servers, and for its figures.

use std::time::Duration;

use harness::topology::{CountersAt, Demands, NodePlan, Program, Ready, Rooms, Text};

use super::{About, script, template, text};

pub(super) const ABOUT: About = About {
    name: "rabbitmq",
    variable: "RABBITMQ",
    schemes: &["amqp"],
    image: "rabbitmq:4-alpine",
    needs: &["rabbitmq-server", "erl"],
    folders: &["/usr/lib/rabbitmq/bin"],
    package: "rabbitmq-server",
};

/// The variables by which it keeps to its folder and to its ports.
const ENVIRONMENT: [(&str, &str); 15] = [
    ("ERL_EPMD_ADDRESS", "127.0.0.1"),
    ("ERL_EPMD_PORT", "{port.epmd}"),
    ("HOME", "{dir}"),
    ("LANG", "C.UTF-8"),
    ("RABBITMQ_CONFIG_FILE", "{dir}/rabbitmq.conf"),
    ("RABBITMQ_DIST_PORT", "{port.dist}"),
    ("RABBITMQ_ENABLED_PLUGINS_FILE", "{dir}/enabled_plugins"),
    ("RABBITMQ_FEATURE_FLAGS_FILE", "{dir}/feature_flags"),
    ("RABBITMQ_GENERATED_CONFIG_DIR", "{dir}/config"),
    ("RABBITMQ_LOGS", "-"),
    ("RABBITMQ_LOG_BASE", "{dir}/log"),
    ("RABBITMQ_MNESIA_BASE", "{dir}/mnesia"),
    ("RABBITMQ_NODENAME", "skein-{port}@localhost"),
    (
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
        "-kernel inet_dist_use_interface {{127,0,0,1}}",
    ),
    // The script becomes the server, in place of waiting for it.
    ("RUNNING_UNDER_SYSTEMD", "1"),
];

/// Debian's in /usr/sbin want to be started by root.
const PATH: &str = r#"PATH="/usr/lib/rabbitmq/bin:$PATH""#;

/// A virtual host each, and the leave to do everything in it.
const MAKE: &str = r#"rabbitmqctl add_vhost "$ROOM" &&
exec rabbitmqctl set_permissions -p "$ROOM" skein '.*' '.*' '.*'"#;
const REMOVE: &str = r#"exec rabbitmqctl delete_vhost "$ROOM""#;

pub(super) fn program() -> Program {
    let mut rabbitmq = script(&format!("{PATH}; exec rabbitmq-server"));
    for (variable, value) in ENVIRONMENT {
        rabbitmq
            .environment
            .insert(variable.to_owned(), text(value));
    }
    let conf = template(include_str!("rabbitmq.conf"));
    rabbitmq.files.insert("rabbitmq.conf".to_owned(), conf);
    let plugins = Text::literal("[rabbitmq_prometheus].");
    rabbitmq.files.insert("enabled_plugins".to_owned(), plugins);
    rabbitmq
}

pub(super) fn as_node(node: NodePlan) -> NodePlan {
    // Seven seconds of CPU time, which busy cores make minutes of.
    const STARTS: Duration = Duration::from_secs(180);
    const STOPS: Duration = Duration::from_secs(30);
    let ready = Ready::Log("Server startup complete".to_owned());
    let page = text("http://127.0.0.1:{port.metrics}/metrics");
    let url = text("amqp://skein:{nonce}@{address}");
    let control = |words: &str| {
        let script = Text::literal(format!("{PATH}; {words}"));
        vec![text("sh"), text("-c"), script]
    };
    let virtual_hosts = Rooms {
        make: control(MAKE),
        remove: control(REMOVE),
    };
    let node = node.ready(ready).within(STARTS).stop_within(STOPS).url(url);
    // Its version, its queues and who is let in are the worker's to look at.
    let demands = Demands {
        schemes: ABOUT.schemes,
        oldest: 0,
        empty: false,
    };
    node.counters_at(CountersAt::PageAt(page))
        .rooms(virtual_hosts)
        .demands(demands)
}
