//! Redis as a cache: each key is a hash of the value and its version, and a small
//! script per write keeps the two in step.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};

use super::{Cache, Fill, Lookup, Value};
use crate::contract::Key;
use crate::trace::Trace;

/// Stores a value unless a later version is known. Returns whether it was stored.
const FILL: &str = r"
local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if known > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2])
if tonumber(ARGV[3]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  redis.call('PERSIST', KEYS[1])
end
return 1";

/// Replaces an older value by the mere version of the write that revokes it.
const INVALIDATE: &str = r"
local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
if known >= tonumber(ARGV[1]) then return end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// The time that the version of a revoked value is remembered: far longer than a database
/// read that began before the write can last.
const REMEMBERED: Duration = Duration::from_secs(60);

/// One Redis server.
pub(super) struct RedisCache {
    connection: ConnectionManager,
    ttl: Duration,
    fill: Script,
    invalidate: Script,
}

impl RedisCache {
    /// Connects at the first use, and again whenever the connection is lost.
    pub(super) fn new(url: &str, ttl: Duration, timeout: Duration) -> anyhow::Result<Self> {
        let client = Client::open(url).with_context(|| format!("can't use {url:?} as a cache"))?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        Ok(RedisCache {
            connection: ConnectionManager::new_lazy_with_config(client, config)
                .with_context(|| format!("can't use {url:?} as a cache"))?,
            ttl,
            fill: Script::new(FILL),
            invalidate: Script::new(INVALIDATE),
        })
    }
}

impl std::fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCache")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn look_up(&self, key: &Key, _: &Trace) -> anyhow::Result<Lookup> {
        let (version, value): (Option<u64>, Option<Vec<u8>>) = redis::cmd("HMGET")
            .arg(redis_key(key))
            .arg(&["version", "value"])
            .query_async(&mut self.connection.clone())
            .await?;
        let version = version.unwrap_or(0);
        Ok(match value {
            Some(value) => Lookup::Hit(Value {
                bytes: Bytes::from(value),
                version,
            }),
            None => Lookup::Miss { at_least: version },
        })
    }

    async fn fill(&self, key: &Key, value: &Value, _: &Trace) -> anyhow::Result<Fill> {
        let stored: bool = self
            .fill
            .key(redis_key(key))
            .arg(value.version)
            .arg(value.bytes.as_ref())
            .arg(milliseconds(self.ttl))
            .invoke_async(&mut self.connection.clone())
            .await?;
        Ok(if stored { Fill::Stored } else { Fill::Refused })
    }

    async fn invalidate(&self, key: &Key, version: Option<u64>, _: &Trace) -> anyhow::Result<()> {
        let mut connection = self.connection.clone();
        let Some(version) = version else {
            // Not DEL, which the script calls: so the server counts the two apart.
            let forget = redis::cmd("UNLINK").arg(redis_key(key)).to_owned();
            return Ok(forget.query_async(&mut connection).await?);
        };
        self.invalidate
            .key(redis_key(key))
            .arg(version)
            .arg(milliseconds(REMEMBERED))
            .invoke_async::<()>(&mut connection)
            .await?;
        Ok(())
    }
}

/// Keeps our keys apart from others on a shared server.
fn redis_key(key: &Key) -> Vec<u8> {
    [b"skein:", key.as_bytes()].concat()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
