//! Message of remote write, version 1.0: series with their samples as a protocol buffer
//! (`prometheus.WriteRequest`), compressed as one block of Snappy.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::counters::Line;
use jiff::Timestamp;
use prost::Message;

/// Samples of many series. Its `metadata` (field 3) is left out: receivers may pass over it.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    /// In the order of their names, `__name__` among them.
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    /// In the order of their times.
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// In milliseconds since 1970.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The value that says that a series ends: one of the numbers that aren't any, which Prometheus
/// tells from the others by its bits.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// The place of a look among the others: the series end with the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Amid,
    Last,
}

/// A message of what a page has, as it was `at`, with labels by which it is found again.
pub(super) fn of_page(
    page: Vec<Line>,
    labels: &BTreeMap<String, String>,
    at: Timestamp,
    place: Place,
) -> Vec<u8> {
    let series = page.into_iter().map(|line| series(line, labels, at, place));
    compressed(&WriteRequest {
        timeseries: series.collect(),
    })
}

/// A message without anything, which whoever takes messages takes.
pub(super) fn empty() -> Vec<u8> {
    compressed(&WriteRequest::default())
}

fn series(
    line: Line,
    further: &BTreeMap<String, String>,
    at: Timestamp,
    place: Place,
) -> TimeSeries {
    let mut labels = further.clone();
    labels.extend(line.labels);
    labels.insert("__name__".to_owned(), line.name);
    let labels = labels
        .into_iter()
        // To Prometheus, a label that is empty isn't there.
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| Label { name, value });
    let sample = |value, at: Timestamp| Sample {
        value,
        timestamp: at.as_millisecond(),
    };
    let mut samples = vec![sample(line.value, at)];
    if place == Place::Last {
        let later = crate::wall::later(at, Duration::from_millis(1));
        samples.push(sample(f64::from_bits(STALE), later));
    }
    TimeSeries {
        labels: labels.collect(),
        samples,
    }
}

fn compressed(request: &WriteRequest) -> Vec<u8> {
    snap::raw::Encoder::new()
        .compress_vec(&request.encode_to_vec())
        .expect("a page of figures is shorter than 4 GiB")
}

#[cfg(test)]
mod tests {
    use harness::counters::{Format, lines};
    use proptest::prelude::*;

    use super::*;

    fn read(message: &[u8]) -> Vec<TimeSeries> {
        let bytes = snap::raw::Decoder::new()
            .decompress_vec(message)
            .expect("Snappy");
        let request = WriteRequest::decode(bytes.as_slice()).expect("a write request");
        request.timeseries
    }

    fn at() -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_123).expect("within range")
    }

    fn labels_of(series: &TimeSeries) -> Vec<(&str, &str)> {
        let labels = series.labels.iter();
        labels
            .map(|label| (label.name.as_str(), label.value.as_str()))
            .collect()
    }

    #[test]
    fn what_stands_on_the_page_is_sent_with_its_name_labels_value_and_time() {
        let page = b"# TYPE skein_users gauge\n\
                     skein_users 7\n\
                     # TYPE skein_requests counter\n\
                     skein_requests_total{stage=\"steady\",outcome=\"ok\",Zone=\"\"} 41\n\
                     # EOF\n";
        let page = lines(page, Format::OpenMetrics).expect("a page");
        let further = BTreeMap::from([("run".to_owned(), "7-smoke".to_owned())]);
        let series = read(&of_page(page, &further, at(), Place::Amid));
        let [users, requests] = &series[..] else {
            panic!("{series:?}");
        };
        assert_eq!(
            labels_of(users),
            [("__name__", "skein_users"), ("run", "7-smoke")]
        );
        assert_eq!(
            labels_of(requests),
            [
                ("__name__", "skein_requests_total"),
                ("outcome", "ok"),
                ("run", "7-smoke"),
                ("stage", "steady"),
            ]
        );
        let [sample] = &requests.samples[..] else {
            panic!("{requests:?}");
        };
        assert_eq!((sample.value, sample.timestamp), (41.0, 1_800_000_000_123));
    }

    #[test]
    fn series_end_with_the_last_look() {
        let page = lines(b"a 1\n# EOF\n", Format::OpenMetrics).expect("a page");
        let series = read(&of_page(page, &BTreeMap::new(), at(), Place::Last));
        let [value, end] = &series[0].samples[..] else {
            panic!("{series:?}");
        };
        assert_eq!(value.value, 1.0);
        assert_eq!(end.value.to_bits(), STALE);
        assert!(end.timestamp > value.timestamp);
    }

    #[test]
    fn an_empty_message_has_no_series() {
        assert_eq!(read(&empty()), []);
    }

    proptest! {
        #[test]
        fn labels_are_in_the_order_of_their_names_and_none_is_there_twice(
            own in prop::collection::btree_map("[A-Za-z_][a-z]{0,3}", "[a-z]{0,2}", 0..6),
            further in prop::collection::btree_map("[A-Za-z_][a-z]{0,3}", "[a-z]{1,2}", 0..4),
        ) {
            let written: Vec<String> = own.iter().map(|(l, v)| format!("{l}=\"{v}\"")).collect();
            let page = format!("a{{{}}} 1\n# EOF\n", written.join(","));
            let page = lines(page.as_bytes(), Format::OpenMetrics).expect("a page");
            let series = read(&of_page(page, &further, at(), Place::Amid));
            let labels = labels_of(&series[0]);
            prop_assert!(labels.is_sorted_by(|(before, _), (after, _)| before < after));
            for (name, value) in &own {
                prop_assert_eq!(labels.contains(&(name, value)), !value.is_empty());
            }
        }
    }
}
