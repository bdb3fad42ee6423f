//! The ledger, drawn up from what the nodes of an imagined run would count.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness::counters::{Counters, Format};
use proptest::prelude::*;
use services::contract::Service;

use skein::{Balance, Counts, Ledger, NodeCounts};

use super::{Generator, draw_up};

/// Every count of a run with one gateway and one cache in which nothing failed.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
            role: Service::ALL
                .into_iter()
                .find(runs)
                .expect("a service")
                .to_string(),
            counters: Counters::parse(page.as_bytes(), Format::OpenMetrics)
                .expect("a page of metrics"),
        }
    };
    by_node.into_iter().map(node).collect()
}

fn off(ledger: &Ledger) -> Vec<String> {
    let off = ledger.iter().filter(|line| line.balance != Balance::Even);
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
    fn a_run_in_which_nothing_failed_balances(run in any_run()) {
        let ledger = draw_up(&run.generator(), Some(Counts::of(&nodes(&run.counts()))));
        prop_assert_eq!(off(&ledger), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_counted_once_too_often_is_noticed(run in any_run(), which in any::<prop::sample::Index>()) {
        let mut counts = run.counts();
        let index = which.index(counts.len());
        counts[index].value += 1;
        let ledger = draw_up(&run.generator(), Some(Counts::of(&nodes(&counts))));
        prop_assert!(!off(&ledger).is_empty(), "{:?}", counts[index]);
    }

    #[test]
    fn requests_that_got_lost_need_a_reason(run in any_run(), lost in 1u64..10) {
        let nodes = nodes(&run.counts());
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
