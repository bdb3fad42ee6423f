//! The changes of a proxy to a message's head: it takes off the fields that are for one
//! connection only, and says whom it speaks for.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Version};

use crate::contract::NodeName;
use crate::trace;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Prepares a request's head for a gateway.
///
/// `X-Forwarded-For` is appended to, so only its last entry can be trusted;
/// `-Host` and `-Proto` are replaced, so all of them can.
pub(super) fn prepare_request(head: &mut Parts, forwarded_for: &HeaderValue, via: &Via) {
    /// The most fields that are added.
    const ADDED: usize = 5;

    settle_target(head);
    remove_hop_by_hop(&mut head.headers);

    let headers = &mut head.headers;
    // The map grows once, and not at every other field.
    headers.reserve(ADDED);
    headers.append(VIA, via.value_for(head.version).clone());
    let forwarded_for = match list_of(headers, &X_FORWARDED_FOR) {
        Some(list) => appended(&list, forwarded_for),
        None => forwarded_for.clone(),
    };
    headers.insert(X_FORWARDED_FOR, forwarded_for);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    match headers.get(HOST).cloned() {
        Some(host) => headers.insert(X_FORWARDED_HOST, host),
        None => {
            // HTTP/1.0 knows no hosts, and the request that goes on needs one.
            if head.version == Version::HTTP_10 {
                headers.insert(HOST, via.pseudonym.clone());
            }
            headers.remove(X_FORWARDED_HOST)
        }
    };
    trace::continue_or_begin(headers);
    // A connection to a gateway speaks HTTP/1.1, whatever the client speaks.
    head.version = Version::HTTP_11;
}

/// Removes the fields that are meant for the next hop only (RFC 9110 §7.6.1), and
/// those that `Connection` names. A client can't have `Host` or the body's length
/// removed that way, since those are meant for everybody.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Most heads have none of them, and a look at all names is faster than asking for each.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|octet| *octet == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// The balancer's signature under requests that it passes on (RFC 9110 §7.6.3).
#[derive(Clone, Debug)]
pub(super) struct Via {
    http_10: HeaderValue,
    http_11: HeaderValue,
    pseudonym: HeaderValue,
}

impl Via {
    pub(super) fn new(name: &NodeName) -> Self {
        let signed = |version| {
            HeaderValue::try_from(format!("{version} {name}")).expect("a node name is header text")
        };
        Via {
            http_10: signed("1.0"),
            http_11: signed("1.1"),
            pseudonym: HeaderValue::try_from(name.as_str()).expect("a node name is header text"),
        }
    }

    fn value_for(&self, version: Version) -> &HeaderValue {
        if version == Version::HTTP_10 {
            &self.http_10
        } else {
            &self.http_11
        }
    }
}

/// A client's address as `X-Forwarded-For` shows it.
pub(super) fn address_value(address: IpAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_canonical().to_string()).expect("an address is header text")
}

/// Brings the target into the form for an origin server: a target in absolute form
/// gives its authority to `Host` (RFC 9112 §3.2.2).
fn settle_target(head: &mut Parts) {
    let Some(authority) = head.uri.authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
        head.headers.insert(HOST, host);
    }
    // Of `http://host?query` too, the path is `/` (RFC 9110 §4.2.3).
    let path = head.uri.path_and_query().cloned();
    let target = path.filter(|path| path.as_str().starts_with('/'));
    let target = target.or_else(|| format!("/?{}", head.uri.query()?).parse().ok());
    head.uri = Uri::from(target.unwrap_or(PathAndQuery::from_static("/")));
}

/// All values of a list field as one text, or `None` when there is none.
fn list_of(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut list = values.next()?.to_vec();
    for value in values {
        list.extend_from_slice(b", ");
        list.extend_from_slice(value);
    }
    Some(list)
}

fn appended(list: &[u8], last: &HeaderValue) -> HeaderValue {
    let joined = [list, b", ", last.as_bytes()].concat();
    HeaderValue::from_bytes(&joined).expect("header values joined by a comma are one")
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn prepared(request: Request<()>) -> Parts {
        let (mut head, ()) = request.into_parts();
        let client = address_value([203, 0, 113, 7].into());
        let via = Via::new(&"load-balancer".parse().expect("a name"));
        prepare_request(&mut head, &client, &via);
        head
    }

    #[test]
    fn fields_for_one_hop_are_removed_with_those_that_connection_names() {
        let request = Request::get("/data")
            .header("connection", "close, X-Private")
            .header("connection", "x-other")
            .header("connection", "\u{e4}, x-beside-other-text")
            .header("x-beside-other-text", "1")
            .header("x-private", "1")
            .header("x-other", "2")
            .header("keep-alive", "timeout=5")
            .header("proxy-connection", "keep-alive")
            .header("te", "trailers")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "websocket")
            .header("x-kept", "3")
            .body(())
            .expect("well-formed");
        let head = prepared(request);
        let mut left: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "traceparent",
                "via",
                "x-forwarded-for",
                "x-forwarded-proto",
                "x-kept"
            ]
        );
    }

    #[test]
    fn the_client_is_named_last_and_earlier_claims_are_kept_before_it() {
        let request = Request::get("/data")
            .header("host", "skein.example")
            .header("x-forwarded-for", "10.0.0.1")
            .header("x-forwarded-for", "10.0.0.2")
            .header("x-forwarded-host", "liar.example")
            .header("x-forwarded-proto", "https")
            .header("via", "1.1 edge")
            .body(())
            .expect("well-formed");
        let head = prepared(request);
        assert_eq!(
            head.headers["x-forwarded-for"],
            "10.0.0.1, 10.0.0.2, 203.0.113.7"
        );
        assert_eq!(head.headers["x-forwarded-host"], "skein.example");
        assert_eq!(head.headers["x-forwarded-proto"], "http");
        let via: Vec<_> = head.headers.get_all("via").iter().collect();
        assert_eq!(via, ["1.1 edge", "1.1 load-balancer"]);
    }

    #[test]
    fn an_old_client_is_announced_as_such_and_spoken_for_in_http_11() {
        let request = Request::get("/")
            .version(Version::HTTP_10)
            .body(())
            .expect("well-formed");
        let head = prepared(request);
        assert_eq!(head.headers["via"], "1.0 load-balancer");
        assert_eq!(head.headers["host"], "load-balancer");
        assert!(!head.headers.contains_key("x-forwarded-host"));
        assert_eq!(head.version, Version::HTTP_11);
    }

    #[test]
    fn a_target_in_absolute_form_gives_its_authority_to_host() {
        let request = Request::get("http://skein.example:81/data?x=1")
            .header("host", "other.example")
            .body(())
            .expect("well-formed");
        let head = prepared(request);
        assert_eq!(head.uri, "/data?x=1");
        assert_eq!(head.headers["host"], "skein.example:81");
        let request = Request::get("http://skein.example?x=1").body(());
        let head = prepared(request.expect("well-formed"));
        assert_eq!(head.uri.to_string(), "/?x=1");
    }

    #[test]
    fn connection_can_not_name_what_everybody_needs() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "connection",
            "host, content-length".parse().expect("header text"),
        );
        headers.insert("host", "skein.example".parse().expect("header text"));
        headers.insert("content-length", "3".parse().expect("header text"));
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 2);
    }

    proptest! {
        #[test]
        fn no_head_makes_it_fail_and_none_keeps_a_hop_by_hop_field(
            fields in prop::collection::vec(
                (
                    prop_oneof![
                        Just("connection".to_owned()), Just("te".to_owned()), Just("via".to_owned()),
                        Just("x-forwarded-for".to_owned()), Just("upgrade".to_owned()), "[a-z][a-z-]{0,12}",
                    ],
                    prop::collection::vec(prop_oneof![32_u8..=126, 128_u8..=255, Just(b'\t')], 0..40),
                ),
                0..12,
            ),
        ) {
            let mut request = Request::get("/data").body(()).expect("well-formed");
            for (name, value) in &fields {
                let name: HeaderName = name.parse().expect("a field name");
                request.headers_mut().append(name, HeaderValue::from_bytes(value).expect("field content"));
            }
            let head = prepared(request);
            for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
                prop_assert!(!head.headers.contains_key(&name), "{name} is left");
            }
            let last = head.headers[X_FORWARDED_FOR].as_bytes();
            prop_assert!(last.ends_with(b"203.0.113.7"));
        }
    }
}
