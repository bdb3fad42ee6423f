//! The requests that no node serves: a pure function from a head to the reason.
//!
//! hyper has parsed the head by then, and refuses by itself what isn't HTTP at all.
//! What it would let pass is refused here, with the status that RFC 9110 and 9112 name
//! and nginx gives. The reasons that only the bytes show are found by `wire`.

use http::header::{ALLOW, CONNECTION, EXPECT, HOST};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Response, StatusCode, Uri, Version};

use crate::problem::problem;

/// The reason why a request isn't served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refused {
    /// Both `Transfer-Encoding` and `Content-Length`: two readers could see two bodies.
    TwoLengths,
    /// A transfer coding other than `chunked`.
    UnknownCoding,
    /// `chunked` twice, or not as the last coding.
    NotChunkedLast,
    /// A target with a fragment, which is for browsers only.
    Fragment,
    /// A method that only a proxy for its own clients would serve, or that nobody should.
    Method,
    /// A target in no form that this method may have.
    Target,
    /// No `Host` in HTTP/1.1.
    NoHost,
    /// More than one `Host`.
    SeveralHosts,
    /// A `Host`, or an authority in the target, that is no host and port.
    InvalidHost,
    /// An expectation other than `100-continue`.
    Expectation,
}

impl Refused {
    /// The status for the client.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refused::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refused::Expectation => StatusCode::EXPECTATION_FAILED,
            Refused::TwoLengths
            | Refused::NotChunkedLast
            | Refused::Fragment
            | Refused::Target
            | Refused::NoHost
            | Refused::SeveralHosts
            | Refused::InvalidHost => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason's name in the metrics.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refused::TwoLengths => "two_lengths",
            Refused::UnknownCoding => "unknown_coding",
            Refused::NotChunkedLast => "not_chunked_last",
            Refused::Fragment => "fragment",
            Refused::Method => "method",
            Refused::Target => "target",
            Refused::NoHost => "no_host",
            Refused::SeveralHosts => "several_hosts",
            Refused::InvalidHost => "invalid_host",
            Refused::Expectation => "expectation",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Refused::TwoLengths => {
                "the head has both Transfer-Encoding and Content-Length; send one of them"
            }
            Refused::UnknownCoding => "the only transfer coding that is understood is chunked",
            Refused::NotChunkedLast => "chunked has to be the last transfer coding, and once",
            Refused::Fragment => "the target has a fragment, which must not be sent",
            Refused::Method => "this method is not for servers such as this",
            Refused::Target => "the target is neither a path nor an http URL in good order",
            Refused::NoHost => "HTTP/1.1 requires the field Host",
            Refused::SeveralHosts => "there is more than one field Host",
            Refused::InvalidHost => "the host is not a name or an address, with a port or without",
            Refused::Expectation => "the only expectation that is understood is 100-continue",
        }
    }

    /// The response for the client: its connection is closed after it.
    pub(crate) fn response<B: From<Vec<u8>>>(self) -> Response<B> {
        let problem = problem(self.status(), self.detail());
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(B::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if self == Refused::Method {
            headers.insert(
                ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"),
            );
        }
        response
    }
}

/// Judges a head that hyper has parsed.
///
/// # Errors
///
/// The first rule that it breaks.
pub(crate) fn check(head: &Parts) -> Result<(), Refused> {
    check_target(&head.method, &head.uri)?;
    check_host(head)?;
    check_expectation(head)
}

/// RFC 9112 §3.2: a path and query, an `http` URL, or `*` for `OPTIONS`.
fn check_target(method: &Method, target: &Uri) -> Result<(), Refused> {
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(Refused::Method);
    }
    let path = target.path();
    match (target.scheme(), target.authority()) {
        (None, None) if path == "*" && *method == Method::OPTIONS => return Ok(()),
        (None, None) => {}
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP => {
            check_authority(authority)?;
        }
        _ => return Err(Refused::Target),
    }
    let well_formed = path.starts_with('/')
        && is_path(path.as_bytes())
        && target
            .query()
            .is_none_or(|query| query.bytes().all(may_be_in_query));
    if well_formed {
        Ok(())
    } else {
        Err(Refused::Target)
    }
}

fn check_authority(authority: &Authority) -> Result<(), Refused> {
    if is_host_and_port(authority.as_str().as_bytes()) {
        Ok(())
    } else {
        Err(Refused::InvalidHost)
    }
}

/// RFC 9112 §3.2: one valid `Host`, which HTTP/1.0 doesn't know yet.
fn check_host(head: &Parts) -> Result<(), Refused> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(Refused::NoHost),
        (Some(host), None) if is_host_and_port(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(Refused::InvalidHost),
        (Some(_), Some(_)) => Err(Refused::SeveralHosts),
    }
}

/// RFC 9110 §10.1.1. HTTP/1.0 knows no expectations, so one is ignored there.
fn check_expectation(head: &Parts) -> Result<(), Refused> {
    let mut expected = head.headers.get_all(EXPECT).iter();
    let understood = expected.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if understood || head.version == Version::HTTP_10 {
        Ok(())
    } else {
        Err(Refused::Expectation)
    }
}

/// Paths as browsers send them, which is a little more than RFC 3986 §3.3 allows, with
/// every `%` followed by two digits. (That of a non-ASCII character is encoded.)
fn is_path(path: &[u8]) -> bool {
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'%' | b'\\' | b'"' | b'<' | b'>' | b'`', _) => return false,
            (0x21..=0x7e, after) => after,
            _ => return false,
        };
    }
    true
}

fn may_be_in_query(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'<' | b'>')
}

/// `host[:port]` of RFC 3986 §3.2, without user information and with a host in it.
fn is_host_and_port(text: &[u8]) -> bool {
    let (is_host, rest) = match text {
        [b'[', literal @ ..] => {
            let Some(end) = literal.iter().position(|b| *b == b']') else {
                return false;
            };
            let address = std::str::from_utf8(&literal[..end]).ok();
            let is_address = |address: &str| address.parse::<std::net::Ipv6Addr>().is_ok();
            (address.is_some_and(is_address), &literal[end + 1..])
        }
        name => {
            let end = name.iter().position(|b| *b == b':').unwrap_or(name.len());
            (is_name(&name[..end]), &name[end..])
        }
    };
    is_host
        && match rest {
            [] => true,
            [b':', port @ ..] => is_port(port),
            _ => false,
        }
}

fn is_name(name: &[u8]) -> bool {
    let is_allowed = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
            )
    };
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b, after) if is_allowed(*b) => after,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// A port up to 65535; nothing at all is allowed by RFC 3986 §3.2.3.
fn is_port(port: &[u8]) -> bool {
    let value = port.iter().try_fold(0_u32, |value, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(value * 10 + digit).filter(|value| *value <= u32::from(u16::MAX))
    });
    value.is_some()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn head(method: &str, target: &str, fields: &[(&str, &[u8])]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request
            .body(())
            .unwrap_or_else(|error| panic!("{target:?}: {error}"));
        request.into_parts().0
    }

    fn of_target(method: &str, target: &str) -> Result<(), Refused> {
        check(&head(method, target, &[("host", b"skein")]))
    }

    fn of_hosts(hosts: &[&[u8]]) -> Result<(), Refused> {
        let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        check(&head("GET", "/", &fields))
    }

    #[test]
    fn paths_and_http_urls_are_served() {
        for target in [
            "/",
            "/data/a%2Fb%00",
            "/data?x=1&y=%zz|[]",
            "/a;b=c/~d!$&'()*+,=:@",
            "/..",
            "//x",
            "/{a}|^",
            "http://skein/",
            "http://skein.example:81/data?x=1",
            "http://[::1]:80/x",
            "HTTP://a/",
        ] {
            assert_eq!(of_target("GET", target), Ok(()), "{target}");
        }
        assert_eq!(of_target("OPTIONS", "*"), Ok(()));
    }

    #[test]
    fn other_targets_are_refused() {
        for target in [
            "javascript:alert(1)",
            "**",
            "skein",
            "skein:80",
            "https://skein/",
            "ftp://skein/",
            "*",
            "/a\\b",
            "/%",
            "/%2",
            "/%zz",
            "/\u{e9}",
            "/?\u{e9}",
        ] {
            assert_eq!(of_target("GET", target), Err(Refused::Target), "{target}");
        }
        for target in [
            "http://u:p@skein/",
            "http://skein:x/",
            "http://skein:99999/",
        ] {
            let Ok(uri) = target.parse::<Uri>() else {
                continue;
            };
            assert_eq!(
                check_target(&Method::GET, &uri),
                Err(Refused::InvalidHost),
                "{target}"
            );
        }
        assert_eq!(of_target("CONNECT", "skein:80"), Err(Refused::Method));
        assert_eq!(of_target("TRACE", "/"), Err(Refused::Method));
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_or_without() {
        for host in [
            "skein",
            "skein.example:80",
            "127.0.0.1:5000",
            "[::1]",
            "[::1]:80",
            "a_b-c.d",
            "a:",
            "%41",
        ] {
            assert_eq!(of_hosts(&[host.as_bytes()]), Ok(()), "{host}");
        }
    }

    #[test]
    fn any_other_host_is_refused() {
        for host in [
            "", ":80", "x/y", "u@x", "u:p@x", "x y", "x:y", "x:80:80", "x:65536", "x:-1", "[::1",
            "[x]", "[::1]x", "::1", "x?", "x#", "x\\y", "x%4", "\u{e9}", "<x>",
        ] {
            assert_eq!(
                of_hosts(&[host.as_bytes()]),
                Err(Refused::InvalidHost),
                "{host:?}"
            );
        }
        assert_eq!(of_hosts(&[]), Err(Refused::NoHost));
        assert_eq!(of_hosts(&[b"a", b"a"]), Err(Refused::SeveralHosts));
        let mut old = head("GET", "/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(check(&old), Ok(()));
    }

    #[test]
    fn no_expectation_but_100_continue_is_met() {
        let of = |values: &[&str]| {
            let mut fields = vec![("host", &b"a"[..])];
            fields.extend(values.iter().map(|value| ("expect", value.as_bytes())));
            check(&head("POST", "/", &fields))
        };
        assert_eq!(of(&["100-Continue"]), Ok(()));
        for values in [
            &["200-ok"][..],
            &[""],
            &["100-continue, more"],
            &["100-continue", "x"],
        ] {
            assert_eq!(of(values), Err(Refused::Expectation), "{values:?}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_closes() {
        let response: Response<Vec<u8>> = Refused::UnknownCoding.response();
        assert_eq!(response.status(), 501);
        assert_eq!(response.headers()[CONNECTION], "close");
        let body: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(body["status"], 501);
    }

    proptest! {
        #[test]
        fn a_host_that_is_served_can_be_passed_on_as_an_authority(host in "[a-z0-9.:@/\\[\\]%_ -]{0,12}") {
            if is_host_and_port(host.as_bytes()) {
                prop_assert!(!host.contains(['@', '/', ' ']));
                prop_assert!(!host.is_empty() && !host.starts_with(':'));
            }
        }

        #[test]
        fn no_target_or_host_makes_it_fail(target in "[!-~]{1,20}", host in prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255], 0..20)) {
            if let Ok(target) = target.parse::<Uri>() {
                let _ = check_target(&Method::GET, &target);
            }
            let _ = is_host_and_port(&host);
        }
    }
}
