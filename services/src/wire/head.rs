//! The framing that the head of a request or an answer announces, read from its bytes.
//!
//! hyper parses the head after this and decides what it is; but of two statements on
//! the body's length it drops one without a word, and of a target its fragment. Both
//! can be seen here only.

use memchr::memchr;

use crate::request_rules::Refused;

/// The length of a request's body, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There are this many bytes; 0 without a body.
    Known(u64),
    /// The body comes in chunks.
    Chunked,
    /// hyper will refuse the head, so nobody needs to know.
    Unknown,
    /// The head is well-formed and yet not to be served.
    Refused(Refused),
}

/// The length of an answer's body, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerLength {
    /// This is an interim answer, and another will follow.
    Interim,
    /// There are this many bytes; 0 without a body.
    Known(u64),
    /// The body comes in chunks.
    Chunked,
    /// It ends with the connection, or hyper will refuse the head.
    Unknown,
}

/// Reads the head of a request at the beginning of `bytes`: how long it is, and how long
/// the body behind it; `None` when the head goes on beyond `bytes`.
pub(super) fn read(bytes: &[u8]) -> Option<(usize, Length)> {
    let (end, request_line, fields) = parts(bytes)?;
    Some((end, length(request_line, &fields)))
}

/// Reads the head of an answer, to a request whose method was `HEAD` or not, in the same
/// way.
pub(crate) fn read_answer(bytes: &[u8], to_head: bool) -> Option<(usize, AnswerLength)> {
    let (end, status_line, fields) = parts(bytes)?;
    // `HTTP/1.1 200`
    let status = status_line.get(9..12).unwrap_or_default();
    let length = match (status, fields.encoding, fields.content_length) {
        (b"101", ..) => AnswerLength::Unknown,
        ([b'1', ..], ..) => AnswerLength::Interim,
        (b"204" | b"304", ..) => AnswerLength::Known(0),
        _ if to_head => AnswerLength::Known(0),
        (_, Encoding::Chunked, _) => AnswerLength::Chunked,
        (_, Encoding::Absent, Some(Some(length))) => AnswerLength::Known(length),
        _ => AnswerLength::Unknown,
    };
    Some((end, length))
}

/// The head at the beginning of `bytes`: where it ends, its first line, and what its
/// fields tell.
///
/// Lines end with LF, as in httparse, which hyper uses: both must agree on where a
/// head ends, and what isn't a head for httparse isn't served.
fn parts(bytes: &[u8]) -> Option<(usize, &[u8], Fields)> {
    let mut at = bytes.iter().take_while(|b| is_newline(**b)).count();
    let (first_line, next) = line_at(bytes, at)?;
    at = next;
    let mut fields = Fields::default();
    loop {
        let (line, next) = line_at(bytes, at)?;
        at = next;
        if line.is_empty() {
            return Some((at, first_line, fields));
        }
        fields.note(line);
    }
}

/// Hides every `Transfer-Encoding` of a head from hyper, which would answer in its own
/// words, by giving the field another name of the same length.
pub(super) fn hide_transfer_encoding(head: &mut [u8]) {
    let mut at = 0;
    while let Some((line, next)) = line_at(head, at) {
        if value_of(line, TRANSFER_ENCODING).is_some() {
            head[at] = b'x';
        }
        at = next;
    }
}

const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CONTENT_LENGTH: &[u8] = b"content-length";

/// The fields of a head that tell of its body's length.
#[derive(Debug, Default)]
struct Fields {
    /// `Ok(None)` as long as there is none.
    content_length: Option<Option<u64>>,
    encoding: Encoding,
}

/// The list of codings in all `Transfer-Encoding` fields together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Encoding {
    #[default]
    Absent,
    /// `chunked`, once and alone.
    Chunked,
    /// Codings that nobody here knows, and perhaps `chunked` behind them.
    Unknown { chunked: bool },
    /// `chunked` before another coding, or nothing at all.
    Malformed,
}

impl Fields {
    fn note(&mut self, line: &[u8]) {
        match line[0] | 0x20 {
            b't' => {
                if let Some(value) = value_of(line, TRANSFER_ENCODING) {
                    self.encoding = self.encoding.and(value);
                }
            }
            b'c' => {
                if let Some(value) = value_of(line, CONTENT_LENGTH) {
                    self.content_length = Some(match (self.content_length, number(value)) {
                        (None, length) => length,
                        (Some(earlier), length) if earlier == length => length,
                        _ => None,
                    });
                }
            }
            _ => {}
        }
    }
}

impl Encoding {
    /// The list that goes on with `value`, the content of one more field.
    fn and(self, value: &[u8]) -> Self {
        let mut codings = value
            .split(|b| *b == b',')
            .map(trimmed)
            .filter(|c| !c.is_empty());
        let Some(first) = codings.next() else {
            return if self == Encoding::Absent {
                Encoding::Malformed
            } else {
                self
            };
        };
        codings.fold(self.then(first), Encoding::then)
    }

    fn then(self, coding: &[u8]) -> Self {
        let chunked = coding.eq_ignore_ascii_case(b"chunked");
        match self {
            Encoding::Absent if chunked => Encoding::Chunked,
            Encoding::Absent => Encoding::Unknown { chunked: false },
            Encoding::Unknown { chunked: false } => Encoding::Unknown { chunked },
            Encoding::Chunked | Encoding::Unknown { chunked: true } | Encoding::Malformed => {
                Encoding::Malformed
            }
        }
    }
}

/// RFC 9112 §6.3, but strict where it leaves a choice: what two readers could take for
/// two lengths is refused.
fn length(request_line: &[u8], fields: &Fields) -> Length {
    if memchr(b'#', request_line).is_some() {
        return Length::Refused(Refused::Fragment);
    }
    let known = match (fields.encoding, fields.content_length) {
        (Encoding::Absent, None) => return Length::Known(0),
        (Encoding::Absent, Some(length)) => length.map(Length::Known),
        // An HTTP/1.0 message has no transfer codings.
        _ if !request_line.ends_with(b"HTTP/1.1") => None,
        (_, Some(_)) => Some(Length::Refused(Refused::TwoLengths)),
        (Encoding::Chunked, None) => Some(Length::Chunked),
        (Encoding::Unknown { .. }, None) => Some(Length::Refused(Refused::UnknownCoding)),
        (Encoding::Malformed, None) => Some(Length::Refused(Refused::NotChunkedLast)),
    };
    known.unwrap_or(Length::Unknown)
}

/// The line that begins at `at`, without its end, and where the next one begins.
fn line_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let end = memchr(b'\n', rest)?;
    let line = &rest[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + end + 1))
}

/// The value of a field line, if the field has this name (in lowercase).
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (field, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    field.eq_ignore_ascii_case(name).then(|| trimmed(value))
}

/// The text without blanks around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let Some(begin) = text.iter().position(|b| !is_blank(b)) else {
        return b"";
    };
    let end = text.iter().rposition(|b| !is_blank(b)).unwrap_or(begin);
    &text[begin..=end]
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length_of(fields: &str) -> Length {
        let head = format!("POST /data HTTP/1.1\r\nhost: skein\r\n{fields}\r\n");
        let (end, length) = read(head.as_bytes()).expect("a whole head");
        assert_eq!(end, head.len());
        length
    }

    #[test]
    fn a_body_is_as_long_as_one_field_says() {
        assert_eq!(length_of(""), Length::Known(0));
        assert_eq!(length_of("Content-Length:  12 \r\n"), Length::Known(12));
        assert_eq!(
            length_of("content-length: 5\r\nContent-Length: 5\r\n"),
            Length::Known(5)
        );
        assert_eq!(
            length_of("Transfer-Encoding:\tChunked\r\n"),
            Length::Chunked
        );
        assert_eq!(
            length_of("x-transfer-encoding: gzip\r\ncontent: 1\r\n"),
            Length::Known(0)
        );
    }

    #[test]
    fn codings_that_nobody_knows_are_told_from_chunks_in_the_wrong_place() {
        let refused = |value: &str| match length_of(&format!("transfer-encoding: {value}\r\n")) {
            Length::Refused(refused) => refused,
            other => panic!("{value:?} is {other:?}"),
        };
        for unknown in [
            "gzip",
            "gzip, chunked",
            "cow,chunked",
            "identity",
            "\"chunked\"",
            "chunked;q=1",
        ] {
            assert_eq!(refused(unknown), Refused::UnknownCoding, "{unknown}");
        }
        for malformed in [
            "chunked, chunked",
            "chunked, gzip",
            "gzip, chunked, chunked",
            "",
            ",",
            "chunked\r\ntransfer-encoding: chunked",
        ] {
            assert_eq!(refused(malformed), Refused::NotChunkedLast, "{malformed}");
        }
    }

    #[test]
    fn two_statements_on_the_length_are_refused_in_either_order() {
        for fields in [
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "content-length: abc\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: \r\n",
        ] {
            assert_eq!(
                length_of(fields),
                Length::Refused(Refused::TwoLengths),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn what_hyper_refuses_is_left_to_it() {
        for fields in [
            "content-length: abc\r\n",
            "content-length: +1\r\n",
            "content-length: 1\r\ncontent-length: 2\r\n",
        ] {
            assert_eq!(length_of(fields), Length::Unknown, "{fields:?}");
        }
        let old = b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(read(old), Some((old.len(), Length::Unknown)));
    }

    #[test]
    fn a_fragment_in_the_target_is_seen() {
        let head = b"\r\n\nGET /data#x HTTP/1.1\nhost: a\n\n";
        assert_eq!(
            read(head),
            Some((head.len(), Length::Refused(Refused::Fragment)))
        );
    }

    #[test]
    fn an_answer_is_as_long_as_its_status_and_its_fields_say() {
        let of = |head: &str, to_head| {
            let (end, length) = read_answer(head.as_bytes(), to_head).expect("a whole head");
            assert_eq!(end, head.len());
            length
        };
        let chunked = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(of(chunked, false), AnswerLength::Chunked);
        assert_eq!(of(chunked, true), AnswerLength::Known(0));
        let three = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\n");
        assert_eq!(of(&three("200 OK"), false), AnswerLength::Known(3));
        assert_eq!(of(&three("304"), false), AnswerLength::Known(0));
        assert_eq!(of(&three("103 Early Hints"), false), AnswerLength::Interim);
        assert_eq!(of(&three("101 Other"), false), AnswerLength::Unknown);
        assert_eq!(of("HTTP/1.0 200 OK\r\n\r\n", false), AnswerLength::Unknown);
    }

    #[test]
    fn a_hidden_transfer_encoding_is_another_field() {
        let mut head = b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n".to_vec();
        hide_transfer_encoding(&mut head);
        assert_eq!(head, b"GET / HTTP/1.1\r\nxransfer-Encoding: gzip\r\n\r\n");
    }

    proptest! {
        #[test]
        fn a_head_ends_where_httparse_says_or_is_none_for_it(
            head in r"(\r?\n){0,2}(GET|POST) /[a-z]{0,3} HTTP/1\.[01]\r?\n([a-z]{1,3}: ?[a-z,]{0,4}\r?\n){0,3}\r?\n[a-z\r\n]{0,6}",
        ) {
            let mut fields = [httparse::EMPTY_HEADER; 8];
            let mut request = httparse::Request::new(&mut fields);
            if let Ok(httparse::Status::Complete(end)) = request.parse(head.as_bytes()) {
                prop_assert_eq!(read(head.as_bytes()).map(|(end, _)| end), Some(end));
            }
        }

        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some((end, _)) = read(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
