//! The page of nginx's `stub_status`, which has seven numbers and no names that a page of
//! metrics would take, and the version of the server that sent it.

use bytes::Bytes;
use http::{Response, header};

use super::{Counters, PageError};

/// The lines of the page: the words before each number, and the number's name here.
const LINES: [&[(&str, &str)]; 4] = [
    &[("Active connections:", "nginx_connections_active")],
    &[("server accepts handled requests", "")],
    &[
        ("", "nginx_connections_accepted_total"),
        ("", "nginx_connections_handled_total"),
        ("", "nginx_http_requests_total"),
    ],
    &[
        ("Reading:", "nginx_connections_reading"),
        ("Writing:", "nginx_connections_writing"),
        ("Waiting:", "nginx_connections_waiting"),
    ],
];

/// The counters on a page. Since nginx counts the requests for it among all others, `looks`
/// says how many those were since it was started, this one included.
pub(super) fn read(page: &Response<Bytes>, looks: u64) -> Result<Counters, PageError> {
    let mut counters = status(page.body())?;
    counters.count("nginx_status_looks_total", &[], looks as f64);
    let server = page.headers().get(header::SERVER);
    let server = server.and_then(|server| server.to_str().ok());
    let version = server.and_then(|server| server.strip_prefix("nginx/"));
    // It may be told to keep its version for itself.
    let version = version.and_then(|version| version.split(' ').next());
    let version = version.map(|version| ("version", version));
    counters.gauge("nginx_build_info", version.as_slice(), 1.0);
    Ok(counters)
}

fn status(page: &[u8]) -> Result<Counters, PageError> {
    let text = String::from_utf8_lossy(page);
    let mut lines = text.lines();
    let mut counters = Counters::default();
    for (number, expected) in (1..).zip(LINES) {
        let wrong = |what| PageError { line: number, what };
        let mut rest = lines.next().unwrap_or_default().trim();
        for (words, name) in expected {
            let behind = rest.strip_prefix(words);
            rest = behind
                .ok_or(wrong("is none of `stub_status`"))?
                .trim_start();
            if name.is_empty() {
                continue;
            }
            let end = rest.find(' ').unwrap_or(rest.len());
            // Digits alone, and of these not more than a count can have.
            let value: u64 = rest[..end]
                .parse()
                .map_err(|_| wrong("has no number where `stub_status` has one"))?;
            match name.ends_with("_total") {
                true => counters.count(name, &[], value as f64),
                false => counters.gauge(name, &[], value as f64),
            }
            rest = rest[end..].trim_start();
        }
        if !rest.is_empty() {
            return Err(wrong("has something behind the numbers of `stub_status`"));
        }
    }
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As nginx 1.22 sends it.
    const PAGE: &str = "Active connections: 2 \nserver accepts handled requests\n 13 12 31 \n\
                        Reading: 0 Writing: 1 Waiting: 1 \n";

    fn answer(page: &str, server: &'static str) -> Response<Bytes> {
        let answer = Response::builder().header(header::SERVER, server);
        answer.body(page.to_owned().into()).expect("an answer")
    }

    #[test]
    fn every_number_has_a_name_and_our_looks_are_among_them() {
        let counters = read(&answer(PAGE, "nginx/1.22.1"), 3).expect("nginx's page");
        for (name, value) in [
            ("nginx_connections_active", 2.0),
            ("nginx_connections_accepted_total", 13.0),
            ("nginx_connections_handled_total", 12.0),
            ("nginx_http_requests_total", 31.0),
            ("nginx_connections_reading", 0.0),
            ("nginx_connections_writing", 1.0),
            ("nginx_connections_waiting", 1.0),
            ("nginx_status_looks_total", 3.0),
        ] {
            assert!(counters.has(name), "{name}");
            assert_eq!(counters.get(name, &[]), value, "{name}");
        }
        assert_eq!(counters.build().as_deref(), Some("nginx 1.22.1"));
    }

    #[test]
    fn of_two_looks_exactly_one_is_between() {
        let earlier = read(&answer(PAGE, "nginx"), 3).expect("nginx's page");
        let later = PAGE.replace(" 31 ", " 36 ");
        let later = read(&answer(&later, "nginx"), 4).expect("nginx's page");
        let since = later.since(&earlier);
        // Four requests, and the later look.
        assert_eq!(since.get("nginx_http_requests_total", &[]), 5.0);
        assert_eq!(since.get("nginx_status_looks_total", &[]), 1.0);
        assert_eq!(since.get("nginx_connections_active", &[]), 2.0);
        assert!(since.has("nginx_build_info"));
        assert_eq!(since.build().as_deref(), Some("nginx"));
    }

    #[test]
    fn another_page_is_not_taken_for_one() {
        for page in [
            "",
            "<html>404</html>",
            "Active connections: 2 \nserver accepts handled requests\n 13 12 \n",
            "Active connections: -2 \nserver accepts handled requests\n 1 1 1 \n",
            &PAGE.replace("Waiting: 1", "Waiting: 1 2"),
            &PAGE.replace("31", "3.5"),
        ] {
            assert!(read(&answer(page, "nginx"), 1).is_err(), "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_page_breaks_the_reader(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            numbers in prop::array::uniform7(any::<u64>()),
            cut in 0..120_usize,
        ) {
            let _ = status(&bytes);
            let [active, accepted, handled, requests, reading, writing, waiting] = numbers;
            let page = format!(
                "Active connections: {active} \nserver accepts handled requests\n {accepted} \
                 {handled} {requests} \nReading: {reading} Writing: {writing} Waiting: {waiting} \n"
            );
            let counters = status(page.as_bytes()).expect("a page");
            prop_assert_eq!(counters.get("nginx_http_requests_total", &[]), requests as f64);
            let _ = status(&page.as_bytes()[..cut.min(page.len())]);
        }
    }
}
