//! Languages other than HTTP/1.1, told by the first bytes that a server says, or by how
//! it complains in HTTP/1.1 about being spoken to in it.

use std::fmt;

/// What a server speaks in place of plain HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// TLS, and most likely HTTP over it.
    Tls,
    /// HTTP/2, without having been asked whether that is understood.
    Http2,
    /// SSH.
    Ssh,
    /// A greeting such as mail and file servers have: SMTP, FTP, POP3 or IMAP.
    Greeting,
    /// Nothing that is known here.
    Unknown,
}

/// Types of TLS records that begin a conversation: an alert, or a handshake (RFC 8446,
/// section 5.1).
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];
/// The type of an HTTP/2 frame that a server's first is, and of the one that ends it
/// (RFC 9113, sections 6.5 and 6.8).
const HTTP2_FRAMES: [u8; 2] = [0x4, 0x7];
/// How servers that speak TLS answer in plain HTTP: nginx, Go, Apache and Tomcat.
const TLS_COMPLAINTS: [&str; 5] = [
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
    "combination of host and port requires TLS",
    "speaking plain HTTP to a TLS-enabled server port",
];
/// Enough to recognise a language by, in bytes.
const EXCERPT: usize = 60;

impl Spoken {
    /// The language of a server whose first bytes are these; `None` when they may be
    /// HTTP/1.x, or when there are none.
    pub fn by_first_bytes(first: &[u8]) -> Option<Self> {
        Some(match first {
            [] => return None,
            [b'H', b'T', b'T', b'P', b'/', ..] => return None,
            [record, 0x03, ..] if TLS_RECORDS.contains(record) => Spoken::Tls,
            // A frame's length, its type, its flags, and the stream 0.
            [0, _, _, kind, _, 0, 0, 0, 0, ..] if HTTP2_FRAMES.contains(kind) => Spoken::Http2,
            _ if first.starts_with(b"SSH-") => Spoken::Ssh,
            _ if [&b"220"[..], b"+OK", b"* OK"]
                .iter()
                .any(|greeting| first.starts_with(greeting)) =>
            {
                Spoken::Greeting
            }
            _ => Spoken::Unknown,
        })
    }

    /// The language of a server that answers a request with this status and body, if it
    /// complains that another was spoken to it.
    pub fn by_complaint(status: u16, body: &[u8]) -> Option<Self> {
        if status != 400 {
            return None;
        }
        let body = String::from_utf8_lossy(body);
        let complains = TLS_COMPLAINTS.iter().any(|words| body.contains(words));
        complains.then_some(Spoken::Tls)
    }

    /// The beginning of what was said, as text in which every byte can be seen.
    pub fn excerpt(first: &[u8]) -> String {
        first[..first.len().min(EXCERPT)].escape_ascii().to_string()
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Spoken::Tls => "the server speaks TLS, and was spoken to without it; write https:// in place of http://",
            Spoken::Http2 => "the server speaks HTTP/2 without having been asked, and was spoken to in HTTP/1.1; ask for --http 2",
            Spoken::Ssh => "an SSH server answered, and no HTTP server",
            Spoken::Greeting => "a mail or file server answered, and no HTTP server",
            Spoken::Unknown => "what came is no HTTP/1.1 answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_language_is_known_by_its_first_bytes() {
        for (first, spoken) in [
            (&b""[..], None),
            (b"HTTP/1.1 200 OK\r\n", None),
            // A fatal alert of TLS 1.2, and a handshake.
            (b"\x15\x03\x03\x00\x02\x02\x46", Some(Spoken::Tls)),
            (b"\x16\x03\x01\x02\x00\x01", Some(Spoken::Tls)),
            // An empty SETTINGS frame, one with settings, and a GOAWAY frame.
            (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", Some(Spoken::Http2)),
            (
                b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03",
                Some(Spoken::Http2),
            ),
            (
                b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00",
                Some(Spoken::Http2),
            ),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(Spoken::Ssh)),
            (b"220 mail.example.org ESMTP\r\n", Some(Spoken::Greeting)),
            (b"* OK IMAP4rev1\r\n", Some(Spoken::Greeting)),
            (b"<html>HTTP/0.9</html>", Some(Spoken::Unknown)),
            (b"-ERR unknown command 'GET'\r\n", Some(Spoken::Unknown)),
            (b"\x15\x04", Some(Spoken::Unknown)),
        ] {
            assert_eq!(Spoken::by_first_bytes(first), spoken, "{first:?}");
        }
    }

    #[test]
    fn a_complaint_about_plain_http_is_understood_and_other_bad_requests_are_not() {
        let nginx = b"<center>The plain HTTP request was sent to HTTPS port</center>";
        assert_eq!(Spoken::by_complaint(400, nginx), Some(Spoken::Tls));
        assert_eq!(Spoken::by_complaint(200, nginx), None);
        let go = b"Client sent an HTTP request to an HTTPS server.\n";
        assert_eq!(Spoken::by_complaint(400, go), Some(Spoken::Tls));
        assert_eq!(Spoken::by_complaint(400, b"no such item"), None);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_of_visible_characters(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let excerpt = Spoken::excerpt(&bytes);
            prop_assert!(excerpt.len() <= 4 * EXCERPT);
            prop_assert!(excerpt.chars().all(|c| c.is_ascii_graphic() || c == ' '));
            let _ = Spoken::by_first_bytes(&bytes);
        }
    }
}
