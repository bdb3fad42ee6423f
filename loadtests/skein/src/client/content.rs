//! An answer's body on its way in: what is kept of it, and what is looked for in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The body of an answer, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// All of it, or its beginning.
    pub kept: Bytes,
    /// Its bytes.
    pub length: u64,
    /// True when the text that was looked for is in it.
    pub is_found: bool,
    /// True when it was to be kept as a whole, and there was no room for that.
    pub is_cut: bool,
}

/// The use that is made of an answer's body.
#[derive(Clone, Debug, Default)]
pub enum Reading {
    /// It is kept as a whole.
    #[default]
    Whole,
    /// It is counted, and only its beginning kept.
    Counted,
    /// The same, and a text is looked for in it.
    Searched(Arc<Needle>),
}

/// A text that is to be in a body.
#[derive(Debug)]
pub struct Needle(memmem::Finder<'static>);

/// The beginning that is kept, in bytes: enough to recognise an answer by.
const BEGINNING: usize = 1024;

/// The most that is kept of all bodies that are being read at the same time, in bytes, beside
/// the first piece of each: however many users a plan has, a target can't fill the memory.
pub const KEPT_OF_ALL: usize = 256 << 20;

/// The body of an answer while it comes in.
#[derive(Debug, Default)]
pub(super) struct Reader {
    reading: Reading,
    length: u64,
    is_found: bool,
    is_cut: bool,
    kept: Kept,
    first: Bytes,
    /// What came after `first`, behind a copy of it.
    rest: BytesMut,
    /// The end of what has come, in which the text may have begun.
    seam: Vec<u8>,
}

/// The part of [`KEPT_OF_ALL`] that one body takes while it is being read.
#[derive(Debug, Default)]
struct Kept(usize);

static KEPT: AtomicUsize = AtomicUsize::new(0);

impl Kept {
    /// Takes so many bytes more, if there is room for them.
    fn takes(&mut self, bytes: usize) -> bool {
        let fits = KEPT.fetch_add(bytes, Ordering::Relaxed) + bytes <= KEPT_OF_ALL;
        if fits {
            self.0 += bytes;
        } else {
            KEPT.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl Needle {
    /// A text, which is not empty.
    pub fn new(text: &str) -> Self {
        Needle(memmem::Finder::new(text).into_owned())
    }

    /// The most bytes of it that can be at an end without being all of it.
    fn longest_part(&self) -> usize {
        self.0.needle().len() - 1
    }

    /// True when it is in these.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.find(bytes).is_some()
    }
}

impl Reader {
    pub(super) fn new(reading: Reading) -> Self {
        Reader {
            reading,
            ..Reader::default()
        }
    }

    /// Bytes that have come.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next piece. Most bodies come in one, which is kept as it is.
    pub(super) fn take(&mut self, piece: Bytes) {
        self.length += piece.len() as u64;
        if let Reading::Searched(needle) = &self.reading
            && !self.is_found
        {
            let needle = Arc::clone(needle);
            self.is_found = self.search(&needle, &piece);
        }
        match self.reading {
            Reading::Whole if self.first.is_empty() => self.first = piece,
            Reading::Whole if self.is_cut => {}
            Reading::Whole => {
                if !self.kept.takes(piece.len()) {
                    self.is_cut = true;
                    return;
                }
                if self.rest.is_empty() {
                    self.rest.extend_from_slice(&self.first);
                }
                self.rest.extend_from_slice(&piece);
            }
            // A slice would keep all of a large piece in memory.
            Reading::Counted | Reading::Searched(_) if self.first.is_empty() => {
                self.first = match piece.len() <= BEGINNING {
                    true => piece,
                    false => Bytes::copy_from_slice(&piece[..BEGINNING]),
                };
            }
            Reading::Counted | Reading::Searched(_) => {}
        }
    }

    /// Looks for the text in a piece, and where it meets those before.
    fn search(&mut self, needle: &Needle, piece: &[u8]) -> bool {
        let longest = needle.longest_part();
        if self.seam.is_empty() {
            if needle.is_in(piece) {
                return true;
            }
            self.seam
                .extend_from_slice(&piece[piece.len().saturating_sub(longest)..]);
            return false;
        }
        let met = piece.len().min(longest);
        self.seam.extend_from_slice(&piece[..met]);
        if needle.is_in(&self.seam) || needle.is_in(piece) {
            return true;
        }
        if piece.len() > met {
            self.seam.clear();
            self.seam.extend_from_slice(&piece[piece.len() - longest..]);
        } else {
            let surplus = self.seam.len().saturating_sub(longest);
            self.seam.drain(..surplus);
        }
        false
    }

    /// The body, which is over.
    pub(super) fn finish(self) -> Content {
        Content {
            kept: match self.rest.is_empty() {
                true => self.first,
                false => self.rest.freeze(),
            },
            length: self.length,
            is_found: self.is_found,
            is_cut: self.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(reading: Reading, pieces: &[Vec<u8>]) -> Content {
        let mut reader = Reader::new(reading);
        for piece in pieces {
            reader.take(Bytes::copy_from_slice(piece));
        }
        assert_eq!(reader.length(), pieces.concat().len() as u64);
        reader.finish()
    }

    proptest! {
        #[test]
        fn a_text_is_found_however_the_body_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(b'a'..=b'b', 0..6), 0..12),
            text in "[ab]{1,7}",
        ) {
            let whole = pieces.concat();
            let is_there = whole.windows(text.len()).any(|window| window == text.as_bytes());
            let content = read(Reading::Searched(Arc::new(Needle::new(&text))), &pieces);
            prop_assert_eq!(content.is_found, is_there);
        }

        #[test]
        fn a_body_is_kept_as_a_whole_where_it_is_checked(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6),
        ) {
            let content = read(Reading::Whole, &pieces);
            prop_assert_eq!(&content.kept[..], &pieces.concat()[..]);
        }
    }

    #[test]
    fn of_a_body_that_nobody_checks_only_the_beginning_is_kept() {
        let content = read(
            Reading::Counted,
            &[vec![b'a'; 1 << 20], vec![b'b'; 1 << 20]],
        );
        assert_eq!(content.kept, vec![b'a'; BEGINNING]);
    }
}
