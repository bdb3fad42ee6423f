//! A question to a node for its counters, in the form in which it shows them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Counters, CountersError, Format, nginx, postgres, redis};
use crate::http::get;
use crate::name::NodeName;
use crate::topology::{CountersAt, Text};

/// The longest that a node may take to show its counters.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question to a node.
pub(crate) struct Question<'a> {
    pub(crate) node: &'a NodeName,
    /// The address that it listens on.
    pub(crate) address: SocketAddr,
    /// Our looks at a page that counts them as requests.
    pub(crate) looks: &'a Mutex<u64>,
    /// A text's placeholders, replaced.
    pub(crate) fill: &'a (dyn Fn(&Text) -> String + Send + Sync),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Question<'_> {
    /// The counters that the node shows at `place`.
    pub(crate) async fn ask(&self, place: &CountersAt) -> Result<Counters, CountersError> {
        match place {
            CountersAt::Page(path) => self.page(self.address, path).await,
            CountersAt::PageAt(url) => {
                let url = (self.fill)(url);
                let (address, path) = split(&url).ok_or_else(|| CountersError::Place {
                    node: self.node.clone(),
                    expected: "a URL such as http://127.0.0.1:9101/metrics",
                })?;
                self.page(address, path).await
            }
            CountersAt::Nginx(path) => self.nginx(path).await,
            CountersAt::Redis(url) => {
                let info = self.told(redis::info(&(self.fill)(url))).await?;
                self.understood(redis::read(&info))
            }
            CountersAt::Postgres(url) => self.told(postgres::ask(&(self.fill)(url))).await,
        }
    }

    async fn page(&self, address: SocketAddr, path: &str) -> Result<Counters, CountersError> {
        let page = self.get(address, path).await?;
        let says = page.headers().get(header::CONTENT_TYPE);
        let says = says.and_then(|says| says.to_str().ok());
        let format = Format::of(says.unwrap_or_default());
        self.understood(Counters::parse(page.body(), format))
    }

    /// One look after the other, so that it is known how many of them a page has counted.
    async fn nginx(&self, path: &str) -> Result<Counters, CountersError> {
        let mut looks = self.looks.lock().await;
        let page = self.get(self.address, path).await?;
        *looks += 1;
        self.understood(nginx::read(&page, *looks))
    }

    async fn get(&self, address: SocketAddr, path: &str) -> Result<Response<Bytes>, CountersError> {
        let page = get(address, path, HeaderMap::new(), PATIENCE)
            .await
            .map_err(|source| CountersError::Unreachable {
                node: self.node.clone(),
                source,
            })?;
        if page.status() != StatusCode::OK {
            return Err(CountersError::Refused {
                node: self.node.clone(),
                status: page.status(),
            });
        }
        Ok(page)
    }

    async fn told<T>(
        &self,
        answer: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, CountersError> {
        let node = self.node.clone();
        match timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|source| CountersError::Untold { node, source }),
            Err(_) => Err(CountersError::Late {
                node,
                limit: PATIENCE,
            }),
        }
    }

    fn understood(
        &self,
        read: Result<Counters, super::PageError>,
    ) -> Result<Counters, CountersError> {
        read.map_err(|source| CountersError::Malformed {
            node: self.node.clone(),
            source,
        })
    }
}

/// The address and the path of a URL.
fn split(url: &str) -> Option<(SocketAddr, &str)> {
    let rest = url.strip_prefix("http://")?;
    let path = rest.find('/')?;
    Some((rest[..path].parse().ok()?, &rest[path..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_elsewhere_has_an_address_and_a_path() {
        let address = "127.0.0.1:9101".parse().expect("an address");
        let url = "http://127.0.0.1:9101/metrics/all?x=/";
        assert_eq!(split(url), Some((address, "/metrics/all?x=/")));
        for url in [
            "127.0.0.1:9101/metrics",
            "http://127.0.0.1/",
            "http://127.0.0.1:9101",
            "",
        ] {
            assert_eq!(split(url), None, "{url}");
        }
    }
}
