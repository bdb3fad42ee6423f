//! Calls from one service to another: a named upstream, a deadline, a whole body.
//!
//! This is hyper's client rather than reqwest's, because reqwest rewrites paths
//! by the URL standard: it would take the key `%2E%2E` for a step up.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt;
use tower::util::MapResponse;

use crate::answer_rules;
use crate::body::collect;
use crate::connection::Outlet;
use crate::contract::{NodeName, VERSION};
use crate::server::is_shortage;

/// A node that is called: its name, for what is reported of it, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The node's name.
    pub name: NodeName,
    /// Its host and port.
    pub authority: Authority,
}

/// A text that is no [`Upstream`].
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no upstream: write NAME=http://HOST:PORT, such as cache-1=http://127.0.0.1:5004"
)]
pub struct InvalidUpstream {
    text: String,
}

impl FromStr for Upstream {
    type Err = InvalidUpstream;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (name, url) = text.split_once('=')?;
            Some(Upstream {
                name: name.parse().ok()?,
                authority: authority_of(url)?,
            })
        };
        parse().ok_or_else(|| InvalidUpstream {
            text: text.to_owned(),
        })
    }
}

/// Host and port in `http://HOST:PORT`; nothing may follow.
pub fn authority_of(url: &str) -> Option<Authority> {
    let uri: Uri = url.parse().ok()?;
    let plain = uri.scheme() == Some(&Scheme::HTTP) && uri.path() == "/" && uri.query().is_none();
    uri.authority().filter(|_| plain).cloned()
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=http://{}", self.name, self.authority)
    }
}

/// The reason why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No whole answer within the limit.
    #[error("{upstream} did not answer within {limit:?}")]
    TimedOut {
        /// The upstream that was called.
        upstream: NodeName,
        /// The time that was waited.
        limit: Duration,
    },
    /// No connection, or it broke before the answer was whole.
    #[error("{upstream} could not be reached")]
    Unreachable {
        /// The upstream that was called.
        upstream: NodeName,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CallError {
    /// A shortage on this machine as the cause, so that the call says nothing of the
    /// upstream.
    pub fn is_shortage(&self) -> bool {
        let CallError::Unreachable { source, .. } = self else {
            return false;
        };
        let first: &(dyn Error + 'static) = &**source;
        std::iter::successors(Some(first), |&error| error.source())
            .filter_map(|error| error.downcast_ref())
            .any(is_shortage)
    }
}

/// Keeps connections to upstreams. Clones share them.
#[derive(Clone, Debug)]
pub struct Client(legacy::Client<Connector, Full<Bytes>>);

type Connector = MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> TokioIo<Outlet>>;

impl Client {
    /// The largest answer that is read.
    const MAX_ANSWER_BYTES: usize = 16 << 20;
    /// Shorter than a node's default `--head-timeout`, so that the caller is the
    /// one who closes an idle connection.
    const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

    /// A client without connections.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Self::IDLE_TIMEOUT)
            .build(connector.map_response(outlet as fn(_) -> _));
        Client(client)
    }

    /// Sends one request and reads its whole answer within `limit`.
    ///
    /// `path` is sent as it is given.
    pub async fn call(
        &self,
        upstream: &Upstream,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        limit: Duration,
    ) -> Result<Response<Bytes>, CallError> {
        let unreachable = |source| CallError::Unreachable {
            upstream: upstream.name.clone(),
            source,
        };
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(upstream.authority.clone())
            .path_and_query(
                PathAndQuery::from_str(path).map_err(|error| unreachable(error.into()))?,
            )
            .build()
            .map_err(|error| unreachable(error.into()))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;

        let exchange = async {
            let (head, body) = self
                .0
                .request(request)
                .await
                .map_err(|e| unreachable(e.into()))?
                .into_parts();
            answer_rules::check(&head).map_err(|error| unreachable(error.into()))?;
            let body = collect(body, Self::MAX_ANSWER_BYTES)
                .await
                .map_err(|error| unreachable(error.into()))?;
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(CallError::TimedOut {
                    upstream: upstream.name.clone(),
                    limit,
                })
            })
    }
}

fn outlet(stream: TokioIo<TcpStream>) -> TokioIo<Outlet> {
    TokioIo::new(Outlet::new(stream.into_inner()))
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// The database's version that an answer tells, if it does.
pub fn version_of<B>(answer: &Response<B>) -> Option<u64> {
    answer.headers().get(VERSION)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_name_and_an_address() {
        let upstream: Upstream = "cache-1=http://127.0.0.1:5004"
            .parse()
            .expect("well-formed");
        assert_eq!(upstream.name.as_str(), "cache-1");
        assert_eq!(upstream.authority, "127.0.0.1:5004");
        assert_eq!(upstream.to_string(), "cache-1=http://127.0.0.1:5004");
    }

    #[test]
    fn what_is_no_upstream_is_refused() {
        for text in [
            "",
            "cache-1",
            "cache-1=",
            "=http://h:1",
            "c=https://h:1",
            "c=http://h:1/path",
            "C=http://h:1",
        ] {
            assert!(text.parse::<Upstream>().is_err(), "{text:?} was taken");
        }
    }
}
