//! An upstream's answers as bytes, on their way to hyper: small chunks are joined, and
//! malformed ones seen at once, as it is done with what clients send.

use std::io;

use memchr::memchr;

use crate::wire::chunks::{Chunks, Next};
use crate::wire::head::{AnswerLength, read_answer};

/// The ends of a connection's answers, followed from byte to byte.
#[derive(Debug, Default)]
pub(super) struct Answers {
    state: State,
    /// The request under way has the method `HEAD`.
    to_head: bool,
    /// The beginning of a head that came in several reads.
    begun: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    /// No request is under way.
    #[default]
    Idle,
    Head,
    /// A body, of which this much is to come.
    Body(u64),
    Chunks(Chunks),
    /// Whatever comes is passed on.
    Over,
    Malformed(&'static str),
}

impl Answers {
    /// A head that is longer is refused by hyper.
    const LONGEST_HEAD: usize = 1 << 20;

    /// Learns what is sent: the beginning of a request, unless one is under way.
    pub(super) fn sends(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Idle) {
            self.to_head = bytes.starts_with(b"HEAD ");
            self.state = State::Head;
        }
    }

    /// Follows the bytes that came, and leaves at their beginning what hyper is to see;
    /// tells how much that is.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let (mut taken, mut kept) = (0, 0);
        while taken < bytes.len() {
            let rest = &mut bytes[taken..];
            let (length, left) = match &mut self.state {
                State::Head => {
                    let length = self.head(rest);
                    (length, length)
                }
                State::Body(to_come) => {
                    let length =
                        usize::try_from(*to_come).map_or(rest.len(), |n| n.min(rest.len()));
                    *to_come -= length as u64;
                    if *to_come == 0 {
                        self.state = State::Idle;
                    }
                    (length, length)
                }
                State::Chunks(chunks) => {
                    let passed = chunks.pass(rest);
                    match passed.next {
                        Next::More => {}
                        Next::End => self.state = State::Idle,
                        Next::Malformed(why) => self.state = State::Malformed(why),
                    }
                    (passed.taken, passed.kept)
                }
                State::Idle | State::Over => (rest.len(), rest.len()),
                State::Malformed(_) => break,
            };
            if kept < taken {
                bytes.copy_within(taken..taken + left, kept);
            }
            taken += length;
            kept += left;
        }
        kept
    }

    /// The reason why nothing more can be read, if something is malformed.
    pub(super) fn error(&self) -> Option<io::Error> {
        match self.state {
            State::Malformed(why) => Some(io::Error::new(io::ErrorKind::InvalidData, why)),
            _ => None,
        }
    }

    /// Takes what belongs to a head from the beginning of `bytes`, and tells how much.
    fn head(&mut self, bytes: &[u8]) -> usize {
        let earlier = self.begun.len();
        let read = if earlier == 0 {
            read_answer(bytes, self.to_head)
        } else {
            self.begun.extend_from_slice(bytes);
            // The end of a head is the end of a line.
            memchr(b'\n', bytes).and_then(|_| read_answer(&self.begun, self.to_head))
        };
        let Some((end, length)) = read else {
            if earlier == 0 {
                self.begun.extend_from_slice(bytes);
            }
            if self.begun.len() > Self::LONGEST_HEAD {
                self.begun = Vec::new();
                self.state = State::Over;
            }
            return bytes.len();
        };
        self.begun = Vec::new();
        self.state = match length {
            AnswerLength::Interim => State::Head,
            AnswerLength::Known(0) => State::Idle,
            AnswerLength::Known(length) => State::Body(length),
            AnswerLength::Chunked => State::Chunks(Chunks::default()),
            AnswerLength::Unknown => State::Over,
        };
        end - earlier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that hyper sees of the answers to these requests, each one read.
    fn passed(exchanges: &[(&str, &str)]) -> String {
        let mut answers = Answers::default();
        let mut seen = String::new();
        for (request, answer) in exchanges {
            answers.sends(request.as_bytes());
            let mut bytes = answer.as_bytes().to_vec();
            let kept = answers.pass(&mut bytes);
            seen.push_str(std::str::from_utf8(&bytes[..kept]).expect("text"));
        }
        seen
    }

    #[test]
    fn chunks_of_an_answer_are_joined_and_whatever_only_looks_so_is_left() {
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        const CHUNKS: &str = "1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
        const JOINED: &str = "2\r\nab\r\n0\r\n\r\n";
        let early = "HTTP/1.1 103 Early Hints\r\n\r\n";
        let sized = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{CHUNKS}",
            CHUNKS.len()
        );
        let chunked = format!("{early}{CHUNKED}{CHUNKS}");
        let seen = passed(&[
            ("HEAD / HTTP/1.1\r\n", CHUNKED),
            ("GET / HTTP/1.1\r\n", &sized),
            ("GET / HTTP/1.1\r\n", &chunked),
        ]);
        assert_eq!(seen, format!("{CHUNKED}{sized}{early}{CHUNKED}{JOINED}"));
    }

    #[test]
    fn malformed_chunks_end_in_an_error_behind_what_was_well_formed() {
        let mut answers = Answers::default();
        answers.sends(b"GET /");
        let mut bytes =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\nxx".to_vec();
        let kept = answers.pass(&mut bytes);
        assert!(bytes[..kept].ends_with(b"1\r\na\r\n"));
        assert!(answers.error().is_some());
    }
}
