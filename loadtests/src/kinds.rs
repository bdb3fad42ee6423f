//! The programs that play the laboratory's roles: its own services, or those of others in
//! their place, which are told apart by what they count.

use services::contract::Service;
use services::statements::{Owner, Statement};
use skein::{Counts, NodeCounts};

const BALANCER: &str = Service::LoadBalancer.as_str();

/// The role of a PostgreSQL server behind database and worker.
pub(crate) const POSTGRES: &str = "postgres";
/// The role of a RabbitMQ server behind the worker.
pub(crate) const RABBITMQ: &str = "rabbitmq";

/// Counters that nodes of others show from their start, by their role.
pub(crate) const SHOWN_BY_OTHERS: [(&str, &[&str]); 5] = [
    (
        BALANCER,
        &["nginx_http_requests_total", "nginx_status_looks_total"],
    ),
    (
        BALANCER,
        &[
            "haproxy_frontend_http_requests_total",
            "haproxy_backend_sessions_total",
            "haproxy_server_connection_attempts_total",
        ],
    ),
    (Service::Cache.as_str(), &["redis_build_info"]),
    (POSTGRES, &["postgresql_build_info"]),
    (RABBITMQ, &["rabbitmq_global_messages_received_total"]),
];

/// The program that balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balancer {
    /// The laboratory's own.
    Own,
    Nginx,
    HaProxy,
}

impl Balancer {
    /// The kind of the balancer among the nodes.
    pub(crate) fn of(nodes: Counts<'_>) -> Self {
        let shows = |counter| nodes.nodes(BALANCER).any(|node| node.counters.has(counter));
        if shows("nginx_http_requests_total") {
            Balancer::Nginx
        } else if shows("haproxy_frontend_http_requests_total") {
            Balancer::HaProxy
        } else {
            Balancer::Own
        }
    }

    /// Attempts at a gateway, if it counts them.
    pub(crate) fn attempts_at(self, gateway: &str, nodes: Counts<'_>) -> Option<u64> {
        match self {
            Balancer::Own => {
                let upstream = [("upstream", gateway)];
                Some(nodes.sum(BALANCER, "upstream_requests_total", &upstream))
            }
            Balancer::Nginx => None,
            Balancer::HaProxy => Some(HaProxy(nodes).attempts(Some(gateway))),
        }
    }

    /// Attempts at a gateway that came to nothing, if it counts them.
    pub(crate) fn failures_at(self, gateway: &str, nodes: Counts<'_>) -> Option<u64> {
        match self {
            Balancer::Own => {
                let upstream = [("upstream", gateway)];
                Some(nodes.sum(BALANCER, "upstream_failures_total", &upstream))
            }
            Balancer::Nginx => None,
            Balancer::HaProxy => Some(HaProxy(nodes).failed_attempts_at(gateway)),
        }
    }

    /// Requests that were given to a gateway once more, if it counts them.
    pub(crate) fn retries(self, nodes: Counts<'_>) -> Option<u64> {
        match self {
            Balancer::Own => Some(nodes.sum(BALANCER, "upstream_retries_total", &[])),
            Balancer::Nginx => None,
            Balancer::HaProxy => {
                let haproxy = HaProxy(nodes);
                Some(haproxy.attempts(None).saturating_sub(haproxy.given()))
            }
        }
    }
}

/// The requests that nginx took in, without our own looks at its counters.
pub(crate) fn taken_in_by_nginx(nodes: Counts<'_>) -> u64 {
    let [requests, looks] = ["nginx_http_requests_total", "nginx_status_looks_total"]
        .map(|counter| nodes.sum(BALANCER, counter, &[]));
    requests.saturating_sub(looks)
}

/// The counters of HAProxy, whose frontend is called `entry` and whose backend `gateways`,
/// with a server by the name of each gateway.
pub(crate) struct HaProxy<'a>(pub(crate) Counts<'a>);

impl HaProxy<'_> {
    const ENTRY: (&'static str, &'static str) = ("proxy", "entry");
    const GATEWAYS: (&'static str, &'static str) = ("proxy", "gateways");

    /// Requests that came in; one that is malformed or broken off, and a connection that
    /// ends before any, are among them.
    pub(crate) fn requests(&self) -> u64 {
        self.sum("haproxy_frontend_http_requests_total", &[Self::ENTRY])
    }

    /// Requests that were malformed or not whole, and connections without any.
    pub(crate) fn broken(&self) -> u64 {
        self.sum("haproxy_frontend_request_errors_total", &[Self::ENTRY])
    }

    /// Answers to clients, its own included.
    pub(crate) fn answers(&self) -> u64 {
        self.without_interim("haproxy_frontend_http_responses_total", &[Self::ENTRY])
    }

    /// Requests that were given to a gateway, however often.
    pub(crate) fn given(&self) -> u64 {
        self.of_gateways("haproxy_backend_sessions_total")
    }

    /// A counter of all gateways together.
    pub(crate) fn of_gateways(&self, counter: &str) -> u64 {
        self.sum(counter, &[Self::GATEWAYS])
    }

    /// Requests whose clients may have gone away, and those that it gave up itself.
    pub(crate) fn given_up(&self) -> u64 {
        let unanswered = self.requests().saturating_sub(self.answers());
        let [aborted, errors] = [
            "haproxy_backend_client_aborts_total",
            "haproxy_backend_response_errors_total",
        ]
        .map(|counter| self.of_gateways(counter));
        unanswered + aborted + errors
    }

    /// Requests sent to a gateway, or to all: each has a connection of its own, or one that
    /// was there. (Sessions of a server are counted before there is a connection, and
    /// responses only when there are any.)
    pub(crate) fn attempts(&self, gateway: Option<&str>) -> u64 {
        self.at(gateway, "haproxy_server_connection_attempts_total")
            + self.at(gateway, "haproxy_server_connection_reuses_total")
    }

    /// Answers of a gateway, or of all. One that made HAProxy try another is not among them.
    pub(crate) fn answers_of(&self, gateway: Option<&str>) -> u64 {
        let labels = Self::labels(gateway);
        self.without_interim("haproxy_server_http_responses_total", &labels)
    }

    /// The most attempts at a gateway, or at all, that can have failed: of those that were
    /// followed by another, a failed connection is counted once and an answer that would not
    /// do twice.
    pub(crate) fn failed_at_most(&self, gateway: Option<&str>) -> u64 {
        self.errors(gateway) + self.again(gateway).iter().sum::<u64>()
    }

    /// The failed attempts at a gateway; too few where there are some of both kinds.
    fn failed_attempts_at(&self, gateway: &str) -> u64 {
        let [to_the_same, to_another] = self.again(Some(gateway));
        self.errors(Some(gateway)) + to_the_same.max(to_another)
    }

    /// Requests that were tried again, as often as HAProxy can have counted them.
    pub(crate) fn again_at_most(&self) -> u64 {
        self.again(None).iter().sum()
    }

    fn again(&self, gateway: Option<&str>) -> [u64; 2] {
        [
            "haproxy_server_retry_warnings_total",
            "haproxy_server_redispatch_warnings_total",
        ]
        .map(|counter| self.at(gateway, counter))
    }

    fn errors(&self, gateway: Option<&str>) -> u64 {
        let counters = [
            "haproxy_server_connection_errors_total",
            "haproxy_server_response_errors_total",
        ];
        counters
            .iter()
            .map(|counter| self.at(gateway, counter))
            .sum()
    }

    fn at(&self, gateway: Option<&str>, counter: &str) -> u64 {
        self.sum(counter, &Self::labels(gateway))
    }

    fn labels(gateway: Option<&str>) -> Vec<(&str, &str)> {
        let gateway = gateway.map(|gateway| ("server", gateway));
        [Self::GATEWAYS].into_iter().chain(gateway).collect()
    }

    /// Responses but for those that only announce another one.
    fn without_interim(&self, counter: &str, labels: &[(&str, &str)]) -> u64 {
        let interim: Vec<_> = labels.iter().copied().chain([("code", "1xx")]).collect();
        let all = self.sum(counter, labels);
        all.saturating_sub(self.sum(counter, &interim))
    }

    fn sum(&self, counter: &str, labels: &[(&str, &str)]) -> u64 {
        self.0.sum(BALANCER, counter, labels)
    }
}

/// The counters of a Redis server that is a cache.
pub(crate) struct Redis<'a>(&'a NodeCounts);

impl<'a> Redis<'a> {
    /// A cache as a Redis server, if it is one.
    pub(crate) fn of(cache: &'a NodeCounts) -> Option<Self> {
        let is_redis = cache.counters.has("redis_build_info");
        is_redis.then_some(Redis(cache))
    }

    /// Lookups, those that failed included.
    pub(crate) fn lookups(&self) -> u64 {
        self.calls("hmget")
    }

    /// Hashes that were set: values that were stored, and the versions that are kept of those
    /// that were revoked.
    pub(crate) fn sets(&self) -> u64 {
        self.calls("hset")
    }

    /// Values that were revoked by a later version. Those that are revoked without one are
    /// unlinked, so that nothing else deletes.
    pub(crate) fn revocations(&self) -> u64 {
        self.calls("del")
    }

    /// Fills and invalidations, whatever came of them: each is a script, or unlinks a value.
    pub(crate) fn changes(&self) -> u64 {
        let scripts = ["evalsha", "eval"]
            .map(|script| self.calls(script).saturating_sub(self.failed(script)));
        scripts.iter().sum::<u64>() + self.calls("unlink")
    }

    /// Everything that was asked of it as a cache.
    pub(crate) fn requests(&self) -> u64 {
        self.lookups() + self.changes()
    }

    /// Calls of a command by clients and by scripts; failed ones are among them.
    fn calls(&self, command: &str) -> u64 {
        self.0.count("redis_commands_total", &[("cmd", command)])
    }

    /// Calls that failed, such as of a script that the server doesn't know yet. Servers before
    /// 6.2 don't tell.
    fn failed(&self, command: &str) -> u64 {
        let command = [("cmd", command)];
        self.0.count("redis_commands_failed_calls_total", &command)
    }
}

/// The counters of the PostgreSQL servers among the nodes.
#[derive(Clone, Copy)]
pub(crate) struct Postgres<'a>(pub(crate) Counts<'a>);

impl Postgres<'_> {
    /// True when the servers count statements.
    pub(crate) fn counts_statements(&self) -> bool {
        let mut servers = self.0.nodes(POSTGRES);
        servers.any(|server| server.counters.has("postgresql_statements_total"))
    }

    /// True when a service has asked for tables of its own, ever since the server counts.
    pub(crate) fn keeps_for(&self, owner: Owner) -> bool {
        let counters = ["postgresql_statements_total", "postgresql_rows_total"];
        let mut texts = counters.iter().flat_map(|counter| self.by_text(counter));
        texts.any(|(text, _)| Owner::of(&text) == Some(owner))
    }

    /// Statements about the tables of a service; `None` where it never asked for any.
    pub(crate) fn of(&self, owner: Owner) -> Option<u64> {
        let statements = self.by_text("postgresql_statements_total");
        let of_owner = statements.filter(|(text, _)| Owner::of(text) == Some(owner));
        let counts: Vec<u64> = of_owner.map(|(_, count)| count).collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }

    /// Statements of these kinds that came to their end.
    pub(crate) fn statements(&self, kinds: &[Statement]) -> u64 {
        self.sum("postgresql_statements_total", kinds)
    }

    /// Rows that statements of these kinds answered with.
    pub(crate) fn rows(&self, kinds: &[Statement]) -> u64 {
        self.sum("postgresql_rows_total", kinds)
    }

    fn sum(&self, counter: &str, kinds: &[Statement]) -> u64 {
        let by_text = self.by_text(counter);
        let meant = by_text
            .filter(|(text, _)| Statement::of(text).is_some_and(|kind| kinds.contains(&kind)));
        meant.map(|(_, count)| count).sum()
    }

    fn by_text(&self, counter: &str) -> impl Iterator<Item = (String, u64)> {
        self.0.by_label(POSTGRES, counter, "query").into_iter()
    }
}

/// The messages that RabbitMQ received and delivered.
pub(crate) fn messages_of(rabbitmq: &NodeCounts) -> u64 {
    let counters = [
        "rabbitmq_global_messages_received_total",
        "rabbitmq_global_messages_delivered_total",
    ];
    let counts = counters.map(|counter| rabbitmq.count(counter, &[]));
    counts.iter().sum()
}
