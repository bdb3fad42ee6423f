//! The question whether a server speaks TLS, for one that hangs up on plain HTTP without
//! a word: it is greeted as TLS would, and whatever TLS answers begins in one way.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Target;
use super::spoken::Spoken;

/// The time that the server may take to greet back.
const PATIENCE: Duration = Duration::from_secs(2);

/// The smallest greeting that TLS 1.2 has (RFC 5246, sections 6.2.1 and 7.4.1.2): a
/// handshake record with a ClientHello, whose 32 bytes that are to be random needn't be
/// here. It has no session, offers two common cipher suites and no compression. Even who
/// wants more of a client answers it, with an alert.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03\
    skein asks whether this is TLS..\
    \x00\x00\x04\xc0\x2f\x00\x2f\x01\x00";

/// True when whoever is at `target` answers a greeting of TLS in TLS.
pub async fn speaks_tls(target: &Target) -> bool {
    let greet = async {
        let mut stream = target.open().await.ok()?;
        stream.write_all(CLIENT_HELLO).await.ok()?;
        let mut first = [0; 2];
        stream.read_exact(&mut first).await.ok()?;
        Spoken::by_first_bytes(&first)
    };
    let greeted_back = tokio::time::timeout(PATIENCE, greet).await;
    greeted_back == Ok(Some(Spoken::Tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_as_long_as_it_says() {
        let record = usize::from(u16::from_be_bytes([CLIENT_HELLO[3], CLIENT_HELLO[4]]));
        assert_eq!(record, CLIENT_HELLO.len() - 5);
        assert_eq!(usize::from(CLIENT_HELLO[8]), CLIENT_HELLO.len() - 9);
    }
}
