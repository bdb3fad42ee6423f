//! What a plan may give once or several times: statuses, and header fields.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::StatusFile;

/// One value, or a list of such values.
pub(in crate::plan) struct OneOrMore<T> {
    /// Where all of it is in the source.
    pub(super) at: Range<usize>,
    pub(super) several: Vec<Spanned<T>>,
}

/// Header fields in the order in which they are written: a table, whose values may be
/// lists, or a list of pairs.
#[derive(Default)]
pub(in crate::plan) struct FieldsFile(pub(super) Vec<(Spanned<String>, Spanned<String>)>);

/// A value that may be there once or several times.
pub(in crate::plan) trait Single: Sized {
    /// One of them or several, in words.
    const EXPECTED: &'static str;

    fn of_number(number: i64) -> Option<Self> {
        let _ = number;
        None
    }

    fn of_text(text: &str) -> Option<Self> {
        let _ = text;
        None
    }
}

impl Single for StatusFile {
    const EXPECTED: &'static str =
        "a status such as `200`, a class such as `\"2xx\"`, or a list such as `[200, 404]`";

    fn of_number(number: i64) -> Option<Self> {
        // What is out of range is told by the check of the range.
        Some(StatusFile::One(u16::try_from(number).unwrap_or(u16::MAX)))
    }

    fn of_text(text: &str) -> Option<Self> {
        Some(match text {
            "2xx" => StatusFile::Class(2),
            "3xx" => StatusFile::Class(3),
            "4xx" => StatusFile::Class(4),
            "5xx" => StatusFile::Class(5),
            _ => StatusFile::Neither,
        })
    }
}

impl Single for String {
    const EXPECTED: &'static str =
        "a text in quotes or a list of texts, such as `\"a=1\"` or `[\"a=1\", \"b=2\"]`";

    fn of_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// A single value by itself, whatever kind of value it is.
struct One<T>(T);

struct OneVisitor<T>(PhantomData<T>);

impl<T: Single> Visitor<'_> for OneVisitor<T> {
    type Value = One<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<One<T>, E> {
        let one = T::of_number(number).map(One);
        one.ok_or_else(|| E::invalid_type(Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<One<T>, E> {
        let one = T::of_text(text).map(One);
        one.ok_or_else(|| E::invalid_type(Unexpected::Str(text), &self))
    }
}

impl<'de, T: Single> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor(PhantomData))
    }
}

/// One value, whose place is told by what it is in, or several, each with its place.
enum Either<T> {
    One(T),
    Several(Vec<Spanned<T>>),
}

struct EitherVisitor<T>(PhantomData<T>);

impl<'de, T: Single> Visitor<'de> for EitherVisitor<T> {
    type Value = Either<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Either<T>, E> {
        let One(one) = OneVisitor(PhantomData).visit_i64(number)?;
        Ok(Either::One(one))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Either<T>, E> {
        let One(one) = OneVisitor(PhantomData).visit_str(text)?;
        Ok(Either::One(one))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Either<T>, A::Error> {
        let mut several = Vec::new();
        while let Some(one) = list.next_element::<Spanned<One<T>>>()? {
            let span = one.span();
            let One(one) = one.into_inner();
            several.push(Spanned::new(span, one));
        }
        Ok(Either::Several(several))
    }
}

impl<'de, T: Single> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherVisitor(PhantomData))
    }
}

impl<'de, T: Single> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let either = Spanned::<Either<T>>::deserialize(deserializer)?;
        let at = either.span();
        let several = match either.into_inner() {
            Either::One(one) => vec![Spanned::new(at.clone(), one)],
            Either::Several(several) => several,
        };
        Ok(OneOrMore { at, several })
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FieldsFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a table such as `{ Accept = \"text/plain\" }`, or a list of pairs such as `[[\"Accept\", \"text/plain\"]]`",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<FieldsFile, A::Error> {
        let mut fields: Vec<(Spanned<String>, Spanned<String>)> = Vec::new();
        while let Some(name) = table.next_key::<Spanned<String>>()? {
            let values: OneOrMore<String> = table.next_value()?;
            let of_name = values.several.into_iter();
            fields.extend(of_name.map(|value| (name.clone(), value)));
        }
        // A table is read in some order, and sent in that in which it was written.
        fields.sort_by_key(|(name, _)| name.span().start);
        Ok(FieldsFile(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FieldsFile, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = list.next_element()? {
            fields.push(field);
        }
        Ok(FieldsFile(fields))
    }
}

impl<'de> Deserialize<'de> for FieldsFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldsVisitor)
    }
}
