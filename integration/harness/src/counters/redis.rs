//! The answer of a Redis server to `INFO`: lines of `name:value`, where the value of a command
//! is a list of its own.

use ::redis::Client;

use super::{Counters, PageError};

/// Numbers that the answer has by themselves: the server's name for each, and ours, which is
/// that of the exporter that most people know.
const NUMBERS: [(&str, &str); 8] = [
    ("connected_clients", "redis_connected_clients"),
    ("used_memory", "redis_memory_used_bytes"),
    (
        "total_connections_received",
        "redis_connections_received_total",
    ),
    ("rejected_connections", "redis_rejected_connections_total"),
    ("expired_keys", "redis_expired_keys_total"),
    ("evicted_keys", "redis_evicted_keys_total"),
    ("keyspace_hits", "redis_keyspace_hits_total"),
    ("keyspace_misses", "redis_keyspace_misses_total"),
];

/// Numbers that the answer has for each command.
const OF_COMMANDS: [(&str, &str); 3] = [
    ("calls", "redis_commands_total"),
    ("failed_calls", "redis_commands_failed_calls_total"),
    ("rejected_calls", "redis_commands_rejected_calls_total"),
];

/// The answer of the server at `url`, with the statistics of commands.
pub(super) async fn info(url: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let client = Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let all = ::redis::cmd("INFO").arg("all").to_owned();
    Ok(all.query_async(&mut connection).await?)
}

/// The counters in an answer. Calls of a command are those by clients and by scripts; among
/// them are failed ones, and not those that were rejected before they began.
pub(super) fn read(info: &str) -> Result<Counters, PageError> {
    let mut counters = Counters::default();
    for (line, text) in (1..).zip(info.lines()) {
        let wrong = |what| PageError { line, what };
        let Some((name, value)) = text.split_once(':') else {
            continue;
        };
        let value = value.trim_end();
        if name == "redis_version" {
            counters.gauge("redis_build_info", &[("version", value)], 1.0);
        } else if let Some(command) = name.strip_prefix("cmdstat_") {
            let numbers: Option<Vec<(&str, f64)>> = value.split(',').map(number).collect();
            let numbers = numbers.ok_or(wrong("has no numbers of a command"))?;
            for (theirs, ours) in OF_COMMANDS {
                // Older servers have no failed calls, and count them all the same.
                if let Some((_, value)) = numbers.iter().find(|(name, _)| *name == theirs) {
                    counters.count(ours, &[("cmd", command)], *value);
                }
            }
        } else if let Some((_, ours)) = NUMBERS.iter().find(|(theirs, _)| *theirs == name) {
            let value = value.parse().map_err(|_| wrong("has no number"))?;
            match ours.ends_with("_total") {
                true => counters.count(ours, &[], value),
                false => counters.gauge(ours, &[], value),
            }
        }
    }
    match counters.has("redis_build_info") {
        true => Ok(counters),
        false => Err(PageError {
            line: info.lines().count(),
            what: "is the last, and none has the server's version",
        }),
    }
}

/// `name=number`.
fn number(text: &str) -> Option<(&str, f64)> {
    let (name, number) = text.split_once('=')?;
    Some((name, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A part of what Redis 7.0 sends.
    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\n\
        os:Linux 6.18 x86_64\r\n\r\n# Clients\r\nconnected_clients:2\r\n\r\n# Memory\r\n\
        used_memory:916912\r\nused_memory_human:895.42K\r\n\r\n# Stats\r\n\
        total_connections_received:4\r\nexpired_keys:1\r\nevicted_keys:0\r\nkeyspace_hits:6\r\n\
        keyspace_misses:3\r\n\r\n# Commandstats\r\n\
        cmdstat_hmget:calls=3,usec=15,usec_per_call=5.00,rejected_calls=0,failed_calls=1\r\n\
        cmdstat_script|load:calls=2,usec=125,usec_per_call=62.50,rejected_calls=0,failed_calls=0\r\n\
        cmdstat_evalsha:calls=7,usec=353,usec_per_call=50.43,rejected_calls=2,failed_calls=1\r\n\r\n\
        # Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=1000\r\n";

    #[test]
    fn commands_are_counted_by_their_name() {
        let counters = read(INFO).expect("an answer");
        for (name, command, value) in [
            ("redis_commands_total", "hmget", 3.0),
            ("redis_commands_total", "script|load", 2.0),
            ("redis_commands_total", "evalsha", 7.0),
            ("redis_commands_failed_calls_total", "evalsha", 1.0),
            ("redis_commands_rejected_calls_total", "evalsha", 2.0),
            ("redis_commands_total", "del", 0.0),
        ] {
            assert_eq!(
                counters.get(name, &[("cmd", command)]),
                value,
                "{name} {command}"
            );
        }
        for (name, value) in [
            ("redis_keyspace_hits_total", 6.0),
            ("redis_keyspace_misses_total", 3.0),
            ("redis_expired_keys_total", 1.0),
            ("redis_connected_clients", 2.0),
            ("redis_memory_used_bytes", 916_912.0),
        ] {
            assert!(counters.has(name), "{name}");
            assert_eq!(counters.get(name, &[]), value, "{name}");
        }
        assert_eq!(counters.build().as_deref(), Some("redis 7.0.15"));
    }

    #[test]
    fn what_is_no_answer_of_redis_is_refused() {
        for info in [
            "",
            "PONG",
            "redis_version:7\r\nkeyspace_hits:many",
            "redis_version:7\r\ncmdstat_get:calls",
        ] {
            assert!(read(info).is_err(), "{info}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(
            lines in prop::collection::vec(
                "(redis_version|keyspace_hits|cmdstat_[a-z|:]{0,3}|[a-z_]{0,5})(:(calls=|[a-z]*=)?-?[0-9.]{0,20}(,[a-z]{0,2}=1)?)?",
                0..12,
            ),
            any in any::<String>(),
        ) {
            let _ = read(&lines.join("\r\n"));
            let _ = read(&any);
        }
    }
}
