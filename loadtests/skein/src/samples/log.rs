//! Keeps a run's histograms in the HdrHistogram V2 interval-log format, which other
//! tools read, and which adds up over several generators without loss.
//!
//! A line is one stage, route, outcome and serving node, told by its tag; values are
//! microseconds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Route, RouteSamples, Samples, Series, StageIndex};
use crate::plan::{Schedule, Stage, Whose};
use crate::record::replace_file;

/// The folder of the logs, in that of the run.
pub const FOLDER: &str = "histograms";
/// From the intended time to the last byte.
pub const RESPONSE_TIMES: &str = "response-times.hlog";
/// From the actual send to the last byte.
pub const SERVICE_TIMES: &str = "service-times.hlog";
/// From the intended time to the actual send, of open stages; only there if one is.
pub const SEND_LAG: &str = "send-lag.hlog";

/// A histogram log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the histogram log {}", path.display())]
pub struct LogError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Writes the histograms of a run of `stages`, whose load began at `started`, to the
/// run's `folder`.
pub fn write_logs(
    samples: &Samples,
    (stages, schedule): (&[Stage], &Schedule),
    started: SystemTime,
    folder: &Path,
) -> Result<(), LogError> {
    let folder = folder.join(FOLDER);
    let place = |name: &str| folder.join(name);
    let keep = |name: &str, lines: &[Line<'_>]| {
        let failed = |source| LogError {
            path: place(name),
            source,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        let log = encode(lines, started).map_err(failed)?;
        replace_file(&place(name), &log).map_err(failed)
    };

    let time = |stage: StageIndex| match stage {
        Some(stage) => (schedule.begin_of(stage), schedule.end_of(stage)),
        None => (schedule.length(), schedule.length()),
    };
    let mut responses = Vec::new();
    let mut services = Vec::new();
    let by_stage = by_stage(samples);
    for ((stage, route), samples) in &by_stage {
        let name = stage.map_or("after the load", |stage| &stages[stage].name);
        for series in &samples.series {
            let tag = series_tag(name, &route.name(), series);
            let line = |histogram| Line {
                tag: tag.clone(),
                time: time(*stage),
                histogram,
            };
            responses.push(line(series.latency.response()));
            services.push(line(&series.latency.service));
        }
    }
    keep(RESPONSE_TIMES, &responses)?;
    keep(SERVICE_TIMES, &services)?;

    let lags: Vec<_> = samples
        .arrivals
        .iter()
        .map(|(load, arrivals)| {
            let load = &schedule.loads()[*load];
            let mut labels = vec![label("stage", &stages[load.stage].name)];
            if let Whose::Scenario(own) = load.whose {
                labels.push(label("scenario", &schedule.scenarios()[own]));
            }
            Line {
                tag: labels.join(";"),
                time: (load.begins, load.ends),
                histogram: &arrivals.send_lag,
            }
        })
        .collect();
    match lags.is_empty() {
        true => Ok(()),
        false => keep(SEND_LAG, &lags),
    }
}

/// Requests by stage and route, whichever scenario they were of.
fn by_stage(samples: &Samples) -> BTreeMap<(StageIndex, Route), RouteSamples> {
    let mut sums: BTreeMap<_, RouteSamples> = BTreeMap::new();
    for ((stage, _, route), samples) in &samples.routes {
        sums.entry((*stage, *route)).or_default().add(samples);
    }
    sums
}

struct Line<'a> {
    tag: String,
    /// Begin and end, from the begin of the load.
    time: (Duration, Duration),
    histogram: &'a Histogram<u64>,
}

fn encode(lines: &[Line<'_>], started: SystemTime) -> io::Result<Vec<u8>> {
    let mut sorted: Vec<_> = lines.iter().collect();
    // The format wants intervals in the order of time.
    sorted.sort_by_key(|line| line.time);
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("Values are microseconds. The third column is the largest, in milliseconds.")
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(1000.0)
        .begin_log_with(&mut log, &mut serializer)?;
    for line in sorted {
        let tag = Tag::new(&line.tag).expect("labels are encoded");
        let (begin, end) = line.time;
        writer
            .write_histogram(line.histogram, begin, end - begin, Some(tag))
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(log)
}

/// `stage=steady;route=GET%20/data/{key};outcome=ok;node=shop-1`; without the
/// node where nobody named one.
fn series_tag(stage: &str, route: &str, series: &Series) -> String {
    let outcome = series
        .fault
        .map_or_else(|| "ok".to_owned(), |fault| fault.to_string());
    let mut labels = vec![
        label("stage", stage),
        label("route", route),
        label("outcome", &outcome),
    ];
    labels.extend(series.node.iter().map(|node| label("node", node)));
    labels.join(";")
}

/// A tag may not have blanks or commas; the others separate labels.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b';').add(b'=').add(b'%');

fn label(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, RESERVED))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{Fault, Recorder, Sample, SentArrival};

    /// Every histogram of a log, by its tag.
    fn read(path: &Path) -> BTreeMap<String, Histogram<u64>> {
        let log = fs::read(path).expect("readable");
        let mut deserializer = Deserializer::new();
        let entries = IntervalLogIterator::new(&log).map(|entry| entry.expect("well formed"));
        let histograms = entries.filter_map(|entry| match entry {
            LogEntry::Interval(interval) => {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(interval.encoded_histogram())
                    .expect("base 64");
                let tag = interval.tag().expect("a tag").as_str().to_owned();
                Some((tag, deserializer.deserialize(&mut &bytes[..]).expect("V2")))
            }
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
        });
        histograms.collect()
    }

    fn sample(response: u64, service: u64, failed: bool) -> Sample<'static> {
        Sample {
            stage: Some(1),
            scenario: 0,
            route: Route::new("GET", "/data/{key}, twice"),
            response: Duration::from_micros(response),
            service: Duration::from_micros(service),
            arrival: Some(SentArrival {
                load: 1,
                lag: Duration::from_micros(response.saturating_sub(service)),
                queued: false,
            }),
            status: None,
            fault: failed.then_some((Fault::TimedOut, "after 10 s")),
            served_by: Some("shop-1"),
            is_cut: false,
            journey: &crate::client::NOWHERE,
            outcome: None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_read_back_is_what_was_recorded_by_any_number_of_generators(
            requests in prop::collection::vec(
                (1u64..60_000_000, 0u64..60_000_000, any::<bool>(), 0usize..3), 1..100
            )
        ) {
            let plan = crate::testing::plan("smoke");
            let folder = tempfile::tempdir().expect("a temporary folder");
            let generators = [(); 3].map(|()| Recorder::new());
            let together = Recorder::new();
            for (service, lag, failed, generator) in &requests {
                let sample = sample(service + lag, *service, *failed);
                generators[*generator].record(0, &sample);
                together.record(0, &sample);
            }
            let write = |recorder: &Recorder, name: &str| {
                let folder = folder.path().join(name);
                let stages = (&plan.stages[..], &plan.schedule());
                write_logs(&recorder.snapshot(), stages, SystemTime::now(), &folder).expect("written");
                folder.join(FOLDER)
            };
            for log in [RESPONSE_TIMES, SERVICE_TIMES] {
                let mut sum: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
                for (index, generator) in generators.iter().enumerate() {
                    for (tag, histogram) in read(&write(generator, &index.to_string()).join(log)) {
                        let empty = || Histogram::new(3).expect("3 digits");
                        *sum.entry(tag).or_insert_with(empty) += histogram;
                    }
                }
                prop_assert_eq!(&sum, &read(&write(&together, "together").join(log)));
                let count: u64 = sum.values().map(Histogram::len).sum();
                prop_assert_eq!(count, requests.len() as u64);
            }
        }
    }

    #[test]
    fn a_tag_names_stage_route_outcome_and_node_and_send_lag_has_a_log_of_its_own() {
        let plan = crate::testing::plan("smoke");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recorder = Recorder::new();
        recorder.record(0, &sample(9_000, 4_000, true));
        let stages = (&plan.stages[..], &plan.schedule());
        write_logs(
            &recorder.snapshot(),
            stages,
            SystemTime::now(),
            folder.path(),
        )
        .expect("written");
        let log = |name: &str| read(&folder.path().join(FOLDER).join(name));
        let tag = "stage=steady;route=GET%20/data/{key}%2C%20twice;\
                   outcome=no%20whole%20answer%20in%20time;node=shop-1";
        assert_eq!(log(RESPONSE_TIMES)[tag].max() / 10, 900);
        assert_eq!(log(SERVICE_TIMES)[tag].max() / 10, 400);
        assert_eq!(log(SEND_LAG)["stage=steady"].max() / 10, 500);
    }
}
