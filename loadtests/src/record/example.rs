//! A record to test pages with.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    CacheNodeRecord, CacheRecord, CoresRecord, Curve, Document, EdgeRecord, EventRecord,
    FailureRecord, FlawRecord, GatewayRecord, IntruderRecord, NodeRecord, OpenRecord,
    OverallRecord, PlanRecord, ProcessRecord, ProcessUsage, Record, RequestFigures, RouteRecord,
    StageRecord, StageUsage, TaskRecord, TickRecord, TickTimes, Timeline, Times, Traffic,
};
use crate::arrivals::Spacing;
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::{Evidence, StageEvidence};
use crate::ledger::{Generator, draw_up};
use crate::plan::Plan;
use crate::prediction::{HitPrediction, PredictedPart};
use crate::threshold::{Judged, State, Unit};
use crate::timing::{Hop, HopTiming, RouteTiming};
use crate::verdict::{Judgement, Verdict};

/// A record with a bit of everything.
pub(crate) fn example() -> Record {
    let plan = Plan::load("smoke").expect("built in");
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
        warnings: vec![Doubt::NotDrained { tasks: 3 }],
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
        }],
        routes: vec![RouteRecord {
            name: "GET /data/{key}".to_owned(),
            requests,
            statuses: BTreeMap::from([(200, 12_344), (503, 1)]),
            curve: curve(),
            service_curve: Curve::default(),
        }],
        overall: Some(OverallRecord {
            requests: overall,
            curve: curve(),
            service_curve: Curve::default(),
        }),
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
        gateways: vec![GatewayRecord {
            name: "api-gateway-1".to_owned(),
            answers: 12_344,
            attempts: Some(12_345),
        }],
        retries: Some(0),
        traffic: Some(traffic()),
        caches: Some(CacheRecord {
            counted_by_gateways: true,
            hits: 9,
            misses: 1,
            failed: 0,
            by_cache: vec![CacheNodeRecord {
                name: "cache-1".to_owned(),
                hits: 9,
                misses: 1,
                failed: 0,
            }],
            prediction: Some(HitPrediction {
                hit_ratio: 88.0,
                items: PredictedPart {
                    lookups: 9,
                    hits: 8.8,
                },
                listings: PredictedPart::default(),
                read_backs: PredictedPart {
                    lookups: 1,
                    hits: 0.0,
                },
            }),
        }),
        tasks: TaskRecord {
            accepted: 5,
            done: 5,
            dead: 0,
            gone: 0,
            life: None,
            at_worker: Some(BTreeMap::from([
                ("done".to_owned(), 5),
                ("queued".to_owned(), 0),
            ])),
            attempts: BTreeMap::from([("done".to_owned(), 5)]),
        },
        intruders: IntruderRecord {
            sent: 7,
            answered: 7,
            refused: 7,
            admitted: 0,
            by_flaw: vec![FlawRecord {
                flaw: "expired".to_owned(),
                sent: 7,
                refused: 7,
                admitted: 0,
            }],
            reasons: Some(BTreeMap::from([("expired".to_owned(), 7)])),
        },
        ledger: draw_up(&Generator::default(), Some(&[])),
        processes: vec![ProcessRecord {
            name: "database".to_owned(),
            cpu_seconds: 0.4,
            cpu_micros_per_request: Some(32.0),
        }],
        usage: vec![StageUsage {
            stage: "steady".to_owned(),
            requests: 12_345,
            processes: vec![ProcessUsage {
                name: "database".to_owned(),
                cpu_micros_per_request: Some(32.0),
                voluntary_switches: 4321,
                involuntary_switches: 12,
                waited_micros_per_request: Some(1.5),
                peak_memory_bytes: 12 << 20,
            }],
        }],
        timing: vec![RouteTiming {
            route: "GET /data/{key}".to_owned(),
            samples: 1234,
            hops: vec![
                HopTiming {
                    hop: Hop::Generator,
                    met: 1234,
                    mean: 200.0,
                    p50: 190,
                    p99: 400,
                },
                HopTiming {
                    hop: Hop::Database,
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
        failures: vec![FailureRecord {
            route: "GET /data/{key}".to_owned(),
            reason: "status 503 where 200 was right".to_owned(),
            count: 1,
            judged: Some(1),
            example: "503 from nobody".to_owned(),
        }],
        plan: PlanRecord {
            name: plan.name,
            description: plan.description,
            source: plan.source,
            shape: Some(plan.shape),
            target: None,
            stages: plan.stages,
            mix: plan.mix,
            is_plain: false,
            behaviour: plan.behaviour,
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
            name: "database".to_owned(),
            cores: vec![Some(0.1), None, Some(0.12), Some(0.1)],
        }],
        events: vec![EventRecord {
            seconds: 1.25,
            what: "database ended (signal 9)".to_owned(),
            node: Some("database".to_owned()),
        }],
    }
}

fn traffic() -> Traffic {
    let node = |name: &str, service: &str, requests| NodeRecord {
        name: name.to_owned(),
        service: service.to_owned(),
        requests,
        errors: 0,
    };
    let edge = |from: &str, to: &str, calls| EdgeRecord {
        from: from.to_owned(),
        to: to.to_owned(),
        calls,
        failed: Some(0),
    };
    Traffic {
        nodes: vec![
            node("load-balancer", "load-balancer", 12_345),
            node("api-gateway-1", "api-gateway", 12_345),
            node("cache-1", "cache", 10),
            node("database", "database", 400),
        ],
        edges: vec![
            edge("load-balancer", "api-gateway-1", 12_345),
            edge("api-gateway", "cache-1", 10),
            edge("api-gateway", "database", 400),
        ],
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
