//! Counters of a node, read from wherever it shows them: a page of metrics, or what a server
//! of somebody else's tells of itself in its own way, which becomes series as a page has them.
//!
//! ```text
//! question    who is asked, where, and with how much patience
//!    ↓
//! page | nginx | redis | postgres     one file for each form
//!    ↓
//! Counters    series by name and labels, whatever they were read from
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;

use crate::http::AskError;
use crate::name::NodeName;

mod nginx;
mod page;
mod postgres;
mod question;
mod redis;

use page::Kind;
pub use page::{Format, Line, PageError, lines};
pub(crate) use question::Question;

/// The counters and gauges of one node at one moment, and the counts and sums of
/// its histograms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    samples: BTreeMap<Series, Sample>,
    began_anew: bool,
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

/// The reason why a node's counters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// The node does not answer.
    #[error("could not read the counters of {node}")]
    Unreachable {
        /// The node.
        node: NodeName,
        /// What went wrong.
        #[source]
        source: AskError,
    },
    /// The node's plan names no page of counters.
    #[error("{node} shows no counters: its plan names no page of them")]
    NotShown {
        /// The node.
        node: NodeName,
    },
    /// The node answers something else.
    #[error("{node} answered {status} when asked for its counters")]
    Refused {
        /// The node.
        node: NodeName,
        /// The answer's status.
        status: StatusCode,
    },
    /// The place that the node's plan names is none.
    #[error("the place of {node}'s counters is not {expected}")]
    Place {
        /// The node.
        node: NodeName,
        /// A place of the right form.
        expected: &'static str,
    },
    /// The node doesn't tell its statistics in time.
    #[error("{node} did not tell its statistics within {limit:?}")]
    Late {
        /// The node.
        node: NodeName,
        /// The time that was waited.
        limit: Duration,
    },
    /// The node doesn't tell its statistics.
    #[error("could not ask {node} for its statistics")]
    Untold {
        /// The node.
        node: NodeName,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The node's page of metrics is malformed.
    #[error("could not understand the counters of {node}")]
    Malformed {
        /// The node.
        node: NodeName,
        /// Where the page is wrong.
        #[source]
        source: PageError,
    },
}

impl Counters {
    /// Reads a page of metrics.
    ///
    /// # Errors
    ///
    /// The first thing on the page that doesn't follow the format.
    pub fn parse(page: &[u8], format: Format) -> Result<Self, PageError> {
        let lines = lines(page, format)?.into_iter();
        Ok(Counters {
            samples: lines.filter_map(sample).collect(),
            began_anew: false,
        })
    }

    /// The program that counted and its version, such as `haproxy 2.6.12`, where a series
    /// called `…_build_info` tells them.
    pub fn build(&self) -> Option<String> {
        let mut informing = self.samples.keys();
        informing.find_map(|Series { name, labels }| {
            let program = name.strip_suffix("_build_info")?.split('_').next()?;
            let version = labels.get("version").or(labels.get("rabbitmq_version"));
            Some(match version {
                Some(version) => format!("{program} {version}"),
                None => program.to_owned(),
            })
        })
    }

    /// A number that only grows.
    fn count(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.put(name, labels, value, true);
    }

    /// A number that may fall.
    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.put(name, labels, value, false);
    }

    fn put(&mut self, name: &str, labels: &[(&str, &str)], value: f64, cumulative: bool) {
        let labels = labels
            .iter()
            .map(|(l, v)| ((*l).to_owned(), (*v).to_owned()));
        let series = Series {
            name: name.to_owned(),
            labels: labels.collect(),
        };
        self.samples.insert(series, Sample { value, cumulative });
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

    /// Every series called `name`: its labels and its value.
    pub fn series<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, f64)> {
        let called = self.called(name);
        called.map(|(series, sample)| (&series.labels, sample.value))
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
        let has_fallen = |(series, before): (&Series, &Sample)| {
            let now = self.samples.get(series).map_or(0.0, |now| now.value);
            before.cumulative && before.value > now
        };
        Counters {
            samples: self.samples.iter().map(grown).collect(),
            began_anew: earlier.samples.iter().any(has_fallen),
        }
    }

    /// True of what has grown [`since`](Counters::since) an earlier page on which there was
    /// more: a process began to count anew, and took along what it had counted before.
    pub fn began_anew(&self) -> bool {
        self.began_anew
    }

    fn called<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Series, &'a Sample)> {
        self.samples
            .iter()
            .filter(move |(series, _)| series.name == name)
    }
}

/// A number of the page as it is kept; none of a histogram's buckets, and of when something
/// was first counted.
fn sample(line: Line) -> Option<(Series, Sample)> {
    let cumulative = match (line.kind, line.suffix) {
        (_, "_bucket" | "_created") => return None,
        (Kind::Counter, _) | (Kind::Histogram | Kind::Summary, "_count" | "_sum") => true,
        (Kind::Histogram | Kind::Summary | Kind::Other, _) => false,
    };
    let series = Series {
        name: line.name,
        labels: line.labels,
    };
    let value = line.value;
    Some((series, Sample { value, cumulative }))
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
        let page = metrics.encode();
        Counters::parse(page.as_bytes(), Format::OpenMetrics).expect("a page that a node shows")
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
        let jobs = metrics.gauge("jobs", "Jobs.");
        let accepted = metrics.counter("jobs_accepted", "Jobs accepted.");
        jobs.set(5);
        accepted.inc_by(5);
        let earlier = shown(&metrics);
        jobs.set(3);
        accepted.inc_by(2);
        let since = shown(&metrics).since(&earlier);
        assert_eq!(since.get("jobs", &[]), 3.0);
        assert_eq!(since.get("jobs_accepted_total", &[]), 2.0);
        assert!(!since.began_anew());
        // A restarted node begins at zero again.
        let restarted = earlier.since(&shown(&metrics));
        assert_eq!(restarted.get("jobs_accepted_total", &[]), 5.0);
        assert!(restarted.began_anew());
        assert!(Counters::default().since(&earlier).began_anew());
    }

    /// Parts of the pages that HAProxy 2.6 and RabbitMQ 3.10 show.
    const HAPROXY: &str = r#"# HELP haproxy_process_max_zlib_memory Amount of memory
# TYPE haproxy_process_max_zlib_memory gauge
haproxy_process_max_zlib_memory NaN
# HELP haproxy_process_build_info Build info
# TYPE haproxy_process_build_info gauge
haproxy_process_build_info{version="2.6.12-1+deb12u4"} 1
# HELP haproxy_frontend_http_requests_total Total number of HTTP requests processed
# TYPE haproxy_frontend_http_requests_total counter
haproxy_frontend_http_requests_total{proxy="entry"} 10
haproxy_frontend_http_requests_total{proxy="metrics"} 2
# HELP haproxy_server_response_time_average_seconds Avg. response time
# TYPE haproxy_server_response_time_average_seconds gauge
haproxy_server_response_time_average_seconds{proxy="gateways",server="api-gateway-1"} 0.001000
# TYPE haproxy_server_http_responses_total counter
haproxy_server_http_responses_total{proxy="gateways",server="api-gateway-1",code="1xx"} 0
haproxy_server_http_responses_total{proxy="gateways",server="api-gateway-1",code="2xx"} 5
haproxy_server_http_responses_total{proxy="gateways",server="api-gateway-2",code="2xx"} 5
"#;
    const RABBITMQ: &str = r#"# TYPE erlang_mnesia_held_locks gauge
# HELP erlang_mnesia_held_locks Number of held locks.
erlang_mnesia_held_locks 0
# TYPE telemetry_scrape_duration_seconds summary
# HELP telemetry_scrape_duration_seconds Scrape duration
telemetry_scrape_duration_seconds_count{registry="default",content_type="text/plain; version=0.0.4"} 1
# TYPE rabbitmq_global_messages_delivered_total counter
# HELP rabbitmq_global_messages_delivered_total Total number of messages delivered to consumers
rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="rabbit_classic_queue"} 0
rabbitmq_global_messages_delivered_total{protocol="amqp091",queue_type="rabbit_quorum_queue"} 204
# TYPE rabbitmq_build_info untyped
# HELP rabbitmq_build_info RabbitMQ & Erlang/OTP version info
rabbitmq_build_info{rabbitmq_version="3.10.8",prometheus_plugin_version="3.10.8",erlang_version="25.2.3"} 1

"#;

    #[test]
    fn pages_of_others_are_read_and_tell_their_version() {
        let read = |page: &str| Counters::parse(page.as_bytes(), Format::Prometheus);
        let haproxy = read(HAPROXY).expect("a page");
        let requests = "haproxy_frontend_http_requests_total";
        assert_eq!(haproxy.get(requests, &[("proxy", "entry")]), 10.0);
        let responses = haproxy.by_label("haproxy_server_http_responses_total", "server");
        assert_eq!(responses["api-gateway-2"], 5.0);
        assert_eq!(haproxy.build().as_deref(), Some("haproxy 2.6.12-1+deb12u4"));
        let since = haproxy.since(&haproxy);
        assert_eq!(since.get(requests, &[]), 0.0);
        assert!(since.has("haproxy_process_build_info"));

        let rabbitmq = read(RABBITMQ).expect("a page");
        let delivered = rabbitmq.get("rabbitmq_global_messages_delivered_total", &[]);
        assert_eq!(delivered, 204.0);
        assert_eq!(rabbitmq.build().as_deref(), Some("rabbitmq 3.10.8"));
        assert_eq!(Counters::default().build(), None);
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

    proptest! {
        #[test]
        fn no_page_whatever_is_on_it_breaks_the_reader(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            lines in prop::collection::vec(
                r#"(# (TYPE|HELP|UNIT|EOF) ?)?[a-c]{0,2}(_total|_bucket|_sum|_count)?(\{(le|a)="(\\.|[^"\\])?",?\}?)? ?(counter|gauge|histogram|summary|info|NaN|[+-]Inf|1e999|-?[0-9]{0,25}(\.5)?)( # \{\} 1)?"#,
                0..12,
            ),
        ) {
            let _ = Counters::parse(&bytes, Format::OpenMetrics);
            let _ = Counters::parse(&bytes, Format::Prometheus);
            for page in [lines.join("\n"), format!("{}\n# EOF\n", lines.join("\n"))] {
                if let Ok(counters) = Counters::parse(page.as_bytes(), Format::OpenMetrics) {
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
