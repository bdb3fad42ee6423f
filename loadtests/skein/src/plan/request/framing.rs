//! Header fields that say how a request is framed: where its body ends, where it goes,
//! and what becomes of the connection. A plan may write them itself as long as they are
//! true; a server would read another request out of one that they are false of.

use http::header;
use toml::Spanned;

use super::super::mistake::Mistake;
use super::{Body, Field, Slot};

/// Checks a request's header fields, which are `written` so, against its body.
pub(super) fn check(
    written: &[(Spanned<String>, Spanned<String>)],
    fields: &[Field],
    body: Option<&Body>,
    slots: &[Slot],
) -> Result<(), Mistake> {
    let framing = Framing {
        length: body.map_or(Some(0), Body::length),
        can_be_empty: body.is_none_or(|body| body.can_be_empty(slots)),
    };
    let has = |name| fields.iter().any(|field| field.name == name);
    let is_counted_twice = has(header::CONTENT_LENGTH) && has(header::TRANSFER_ENCODING);
    for (field, (name, value)) in fields.iter().zip(written) {
        let mistake = framing.mistake_in(field);
        if let Some(sentence) = mistake {
            return Err(Mistake::at(value, sentence));
        }
        if is_counted_twice && field.name == header::TRANSFER_ENCODING {
            let sentence = "a request has `Content-Length` or `Transfer-Encoding`, and not both (RFC 9112, section 6.2)";
            return Err(Mistake::at(name, sentence));
        }
    }
    Ok(())
}

/// What is known of a request's body.
struct Framing {
    /// Its bytes, if they are as many each time.
    length: Option<usize>,
    can_be_empty: bool,
}

impl Framing {
    /// Why a field can't be sent with such a body, if it can't.
    fn mistake_in(&self, field: &Field) -> Option<String> {
        let name = &field.name;
        let written = &field.written;
        let is_single = [
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::HOST,
        ];
        if field.is_repeated && is_single.contains(name) {
            return Some(format!("a request has one `{written}` at most"));
        }
        let value = field.value.constant();
        let value = value.as_deref().map(str::trim);
        if *name == header::CONTENT_LENGTH {
            let is_true = value
                .zip(self.length)
                .is_some_and(|(value, length)| is_number(value, length));
            return (!is_true).then(|| match self.length {
                Some(length) => format!(
                    "the body has {} here; leave `{written}` out, which is sent by itself",
                    bytes(length)
                ),
                None => format!(
                    "the body's length differs from request to request; leave `{written}` out, which is sent by itself"
                ),
            });
        }
        if *name == header::TRANSFER_ENCODING {
            let is_chunked = value.is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
            if !is_chunked {
                return Some(format!(
                    "`chunked` is the only transfer coding that is spoken here; leave `{written}` out, or write `chunked`"
                ));
            }
            return self.can_be_empty.then(|| {
                format!("without a body there is nothing to send in chunks; leave `{written}` out, or give the request a body")
            });
        }
        if *name == header::CONNECTION {
            let known = ["close", "keep-alive", "te"];
            let is_known = value.is_some_and(|value| {
                let mut options = value.split(',').map(str::trim);
                options.all(|option| known.iter().any(|k| k.eq_ignore_ascii_case(option)))
            });
            return (!is_known).then(|| {
                format!("`{written}` is `close` or `keep-alive`; nothing else is done with a connection here")
            });
        }
        if *name == header::UPGRADE {
            return Some(
                "no protocol but HTTP/1.1 is spoken here, so that there is nothing to upgrade to"
                    .to_owned(),
            );
        }
        if *name == header::TRAILER {
            return Some("no trailers are sent, so that none can be announced".to_owned());
        }
        None
    }
}

fn is_number(text: &str, number: usize) -> bool {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && text.parse() == Ok(number)
}

fn bytes(number: usize) -> String {
    match number {
        0 => "no bytes".to_owned(),
        1 => "1 byte".to_owned(),
        several => format!("{several} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::parse_file;

    /// What is said of a request with these header fields and this body.
    fn said(headers: &str, body: &str) -> Result<(), String> {
        let source = format!(
            r#"name = "framing"
thresholds = []
[[stage]]
name = "steady"
users = 1
duration = "1s"
[[request]]
method = "POST"
path = "/{{item}}"
headers = [{headers}]
{body}
[values.item]
list = ["", "a"]
"#
        );
        let plan = parse_file("framing.toml", &source);
        plan.map(|_| ()).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn framing_of_ones_own_that_is_true_is_sent() {
        for (headers, body) in [
            (r#"["Content-Length", "5"]"#, r#"body = "hello""#),
            (r#"["content-length", "0"]"#, ""),
            (r#"["Content-Length", "2"]"#, r#"body = "é""#),
            (r#"["Transfer-Encoding", "Chunked"]"#, r#"body = "x{item}""#),
            (r#"["Connection", "close"]"#, ""),
            (
                r#"["Connection", "TE, Keep-Alive"], ["TE", "trailers"]"#,
                "",
            ),
            (r#"["Host", "elsewhere.example"]"#, ""),
        ] {
            assert_eq!(said(headers, body), Ok(()), "{headers} {body}");
        }
    }

    #[test]
    fn framing_of_ones_own_that_is_false_is_refused_with_its_place() {
        for (headers, body, says) in [
            (
                r#"["Content-Length", "4"]"#,
                r#"body = "hello""#,
                "has 5 bytes",
            ),
            (r#"["Content-Length", "5"]"#, "", "no bytes"),
            (
                r#"["Content-Length", "+5"]"#,
                r#"body = "hello""#,
                "has 5 bytes",
            ),
            (
                r#"["Content-Length", "5, 5"]"#,
                r#"body = "hello""#,
                "has 5 bytes",
            ),
            (
                r#"["Content-Length", "1"]"#,
                r#"body = "{item}""#,
                "differs",
            ),
            (
                r#"["Content-Length", "{item}"]"#,
                r#"body = "a""#,
                "1 byte here",
            ),
            (
                r#"["Content-Length", "1"], ["content-length", "1"]"#,
                r#"body = "a""#,
                "one `content-length`",
            ),
            (
                r#"["Transfer-Encoding", "chunked"]"#,
                "",
                "give the request a body",
            ),
            (
                r#"["Transfer-Encoding", "chunked"]"#,
                r#"body = "{item}""#,
                "give the request a body",
            ),
            (
                r#"["Transfer-Encoding", "gzip, chunked"]"#,
                r#"body = "a""#,
                "only transfer coding",
            ),
            (
                r#"["Content-Length", "1"], ["Transfer-Encoding", "chunked"]"#,
                r#"body = "a""#,
                "not both",
            ),
            (r#"["Host", "a"], ["host", "b"]"#, "", "one `host`"),
            (r#"["Connection", "Upgrade"]"#, "", "`close` or"),
            (r#"["Upgrade", "websocket"]"#, "", "HTTP/1.1"),
            (r#"["Trailer", "Checksum"]"#, "", "no trailers"),
        ] {
            let message = said(headers, body).expect_err(headers);
            assert!(message.starts_with("framing.toml:10:"), "{message}");
            assert!(message.contains(says), "{message}");
        }
    }
}
