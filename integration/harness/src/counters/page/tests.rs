use proptest::prelude::*;

use super::*;

/// A number's name, its labels, and the number.
type Simple = (String, Vec<(String, String)>, f64);

/// What is on a page, without how it is written.
fn read(page: &str) -> Vec<Simple> {
    let lines = lines(page.as_bytes(), Format::Prometheus).expect("a page");
    let simple = |line: Line| (line.name, line.labels.into_iter().collect(), line.value);
    lines.into_iter().map(simple).collect()
}

fn refused(page: &str) -> PageError {
    lines(page.as_bytes(), Format::Prometheus).expect_err("no page")
}

fn label(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_example_of_prometheus_documentation_is_read() {
    // From "Text-based format" of the documentation of Prometheus, shortened.
    let page = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

something_weird{problem="division by zero",} +Inf -3982045

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds_count 2693
"#;
    let lines = lines(page.as_bytes(), Format::Prometheus).expect("a page");
    let kinds: Vec<_> = lines.iter().map(|line| (line.kind, line.suffix)).collect();
    assert_eq!(
        kinds,
        [
            (Kind::Counter, ""),
            (Kind::Counter, ""),
            (Kind::Other, ""),
            (Kind::Other, ""),
            (Kind::Other, ""),
            (Kind::Histogram, "_bucket"),
            (Kind::Histogram, "_sum"),
            (Kind::Histogram, "_count"),
            (Kind::Summary, ""),
            (Kind::Summary, "_count"),
        ]
    );
    let read = read(page);
    let labels = vec![label("code", "200"), label("method", "post")];
    assert_eq!(read[0], ("http_requests_total".to_owned(), labels, 1027.0));
    let error = label("error", "Cannot find file:\n\"FILE.TXT\"");
    let path = label("path", "C:\\DIR\\FILE.TXT");
    assert_eq!(read[2].1, vec![error, path]);
    assert_eq!(read[3].2, 12.47);
    assert_eq!(read[4].2, f64::INFINITY);
}

#[test]
fn examples_times_and_names_in_quotes_of_openmetrics_are_read() {
    let page = "# TYPE foo counter\n# UNIT foo seconds\n\
        foo_total 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67\n\
        foo_created 1520872607.123\n\
        # TYPE \"my.metric\" gauge\n{\"my.metric\",\"a.b\"=\"#\"} NaN\n# EOF\n";
    let lines = lines(page.as_bytes(), Format::OpenMetrics).expect("a page");
    let names: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["foo_total", "foo_created", "my.metric"]);
    assert_eq!((lines[0].kind, lines[0].suffix), (Kind::Counter, "_total"));
    assert_eq!(lines[0].value, 17.0);
    assert_eq!(lines[1].suffix, "_created");
    assert_eq!(lines[2].labels["a.b"], "#");
    assert!(lines[2].value.is_nan());
}

#[test]
fn half_a_page_is_known_for_one_when_its_end_has_to_be_marked() {
    let page = b"# TYPE foo counter\nfoo_total 17\n";
    assert!(lines(page, Format::Prometheus).is_ok());
    let error = lines(page, Format::OpenMetrics).expect_err("there is more");
    assert_eq!(error.line, 2);
    assert_eq!(refused("# EOF\nfoo_total 17\n").line, 2);
}

#[test]
fn the_first_wrong_line_is_named_with_what_is_wrong() {
    for (wrong, what) in [
        ("foo", "has no value"),
        ("foo ", "has no value"),
        ("foo{} ", "has no value that is a number"),
        ("foo one", "has no value that is a number"),
        ("foo 1 2 3", "has something behind its value"),
        ("foo 1 then", "has something behind its value"),
        ("foo 1 # what", "has something behind its value"),
        ("2foo 1", "has no name that a metric can have"),
        ("foo-bar 1", "has no name that a metric can have"),
        ("{} 1", "has no name that a metric can have"),
        ("foo{a=\"x} 1", "has a string without an end"),
        ("foo{a=\"x\\", "has a string without an end"),
        ("foo{a=\"x\" 1", "has labels that no comma parts"),
        ("foo{a=\"x\" b=\"y\"} 1", "has labels that no comma parts"),
        ("foo{a=\"x\",a=\"y\"} 1", "has the same label twice"),
        ("foo{a=x} 1", "has a label's value without quotes"),
        ("foo{a} 1", "has a label without a value"),
        ("foo{\"a\"} 1", "has a label without a value"),
        (
            "foo{=\"x\"} 1",
            "has a label without a name that a label can have",
        ),
        (
            "foo{,} 1",
            "has a label without a name that a label can have",
        ),
        ("foo{a", "has labels without an end"),
        ("# TYPE foo", "gives a type without family or name"),
    ] {
        let error = refused(&format!("good 1\n\n{wrong}\nworse\n"));
        assert_eq!((error.line, error.what), (3, what), "{wrong}");
    }
    let error = lines(b"good 1\nfoo{a=\"\xff\"} 1\n", Format::Prometheus).expect_err("no text");
    assert_eq!((error.line, error.what), (2, "is not UTF-8"));
}

#[test]
fn a_format_is_known_by_its_media_type() {
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(Format::of(open), Format::OpenMetrics);
    for other in ["text/plain; version=0.0.4", "text/plain", ""] {
        assert_eq!(Format::of(other), Format::Prometheus);
    }
}

/// How a label's value is written.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

proptest! {
    #[test]
    fn whatever_is_written_is_read(
        samples in prop::collection::vec(
            (
                "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
                prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", r#"[ -~é\n"\\{}#,=]{0,8}"#, 0..4),
                any::<f64>().prop_filter("equal to itself", |value| !value.is_nan()),
            ),
            0..6,
        ),
        time in prop::option::of(any::<i32>()),
        comma in any::<bool>(),
    ) {
        let mut page = String::new();
        for (name, labels, value) in &samples {
            let mut labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
            if comma && !labels.is_empty() {
                labels.push(String::new());
            }
            let time = time.map_or_else(String::new, |time| format!(" {time}"));
            page.push_str(&format!("{name}{{{}}} {value:e}{time}\n", labels.join(",")));
        }
        let expected: Vec<_> = samples
            .into_iter()
            .map(|(name, labels, value)| (name, labels.into_iter().collect(), value))
            .collect();
        prop_assert_eq!(read(&page), expected);
    }

    #[test]
    fn no_page_makes_it_panic(page in r#"(# (TYPE|EOF|HELP)|[a-z{}"=,\\ #\n0-9é]){0,40}"#) {
        let _ = lines(page.as_bytes(), Format::Prometheus);
        let _ = lines(page.as_bytes(), Format::OpenMetrics);
    }
}
