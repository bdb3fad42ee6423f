//! A gate's record to test pages with: a candidate that costs more CPU time.

use super::{
    Build, CalibrationUsed, Confirmation, FailedRequests, GateRecord, HopTime, Interval, Load,
    Look, MetricOutcome, MetricRecord, NodeCpu, Percentiles, Round, ServiceCpu, Side, SideRound,
    Slot,
};
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::MachineUse;
use crate::record::Document;
use crate::timing::Hop;
use crate::verdict::{Judgement, Verdict};

/// A record with a bit of everything.
pub(crate) fn example() -> GateRecord {
    let log_ratios: Vec<f64> = (0..12).map(|n| 0.05 + f64::from(n % 5) * 0.002).collect();
    GateRecord {
        schema_version: GateRecord::SCHEMA_VERSION,
        id: "20260102T030405Z-4de0300".to_owned(),
        judgement: Judgement {
            verdict: Verdict::Fail,
            sentence: "CPU per request is 5.4 % higher (4.9 % to 5.9 %).".to_owned(),
        },
        interrupted: false,
        doubts: vec![Doubt::OthersBusy { percent: 12 }.into()],
        baseline: Build {
            asked: Some("origin/main".to_owned()),
            commit: Some("4de0300aa0e2e1b9c1f0a3d4c5b6978812345678".to_owned()),
            modified: Some(false),
            program: "target/gate/4de0300/debug/loadtests".to_owned(),
            profile: Some("dev".to_owned()),
        },
        candidate: Build {
            asked: None,
            commit: Some("90e00dd1b2c3d4e5f60718293a4b5c6d7e8f9012".to_owned()),
            modified: Some(true),
            program: "target/debug/loadtests".to_owned(),
            profile: Some("dev".to_owned()),
        },
        is_aa: false,
        metrics: vec![
            MetricRecord {
                key: "cpu-per-request".to_owned(),
                name: "CPU per request".to_owned(),
                less_is_better: true,
                baseline: Some(250.0),
                candidate: Some(263.5),
                unit: "µs".to_owned(),
                ratio: Some(1.054),
                interval: Some(Interval {
                    lower: 1.049,
                    upper: 1.059,
                    confidence: 0.95,
                }),
                surely_above: Some(0.046),
                surely_below: Some(0.0615),
                margin: 0.03,
                tolerance: 0.01,
                smallest_detectable: Some(0.018),
                p_value: Some(0.0005),
                outcome: MetricOutcome::Slower,
                excuse: None,
                log_ratios: log_ratios.iter().copied().map(Some).collect(),
            },
            MetricRecord {
                key: "throughput".to_owned(),
                name: "throughput".to_owned(),
                less_is_better: false,
                baseline: Some(4000.0),
                candidate: Some(3990.0),
                unit: "requests/s".to_owned(),
                ratio: Some(0.9975),
                interval: Some(Interval {
                    lower: 0.985,
                    upper: 1.01,
                    confidence: 0.95,
                }),
                surely_above: Some(-0.012),
                surely_below: Some(0.0165),
                margin: 0.03,
                tolerance: 0.01,
                smallest_detectable: Some(0.025),
                p_value: Some(0.4),
                outcome: MetricOutcome::NotSlower,
                excuse: None,
                // The fourth round has no figure.
                log_ratios: log_ratios
                    .iter()
                    .enumerate()
                    .map(|(round, ratio)| (round != 3).then_some(ratio - 0.055))
                    .collect(),
            },
            MetricRecord {
                key: "p99".to_owned(),
                name: "p99 of the response time".to_owned(),
                less_is_better: true,
                baseline: Some(9000.0),
                candidate: Some(9400.0),
                unit: "µs".to_owned(),
                ratio: None,
                interval: None,
                surely_above: None,
                surely_below: None,
                margin: 0.1,
                tolerance: 0.03,
                smallest_detectable: Some(0.3),
                p_value: None,
                outcome: MetricOutcome::TooCoarse,
                excuse: Some(
                    "on this machine, 24 rounds see 30.0 % at best, and the margin is 10.0 %"
                        .to_owned(),
                ),
                log_ratios: Vec::new(),
            },
        ],
        confirmation: Some(Confirmation {
            seed: 43,
            rounds: 12,
            confirmed: true,
            metrics: vec!["cpu-per-request".to_owned()],
            sentence: "CPU per request is 5.2 % higher (4.8 % to 5.6 %).".to_owned(),
        }),
        services: vec![
            ServiceCpu {
                service: "shop".to_owned(),
                baseline_nanos: Some(120_000.0),
                candidate_nanos: Some(133_000.0),
                ratio: Some(1.108),
            },
            ServiceCpu {
                service: "load-balancer".to_owned(),
                baseline_nanos: Some(60_000.0),
                candidate_nanos: Some(60_100.0),
                ratio: Some(1.0017),
            },
        ],
        hops: vec![
            HopTime {
                hop: Hop::generator(),
                baseline_micros: Some(120.0),
                candidate_micros: Some(121.0),
            },
            HopTime {
                hop: Hop::of_role("shop"),
                baseline_micros: Some(300.0),
                candidate_micros: Some(330.0),
            },
        ],
        failures: vec![FailedRequests {
            side: Side::Candidate,
            route: "GET /data/{key}".to_owned(),
            reason: "status 503 where 200 was right".to_owned(),
            count: 1,
        }],
        looks: vec![
            Look {
                confirmation: false,
                rounds: 6,
                spent: 0.02,
                outcome: "goes on".to_owned(),
            },
            Look {
                confirmation: false,
                rounds: 12,
                spent: 1.0,
                outcome: "fail".to_owned(),
            },
            Look {
                confirmation: true,
                rounds: 12,
                spent: 1.0,
                outcome: "fail".to_owned(),
            },
        ],
        load: Load {
            users: 16,
            capacity_per_second: 4000.0,
            open_per_second: 2200.0,
            slot_millis: 100,
            dropped_millis: 25,
        },
        budget_seconds: 120.0,
        most_rounds: 24,
        seconds: 118.0,
        seed: 42,
        command: "cargo run -p loadtests -- gate --baseline origin/main --seed 42".to_owned(),
        plan: "gate".to_owned(),
        plan_source: String::new(),
        started: "2026-01-02T03:04:05Z".parse().expect("a time"),
        ended: "2026-01-02T03:06:03Z".parse().expect("a time"),
        environment: Environment::look(),
        calibration: Some(CalibrationUsed {
            file: "target/gate/calibration.json".to_owned(),
            made: "2026-01-01T00:00:00Z".parse().expect("a time"),
            rounds: 48,
        }),
        rounds: (1..=12).map(|number| round(number, false)).collect(),
    }
}

/// A round, of a gate or of its confirmation.
pub(crate) fn round(number: usize, confirmation: bool) -> Round {
    let side = |nanos| SideRound {
        requests: 1000,
        cpu_nanos: vec![
            NodeCpu {
                node: "load-balancer".to_owned(),
                nanos: 60_000_000,
            },
            NodeCpu {
                node: "shop-1".to_owned(),
                nanos,
            },
        ],
        failed: 0,
        closed_requests: 700,
        closed_seconds: 0.2,
        open_requests: 300,
        open_micros: Some(Percentiles {
            p50: 800.0,
            p95: 6000.0,
            p99: 9000.0,
        }),
        queued: 0,
        unsent: 0,
        never_left: Vec::new(),
    };
    let slot = |quad, side, cpu_nanos| Slot {
        side,
        quad,
        open_p50_micros: (quad == 1).then_some(800.0),
        requests: 350,
        micros: 100_000,
        cpu_nanos,
    };
    let (baseline, candidate) = (Side::Baseline, Side::Candidate);
    Round {
        number,
        confirmation,
        seed: number as u64,
        started: "2026-01-02T03:04:05Z".parse().expect("a time"),
        seconds: 5.0,
        started_first: candidate,
        node_cores: vec![0],
        generator_cores: vec![1],
        baseline: side(120_000_000),
        candidate: side(133_000_000),
        slots: vec![
            slot(0, baseline, 87_000_000),
            slot(0, candidate, 92_000_000),
            slot(0, candidate, 93_000_000),
            slot(0, baseline, 88_000_000),
            slot(1, candidate, 92_000_000),
            slot(1, baseline, 87_000_000),
            slot(1, baseline, 88_000_000),
            slot(1, candidate, 93_000_000),
        ],
        machine: Some(MachineUse {
            busy: 97.0,
            others: 1.0,
            stolen: 0.1,
            pressure: Some(40.0),
        }),
        generator_cores_used: Some(0.6),
        send_lag_p99_micros: Some(150),
    }
}
