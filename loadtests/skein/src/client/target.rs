//! The target of requests: a server's address, what all its paths begin with, and how it is
//! connected to.

use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::ServiceExt;
use tower::util::MapErr;
use url::{Host, Url};

use super::ExchangeError;
use super::lane::{Lane, Lanes};
use super::near_side::Unresolved;
use super::request::Unsendable;
use super::settings::{ConnectionSettings, Http};
use super::tls::{InvalidTls, Tls};

/// What no request line can carry as it is: whatever is neither reserved nor unreserved
/// (RFC 3986, section 2), and what would end the path as a fragment.
const NO_PART_OF_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The system's resolver, whose errors are told from those of connecting.
type Resolver = MapErr<GaiResolver, fn(io::Error) -> Unresolved>;

/// A server that speaks HTTP.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    /// The server alone, as it is connected to.
    origin: Uri,
    /// The same for the `Host` field.
    host: HeaderValue,
    connector: HttpConnector<Resolver>,
    http: Http,
    /// The users that share a connection.
    users: usize,
    /// TLS, where the URL is one of https.
    tls: Option<Tls>,
    /// The lanes of those who share some.
    lanes: Arc<Lanes>,
}

/// A text that is no [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It is no URL.
    #[error("{0}; write http://HOST:PORT or https://HOST:PORT")]
    NoUrl(#[from] url::ParseError),
    /// It is a URL of something else.
    #[error("only HTTP is spoken here; write http://HOST:PORT or https://HOST:PORT")]
    NotHttp,
    /// It names more than a server and the begin of its paths.
    #[error(
        "a user, a query or a fragment is no part of a server's address; write http://HOST:PORT, or http://HOST:PORT/PATH"
    )]
    TooMuch,
    /// It can't be encrypted as it should.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Target::new(text, &ConnectionSettings::default())
    }
}

impl Target {
    /// The server at the URL `text`, to be connected to as `settings` say.
    ///
    /// # Errors
    ///
    /// It is no server's URL, or a file of certificates isn't one.
    pub fn new(text: &str, settings: &ConnectionSettings) -> Result<Self, InvalidTarget> {
        let url = Url::parse(text)?;
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(InvalidTarget::NotHttp),
        };
        let is_named = !url.username().is_empty() || url.password().is_some();
        if is_named || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidTarget::TooMuch);
        }
        let authority: Authority = url
            .authority()
            .parse()
            .map_err(|_| InvalidTarget::NotHttp)?;
        let host =
            HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        let origin = Uri::builder()
            .scheme(scheme.clone())
            .authority(authority)
            .path_and_query("/")
            .build()
            .expect("it has all parts");
        let resolver: Resolver = GaiResolver::new().map_err(Unresolved::from);
        let mut connector = HttpConnector::new_with_resolver(resolver);
        // A request goes out at once, and doesn't wait for the answer to the last.
        connector.set_nodelay(true);
        // Encryption is seen to here.
        connector.enforce_http(false);
        let tls = match scheme == Scheme::HTTPS {
            true => Some(Tls::new(server_name(&url)?, settings)?),
            false => None,
        };
        Ok(Target {
            url,
            origin,
            host,
            connector,
            http: settings.http,
            users: settings.users.max(1),
            tls,
            lanes: Arc::default(),
        })
    }

    /// The URL as it is shown, if it is a server's.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn check(text: &str) -> Result<String, InvalidTarget> {
        // What is to be encrypted, and how, is another question.
        let plain = text
            .strip_prefix("https://")
            .map(|rest| format!("http://{rest}"));
        let target: Target = plain.as_deref().unwrap_or(text).parse()?;
        Ok(match plain {
            Some(_) => text.trim_end_matches('/').to_owned(),
            None => target.as_str().to_owned(),
        })
    }

    /// The target's URL, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The lane of the user on `seat`.
    pub(super) fn lane(&self, seat: usize) -> Arc<Lane> {
        match self.users {
            1 => Arc::new(Lane::to(self)),
            users => self.lanes.of(seat, users, self),
        }
    }

    /// The version of HTTP that is wanted.
    pub(super) fn http(&self) -> Http {
        self.http
    }

    /// TLS with the server, if it is to be encrypted.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// A connection over which nothing is spoken yet, to whichever of the server's addresses
    /// takes it first.
    pub(super) async fn open(&self) -> Result<TcpStream, ExchangeError> {
        let connector = self.connector.clone();
        let stream = connector.oneshot(self.origin.clone()).await;
        let stream = stream.map_err(|e| ExchangeError::of_connecting(e, self.address()))?;
        Ok(stream.into_inner())
    }

    /// The server's address, where it is named by that.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// What a request for `path` asks for: the target's own path, and then `path`, in
    /// which only what can't be sent as it is gets percent-encoded. Dots stay.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, Unsendable> {
        let base = self.url.path().trim_end_matches('/');
        let path = match (base, path) {
            ("", "") => "/",
            (_, path) => path,
        };
        let path = utf8_percent_encode(path, NO_PART_OF_A_PATH);
        PathAndQuery::try_from(format!("{base}{path}"))
            .map(Uri::from)
            .map_err(|_| Unsendable::Path)
    }

    /// The target's name in the `Host` field.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }
}

/// The server's name as its certificate should have it.
fn server_name(url: &Url) -> Result<ServerName<'static>, InvalidTarget> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(IpAddr::from(address).into()),
        Some(Host::Ipv6(address)) => Ok(IpAddr::from(address).into()),
        Some(Host::Domain(name)) => {
            ServerName::try_from(name.to_owned()).map_err(|_| InvalidTarget::NotHttp)
        }
        None => Err(InvalidTarget::NotHttp),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target(url: &str) -> Target {
        url.parse().expect("a target")
    }

    #[test]
    fn a_target_is_a_server_and_perhaps_what_its_paths_begin_with() {
        for (url, host, path) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "/items?a=b"),
            ("http://[::1]:8080/", "[::1]:8080", "/items?a=b"),
            ("http://localhost:80", "localhost", "/items?a=b"),
            (
                "http://Bücher.example/shop/",
                "xn--bcher-kva.example",
                "/shop/items?a=b",
            ),
        ] {
            let target = target(url);
            assert_eq!(target.host(), host);
            assert_eq!(target.uri("/items?a=b").expect("a path"), path);
        }
    }

    #[test]
    fn what_cant_be_spoken_to_is_refused_with_what_to_write() {
        for url in [
            "ftp://h",
            "h:80",
            "127.0.0.1:80",
            "http://",
            "http://u:p@h",
            "http://h/?q",
            "http://h/#f",
        ] {
            let error = url.parse::<Target>().expect_err(url);
            assert!(
                error.to_string().contains("write http://HOST:PORT"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn a_path_is_sent_as_it_is_but_for_what_a_request_line_cant_carry() {
        let target = target("http://h");
        for (path, sent) in [
            ("/a/../%2E%2E//b;c=d?e=f&g", "/a/../%2E%2E//b;c=d?e=f&g"),
            ("/a b\u{e9}\"<#>", "/a%20b%C3%A9%22%3C%23%3E"),
        ] {
            assert_eq!(target.uri(path).expect("a path"), sent);
        }
        assert_eq!(target.uri("no-slash"), Err(Unsendable::Path));
        assert_eq!(target.uri(&"/".repeat(1 << 16)), Err(Unsendable::Path));
    }

    proptest! {
        #[test]
        fn any_text_makes_a_path(text in "\\PC{0,99}") {
            let path = format!("/{text}");
            let sent = target("http://h").uri(&path).expect("a path").to_string();
            let decoded = percent_encoding::percent_decode_str(&sent).decode_utf8_lossy();
            let meant = percent_encoding::percent_decode_str(&path).decode_utf8_lossy();
            prop_assert_eq!(decoded, meant);
        }
    }
}
