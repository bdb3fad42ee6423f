//! A chunked body on its way to hyper: checked byte by byte, and small chunks joined.
//!
//! hyper reads each chunk by itself, which costs a microsecond or two and a piece of
//! memory of its own; so a body of one-byte chunks would cost more than anybody else's
//! work. What has come together leaves here as one chunk. hyper also waits on where a
//! line of a trailer ends with LF alone (RFC 9112 §7.1 asks for CRLF); here that is an
//! error at once.

use memchr::memchr2;

/// The state of a chunked body between two reads.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    /// The content of the chunks that are being joined.
    joined: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A chunk begins.
    #[default]
    Start,
    /// In the digits of its size.
    Size(u64),
    /// Behind the digits, in blanks or an extension.
    Extension(u64),
    /// Behind the CR of the size's line.
    SizeLf(u64),
    /// In the content, of which this much is to come.
    Content(u64),
    ContentCr,
    ContentLf,
    /// A line of the trailer begins, or the empty one that ends it.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// The outcome for some bytes of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The number of them that belonged to the body.
    pub(crate) taken: usize,
    /// The number that is left of those, at the beginning.
    pub(crate) kept: usize,
    /// The future of the body.
    pub(crate) next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More of it is to come.
    More,
    /// It is whole.
    End,
    /// It can't go on so.
    Malformed(&'static str),
}

impl Chunks {
    /// Takes what belongs to the body from the beginning of `bytes`, and leaves there
    /// what hyper is to see of it.
    pub(crate) fn pass(&mut self, bytes: &mut [u8]) -> Passed {
        let (mut taken, mut kept) = (0, 0);
        let mut next = Next::More;
        while taken < bytes.len() && next == Next::More {
            let length = match self.state {
                State::Start => self.join(&bytes[taken..]),
                _ => 0,
            };
            if length > 0 {
                kept += self.write_joined(&mut bytes[kept..]);
                taken += length;
                continue;
            }
            match self.step(&bytes[taken..]) {
                Ok(length) => {
                    if kept < taken {
                        bytes.copy_within(taken..taken + length, kept);
                    }
                    taken += length;
                    kept += length;
                    if self.state == State::End {
                        next = Next::End;
                    }
                }
                Err(malformed) => next = Next::Malformed(malformed),
            }
        }
        Passed { taken, kept, next }
    }

    /// Collects the content of whole small chunks from the beginning of `bytes`, and
    /// tells how many bytes they take; 0 when there are not at least two.
    fn join(&mut self, bytes: &[u8]) -> usize {
        self.joined.clear();
        let (mut at, mut count) = (0, 0);
        while let Some((content, end)) = whole_chunk(bytes, at) {
            self.joined.extend_from_slice(content);
            at = end;
            count += 1;
        }
        if count < 2 { 0 } else { at }
    }

    /// Writes the collected content as one chunk and tells its length, which is less
    /// than that of the two chunks or more that it came in.
    fn write_joined(&self, into: &mut [u8]) -> usize {
        let length = self.joined.len();
        let digits = length.ilog2() as usize / 4 + 1;
        for (place, digit) in into[..digits].iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(length >> (4 * place)) & 0xf];
        }
        let end = digits + 2 + length;
        into[digits..digits + 2].copy_from_slice(b"\r\n");
        into[digits + 2..end].copy_from_slice(&self.joined);
        into[end..end + 2].copy_from_slice(b"\r\n");
        end + 2
    }

    /// Takes the next byte, or as much content as is there.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        let mut length = 1;
        self.state = match (self.state, bytes[0]) {
            (State::Start, digit) => State::Size(digit_value(digit).ok_or(NO_SIZE)?),
            (State::Size(size), b'\r') => State::SizeLf(size),
            (State::Size(size), b';' | b' ' | b'\t') => State::Extension(size),
            (State::Size(size), digit) => {
                let digit = digit_value(digit).ok_or(NO_SIZE)?;
                // Nobody sends chunks of 4 GiB, and for one no client need be waited for.
                if size >> 28 != 0 {
                    return Err("the size of a chunk is beyond 32 bits");
                }
                State::Size(size << 4 | digit)
            }
            (State::Extension(size), _) => match memchr2(b'\r', b'\n', bytes) {
                Some(at) if bytes[at] == b'\r' => {
                    length = at + 1;
                    State::SizeLf(size)
                }
                Some(_) => return Err(BARE_LF),
                None => {
                    length = bytes.len();
                    State::Extension(size)
                }
            },
            (State::SizeLf(0), b'\n') => State::TrailerStart,
            (State::SizeLf(size), b'\n') => State::Content(size),
            (State::Content(left), _) => {
                length = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                match left - length as u64 {
                    0 => State::ContentCr,
                    left => State::Content(left),
                }
            }
            (State::ContentCr, b'\r') => State::ContentLf,
            (State::ContentLf, b'\n') => State::Start,
            (State::ContentCr | State::ContentLf, _) => {
                return Err("a chunk doesn't end where its size says");
            }
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::Trailer, b'\n') => return Err(BARE_LF),
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, _) => State::Trailer,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::End,
            (State::SizeLf(_) | State::TrailerLf | State::EndLf, _) => {
                return Err("a line between chunks has a CR within");
            }
            (State::End, _) => State::End,
        };
        Ok(length)
    }
}

const NO_SIZE: &str = "a chunk doesn't begin with its size in hexadecimal digits";
const BARE_LF: &str = "a line between chunks ends with LF alone";

/// The content of the chunk that begins at `at`, and its end, if all of it is there, it
/// isn't the last one, and it has no extension and not much content.
fn whole_chunk(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    const MOST_DIGITS: usize = 4;
    let mut size = 0;
    let mut content = at;
    while let Some(digit) = digit_value(*bytes.get(content)?) {
        size = size << 4 | usize::try_from(digit).ok()?;
        content += 1;
        if content - at > MOST_DIGITS {
            return None;
        }
    }
    let is_crlf = |at: usize| bytes.get(at..at + 2) == Some(b"\r\n");
    let (content, end) = (content + 2, content + 2 + size);
    (size > 0 && is_crlf(content - 2) && is_crlf(end)).then(|| (&bytes[content..end], end + 2))
}

fn digit_value(digit: u8) -> Option<u64> {
    char::from(digit).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes that hyper sees of a body that comes in these reads, and its end.
    fn passed(reads: &[&[u8]]) -> (Vec<u8>, Next) {
        let mut chunks = Chunks::default();
        let mut seen = Vec::new();
        let mut next = Next::More;
        for read in reads {
            let mut read = read.to_vec();
            let passed = chunks.pass(&mut read);
            seen.extend_from_slice(&read[..passed.kept]);
            next = passed.next;
            if next != Next::More {
                break;
            }
        }
        (seen, next)
    }

    /// The content of a well-formed body without extensions.
    fn content(mut body: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = body
                .windows(2)
                .position(|two| two == b"\r\n")
                .expect("a line");
            let size = std::str::from_utf8(&body[..line]).expect("digits");
            let size = usize::from_str_radix(size, 16).expect("a size");
            if size == 0 {
                return content;
            }
            content.extend_from_slice(&body[line + 2..line + 2 + size]);
            assert_eq!(&body[line + 2 + size..line + 4 + size], b"\r\n");
            body = &body[line + 4 + size..];
        }
    }

    #[test]
    fn small_chunks_that_come_together_are_joined() {
        let body = b"1\r\na\r\n2\r\nbc\r\n0001\r\nd\r\n0\r\n\r\n";
        assert_eq!(
            passed(&[body]),
            (b"4\r\nabcd\r\n0\r\n\r\n".to_vec(), Next::End)
        );
    }

    #[test]
    fn a_chunk_by_itself_passes_at_once_and_as_it_is() {
        for body in [
            &b"5\r\nhello\r\n"[..],
            b"A;x=1\r\n0123",
            b"0",
            b"0\r\nx: 1\r\n",
        ] {
            assert_eq!(passed(&[body]), (body.to_vec(), Next::More));
        }
    }

    #[test]
    fn what_follows_the_body_is_not_touched() {
        let mut bytes = b"1\r\na\r\n1\r\nb\r\n0\r\n\r\nGET / HTTP/1.1\r\n".to_vec();
        let passed = Chunks::default().pass(&mut bytes);
        assert_eq!(
            (passed.taken, passed.kept, passed.next),
            (17, 12, Next::End)
        );
        assert_eq!(&bytes[17..], b"GET / HTTP/1.1\r\n");
    }

    #[test]
    fn malformed_lines_are_seen_at_once() {
        for body in [
            &b"1\na\n"[..],
            b"g\r\n",
            b"\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b" 1\r\n",
            b"0x1\r\n",
            b"1 2\n",
            b"1;x\n",
            b"1\r\nab",
            b"1\r\na\n",
            b"1\r\na\r1",
            b"1\rX",
            b"0\r\n\n",
            b"0\r\nx: 1\n",
            b"0\n",
            b"0\r\nx: 1\r\r",
            b"0\r\n\rX",
            b"11111111111111111\r\n",
            b"100000001\r\n",
            b"1\r\na\r\n1\r\nb\r\nzz",
        ] {
            let (_, next) = passed(&[body]);
            assert!(
                matches!(next, Next::Malformed(_)),
                "{:?} is {next:?}",
                body.escape_ascii().to_string()
            );
        }
    }

    proptest! {
        #[test]
        fn the_content_stays_the_same_however_it_is_cut_and_read(
            sizes in prop::collection::vec(1_usize..40, 0..30),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut body = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                body.extend_from_slice(format!("{size:x}\r\n{}\r\n", char::from(b'a' + (number % 26) as u8).to_string().repeat(*size)).as_bytes());
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
            places.extend([0, body.len()]);
            places.sort_unstable();
            let reads: Vec<&[u8]> = places.windows(2).map(|two| &body[two[0]..two[1]]).collect();
            let (seen, next) = passed(&reads);
            prop_assert_eq!(next, Next::End);
            prop_assert!(seen.len() <= body.len());
            prop_assert_eq!(content(&seen), content(&body));
        }

        #[test]
        fn no_bytes_make_it_fail(bytes in "[0-3a\r\n; xg]{0,60}") {
            let mut bytes = bytes.into_bytes();
            let passed = Chunks::default().pass(&mut bytes);
            prop_assert!(passed.kept <= passed.taken && passed.taken <= bytes.len());
        }
    }
}
