//! This project's cache service, as the gateway calls it.

use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::{Cache, Fill, Lookup, Value};
use crate::client::{Client, Upstream, version_of};
use crate::contract::{Key, VERSION};
use crate::trace::Trace;

/// One node of the cache service.
#[derive(Debug)]
pub(super) struct SkeinCache {
    client: Client,
    upstream: Upstream,
    timeout: Duration,
}

impl SkeinCache {
    pub(super) fn new(client: &Client, upstream: Upstream, timeout: Duration) -> Self {
        SkeinCache {
            client: client.clone(),
            upstream,
            timeout,
        }
    }

    async fn call(
        &self,
        method: Method,
        key: &Key,
        version: Option<u64>,
        body: Bytes,
        trace: &Trace,
    ) -> anyhow::Result<Response<Bytes>> {
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            headers.insert(VERSION, HeaderValue::from(version));
        }
        trace.insert_into(&mut headers);
        let path = format!("/cache/{}", key.to_path_segment());
        Ok(self
            .client
            .call(&self.upstream, method, &path, headers, body, self.timeout)
            .await?)
    }
}

#[async_trait]
impl Cache for SkeinCache {
    async fn look_up(&self, key: &Key, trace: &Trace) -> anyhow::Result<Lookup> {
        let answer = self
            .call(Method::GET, key, None, Bytes::new(), trace)
            .await?;
        let version = version_of(&answer);
        match answer.status() {
            StatusCode::OK => {
                let version = version.context("a value without a version")?;
                Ok(Lookup::Hit(Value {
                    bytes: answer.into_body(),
                    version,
                }))
            }
            StatusCode::NOT_FOUND => Ok(Lookup::Miss {
                at_least: version.unwrap_or(0),
            }),
            status => bail!("unexpected status {status}"),
        }
    }

    async fn fill(&self, key: &Key, value: &Value, trace: &Trace) -> anyhow::Result<Fill> {
        let (version, body) = (Some(value.version), value.bytes.clone());
        match self
            .call(Method::PUT, key, version, body, trace)
            .await?
            .status()
        {
            StatusCode::NO_CONTENT => Ok(Fill::Stored),
            StatusCode::CONFLICT => Ok(Fill::Refused),
            StatusCode::PAYLOAD_TOO_LARGE => Ok(Fill::TooLarge),
            status => bail!("unexpected status {status}"),
        }
    }

    async fn invalidate(
        &self,
        key: &Key,
        version: Option<u64>,
        trace: &Trace,
    ) -> anyhow::Result<()> {
        match self
            .call(Method::DELETE, key, version, Bytes::new(), trace)
            .await?
            .status()
        {
            StatusCode::NO_CONTENT => Ok(()),
            status => bail!("unexpected status {status}"),
        }
    }
}
