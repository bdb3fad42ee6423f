//! The demands on a server that runs already: that it is new enough, and has nothing in it that
//! a system would take for its own.

use std::str::FromStr;
use std::time::Duration;

use ::redis::{Client, ErrorKind, RedisError};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::topology::Demands;

/// The time that the server is given for all answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// The check that the server at `url` fulfils the demands. Those on one of a protocol that isn't spoken
/// here are left to whoever calls it.
///
/// # Errors
///
/// The rest of a sentence that begins with the node's name.
pub(crate) async fn fulfilled(url: &str, demands: &Demands) -> Result<(), String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    spoken(scheme.unwrap_or_default(), demands.schemes)?;
    let looked = async {
        match scheme {
            Some("redis") => of_redis(url, demands).await,
            Some("postgres" | "postgresql") if demands.empty => of_postgres(url).await,
            _ => Ok(()),
        }
    };
    let late = || format!("does not say within {PATIENCE:?} who it is: look whether it is well");
    timeout(PATIENCE, looked).await.map_err(|_| late())?
}

/// The check that a URL is of one of these schemes, if there are any. It may have a password in it,
/// and isn't repeated.
fn spoken(scheme: &str, schemes: &[&str]) -> Result<(), String> {
    match schemes {
        [usual, ..] if !schemes.contains(&scheme) => Err(format!(
            "is at a URL of {scheme}://, and only {usual}:// is spoken here: write \
             {usual}://HOST:PORT, with USER:PASSWORD@ in front of the host where it asks for them"
        )),
        _ => Ok(()),
    }
}

async fn of_redis(url: &str, demands: &Demands) -> Result<(), String> {
    let asked = async {
        let client = Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let info: String = ::redis::cmd("INFO").query_async(&mut connection).await?;
        let keys: u64 = ::redis::cmd("DBSIZE").query_async(&mut connection).await?;
        Ok((info, keys))
    };
    let (info, keys) = asked.await.map_err(|error: RedisError| refusal(&error))?;
    suits(&info, keys, demands)
}

/// The check that what a Redis server says of itself suits.
fn suits(info: &str, keys: u64, demands: &Demands) -> Result<(), String> {
    let mut lines = info.lines();
    let version = lines.find_map(|line| line.strip_prefix("redis_version:"));
    let version = version.unwrap_or("no version").trim();
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < demands.oldest) {
        let oldest = demands.oldest;
        return Err(format!(
            "is Redis {version}, and {oldest} or newer is needed: name another one"
        ));
    }
    if demands.empty && keys > 0 {
        let keys = match keys {
            1 => "a key".to_owned(),
            keys => format!("{keys} keys"),
        };
        return Err(format!(
            "has {keys}, and must be empty: name an unused database of it (redis://HOST:PORT/1), \
             or empty it (redis-cli FLUSHDB)"
        ));
    }
    Ok(())
}

fn refusal(error: &RedisError) -> String {
    let refuses =
        matches!(error.kind(), ErrorKind::AuthenticationFailed) || error.code() == Some("NOAUTH");
    match error.kind() {
        _ if refuses => "does not let us in: write user and password into its URL \
                 (redis://USER:PASSWORD@HOST:PORT)"
            .to_owned(),
        ErrorKind::InvalidClientConfig => {
            "is at no URL of Redis: write redis://HOST:PORT, with /NUMBER behind it for another of \
             its databases"
                .to_owned()
        }
        // It says so itself, in its protocol.
        _ if error.code().is_some() => {
            let reason = error.detail().unwrap_or(error.category());
            let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
            format!(
                "does not let us look at it ({reason}): correct the number of the database in its \
                 URL, or permit its user INFO and DBSIZE"
            )
        }
        _ => "does not answer as Redis does: look what runs there".to_owned(),
    }
}

/// The check that no table is there. Who isn't let in is told so by those who use it.
async fn of_postgres(url: &str) -> Result<(), String> {
    const TABLES: &str = "SELECT format('%s.%s', nspname, relname)
        FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND nspname !~ '^pg_'
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        ORDER BY 1 LIMIT 1";
    let Ok(mut config) = Config::from_str(url) else {
        return Ok(());
    };
    let Ok((client, connection)) = config.application_name("skein").connect(NoTls).await else {
        return Ok(());
    };
    let connection = tokio::spawn(connection);
    let table = client.query_opt(TABLES, &[]).await;
    connection.abort();
    match table {
        Ok(Some(row)) => {
            let table: String = row.get(0);
            Err(format!(
                "has the table {table}, and must be empty: name an unused database of it, as \
                 CREATE DATABASE makes one"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_scheme_is_refused_with_one_that_would_do() {
        let schemes = &["postgres", "postgresql"];
        assert_eq!(spoken("postgresql", schemes), Ok(()));
        assert_eq!(spoken("whatever", &[]), Ok(()));
        let said = spoken("mysql", schemes).expect_err("another");
        assert!(
            said.contains("of mysql://, and only postgres:// is"),
            "{said}"
        );
    }

    #[test]
    fn a_redis_that_is_too_old_or_in_use_is_refused() {
        let demands = Demands {
            schemes: &[],
            oldest: 4,
            empty: true,
        };
        let info =
            |version: &str| format!("# Server\r\nredis_version:{version}\r\nredis_mode:x\r\n");
        assert_eq!(suits(&info("7.0.15"), 0, &demands), Ok(()));
        for (info, keys, says) in [
            (
                info("3.2.12"),
                0,
                "is Redis 3.2.12, and 4 or newer is needed",
            ),
            (String::new(), 0, "is Redis no version"),
            (info("4.0.0"), 2, "has 2 keys, and must be empty"),
        ] {
            let said = suits(&info, keys, &demands).expect_err(says);
            assert!(said.starts_with(says), "{said}");
        }
        let in_use = Demands {
            empty: false,
            ..demands
        };
        assert_eq!(suits(&info("4.0.0"), 2, &in_use), Ok(()));
    }
}
