//! The first words of a broker, by which one knows what it is before anything is said to
//! it; the client's library keeps them to itself.

use std::fmt;
use std::io;
use std::time::Duration;

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::protocol::{AMQPClass, connection};
use lapin::types::AMQPValue;
use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::BrokerError;

/// A broker's product and version, as it says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    product: String,
    version: String,
}

/// A version's first two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The first version whose quorum queues pass dead letters on at least once.
pub(super) const OLDEST: Version = Version(3, 10);

/// The reason why there is no greeting, or not a sufficient one.
#[derive(Debug)]
pub(super) enum GreetingError {
    Unreachable(io::Error),
    Silent,
    NotAmqp,
    Old(String),
}

impl GreetingError {
    pub(super) fn at(self, place: &str) -> BrokerError {
        let place = place.to_owned();
        match self {
            GreetingError::Unreachable(source) => BrokerError::Unreachable { place, source },
            GreetingError::Silent => BrokerError::Silent { place },
            GreetingError::NotAmqp => BrokerError::NotAmqp { place },
            GreetingError::Old(found) => BrokerError::Old { place, found },
        }
    }
}

/// Asks the broker at `uri` who it is.
pub(super) async fn of(uri: &AMQPUri, limit: Duration) -> Result<Greeting, GreetingError> {
    let address = (uri.authority.host.as_str(), uri.authority.port);
    let greeting = async {
        let mut stream = TcpStream::connect(address)
            .await
            .map_err(GreetingError::Unreachable)?;
        // The protocol and its version, after which the broker introduces itself.
        let wrote = stream.write_all(b"AMQP\0\0\x09\x01").await;
        wrote.map_err(GreetingError::Unreachable)?;
        read(&mut stream).await
    };
    timeout(limit, greeting)
        .await
        .map_err(|_| GreetingError::Silent)?
}

async fn read(stream: &mut TcpStream) -> Result<Greeting, GreetingError> {
    /// Longer than any greeting.
    const LONGEST: usize = 64 << 10;
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await;
        let ended = !matches!(read, Ok(1..));
        if let Some(greeting) = understand(&bytes) {
            return Ok(greeting);
        }
        if ended || bytes.len() > LONGEST || bytes.first() != Some(&1) {
            return Err(GreetingError::NotAmqp);
        }
    }
}

/// The greeting, if the bytes are all of one.
fn understand(bytes: &[u8]) -> Option<Greeting> {
    let (_, frame) = parse_frame(bytes).ok()?;
    let AMQPFrame::Method(
        0,
        AMQPClass::Connection(connection::AMQPMethod::Start(connection::Start {
            server_properties,
            ..
        })),
    ) = frame
    else {
        return None;
    };
    let property = |wanted: &str| {
        let mut properties = server_properties.inner().iter();
        properties.find_map(|(name, value)| match value {
            AMQPValue::LongString(text) if name.as_str() == wanted => Some(text.to_string()),
            _ => None,
        })
    };
    Some(Greeting {
        product: property("product").unwrap_or_else(|| "a broker".to_owned()),
        version: property("version").unwrap_or_default(),
    })
}

impl Greeting {
    /// True when the broker is new enough. One that isn't RabbitMQ has versions of its own,
    /// and shows at the queues whether it can do what we need.
    pub(super) fn suffices(&self) -> Result<(), GreetingError> {
        let version = version(&self.version);
        if self.product == "RabbitMQ" && version.is_some_and(|version| version < OLDEST) {
            return Err(GreetingError::Old(format!(
                "{} {}",
                self.product, self.version
            )));
        }
        Ok(())
    }
}

/// The first two numbers of a version such as `3.10.8` or `4.0.0-rc.1`.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '-', '+']).map(str::parse);
    Some(Version(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(product: &str, version: &str) -> Greeting {
        Greeting {
            product: product.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn an_old_broker_is_refused_and_an_unknown_one_tried() {
        for version in [
            "3.10.0",
            "3.10.8",
            "3.13.7",
            "4.0.0-rc.1",
            "10.0",
            "",
            "new",
        ] {
            assert!(of("RabbitMQ", version).suffices().is_ok(), "{version}");
        }
        for version in ["3.9.29", "3.8.2", "2.10", "3.9-alpha"] {
            assert!(of("RabbitMQ", version).suffices().is_err(), "{version}");
        }
        assert!(of("LavinMQ", "2.1.0").suffices().is_ok());
    }

    #[test]
    fn what_is_no_greeting_is_not_understood() {
        for bytes in [
            &b""[..],
            b"AMQP\0\x01\0\0",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x01\0",
        ] {
            assert_eq!(understand(bytes), None, "{bytes:?}");
        }
    }
}
