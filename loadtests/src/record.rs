//! What a run leaves behind: `run.json`, from which every page is made.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::ledger::Ledger;
use crate::plan::{Behaviour, Mix, Shape, Stage};
use crate::threshold::Verdicts;
use crate::verdict::{Judgement, Warning};

/// The version of this form. It grows when a reader of an older one would be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// One run: what was done, on what, and every figure that came of it. Times of
/// requests are in microseconds, from the send to the last byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the run's folder.
    pub id: String,
    /// What the run comes to.
    pub judgement: Judgement,
    /// Doubts about the measurement.
    pub warnings: Vec<Warning>,
    /// What was asked for.
    pub plan: PlanRecord,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same run again.
    pub command: String,
    /// When the load began.
    pub started: Timestamp,
    /// When the last request of the load was over.
    pub ended: Timestamp,
    /// Where the run was made, and of what build.
    pub environment: Environment,
    /// The stages, in order.
    pub stages: Vec<StageRecord>,
    /// Requests of the stages that are no warm-up, by route.
    pub routes: Vec<RouteRecord>,
    /// How long the stages that are no warm-up lasted, in seconds.
    pub measured_seconds: f64,
    /// The thresholds, judged.
    pub thresholds: Verdicts,
    /// The gateways.
    pub gateways: Vec<GatewayRecord>,
    /// What the caches did for reads; `None` when nothing told.
    pub caches: Option<CacheRecord>,
    /// What became of long tasks.
    pub tasks: TaskRecord,
    /// Requests with a bad token: how many were sent, and how many were let in.
    pub intruders: IntruderRecord,
    /// The conservation count.
    pub ledger: Ledger,
    /// CPU time over the stages that are no warm-up, by node, the generator last.
    pub processes: Vec<ProcessRecord>,
    /// Failed requests of the whole run, by route and reason.
    pub failures: Vec<FailureRecord>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// The plan's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The plan as it was written.
    pub source: String,
    /// The system that was started, unless one was there.
    pub shape: Option<Shape>,
    /// The URL of a system that was there.
    pub target: Option<String>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// How users shared out.
    pub mix: Mix,
    /// How users behaved.
    pub behaviour: Behaviour,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// Users at work at its end.
    pub users: usize,
    /// Whether it only prepared the system.
    pub warm_up: bool,
    /// How long it lasted.
    pub seconds: f64,
    /// What was sent in it.
    pub requests: RequestFigures,
}

/// The requests of one route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteRecord {
    /// `GET /data/{key}`.
    pub name: String,
    /// What was sent to it.
    pub requests: RequestFigures,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
}

/// Requests, counted and timed. Failed ones are timed too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestFigures {
    /// How many were sent.
    pub count: u64,
    /// How many failed.
    pub failed: u64,
    /// How many a second.
    pub per_second: f64,
    /// How long they took, unless there were none.
    pub times: Option<Times>,
}

/// Percentiles and the like, in microseconds with three significant digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The shortest.
    pub min: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
}

/// One gateway's share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayRecord {
    /// Its name.
    pub name: String,
    /// Answers that the generator had from it, over the whole run.
    pub answers: u64,
    /// Attempts that the balancer made at it, over the whole run; `None` when that
    /// can't be seen.
    pub attempts: Option<u64>,
}

/// What the caches did for reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CacheRecord {
    /// Whether the figures come from the gateways' counters, over the stages that
    /// are no warm-up; else from `Cache-Status` in the answers to them.
    pub counted_by_gateways: bool,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that a cache didn't answer.
    pub failed: u64,
    /// Lookups by cache, where they can be told apart.
    pub by_cache: Vec<CacheNodeRecord>,
}

impl CacheRecord {
    /// Hits in percent of all lookups; `None` without lookups.
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.hits + self.misses + self.failed;
        (lookups > 0).then(|| self.hits as f64 / lookups as f64 * 100.0)
    }
}

/// What one cache did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CacheNodeRecord {
    /// Its name.
    pub name: String,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that it didn't answer.
    pub failed: u64,
}

/// What became of long tasks, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Tasks answered for with 202, repeats not counted.
    pub accepted: u64,
    /// Those that were seen done.
    pub done: u64,
}

/// Requests with a bad token, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntruderRecord {
    /// Requests with a bad token.
    pub sent: u64,
    /// Those that were answered at all.
    pub answered: u64,
    /// Those that were not refused with 401.
    pub admitted: u64,
}

/// The CPU time of one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The node, or the generator.
    pub name: String,
    /// CPU time, user and system, over the stages that are no warm-up.
    pub cpu_seconds: f64,
    /// The same per request sent, in microseconds.
    pub cpu_micros_per_request: f64,
}

/// A way to fail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The route.
    pub route: String,
    /// What went wrong.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The first one's particulars.
    pub example: String,
}

impl RequestFigures {
    /// The figures of requests that took `times` and were sent within `seconds`.
    pub fn new(times: &Histogram<u64>, failed: u64, seconds: f64) -> Self {
        RequestFigures {
            count: times.len(),
            failed,
            per_second: if seconds > 0.0 {
                times.len() as f64 / seconds
            } else {
                0.0
            },
            times: (!times.is_empty()).then(|| Times {
                min: times.min(),
                mean: times.mean(),
                p50: times.value_at_quantile(0.5),
                p90: times.value_at_quantile(0.9),
                p95: times.value_at_quantile(0.95),
                p99: times.value_at_quantile(0.99),
                p99_9: times.value_at_quantile(0.999),
                max: times.max(),
            }),
        }
    }
}

/// Why a record can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record can't be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The record can't be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The record is of a later program.
    #[error("{} has schema version {found}, and this program knows up to {SCHEMA_VERSION}: use a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The record is damaged.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
}

impl Record {
    /// The record's file in a run's folder.
    pub const FILE: &str = "run.json";

    /// Reads the record of the run in `folder`.
    pub fn read(folder: &Path) -> Result<Record, RecordError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }

        let path = folder.join(Self::FILE);
        let text = std::fs::read(&path).map_err(|source| RecordError::Read {
            path: path.clone(),
            source,
        })?;
        let damaged = |source| RecordError::Damaged {
            path: path.clone(),
            source,
        };
        let version: Version = serde_json::from_slice(&text).map_err(damaged)?;
        if version.schema_version > SCHEMA_VERSION {
            return Err(RecordError::Newer {
                found: version.schema_version,
                path,
            });
        }
        serde_json::from_slice(&text).map_err(damaged)
    }

    /// Writes the record into `folder`, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), RecordError> {
        let path = folder.join(Self::FILE);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| RecordError::Write {
            path: path.clone(),
            source: error.into(),
        })?;
        text.push(b'\n');
        write_whole(&path, &text)
    }

    /// How long the load lasted.
    pub fn duration(&self) -> Duration {
        self.ended
            .duration_since(self.started)
            .try_into()
            .unwrap_or_default()
    }
}

/// Writes a file so that nobody ever sees a part of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), RecordError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new()
            // As any other file: the default would keep everybody else from reading it.
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| RecordError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ledger::Generator;
    use crate::plan::Plan;
    use crate::threshold::{Judged, State, Unit};
    use crate::verdict::Verdict;

    /// A record with a bit of everything.
    pub(crate) fn example() -> Record {
        let plan = Plan::load("smoke").expect("built in");
        let requests = RequestFigures {
            count: 12_345,
            failed: 1,
            per_second: 3086.0,
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
        };
        Record {
            schema_version: SCHEMA_VERSION,
            id: "20260102T030405Z-smoke".to_owned(),
            judgement: Judgement {
                verdict: Verdict::Pass,
                sentence: "all 1 thresholds held.".to_owned(),
            },
            warnings: vec![Warning::NotDrained { tasks: 3 }],
            seed: 42,
            command: "loadtests run --plan smoke --seed 42".to_owned(),
            started: "2026-01-02T03:04:05Z".parse().expect("a time"),
            ended: "2026-01-02T03:04:10Z".parse().expect("a time"),
            environment: Environment::look(),
            stages: vec![StageRecord {
                name: "steady".to_owned(),
                users: 10,
                warm_up: false,
                seconds: 4.0,
                requests: requests.clone(),
            }],
            routes: vec![RouteRecord {
                name: "GET /data/{key}".to_owned(),
                requests,
                statuses: BTreeMap::from([(200, 12_344), (503, 1)]),
            }],
            measured_seconds: 4.0,
            thresholds: vec![Judged {
                rule: "p99<50ms".to_owned(),
                state: State::Passed,
                limit: 50_000.0,
                value: Some(4210.0),
                unit: Unit::Microseconds,
            }],
            gateways: vec![GatewayRecord {
                name: "api-gateway-1".to_owned(),
                answers: 12_344,
                attempts: Some(12_345),
            }],
            caches: Some(CacheRecord {
                counted_by_gateways: true,
                hits: 9,
                misses: 1,
                failed: 0,
                by_cache: Vec::new(),
            }),
            tasks: TaskRecord {
                accepted: 5,
                done: 5,
            },
            intruders: IntruderRecord {
                sent: 7,
                answered: 7,
                admitted: 0,
            },
            ledger: crate::ledger::draw_up(&Generator::default(), Some(&[])),
            processes: vec![ProcessRecord {
                name: "database".to_owned(),
                cpu_seconds: 0.4,
                cpu_micros_per_request: 32.0,
            }],
            failures: vec![FailureRecord {
                route: "GET /data/{key}".to_owned(),
                reason: "status 503 where 200 was right".to_owned(),
                count: 1,
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
                behaviour: plan.behaviour,
            },
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let record = example();
        record.write(folder.path()).expect("written");
        let back = Record::read(folder.path()).expect("readable");
        assert_eq!(
            serde_json::to_value(back).expect("JSON"),
            serde_json::to_value(record).expect("JSON")
        );
    }
}
