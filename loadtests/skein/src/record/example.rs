//! A record to test pages with.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    ConnectionsRecord, CoresRecord, Curve, Document, EdgeRecord, EventRecord, FailureRecord,
    MachineRecord, NodeRecord, OpenRecord, OverallRecord, PlanRecord, ProcessRecord, ProcessUsage,
    Record, RequestFigures, RouteRecord, StageRecord, StageUsage, ThrottledRecord, TickRecord,
    TickTimes, Timeline, Times, Traffic,
};
use crate::arrivals::Spacing;
use crate::client::{ConnectionSettings, Http};
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::{Evidence, StageEvidence};
use crate::figure::FigureRecord;
use crate::ledger::Line;
use crate::section::{Cell, Piece, Section};
use crate::testing;
use crate::threshold::{Judged, State, Unit};
use crate::timing::{Hop, HopTiming, RouteTiming};
use crate::verdict::{Judgement, Verdict};

/// A record with a bit of everything.
pub(crate) fn example() -> Record {
    let plan = testing::plan("smoke");
    let requests = RequestFigures {
        count: 12_345,
        failed: 1,
        per_second: Some(3086.0),
        times: Some(Times {
            min: 100,
            mean: 1000.0,
            p50: 900,
            p90: 2000,
            p95: 3000,
            p99: 4210,
            p99_9: 9000,
            max: 12_000,
        }),
        service_times: None,
    };
    let overall = requests.clone();
    Record {
        schema_version: Record::SCHEMA_VERSION,
        id: "20260102T030405Z-smoke".to_owned(),
        judgement: Judgement {
            verdict: Verdict::Pass,
            sentence: "the one threshold held.".to_owned(),
        },
        warnings: vec![Doubt::NotDrained {
            what: "orders".to_owned(),
            tasks: 3,
        }],
        seed: 42,
        command: "loadtests run --plan smoke --seed 42".to_owned(),
        started: "2026-01-02T03:04:05Z".parse().expect("a time"),
        lasted_seconds: Some(5.0),
        ended: "2026-01-02T03:04:10Z".parse().expect("a time"),
        environment: Environment::look(),
        stages: vec![StageRecord {
            name: "steady".to_owned(),
            users: 10,
            warm_up: false,
            seconds: 4.0,
            requests: requests.clone(),
            open: None,
            scenarios: Vec::new(),
        }],
        routes: vec![RouteRecord {
            name: "GET /items/{key}".to_owned(),
            requests,
            statuses: BTreeMap::from([(200, 12_344), (503, 1)]),
            curve: curve(),
            service_curve: Curve::default(),
            first_byte: None,
        }],
        overall: Some(OverallRecord {
            requests: overall,
            curve: curve(),
            service_curve: Curve::default(),
            first_byte: None,
        }),
        connections: Some(connections_example()),
        measured_seconds: 4.0,
        timeline: timeline(),
        thresholds: vec![Judged {
            rule: "p99<50ms".to_owned(),
            state: State::Passed,
            limit: 50_000.0,
            value: Some(4210.0),
            unit: Unit::Microseconds,
            built_in: false,
        }],
        answered_by: BTreeMap::from([("shop-1".to_owned(), 12_344)]),
        traffic: Some(traffic()),
        figures: vec![FigureRecord {
            name: "fresh-ratio".to_owned(),
            label: Some("fresh answers".to_owned()),
            unit: Unit::Percent,
            value: Some(90.0),
            is_better_high: true,
        }],
        sections: vec![
            Section::new("stock", "Stock")
                .pieces([Piece::strong("41"), Piece::text(" left.")])
                .table(
                    "Stock by article",
                    ["Article", "Left", "Share"],
                    [vec!["apples".into(), 41_u64.into(), Cell::Share(0.5)]],
                )
                .note("By the store’s own count."),
        ],
        in_short: vec!["fresh 90 %".to_owned()],
        ledger: vec![
            Line::of("What was sent arrived.", "sent", 12_345)
                .is("answered by the door", 12_344)
                .but_for_up_to("without an answer, fate unknown", 1),
            Line::of("Each order was delivered.", "orders", 0).is("delivered", 0),
        ],
        processes: vec![ProcessRecord {
            name: "store".to_owned(),
            cpu_seconds: 0.4,
            cpu_micros_per_request: Some(32.0),
        }],
        usage: vec![StageUsage {
            stage: "steady".to_owned(),
            requests: 12_345,
            processes: vec![ProcessUsage {
                name: "store".to_owned(),
                cpu_micros_per_request: Some(32.0),
                voluntary_switches: 4321,
                involuntary_switches: 12,
                waited_micros_per_request: Some(1.5),
                peak_memory_bytes: 12 << 20,
                throttled: Some(ThrottledRecord {
                    periods: 400,
                    throttled_periods: 100,
                    throttled_seconds: 0.5,
                }),
            }],
        }],
        timing: vec![RouteTiming {
            route: "GET /items/{key}".to_owned(),
            samples: 1234,
            hops: vec![
                HopTiming {
                    hop: Hop::generator(),
                    met: 1234,
                    mean: 200.0,
                    p50: 190,
                    p99: 400,
                },
                HopTiming {
                    hop: Hop::of_role("store"),
                    met: 234,
                    mean: 800.0,
                    p50: 5100,
                    p99: 5300,
                },
            ],
        }],
        evidence: Evidence {
            stages: vec![StageEvidence {
                stage: "steady".to_owned(),
                ..StageEvidence::default()
            }],
            ..Evidence::default()
        },
        stopped_early: None,
        failures: vec![FailureRecord {
            route: "GET /items/{key}".to_owned(),
            reason: "status 503 where 200 was right".to_owned(),
            count: 1,
            judged: Some(1),
            example: "503 from nobody".to_owned(),
        }],
        kept: BTreeMap::new(),
        plan: PlanRecord {
            name: plan.name,
            description: plan.description,
            source: plan.source,
            shape: None,
            system: Some("two shops".to_owned()),
            target: None,
            stages: plan.stages,
            mix: plan.mix,
            is_plain: false,
            behaviour: serde_json::json!({ "think_time": plan.think_time }),
        },
    }
}

fn curve() -> Curve {
    let mut times = Histogram::new(3).expect("3 digits are allowed");
    for micros in 100..12_445 {
        times.record(micros).expect("it grows");
    }
    Curve::of(&times)
}

fn timeline() -> Timeline {
    let tick = |p50, bands: &[u64]| TickRecord {
        requests: bands.iter().sum(),
        failed: 0,
        turns: 0,
        times: Some(TickTimes {
            p50,
            p95: 2 * p50,
            p99: 3 * p50,
            max: 4 * p50,
        }),
        bands: bands.to_vec(),
    };
    Timeline {
        tick_seconds: 1.0,
        ticks: vec![
            tick(800, &[2000, 500]),
            TickRecord::default(),
            TickRecord {
                failed: 1,
                ..tick(900, &[1800, 600, 3])
            },
            tick(900, &[2000]),
        ],
        bands: vec![100, 1000, 3000, 10_000],
        cores: vec![CoresRecord {
            name: "store".to_owned(),
            cores: vec![Some(0.1), None, Some(0.12), Some(0.1)],
        }],
        events: vec![EventRecord {
            seconds: 1.25,
            what: "store ended (signal 9)".to_owned(),
            node: Some("store".to_owned()),
        }],
    }
}

fn traffic() -> Traffic {
    let node = |name: &str, role: &str, requests, remarks: &[&str]| NodeRecord {
        machine: (role == "store").then(|| MachineRecord {
            cpus: 0.25,
            words: "0.25 of a CPU by a cgroup (v2)".to_owned(),
        }),
        name: name.to_owned(),
        service: role.to_owned(),
        requests: Some(requests),
        errors: 0,
        remarks: remarks.iter().map(|remark| (*remark).to_owned()).collect(),
    };
    let edge = |from: &str, to: &str, calls| EdgeRecord {
        from: from.to_owned(),
        to: to.to_owned(),
        calls,
        failed: Some(0),
    };
    let tiers = [&["door"][..], &["shop-1", "shop-2"], &["shelf", "store"]];
    let names = |tier: &[&str]| tier.iter().map(|name| (*name).to_owned()).collect();
    Traffic {
        nodes: vec![
            node("door", "door", 12_345, &[]),
            node("shop-1", "shop", 6_173, &[]),
            node("shop-2", "shop", 6_172, &[]),
            node("shelf", "shelf", 10, &["fresh 90 %"]),
            node("store", "store", 400, &[]),
        ],
        edges: vec![
            edge("door", "shop-1", 6_173),
            edge("door", "shop-2", 6_172),
            edge("shop", "shelf", 10),
            edge("shop", "store", 400),
        ],
        tiers: tiers.into_iter().map(names).collect(),
        servers: Vec::new(),
    }
}

/// What became of an open stage's arrivals, with some of everything.
pub(crate) fn open_load_example() -> OpenRecord {
    let lag = |p99| Times {
        min: 20,
        mean: 40.0,
        p50: 35,
        p90: 60,
        p95: 80,
        p99,
        p99_9: p99 + 1,
        max: p99 + 2,
    };
    OpenRecord {
        spacing: Spacing::Poisson,
        requested_per_second: 1000.0,
        achieved_per_second: Some(987.5),
        planned: 4000,
        sent: 3950,
        unsent: 50,
        near_side: 0,
        late: 70,
        queued: 60,
        send_lag: Some(lag(9000)),
        own_lag: Some(lag(120)),
    }
}

/// Connections with a bit of everything.
fn connections_example() -> ConnectionsRecord {
    let times = |p99| Times {
        min: 100,
        mean: 1000.0,
        p50: 900,
        p90: 2000,
        p95: 3000,
        p99,
        p99_9: 9000,
        max: 12_000,
    };
    ConnectionsRecord {
        settings: ConnectionSettings {
            http: Http::Two,
            insecure: true,
            ..ConnectionSettings::default()
        },
        opened: BTreeMap::from([("HTTP/2".to_owned(), 40)]),
        requests_per_connection: Some(308.6),
        connect: Some(times(5000)),
        handshake: Some(times(6000)),
        full_handshakes: 10,
        resumed_handshakes: 30,
        stream_waits: 5,
        stream_wait: Some(times(7000)),
        bytes_sent: 5 << 20,
        bytes_received: 9 << 20,
    }
}
