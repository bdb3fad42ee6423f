//! What a node counts, read from its `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use prometheus_scraper::borrowed::{BucketCount, LabelPair, MetricFamily, MetricValue};
use prometheus_scraper::owned::Number;
use prometheus_scraper::{Format, ParseError, TextFormat, parse_payload};
use services::client::{CallError, Client, Upstream};
use services::contract::NodeName;

/// How long a node may take to show its counters.
const PATIENCE: Duration = Duration::from_secs(10);

/// The counters and gauges of one node at one moment, and the counts and sums of
/// its histograms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    samples: BTreeMap<Series, Sample>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    value: f64,
    /// Whether it only ever grows, as all but gauges do.
    cumulative: bool,
}

/// Why a node's counters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// The node does not answer.
    #[error("could not read the counters of {node}")]
    Unreachable {
        /// The node.
        node: NodeName,
        /// What went wrong.
        #[source]
        source: CallError,
    },
    /// The node answers something else.
    #[error("{node} answered {status} when asked for its counters")]
    Refused {
        /// The node.
        node: NodeName,
        /// The answer's status.
        status: StatusCode,
    },
    /// The node's page of metrics is malformed.
    #[error("could not understand the counters of {node}")]
    Malformed {
        /// The node.
        node: NodeName,
        /// Where the page is wrong.
        #[source]
        source: ParseError,
    },
}

impl Counters {
    /// Asks `node` for its counters.
    pub(crate) async fn of(node: &Upstream) -> Result<Self, CountersError> {
        // A client of its own: a connection kept from an earlier call may lead to
        // a process that has been killed since.
        let page = Client::new()
            .call(
                node,
                Method::GET,
                "/metrics",
                HeaderMap::new(),
                Bytes::new(),
                PATIENCE,
            )
            .await
            .map_err(|source| CountersError::Unreachable {
                node: node.name.clone(),
                source,
            })?;
        if page.status() != StatusCode::OK {
            return Err(CountersError::Refused {
                node: node.name.clone(),
                status: page.status(),
            });
        }
        Counters::parse(page.body()).map_err(|source| CountersError::Malformed {
            node: node.name.clone(),
            source,
        })
    }

    /// Reads a page in the OpenMetrics text format.
    ///
    /// # Errors
    ///
    /// The first thing on the page that doesn't follow the format.
    pub fn parse(page: &[u8]) -> Result<Self, ParseError> {
        let mut samples = BTreeMap::new();
        for family in parse_payload(page, Format::Text(TextFormat::OpenMetrics)) {
            collect(&family?, &mut samples);
        }
        Ok(Counters { samples })
    }

    /// The sum over all series called `name` that carry these labels, and perhaps
    /// others; 0 where there are none, since a node doesn't show what it has not
    /// yet counted. Counters are called as they are shown, ending in `_total`.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.called(name)
            .filter(|(series, _)| {
                let carried = |(label, value): &(&str, &str)| {
                    series
                        .labels
                        .get(*label)
                        .is_some_and(|carried| carried == value)
                };
                labels.iter().all(carried)
            })
            .map(|(_, sample)| sample.value)
            .sum()
    }

    /// Whether any series is called `name`. A node shows what has no labels from its
    /// start; what has some, only once it was counted.
    pub fn has(&self, name: &str) -> bool {
        self.called(name).next().is_some()
    }

    /// The sums over all series called `name`, by the value of one label. Series
    /// without that label are left out.
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (series, sample) in self.called(name) {
            if let Some(value) = series.labels.get(label) {
                *sums.entry(value.clone()).or_default() += sample.value;
            }
        }
        sums
    }

    /// By how much everything has grown since `earlier`; gauges, which do not only
    /// grow, are as they are now. What has fallen was counted anew by a restarted
    /// node, from zero.
    pub fn since(&self, earlier: &Counters) -> Counters {
        let grown = |(series, now): (&Series, &Sample)| {
            let before = earlier.samples.get(series).map_or(0.0, |s| s.value);
            let value = if now.cumulative && before <= now.value {
                now.value - before
            } else {
                now.value
            };
            (series.clone(), Sample { value, ..*now })
        };
        Counters {
            samples: self.samples.iter().map(grown).collect(),
        }
    }

    fn called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Series, &'a Sample)> {
        self.samples
            .iter()
            .filter(move |(series, _)| series.name == name)
    }
}

/// Takes the samples out of one family of metrics.
fn collect(family: &MetricFamily<'_>, samples: &mut BTreeMap<Series, Sample>) {
    for metric in &family.metric {
        let mut keep = |suffix: &str, value: f64, cumulative: bool| {
            let series = Series {
                name: format!("{}{suffix}", family.name),
                labels: labels(&metric.label),
            };
            samples.insert(series, Sample { value, cumulative });
        };
        match &metric.value {
            MetricValue::Counter(counter) => keep("_total", counter.value.as_f64(), true),
            MetricValue::Gauge(value) | MetricValue::Untyped(value) => {
                keep("", value.as_f64(), false);
            }
            MetricValue::Histogram(histogram) => {
                keep("_count", count(&histogram.counts), true);
                let sum = histogram.sample_sum.map_or(0.0, Number::as_f64);
                keep("_sum", sum, true);
            }
            // No node shows metrics of any other type.
            _ => {}
        }
    }
}

fn count(counts: &BucketCount<'_>) -> f64 {
    match counts {
        BucketCount::Int { sample_count, .. } => sample_count.unwrap_or(0) as f64,
        BucketCount::Float { sample_count, .. } => sample_count.unwrap_or(0.0),
    }
}

fn labels(pairs: &[LabelPair<'_>]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|pair| (pair.name.to_string(), pair.value.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::EncodeLabelSet;
    use proptest::prelude::*;
    use services::metrics::Metrics;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Labels {
        route: String,
        status: u16,
    }

    fn shown(metrics: &Metrics) -> Counters {
        Counters::parse(metrics.encode().as_bytes()).expect("a page that a node shows")
    }

    #[test]
    fn samples_are_summed_over_the_labels_that_were_not_asked_for() {
        let metrics = Metrics::default();
        let requests = metrics.counters("requests", "Requests.");
        for (route, status, times) in [
            ("GET /data/{key}", 200, 5),
            ("GET /data/{key}", 404, 2),
            ("PUT /data", 200, 1),
        ] {
            let route = route.to_owned();
            requests
                .get_or_create(&Labels { route, status })
                .inc_by(times);
        }
        let counters = shown(&metrics);
        assert_eq!(counters.get("requests_total", &[]), 8.0);
        assert_eq!(
            counters.get("requests_total", &[("route", "GET /data/{key}")]),
            7.0
        );
        let both = [("status", "404"), ("route", "GET /data/{key}")];
        assert_eq!(counters.get("requests_total", &both), 2.0);
        assert_eq!(counters.get("requests_total", &[("colour", "red")]), 0.0);
        let by_status = [("200".to_owned(), 6.0), ("404".to_owned(), 2.0)];
        assert_eq!(
            counters.by_label("requests_total", "status"),
            by_status.into()
        );
    }

    #[test]
    fn what_has_no_labels_is_shown_before_it_is_counted_and_what_has_some_is_not() {
        let metrics = Metrics::default();
        let _reads = metrics.counter("database_reads", "Reads.");
        let requests = metrics.counters("requests", "Requests.");
        let shown_first = shown(&metrics);
        assert!(shown_first.has("database_reads_total"));
        assert!(!shown_first.has("requests_total"));
        let route = "GET /data".to_owned();
        requests.get_or_create(&Labels { route, status: 200 }).inc();
        assert!(shown(&metrics).has("requests_total"));
    }

    #[test]
    fn counters_grow_and_gauges_stand() {
        let metrics = Metrics::default();
        let tasks = metrics.gauge("tasks", "Tasks.");
        let accepted = metrics.counter("tasks_accepted", "Tasks accepted.");
        tasks.set(5);
        accepted.inc_by(5);
        let earlier = shown(&metrics);
        tasks.set(3);
        accepted.inc_by(2);
        let since = shown(&metrics).since(&earlier);
        assert_eq!(since.get("tasks", &[]), 3.0);
        assert_eq!(since.get("tasks_accepted_total", &[]), 2.0);
        // A restarted node begins at zero again.
        assert_eq!(
            earlier
                .since(&shown(&metrics))
                .get("tasks_accepted_total", &[]),
            5.0
        );
    }

    #[test]
    fn histograms_are_counted_and_summed() {
        use prometheus_client::metrics::histogram::Histogram;
        let metrics = Metrics::default();
        let histogram = metrics.register(
            "request_duration_seconds",
            "Durations.",
            Histogram::new([1.0, 2.0]),
        );
        histogram.observe(0.5);
        histogram.observe(4.0);
        let counters = shown(&metrics);
        assert_eq!(counters.get("request_duration_seconds_count", &[]), 2.0);
        assert_eq!(counters.get("request_duration_seconds_sum", &[]), 4.5);
    }

    #[test]
    fn a_malformed_page_is_refused() {
        assert!(
            Counters::parse(b"# TYPE requests counter\nrequests_total{route=\"x} 1\n").is_err()
        );
    }

    proptest! {
        #[test]
        fn no_page_whatever_is_on_it_breaks_the_reader(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            lines in prop::collection::vec(
                r#"(# (TYPE|HELP|UNIT|EOF) ?)?[a-c]{0,2}(_total|_bucket|_sum|_count)?(\{(le|a)="(\\.|[^"\\])?",?\}?)? ?(counter|gauge|histogram|summary|info|NaN|[+-]Inf|1e999|-?[0-9]{0,25}(\.5)?)( # \{\} 1)?"#,
                0..12,
            ),
        ) {
            let _ = Counters::parse(&bytes);
            for page in [lines.join("\n"), format!("{}\n# EOF\n", lines.join("\n"))] {
                if let Ok(counters) = Counters::parse(page.as_bytes()) {
                    let _ = counters.since(&counters).get("a_total", &[]);
                }
            }
        }

        #[test]
        fn any_label_value_is_read_as_it_was_counted(
            route in r#"[a-z{},="\\\n /é]{0,20}"#,
            times in 1_u64..1_000_000_000,
        ) {
            let metrics = Metrics::default();
            let requests = metrics.counters("requests", "Requests.");
            requests.get_or_create(&Labels { route: route.clone(), status: 200 }).inc_by(times);
            let counted = shown(&metrics).get("requests_total", &[("route", &route), ("status", "200")]);
            prop_assert_eq!(counted, times as f64);
        }
    }
}
