//! The reach of a node. A node beyond loopback is reached by strangers, so it asks for a
//! secret, or for the word that being open is meant. A node on loopback is reached by the
//! browser of whoever works on the machine, and so by every web page in it: the inner nodes,
//! which ask nobody for a token, take requests only in their own name (`Host`), and none
//! that another page sends (`Origin`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::ensure;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri, header};

use crate::problem::{Problem, problem};

/// The settings for who may reach a node.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Exposure {
    /// Listen beyond loopback although strangers may then use the node: no service but the
    /// gateway asks for a token, and a gateway may have the secret that everybody knows.
    #[arg(long, env = "SKEIN_BEYOND_LOOPBACK")]
    pub beyond_loopback: bool,

    /// Other names, beside those of loopback, by which a node on loopback may be called in
    /// Host and Origin. Gateways and the balancer take any.
    #[arg(
        long = "allow-host",
        env = "SKEIN_ALLOW_HOST",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<Authority>,
}

/// The danger of a node that asks nobody for a token.
pub(crate) const OPEN: &str = "where it would do whatever anybody asks, without a token";

/// Refuses to listen on `address` when it is beyond loopback and nobody said that this is
/// meant; `danger` is the end of the sentence that says what it would be like.
///
/// # Errors
///
/// The refusal, which names the flag.
pub(crate) fn demand_consent(
    address: IpAddr,
    exposure: &Exposure,
    danger: &str,
) -> anyhow::Result<()> {
    ensure!(
        exposure.beyond_loopback || is_loopback(address),
        "would listen on {address}, beyond loopback, {danger}; listen on 127.0.0.1, or say with \
         --beyond-loopback (SKEIN_BEYOND_LOOPBACK) that this is meant"
    );
    Ok(())
}

/// True when only this machine reaches `address`.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The names in which an inner node on loopback may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Callers(Arc<Names>);

#[derive(Debug)]
struct Names {
    /// As the other services write it, for a comparison without parsing.
    usual: String,
    port: u16,
    allowed: Vec<Authority>,
}

impl Callers {
    /// The callers of a node that listens on `address`; `None` beyond loopback, where the
    /// names of a node aren't known.
    pub(crate) fn of(address: SocketAddr, exposure: &Exposure) -> Option<Self> {
        is_loopback(address.ip()).then(|| {
            Callers(Arc::new(Names {
                usual: address.to_string(),
                port: address.port(),
                allowed: exposure.allowed_hosts.clone(),
            }))
        })
    }

    /// The answer to a request in another name, or on behalf of another web page.
    ///
    /// Requests without a Host are no browser's, and are judged where heads are.
    pub(crate) fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
        let names = &self.0;
        let is_ours = |name: &[u8]| name == names.usual.as_bytes() || names.has(name);
        let target = uri.authority().map(|target| target.as_str().as_bytes());
        let hosts = headers.get_all(header::HOST).iter();
        let mut asked = hosts.map(|host| host.as_bytes()).chain(target);
        if !asked.all(is_ours) {
            return Some(problem(
                StatusCode::FORBIDDEN,
                "this node is not called by this Host; --allow-host lets it be",
            ));
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if !origins.all(|origin| {
            let name = origin.as_bytes().strip_prefix(b"http://");
            name.is_some_and(is_ours)
        }) {
            return Some(problem(
                StatusCode::FORBIDDEN,
                "this node takes no requests of web pages from elsewhere (Origin); --allow-host \
                 lets it",
            ));
        }
        None
    }
}

impl Names {
    /// True when `name` is `HOST` or `HOST:PORT` of this node on loopback, or was allowed.
    fn has(&self, name: &[u8]) -> bool {
        let Ok(name) = Authority::try_from(name) else {
            return false;
        };
        if name.as_str().contains('@') {
            return false;
        }
        let is_allowed = |allowed: &Authority| {
            let same_port = allowed
                .port_u16()
                .is_none_or(|p| Some(p) == name.port_u16());
            same_port && allowed.host().eq_ignore_ascii_case(name.host())
        };
        // 80 is what HTTP means where no port is named.
        let is_here = name.port_u16().unwrap_or(80) == self.port && names_loopback(name.host());
        is_here || self.allowed.iter().any(is_allowed)
    }
}

/// True when a host is `localhost` or an address of loopback. Other names resolve to whatever
/// their owner wants, now here and now there.
fn names_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback)
}

/// Asks for the name before the routes that nobody observes.
pub(crate) async fn admit(
    State(callers): State<Callers>,
    request: Request,
    next: Next,
) -> Response {
    match callers.refusal(request.uri(), request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HOST, ORIGIN};
    use proptest::prelude::*;

    use super::*;

    fn refused(host: &str, origin: Option<&str>) -> Option<Problem> {
        let exposure = Exposure {
            beyond_loopback: false,
            allowed_hosts: vec!["tasks.example".parse().expect("a host")],
        };
        let address = "127.0.0.1:5005".parse().expect("an address");
        let callers = Callers::of(address, &exposure).expect("on loopback");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("header text"));
        headers.extend(origin.map(|origin| (ORIGIN, origin.parse().expect("header text"))));
        callers.refusal(&Uri::from_static("/longtask"), &headers)
    }

    #[test]
    fn a_node_on_loopback_is_asked_in_its_own_name() {
        for host in [
            "127.0.0.1:5005",
            "localhost:5005",
            "LocalHost:5005",
            "127.8.8.8:5005",
            "[::1]:5005",
            "tasks.example",
            "Tasks.Example:5005",
        ] {
            assert!(refused(host, None).is_none(), "{host}");
            assert!(
                refused(host, Some(&format!("http://{host}"))).is_none(),
                "{host}"
            );
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:5004",
            "localhost",
            "rebound.example:5005",
            "localhost.rebound.example:5005",
            "127.0.0.1.rebound.example:5005",
            "10.0.0.1:5005",
            "tasks.example.org",
            "u@localhost:5005",
            "localhost:5005/x",
            "[::1",
        ] {
            assert!(refused(host, None).is_some(), "{host} was taken");
        }
    }

    #[test]
    fn no_web_page_from_elsewhere_is_served() {
        for origin in [
            "http://page.example",
            "https://page.example",
            "null",
            "",
            "http://localhost:5006",
            "https://localhost:5005",
            "http://localhost:5005.page.example",
        ] {
            assert!(
                refused("localhost:5005", Some(origin)).is_some(),
                "{origin} was taken"
            );
        }
    }

    #[test]
    fn the_name_in_an_absolute_target_is_looked_at_too() {
        let address = "127.0.0.1:5005".parse().expect("an address");
        let callers = Callers::of(address, &Exposure::default()).expect("on loopback");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "127.0.0.1:5005".parse().expect("header text"));
        let target = Uri::from_static("http://rebound.example:5005/longtask");
        assert!(callers.refusal(&target, &headers).is_some());
    }

    #[test]
    fn beyond_loopback_consent_is_asked_for_and_names_are_not() {
        let consent = |address: &str, beyond_loopback| {
            let exposure = Exposure {
                beyond_loopback,
                ..Exposure::default()
            };
            demand_consent(address.parse().expect("an address"), &exposure, OPEN)
        };
        for address in ["127.0.0.1", "::1", "127.1.2.3", "::ffff:127.0.0.1"] {
            assert!(consent(address, false).is_ok(), "{address}");
        }
        for address in ["0.0.0.0", "::", "192.0.2.1", "fe80::1", "::ffff:192.0.2.1"] {
            let error = consent(address, false).expect_err(address).to_string();
            assert!(error.contains("--beyond-loopback"), "{error}");
            assert!(consent(address, true).is_ok(), "{address}");
        }
        let anywhere = "0.0.0.0:5005".parse().expect("an address");
        assert!(Callers::of(anywhere, &Exposure::default()).is_none());
    }

    proptest! {
        #[test]
        fn no_other_name_is_taken(host in "[a-z0-9.:@\\[\\]%_-]{0,20}") {
            let is_ours = ["localhost:5005", "[::1]:5005", "tasks.example"].contains(&host.as_str())
                || host.starts_with("127.") || host.starts_with("tasks.example:");
            if !is_ours {
                prop_assert!(refused(&host, None).is_some(), "{} was taken", host);
            }
        }
    }
}
