//! The same run with the programs of others in some of the roles.

use proptest::prelude::*;

use super::{Count, Run};
use crate::kinds::Balancer;

/// The programs that play the roles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) balancer: Balancer,
    pub(super) has_redis: bool,
    pub(super) has_postgres: bool,
    pub(super) has_rabbitmq: bool,
}

pub(super) fn any() -> impl Strategy<Value = Parts> {
    let balancers = prop::sample::select(&[Balancer::Own, Balancer::Nginx, Balancer::HaProxy][..]);
    (balancers, prop::array::uniform3(proptest::bool::ANY)).prop_map(|(balancer, has)| {
        let [has_redis, has_postgres, has_rabbitmq] = has;
        Parts {
            balancer,
            has_redis,
            has_postgres,
            has_rabbitmq,
        }
    })
}

const BALANCER: &str = "load-balancer";
const CACHE: &str = "cache-1";

impl Parts {
    /// The laboratory as it is by default.
    pub(super) const OWN: Parts = Parts {
        balancer: Balancer::Own,
        has_redis: false,
        has_postgres: false,
        has_rabbitmq: false,
    };

    /// Every count of the run.
    pub(super) fn counts(&self, run: &Run) -> Vec<Count> {
        let mut counts = run.counts();
        match self.balancer {
            Balancer::Own => {}
            Balancer::Nginx => replace(&mut counts, BALANCER, nginx(run)),
            Balancer::HaProxy => replace(&mut counts, BALANCER, haproxy(run)),
        }
        if self.has_redis {
            replace(&mut counts, CACHE, redis(run));
        }
        if self.has_postgres {
            counts.extend(postgres(run));
        }
        if self.has_rabbitmq {
            counts.extend(rabbitmq(run));
        }
        counts
    }
}

fn replace(counts: &mut Vec<Count>, node: &str, by: Vec<Count>) {
    counts.retain(|count| count.node != node);
    counts.extend(by);
}

fn of(node: &'static str, counts: &[(&'static str, &'static str, u64)]) -> Vec<Count> {
    let counts = counts.iter().map(|&(counter, labels, value)| Count {
        node,
        counter,
        labels,
        value,
    });
    counts.collect()
}

fn nginx(run: &Run) -> Vec<Count> {
    let looks = 2;
    of(
        BALANCER,
        &[
            ("nginx_http_requests_total", "", run.requests() + looks),
            ("nginx_status_looks_total", "", looks),
        ],
    )
}

fn haproxy(run: &Run) -> Vec<Count> {
    let reused = run.hits;
    let all = run.requests();
    let server = r#"proxy="gateways",server="api-gateway-1""#;
    of(
        BALANCER,
        &[
            (
                "haproxy_frontend_http_requests_total",
                r#"proxy="entry""#,
                all,
            ),
            (
                "haproxy_frontend_http_responses_total",
                r#"proxy="entry",code="2xx""#,
                all,
            ),
            ("haproxy_backend_sessions_total", r#"proxy="gateways""#, all),
            (
                "haproxy_server_connection_attempts_total",
                server,
                all - reused,
            ),
            ("haproxy_server_connection_reuses_total", server, reused),
            (
                "haproxy_server_http_responses_total",
                r#"proxy="gateways",server="api-gateway-1",code="2xx""#,
                all,
            ),
        ],
    )
}

/// A server that knew neither script at first, and was asked again after it had each.
fn redis(run: &Run) -> Vec<Count> {
    let [fills, invalidations] = [run.misses, 2 * run.writes];
    // Half of what is invalidated is there, and some of it without a version.
    let revoked = invalidations / 2;
    let without_version = invalidations / 5;
    let scripts = fills + invalidations - without_version;
    let unknown = if scripts > 0 { 2 } else { 0 };
    let mut counts = of(
        CACHE,
        &[
            ("redis_build_info", r#"version="7.0.15""#, 1),
            (
                "redis_commands_total",
                r#"cmd="hmget""#,
                run.hits + run.misses + run.coalesced,
            ),
            (
                "redis_commands_total",
                r#"cmd="evalsha""#,
                scripts + unknown,
            ),
            ("redis_commands_total", r#"cmd="hset""#, fills + revoked),
            ("redis_commands_total", r#"cmd="del""#, revoked),
            ("redis_commands_total", r#"cmd="unlink""#, without_version),
        ],
    );
    if unknown > 0 {
        let failed = (
            "redis_commands_failed_calls_total",
            r#"cmd="evalsha""#,
            unknown,
        );
        counts.extend(of(CACHE, &[failed]));
    }
    counts
}

/// Statements as PostgreSQL 15 shows them, but for the space between words.
fn postgres(run: &Run) -> Vec<Count> {
    const GET: &str = r#"query="SELECT value, version FROM skein_database.items WHERE key = $1""#;
    const PUT: &str = r#"query="WITH write AS ( UPDATE skein_database.last_write SET version = version + $3 RETURNING version ) INSERT INTO skein_database.items (key, value, version) SELECT $1, $2, version FROM write ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version RETURNING version""#;
    const KEEP: &str = r#"query="WITH kept AS ( INSERT INTO skein_worker.tasks (id, owner, idempotency_key, task, body, state, due) VALUES ($1, $2, $3, $4, $5, $8, $6) ON CONFLICT (owner, idempotency_key) DO NOTHING RETURNING id ), put AS ( INSERT INTO skein_worker.outbox (task_id, since, again) SELECT id, $6, $9 FROM kept WHERE $7 ) SELECT id FROM kept""#;
    const FINISH: &str = r#"query="WITH ended AS ( UPDATE skein_worker.tasks SET state = $4, claim = $5, result = $3 WHERE id = $1 AND claim = $2 RETURNING id ), effect AS ( INSERT INTO skein_worker.effects (task_id, result) SELECT id, $3 FROM ended ) SELECT id FROM ended""#;
    let mut counts = of(
        "postgres",
        &[
            (
                "postgresql_statements_total",
                GET,
                run.misses + run.bypasses,
            ),
            ("postgresql_statements_total", PUT, run.writes),
            ("postgresql_rows_total", KEEP, run.tasks),
            ("postgresql_rows_total", FINISH, run.tasks),
        ],
    );
    counts.extend(of(
        "worker",
        &[("task_attempts_total", r#"outcome="done""#, run.tasks)],
    ));
    counts
}

fn rabbitmq(run: &Run) -> Vec<Count> {
    const PROTOCOL: &str = r#"protocol="amqp091""#;
    const QUORUM: &str = r#"protocol="amqp091",queue_type="rabbit_quorum_queue""#;
    // Some fail once, and one is given up after four attempts.
    let failed = run.repeats;
    let given_up = u64::from(run.tasks > 0);
    let delivered = run.tasks + failed + 3 * given_up;
    let requeued = failed + 4 * given_up;
    let mut counts = of(
        "rabbitmq",
        &[
            (
                "rabbitmq_global_messages_received_total",
                PROTOCOL,
                run.tasks,
            ),
            (
                "rabbitmq_global_messages_received_confirm_total",
                PROTOCOL,
                run.tasks,
            ),
            (
                "rabbitmq_global_messages_confirmed_total",
                PROTOCOL,
                run.tasks,
            ),
            ("rabbitmq_global_messages_routed_total", PROTOCOL, run.tasks),
            (
                "rabbitmq_global_messages_delivered_total",
                QUORUM,
                delivered + given_up,
            ),
            (
                "rabbitmq_global_messages_acknowledged_total",
                QUORUM,
                run.tasks,
            ),
            (
                "rabbitmq_global_messages_redelivered_total",
                QUORUM,
                failed + 3 * given_up,
            ),
            (
                "rabbitmq_global_messages_dead_lettered_delivery_limit_total",
                r#"queue_type="rabbit_quorum_queue",dead_letter_strategy="at_least_once""#,
                given_up,
            ),
        ],
    );
    let outcomes = [
        (r#"outcome="published""#, run.tasks),
        (r#"outcome="confirmed""#, run.tasks),
        (r#"outcome="delivered""#, delivered),
        (r#"outcome="acknowledged""#, run.tasks - given_up),
        (r#"outcome="requeued""#, requeued),
        (r#"outcome="dead_lettered""#, given_up),
    ];
    let outcomes = outcomes.map(|(outcome, count)| ("queue_messages_total", outcome, count));
    counts.extend(of("worker", &outcomes));
    counts
}
