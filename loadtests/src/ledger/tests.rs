//! The ledger, drawn up from what the nodes of an imagined run would count.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness::counters::{Counters, Format};
use proptest::prelude::*;
use services::contract::Service;

use skein::{Balance, Counts, Ledger, NodeCounts};

use super::{Generator, draw_up};
use crate::kinds::Balancer;
use parts::Parts;

mod parts;

/// Every count of a run with one gateway and one cache in which nothing failed.
#[derive(Clone, Debug, Default)]
struct Run {
    hits: u64,
    misses: u64,
    coalesced: u64,
    bypasses: u64,
    writes: u64,
    computations: u64,
    tasks: u64,
    repeats: u64,
    looks: u64,
    intrusions: u64,
}

/// One counter of one node.
#[derive(Clone, Copy, Debug)]
struct Count {
    node: &'static str,
    counter: &'static str,
    labels: &'static str,
    value: u64,
}

impl Run {
    fn requests(&self) -> u64 {
        let reads = self.hits + self.misses + self.coalesced + self.bypasses;
        let tasks = self.tasks + self.repeats + self.looks;
        reads + self.writes + self.computations + tasks + self.intrusions
    }

    fn generator(&self) -> Generator {
        Generator {
            sent: self.requests(),
            refused: self.intrusions,
            tasks_accepted: self.tasks,
            ..Generator::default()
        }
    }

    fn counts(&self) -> Vec<Count> {
        let all = self.requests();
        let reads = self.hits + self.misses + self.coalesced + self.bypasses;
        let lookup_misses = self.misses + self.coalesced;
        let database_reads = self.misses + self.bypasses;
        [
            ("load-balancer", "requests_total", r#"status="200""#, all),
            (
                "load-balancer",
                "upstream_requests_total",
                r#"upstream="api-gateway-1""#,
                all,
            ),
            ("load-balancer", "upstream_retries_total", "", 0),
            (
                "load-balancer",
                "upstream_failures_total",
                r#"upstream="api-gateway-1",error="connection_refused""#,
                0,
            ),
            (
                "load-balancer",
                "local_responses_total",
                r#"status="503""#,
                0,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="GET /data/{key}",status="200""#,
                reads,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="GET /data/{key}",status="401""#,
                self.intrusions,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="PUT /data/{key}",status="200""#,
                self.writes,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="POST /process",status="200""#,
                self.computations,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="POST /longtask",status="202""#,
                self.tasks + self.repeats,
            ),
            (
                "api-gateway-1",
                "requests_total",
                r#"route="GET /longtask/{id}",status="200""#,
                self.looks,
            ),
            (
                "api-gateway-1",
                "tokens_rejected_total",
                r#"reason="missing""#,
                self.intrusions,
            ),
            (
                "api-gateway-1",
                "reads_total",
                r#"outcome="hit""#,
                self.hits,
            ),
            (
                "api-gateway-1",
                "reads_total",
                r#"outcome="miss""#,
                self.misses,
            ),
            (
                "api-gateway-1",
                "reads_total",
                r#"outcome="coalesced""#,
                self.coalesced,
            ),
            (
                "api-gateway-1",
                "reads_total",
                r#"outcome="bypass""#,
                self.bypasses,
            ),
            ("api-gateway-1", "database_reads_total", "", database_reads),
            ("api-gateway-1", "database_writes_total", "", self.writes),
            (
                "api-gateway-1",
                "cache_lookups_total",
                r#"cache="cache-1",outcome="hit""#,
                self.hits,
            ),
            (
                "api-gateway-1",
                "cache_lookups_total",
                r#"cache="cache-1",outcome="miss""#,
                lookup_misses,
            ),
            (
                "api-gateway-1",
                "cache_fills_total",
                r#"cache="cache-1",outcome="stored""#,
                self.misses,
            ),
            (
                "api-gateway-1",
                "cache_invalidations_total",
                r#"cache="cache-1",outcome="done""#,
                2 * self.writes,
            ),
            (
                "cache-1",
                "cache_lookups_total",
                r#"outcome="hit""#,
                self.hits,
            ),
            (
                "cache-1",
                "cache_lookups_total",
                r#"outcome="miss""#,
                lookup_misses,
            ),
            (
                "cache-1",
                "cache_stores_total",
                r#"outcome="stored""#,
                self.misses,
            ),
            ("cache-1", "cache_deletes_total", "", 2 * self.writes),
            (
                "database",
                "database_reads_total",
                r#"outcome="found""#,
                database_reads,
            ),
            ("database", "database_writes_total", "", self.writes),
            (
                "microservice",
                "requests_total",
                r#"route="POST /process",status="200""#,
                self.computations,
            ),
            ("worker", "tasks_accepted_total", "", self.tasks),
            ("worker", "tasks_repeated_total", "", self.repeats),
            ("worker", "tasks", r#"state="done""#, self.tasks),
        ]
        .map(|(node, counter, labels, value)| Count {
            node,
            counter,
            labels,
            value,
        })
        .into()
    }
}

/// What the nodes would show, in the form in which they show it.
fn nodes(counts: &[Count]) -> Vec<NodeCounts> {
    let mut by_node: BTreeMap<&str, BTreeMap<&str, Vec<&Count>>> = BTreeMap::new();
    for count in counts {
        let families = by_node.entry(count.node).or_default();
        families.entry(count.counter).or_default().push(count);
    }
    let node = |(name, families): (&str, BTreeMap<&str, Vec<&Count>>)| {
        let mut page = String::new();
        for (counter, counts) in families {
            let (family, kind) = match counter.strip_suffix("_total") {
                Some(family) => (family, "counter"),
                None => (counter, "gauge"),
            };
            writeln!(page, "# TYPE {family} {kind}").expect("a string");
            for count in counts {
                writeln!(page, "{counter}{{{}}} {}", count.labels, count.value).expect("a string");
            }
        }
        page.push_str("# EOF\n");
        let runs = |service: &Service| name.starts_with(service.as_str());
        NodeCounts {
            name: name.parse().expect("a node's name"),
            role: match Service::ALL.into_iter().find(runs) {
                Some(service) => service.to_string(),
                None => name.to_owned(),
            },
            counters: Counters::parse(page.as_bytes(), Format::OpenMetrics)
                .expect("a page of metrics"),
        }
    };
    by_node.into_iter().map(node).collect()
}

fn off(ledger: &Ledger) -> Vec<String> {
    let off = ledger
        .iter()
        .filter(|line| matches!(line.balance, Balance::Off(_)));
    off.map(|line| line.claim.clone()).collect()
}

fn any_run() -> impl Strategy<Value = Run> {
    prop::array::uniform10(0u64..1000).prop_map(|counts| {
        let [
            hits,
            misses,
            coalesced,
            bypasses,
            writes,
            computations,
            tasks,
            repeats,
            looks,
            intrusions,
        ] = counts;
        Run {
            hits,
            misses,
            coalesced,
            bypasses,
            writes,
            computations,
            tasks,
            repeats,
            looks,
            intrusions,
        }
    })
}

proptest! {
    #[test]
    fn a_run_in_which_nothing_failed_balances(run in any_run(), parts in parts::any()) {
        let counts = parts.counts(&run);
        let ledger = draw_up(&run.generator(), Some(Counts::of(&nodes(&counts))));
        prop_assert_eq!(off(&ledger), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_counted_once_too_often_is_noticed(
        run in any_run(),
        parts in parts::any(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut counts = parts.counts(&run);
        let is_counted = |index: &usize| !counts[*index].counter.ends_with("_build_info");
        let counted: Vec<usize> = (0..counts.len()).filter(is_counted).collect();
        let index = *which.get(&counted);
        counts[index].value += 1;
        let ledger = draw_up(&run.generator(), Some(Counts::of(&nodes(&counts))));
        prop_assert!(!off(&ledger).is_empty(), "{:?}", counts[index]);
    }

    #[test]
    fn requests_that_got_lost_need_a_reason(
        run in any_run(),
        parts in parts::any(),
        lost in 1u64..10,
    ) {
        let nodes = nodes(&parts.counts(&run));
        let mut generator = run.generator();
        generator.sent += lost;
        prop_assert_eq!(off(&draw_up(&generator, Some(Counts::of(&nodes)))).len(), 1);
        generator.unanswered = lost;
        prop_assert_eq!(off(&draw_up(&generator, Some(Counts::of(&nodes)))), Vec::<String>::new());
    }
}

#[test]
fn from_outside_nothing_is_claimed() {
    let ledger = draw_up(&Generator::default(), None);
    assert!(
        ledger
            .iter()
            .all(|line| line.balance == Balance::NotObservable)
    );
}

#[test]
fn a_line_that_a_part_doesnt_count_for_says_so_and_is_not_even() {
    let run = Run {
        hits: 5,
        ..Run::default()
    };
    let parts = Parts {
        balancer: Balancer::Nginx,
        ..Parts::OWN
    };
    let ledger = draw_up(
        &run.generator(),
        Some(Counts::of(&nodes(&parts.counts(&run)))),
    );
    let unseen: Vec<_> = ledger
        .iter()
        .filter(|line| line.balance == Balance::NotObservable)
        .map(|line| line.reason.as_deref().expect("a reason"))
        .collect();
    assert_eq!(unseen.len(), 2, "{unseen:?}");
    assert!(unseen.iter().all(|reason| reason.contains("nginx")));
}

/// Counts of HAProxy 2.6, and of two gateways behind it, for requests that failed on purpose.
#[test]
fn what_haproxy_counts_of_failures_is_explained() {
    const ENTRY: &str = "proxy=\"entry\"";
    const ALL: &str = "proxy=\"gateways\"";
    const FIRST: &str = "proxy=\"gateways\",server=\"api-gateway-1\"";
    const SECOND: &str = "proxy=\"gateways\",server=\"api-gateway-2\"";
    type Counted = [(&'static str, &'static str, u64)];
    let stories: [(&str, u64, [u64; 2], &Counted); 5] = [
        (
            "the first closes its connections, and HAProxy goes to the second",
            6,
            [6, 6],
            &[
                ("frontend_http_requests", ENTRY, 6),
                ("frontend_http_responses", ENTRY, 6),
                ("backend_sessions", ALL, 6),
                ("server_connection_attempts", FIRST, 6),
                ("server_retry_warnings", FIRST, 6),
                ("server_redispatch_warnings", FIRST, 6),
                ("server_connection_attempts", SECOND, 6),
                ("server_http_responses", SECOND, 6),
            ],
        ),
        (
            "both close their connections, until HAProxy answers 502",
            2,
            [3, 3],
            &[
                ("frontend_http_requests", ENTRY, 2),
                ("frontend_http_responses", ENTRY, 2),
                ("backend_sessions", ALL, 2),
                ("backend_response_errors", ALL, 2),
                ("server_connection_attempts", FIRST, 3),
                ("server_retry_warnings", FIRST, 2),
                ("server_redispatch_warnings", FIRST, 2),
                ("server_response_errors", FIRST, 1),
                ("server_connection_attempts", SECOND, 3),
                ("server_retry_warnings", SECOND, 2),
                ("server_redispatch_warnings", SECOND, 2),
                ("server_response_errors", SECOND, 1),
            ],
        ),
        (
            "the first is dead, and HAProxy doesn't know it yet",
            4,
            [0, 4],
            &[
                ("frontend_http_requests", ENTRY, 4),
                ("frontend_http_responses", ENTRY, 4),
                ("backend_sessions", ALL, 4),
                ("server_connection_attempts", FIRST, 4),
                ("server_redispatch_warnings", FIRST, 4),
                ("server_connection_attempts", SECOND, 4),
                ("server_http_responses", SECOND, 4),
            ],
        ),
        (
            "both are dead, and HAProxy answers 503",
            2,
            [0, 0],
            &[
                ("frontend_http_requests", ENTRY, 2),
                ("frontend_http_responses", ENTRY, 2),
                ("backend_connection_errors", ALL, 2),
            ],
        ),
        (
            "a connection ends before any request, and another in the middle of one",
            0,
            [0, 0],
            &[
                ("frontend_http_requests", ENTRY, 2),
                ("frontend_http_responses", ENTRY, 2),
                ("frontend_request_errors", ENTRY, 2),
            ],
        ),
    ];
    for (story, sent, seen, counted) in stories {
        let generator = Generator {
            sent,
            ..Generator::default()
        };
        let of_haproxy = counted.iter().map(|&(counter, labels, value)| Count {
            node: "load-balancer",
            counter: format!("haproxy_{counter}_total").leak(),
            labels,
            value,
        });
        let gateways = ["api-gateway-1", "api-gateway-2"].into_iter().zip(seen);
        let of_gateways = gateways.map(|(node, value)| Count {
            node,
            counter: "requests_total",
            labels: r#"route="GET unmatched",status="200""#,
            value,
        });
        let counts: Vec<Count> = of_haproxy.chain(of_gateways).collect();
        let ledger = draw_up(&generator, Some(Counts::of(&nodes(&counts))));
        assert_eq!(off(&ledger), Vec::<String>::new(), "{story}");
    }
}
