//! Lengths of time and sizes in plans.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::mistake::Mistake;

/// A length of time as people write it: `"5ms"`, `"1m 30s"`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

/// Bytes as people write them: `"256 KiB"`, or their number.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

/// Reads a text; what is anything else is refused for being none, in these words.
pub(super) struct Text(pub(super) &'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected =
            Text("a length of time with its unit in quotes, such as \"5ms\" or \"1m 30s\"");
        let text = deserializer.deserialize_str(expected)?;
        humantime::parse_duration(&text).map(Span).map_err(|_| {
            Error::custom(format!(
                "{text:?} is no duration; write a number with a unit, such as \"5ms\" or \"1m 30s\""
            ))
        })
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as \"256 KiB\", or a number of bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        size(text).map(Size).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        size(&bytes.to_string()).map(Size).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

/// The bytes that a text says.
///
/// # Errors
///
/// A sentence, when it says none.
pub fn size(text: &str) -> Result<u64, String> {
    let size: Result<ByteSize, _> = text.trim().parse();
    size.map(|size| size.as_u64()).map_err(|_| {
        format!("{text:?} is no size; write a number with a unit, such as \"256 KiB\" or \"1 GiB\"")
    })
}

/// The time limit that is written here.
pub(super) fn check_timeout(written: &Spanned<Span>) -> Result<Duration, Mistake> {
    let Span(timeout) = *written.get_ref();
    check_timeout_of(timeout).map_err(|sentence| Mistake::at(written, sentence))
}

/// The time limit, if it is one that can be kept.
///
/// # Errors
///
/// A sentence, when it is shorter than a millisecond or longer than an hour.
pub fn check_timeout_of(timeout: Duration) -> Result<Duration, &'static str> {
    let range = Duration::from_millis(1)..=Duration::from_secs(60 * 60);
    match range.contains(&timeout) {
        true => Ok(timeout),
        false => Err("a time limit is between 1ms and 1h"),
    }
}

/// A length of time; the range is in milliseconds.
pub(super) fn lasting(
    written: Option<Spanned<Span>>,
    range: RangeInclusive<u64>,
    usual: Duration,
    what: &str,
) -> Result<Duration, Mistake> {
    let Some(written) = written else {
        return Ok(usual);
    };
    let (from, to) = range.into_inner();
    let millis = Duration::from_millis;
    let lasts = written.get_ref().0;
    if (millis(from)..=millis(to)).contains(&lasts) {
        Ok(lasts)
    } else {
        Err(Mistake::at(
            &written,
            format!("{what} lasts from {from} to {to} ms"),
        ))
    }
}
