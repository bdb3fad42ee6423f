//! The figures of a load as it goes, as a page of OpenMetrics: for Prometheus to scrape, or sent to
//! a server of metrics. They are put together anew for each look.

mod remote_write;
mod serving;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::figure::{Kind, Reading};
use crate::plan::Whose;
use crate::samples::{
    ArrivalSamples, MeasuredSamples, RouteSamples, Samples, StageIndex, Statistic,
};
use crate::threshold::Unit;
use crate::workload::Workload;

pub use remote_write::PushError;
pub(crate) use remote_write::Receiver;
pub(crate) use serving::serve;

/// The figures of a load.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    load: Arc<Workload>,
    run: Arc<str>,
}

/// A number of turns.
type CountOf = fn(&ArrivalSamples) -> u64;

/// Labels with their values.
type Labels = Vec<(&'static str, String)>;

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let workload = &self.load;
        let samples = workload.samples();
        self.state(&mut encoder)?;
        self.requests(&samples, &mut encoder)?;
        self.turns(&samples, &mut encoder)?;
        self.own(&samples, &mut encoder)
    }
}

/// No exemplar of anything.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;

impl Figures {
    /// The figures of the load of this run, by its record's id.
    pub(crate) fn of(load: &Arc<Workload>, run: &str) -> Self {
        Figures {
            load: Arc::clone(load),
            run: run.into(),
        }
    }

    /// The page, as text.
    fn page(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("skein");
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }

    /// The load itself, and how far it has got.
    fn state(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let workload = &self.load;
        let about: Labels = vec![
            ("plan", workload.plan.name.clone()),
            ("run", self.run.to_string()),
            ("seed", workload.seed.to_string()),
        ];
        encoder
            .encode_descriptor(
                "run",
                "The plan that is carried out",
                None,
                MetricType::Info,
            )?
            .encode_info(&about)?;
        let elapsed = workload.clock.elapsed();
        let gauges = [
            (
                "load_elapsed_seconds",
                "The time since the load began",
                elapsed.as_secs_f64(),
            ),
            (
                "users",
                "Users at work, by the plan's schedule",
                workload.schedule.users_at(elapsed) as f64,
            ),
            (
                "requests_in_flight",
                "Requests that are under way",
                workload.in_flight.now() as f64,
            ),
        ];
        for (name, help, value) in gauges {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        Ok(())
    }

    fn requests(&self, samples: &Samples, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels = |stage: StageIndex, scenario: usize, route: &dyn fmt::Display| -> Labels {
            let scenario = self.load.scenarios.get(scenario);
            vec![
                ("stage", self.stage(stage)),
                (
                    "scenario",
                    scenario.map_or_else(String::new, |kind| kind.key()),
                ),
                ("route", route.to_string()),
            ]
        };
        let help = "Requests that are over, by what was wrong with the answer";
        let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for ((stage, scenario, route), samples) in &samples.routes {
            for (outcome, count) in by_outcome(samples) {
                let mut labels = labels(*stage, *scenario, route);
                labels.push(("outcome", outcome));
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter(&count, NO_EXEMPLAR)?;
            }
        }
        let help = "From the intended time of a request to its last byte";
        let name = "response_time_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for ((stage, scenario, route), samples) in &samples.routes {
            let latency = samples.latency();
            let (sum, buckets) = buckets(latency.response());
            let count = latency.response().len();
            let labels = labels(*stage, *scenario, route);
            let mut histogram = family.encode_family(&labels)?;
            histogram.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn turns(&self, samples: &Samples, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let schedule = &self.load.schedule;
        let kinds: [(&str, &str, CountOf); 3] = [
            (
                "turns_planned",
                "Turns of open load that came up",
                |turns| turns.planned,
            ),
            ("turns_sent", "Turns of open load that were sent", |turns| {
                turns.sent()
            }),
            (
                "turns_late",
                "Turns that were sent more than 1 ms after their intended time",
                |turns| turns.late,
            ),
        ];
        for (name, help, of) in kinds {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (load, turns) in &samples.arrivals {
                let load = &schedule.loads()[*load];
                let scenario = match load.whose {
                    Whose::Mix => String::new(),
                    Whose::Scenario(own) => schedule.scenarios()[own].clone(),
                };
                let labels: Labels = vec![
                    ("stage", self.stage(Some(load.stage))),
                    ("scenario", scenario),
                ];
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter(&of(turns), NO_EXEMPLAR)?;
            }
        }
        Ok(())
    }

    /// Figures that scenarios count and measure themselves.
    fn own(&self, samples: &Samples, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = |kind: Kind| {
            let all = samples.measured.iter();
            all.filter(move |(_, samples)| samples.figure.kind == kind)
        };
        let labels = |stage: StageIndex, samples: &MeasuredSamples| -> Labels {
            vec![
                ("figure", samples.figure.name.to_owned()),
                ("stage", self.stage(stage)),
            ]
        };
        let help = "What users count themselves";
        let mut family = encoder.encode_descriptor("counted", help, None, MetricType::Counter)?;
        for ((stage, _), samples) in of(Kind::Counted) {
            let labels = labels(*stage, samples);
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&samples.sum, NO_EXEMPLAR)?;
        }
        let help = "What users measure themselves, so far; times are in seconds";
        let mut family = encoder.encode_descriptor("measured", help, None, MetricType::Gauge)?;
        for ((stage, _), samples) in of(Kind::Measured) {
            let statistics = [
                ("avg", Statistic::Average),
                ("p50", Statistic::Percentile(50.0)),
                ("p99", Statistic::Percentile(99.0)),
                ("max", Statistic::Maximum),
            ];
            for (name, statistic) in statistics {
                let Reading::Value(value) = samples.reading(statistic, 0.0) else {
                    continue;
                };
                let scale = match samples.figure.unit {
                    Unit::Microseconds => 1e-6,
                    Unit::Percent | Unit::PerSecond | Unit::Count => 1.0,
                };
                let mut labels = labels(*stage, samples);
                labels.push(("statistic", name.to_owned()));
                let mut gauge = family.encode_family(&labels)?;
                gauge.encode_gauge(&(value * scale))?;
            }
        }
        Ok(())
    }

    fn stage(&self, stage: StageIndex) -> String {
        let stage = stage.map(|stage| self.load.plan.stages[stage].name.clone());
        stage.unwrap_or_else(|| "after the load".to_owned())
    }
}

/// Requests by what was wrong, whoever answered.
fn by_outcome(samples: &RouteSamples) -> BTreeMap<String, u64> {
    let mut outcomes = BTreeMap::new();
    for series in &samples.series {
        let outcome = series
            .fault
            .map_or_else(|| "ok".to_owned(), |fault| fault.to_string());
        *outcomes.entry(outcome).or_default() += series.latency.response().len();
    }
    outcomes
}

/// The ends of buckets of response time, in seconds.
const BUCKETS: [f64; 15] = [
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    f64::INFINITY,
];

/// The sum of these times in seconds, and their numbers by bucket.
fn buckets(times: &hdrhistogram::Histogram<u64>) -> (f64, Vec<(f64, u64)>) {
    let mut buckets: Vec<(f64, u64)> = BUCKETS.iter().map(|end| (*end, 0)).collect();
    for value in times.iter_recorded() {
        let seconds = times.lowest_equivalent(value.value_iterated_to()) as f64 / 1e6;
        let place = BUCKETS.partition_point(|end| *end < seconds);
        buckets[place].1 += value.count_at_value();
    }
    (times.mean() * times.len() as f64 / 1e6, buckets)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use harness::counters::{Counters, Format};

    use super::*;
    use crate::samples::{Fault, Sample, SentArrival};
    use crate::testing;

    #[test]
    fn the_page_has_requests_times_and_turns_by_stage_scenario_and_route() {
        let source = r#"
name = "side-by-side"
thresholds = []
[[stage]]
name = "steady"
duration = "5s"
scenario.browsers = { rate = "10/s" }
"#;
        let plan = testing::parse(source);
        let workload = Arc::new(Workload::new(&plan, 7, "http://localhost"));
        let well = Sample {
            stage: Some(0),
            scenario: 0,
            route: testing::READ,
            response: Duration::from_millis(3),
            service: Duration::from_millis(1),
            arrival: Some(SentArrival {
                load: 0,
                lag: Duration::from_millis(2),
                queued: false,
            }),
            status: Some(200),
            fault: None,
            served_by: None,
            outcome: None,
            is_cut: false,
            journey: &crate::client::NOWHERE,
        };
        workload.recorder.record(0, &well);
        let failed = Sample {
            fault: Some((Fault::TimedOut, "after 10 s")),
            arrival: None,
            ..well
        };
        workload.recorder.record(1, &failed);
        let page = Figures::of(&workload, "7-smoke").page().expect("a page");
        assert!(
            page.contains("skein_run_info{plan=\"side-by-side\",run=\"7-smoke\""),
            "{page}"
        );
        let bucket = "skein_response_time_seconds_bucket{le=\"0.005\",stage=\"steady\",scenario=\"browsers\",route=\"GET /items/{key}\"} 2";
        assert!(page.contains(bucket), "{page}");
        assert!(page.contains("le=\"+Inf\""), "{page}");
        let counters = Counters::parse(page.as_bytes(), Format::OpenMetrics).expect("a page");
        let sum = |name: &str, labels: &[(&str, &str)]| counters.get(name, labels) as u64;
        assert_eq!(sum("skein_requests_total", &[("outcome", "ok")]), 1);
        assert_eq!(sum("skein_requests_total", &[("scenario", "browsers")]), 2);
        assert_eq!(sum("skein_turns_late_total", &[]), 1);
    }
}
