//! The differences that a study plants, and the metrics that should find them.

use services::contract::Service;
use stats::comparison::Metric;

/// A difference between candidate and baseline that is known, for it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// The name of the case and of its file.
    pub name: &'static str,
    /// A description for people.
    pub what: &'static str,
    /// Settings of the candidate's services: a service, a flag and a value. Most exist
    /// only with the feature `planted-slowdowns`.
    pub planted: &'static [(Service, &'static str, &'static str)],
    /// The same for the baseline, for a candidate that is faster.
    pub planted_before: &'static [(Service, &'static str, &'static str)],
    /// The metrics of which one at least should find it; none, when nothing is to be found.
    pub finds: &'static [Metric],
}

const NOTHING: Case = Case {
    name: "aa",
    what: "nothing: the same build on both sides",
    planted: &[],
    planted_before: &[],
    finds: &[],
};

/// Every case, the one without any difference first.
pub const CASES: [Case; 9] = [
    NOTHING,
    Case {
        name: "cpu",
        what: "CPU time burned in the gateway",
        planted: &[(Service::ApiGateway, "plant", "cpu=15us")],
        finds: &[Metric::CpuPerRequest, Metric::Throughput],
        ..NOTHING
    },
    Case {
        name: "sleep",
        what: "a sleep in the cache path",
        planted: &[(Service::Cache, "plant", "sleep=1ms")],
        finds: &[Metric::P50],
        ..NOTHING
    },
    Case {
        name: "lock",
        what: "a lock held across an await",
        planted: &[(Service::ApiGateway, "plant", "lock=200us")],
        finds: &[Metric::Throughput, Metric::P50, Metric::P95, Metric::P99],
        ..NOTHING
    },
    Case {
        name: "call",
        what: "one more upstream call a request",
        planted: &[(Service::ApiGateway, "plant-calls", "1")],
        finds: &[Metric::CpuPerRequest, Metric::P50],
        ..NOTHING
    },
    Case {
        name: "allocate",
        what: "an allocation storm in the gateway",
        planted: &[(Service::ApiGateway, "plant", "allocate=1MiB")],
        finds: &[Metric::CpuPerRequest, Metric::Throughput],
        ..NOTHING
    },
    Case {
        name: "share",
        what: "1 % of requests slowed by 20 ms",
        planted: &[(Service::ApiGateway, "plant", "share=1%:20ms")],
        finds: &[Metric::P99],
        ..NOTHING
    },
    Case {
        name: "database",
        what: "a slower database",
        planted: &[(Service::Database, "plant", "sleep=5ms")],
        finds: &[Metric::P95, Metric::P99],
        ..NOTHING
    },
    Case {
        name: "faster",
        what: "a speed-up: CPU time burned in the baseline's gateway",
        planted_before: &[(Service::ApiGateway, "plant", "cpu=15us")],
        ..NOTHING
    },
];
