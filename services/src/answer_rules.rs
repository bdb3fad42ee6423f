//! The answers of an upstream that can't be understood, although hyper takes them.

use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderValue, StatusCode};

/// An answer of which nobody can say what its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotUnderstood {
    /// hyper reads a body up to the end of the connection, or takes `chunked` off and
    /// leaves the other coding in place.
    #[error("the answer has a transfer coding other than chunked")]
    UnknownCoding,
    /// The connection would speak another protocol from here on.
    #[error("the answer switches protocols, which nobody asked for")]
    Upgrade,
}

/// Judges the head of an answer.
///
/// # Errors
///
/// When it can't be passed on.
pub(crate) fn check(head: &Parts) -> Result<(), NotUnderstood> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(NotUnderstood::Upgrade);
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if is_chunked(coding) => Ok(()),
        _ => Err(NotUnderstood::UnknownCoding),
    }
}

/// Removes a length that isn't that of the body: `Transfer-Encoding` overrides it
/// (RFC 9112 §6.3), and a 204 has none (RFC 9110 §8.6).
pub(crate) fn settle_length(status: StatusCode, headers: &mut HeaderMap) {
    if status == StatusCode::NO_CONTENT || headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
}

fn is_chunked(coding: &HeaderValue) -> bool {
    coding
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn of(status: u16, codings: &[&str]) -> Result<(), NotUnderstood> {
        let mut answer = Response::builder().status(status);
        for coding in codings {
            answer = answer.header(TRANSFER_ENCODING, *coding);
        }
        check(&answer.body(()).expect("well-formed").into_parts().0)
    }

    #[test]
    fn chunks_are_the_only_coding_that_is_taken_off() {
        assert_eq!(of(200, &[]), Ok(()));
        assert_eq!(of(200, &["Chunked"]), Ok(()));
        for codings in [
            &["gzip"][..],
            &["gzip, chunked"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &[""],
        ] {
            assert_eq!(
                of(200, codings),
                Err(NotUnderstood::UnknownCoding),
                "{codings:?}"
            );
        }
        assert_eq!(of(101, &[]), Err(NotUnderstood::Upgrade));
    }

    #[test]
    fn a_length_beside_chunks_is_dropped_and_any_other_kept() {
        let settled = |status: u16, coding: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(3));
            if let Some(coding) = coding {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static(coding));
            }
            settle_length(
                StatusCode::from_u16(status).expect("a status"),
                &mut headers,
            );
            headers.contains_key(CONTENT_LENGTH)
        };
        assert!(settled(200, None) && settled(304, None));
        assert!(!settled(200, Some("chunked")) && !settled(204, None));
    }
}
