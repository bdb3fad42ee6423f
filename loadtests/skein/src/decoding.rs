//! Bodies that come encoded, as they are without it: gzip, deflate, brotli and zstd.

use std::borrow::Cow;
use std::io::{self, Read};

use http::header;

use crate::user::Answer;

/// The most that a body may have once it is decoded, in bytes: a small answer can say that it
/// stands for a very large one.
const MOST: u64 = 64 << 20;

/// A reason why a body can't be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecoded {
    /// It is in a coding that isn't known here.
    #[error("Content-Encoding is {0:?}; gzip, deflate, br and zstd are known here")]
    Unknown(String),
    /// It isn't in the coding that it is said to be in.
    #[error("Content-Encoding is {coding:?}, and the body isn't: {source}")]
    Broken {
        /// The coding.
        coding: String,
        /// The error of who reads it.
        source: io::Error,
    },
    /// It is too much.
    #[error("it has more than {} once it is decoded", bytesize::ByteSize(MOST))]
    TooMuch,
}

/// The coding that an answer's body is in, if it isn't there as it is.
pub(crate) fn coding(answer: &Answer) -> Option<String> {
    let codings = [header::CONTENT_ENCODING, header::TRANSFER_ENCODING];
    let lists = codings.iter().flat_map(|name| answer.headers.get_all(name));
    let lists = lists.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let codings = lists.collect::<Vec<_>>().join(", ");
    let mut codings = codings.split(',').map(str::trim);
    let coding = codings.find(|coding| {
        let plain = ["", "identity", "chunked"];
        !plain.iter().any(|plain| plain.eq_ignore_ascii_case(coding))
    });
    coding.map(str::to_owned)
}

/// An answer's body without its content codings (RFC 9110, section 8.4.1), the last of which
/// comes off first.
///
/// # Errors
///
/// It can't be decoded.
pub(crate) fn decoded(answer: &Answer) -> Result<Cow<'_, [u8]>, Undecoded> {
    let fields = answer.headers.get_all(header::CONTENT_ENCODING).iter();
    let fields = fields.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let codings = fields.collect::<Vec<_>>().join(",");
    let mut body = Cow::Borrowed(&answer.body[..]);
    for coding in codings.split(',').rev().map(str::trim) {
        body = match without(coding, &body)? {
            Some(decoded) => Cow::Owned(decoded),
            None => body,
        };
    }
    Ok(body)
}

/// A body without one coding; `None` where that changes nothing.
fn without(coding: &str, body: &[u8]) -> Result<Option<Vec<u8>>, Undecoded> {
    let known = coding.to_ascii_lowercase();
    let broken = |source| Undecoded::Broken {
        coding: coding.to_owned(),
        source,
    };
    let mut reader: Box<dyn Read> = match known.as_str() {
        "" | "identity" => return Ok(None),
        "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(body)),
        // Some servers send it without the frame that it should have (RFC 9110, section 8.4.1.2).
        "deflate" if is_zlib(body) => Box::new(flate2::read::ZlibDecoder::new(body)),
        "deflate" => Box::new(flate2::read::DeflateDecoder::new(body)),
        "br" => Box::new(brotli_decompressor::Decompressor::new(body, 4096)),
        "zstd" => {
            let reader = ruzstd::decoding::StreamingDecoder::new(body);
            Box::new(reader.map_err(|error| broken(io::Error::other(error)))?)
        }
        _ => return Err(Undecoded::Unknown(coding.to_owned())),
    };
    let mut decoded = Vec::new();
    let read = reader.by_ref().take(MOST + 1).read_to_end(&mut decoded);
    read.map_err(broken)?;
    match decoded.len() as u64 > MOST {
        true => Err(Undecoded::TooMuch),
        false => Ok(Some(decoded)),
    }
}

/// True when a body begins as a zlib frame does (RFC 1950, section 2.2).
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    /// The body in this coding; brotli and zstd by bytes that others made.
    fn encoded(coding: &str, body: &[u8]) -> Vec<u8> {
        let level = Compression::default();
        let written = |mut encoder: GzEncoder<Vec<u8>>| {
            encoder.write_all(body).expect("written");
            encoder.finish().expect("finished")
        };
        match coding {
            "gzip" => written(GzEncoder::new(Vec::new(), level)),
            "zlib" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("written");
                encoder.finish().expect("finished")
            }
            _ => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("written");
                encoder.finish().expect("finished")
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_out_as_it_went_in(body in prop::collection::vec(any::<u8>(), 0..2000)) {
            for (coding, by) in [("gzip", "gzip"), ("X-GZIP", "gzip"), ("deflate", "zlib")] {
                let decoded = without(coding, &encoded(by, &body)).expect("decoded");
                prop_assert_eq!(decoded.as_deref(), Some(&body[..]));
            }
            prop_assert_eq!(without("identity", &body).expect("as it is"), None);
        }

        #[test]
        fn no_body_makes_a_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for coding in ["gzip", "deflate", "br", "zstd"] {
                let _ = without(coding, &body);
            }
        }
    }

    #[test]
    fn deflate_without_its_frame_and_brotli_and_zstd_are_read_too() {
        let raw = encoded("raw", b"hello");
        assert_eq!(
            without("deflate", &raw).expect("read"),
            Some(b"hello".to_vec())
        );
        // `printf hello | brotli` and `printf hello | zstd`.
        let brotli = [0x0f, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        assert_eq!(
            without("br", &brotli).expect("read"),
            Some(b"hello".to_vec())
        );
        let zstd = [
            0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0x29, 0x00, 0x00, b'h', b'e', b'l', b'l', b'o',
        ];
        assert_eq!(
            without("zstd", &zstd).expect("read"),
            Some(b"hello".to_vec())
        );
    }

    #[test]
    fn a_small_body_that_stands_for_a_huge_one_is_refused() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
        let piece = vec![0; 1 << 20];
        for _ in 0..65 {
            bomb.write_all(&piece).expect("written");
        }
        let bomb = bomb.finish().expect("finished");
        assert!(matches!(without("gzip", &bomb), Err(Undecoded::TooMuch)));
        assert!(matches!(without("lzma", b""), Err(Undecoded::Unknown(_))));
    }
}
