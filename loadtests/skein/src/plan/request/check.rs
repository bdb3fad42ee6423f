//! Checks of answers beyond their status: of the body as text or as JSON, of header fields,
//! of size and time.

mod file;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use regex::Regex;
use serde_json::Value;

use super::template::{Escaping, Template};
use crate::text::of_json;
use crate::threshold::Operator;

pub(in crate::plan) use file::{CheckFile, check_pattern, check_pointer};

/// A rule that an answer keeps.
#[derive(Clone, Debug)]
pub struct Check {
    /// The part of the answer, and what holds of it.
    pub rule: Rule,
    /// The fault of an answer that breaks it, as a sentence.
    pub fault: &'static str,
    /// The place among the names under which checks are counted.
    pub counted_as: Option<usize>,
    /// True when an answer that breaks it has not failed.
    pub only_counts: bool,
}

/// The subject of a check, and what is to hold of it.
#[derive(Clone, Debug)]
pub enum Rule {
    /// About the body.
    Body(TextRule),
    /// About the values of a header field.
    Header(HeaderName, TextRule),
    /// About what a pointer (RFC 6901) finds in a JSON body.
    Json(String, JsonRule),
    /// About the body's bytes, as they came.
    Size(Operator, u64),
    /// About the response time.
    Time(Operator, Duration),
}

/// A rule on a text.
#[derive(Clone, Debug)]
pub enum TextRule {
    /// It has this in it.
    Contains(Template),
    /// It doesn't have this in it.
    Lacks(Template),
    /// A part of it matches.
    Matches(Regex),
    /// It is this.
    Equals(Template),
    /// It is there, or isn't.
    Exists(bool),
}

/// A rule on a value within JSON.
#[derive(Clone, Debug)]
pub enum JsonRule {
    /// It is this value.
    Is(Value),
    /// It is of this type.
    OfType(JsonType),
    /// The same as on its text; a text's without quotes, and else its JSON.
    Text(TextRule),
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A number without a fraction.
    Integer,
    /// A text.
    String,
    /// A list.
    Array,
    /// A table.
    Object,
}

/// The parts of an answer that a check sees.
#[derive(Debug)]
pub struct Seen<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    size: u64,
    time: Duration,
    json: OnceCell<Option<Value>>,
}

impl<'a> Seen<'a> {
    /// An answer with this decoded body, which came as `size` bytes within `time`.
    pub fn new(headers: &'a HeaderMap, body: &'a [u8], size: u64, time: Duration) -> Self {
        Seen {
            headers,
            body,
            size,
            time,
            json: OnceCell::new(),
        }
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.headers
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body)
    }

    /// The value that a pointer finds in the body, if that is JSON.
    pub fn json(&self, pointer: &str) -> Option<&Value> {
        let json = self
            .json
            .get_or_init(|| serde_json::from_slice(self.body).ok());
        json.as_ref()?.pointer(pointer)
    }
}

impl Check {
    /// The rule that a body has this in it.
    pub(super) fn body_contains(text: Template) -> Self {
        Check {
            rule: Rule::Body(TextRule::Contains(text)),
            fault: "the body misses what the plan says it has",
            counted_as: None,
            only_counts: false,
        }
    }

    /// True when it holds of an answer, for a user with these values.
    pub fn holds(&self, seen: &Seen<'_>, values: &[String]) -> bool {
        match &self.rule {
            Rule::Body(rule) => rule.holds([seen.text()], values),
            Rule::Header(name, rule) => {
                let fields = seen.headers.get_all(name).iter();
                rule.holds(
                    fields.map(|field| String::from_utf8_lossy(field.as_bytes())),
                    values,
                )
            }
            Rule::Json(pointer, rule) => match (rule, seen.json(pointer)) {
                (JsonRule::Is(expected), found) => found == Some(expected),
                (JsonRule::OfType(of), found) => found.is_some_and(|found| of.has(found)),
                (JsonRule::Text(rule), found) => {
                    rule.holds(found.map(|found| Cow::Owned(of_json(found))), values)
                }
            },
            Rule::Size(operator, limit) => operator.holds(seen.size as f64, *limit as f64),
            Rule::Time(operator, limit) => {
                operator.holds(seen.time.as_secs_f64(), limit.as_secs_f64())
            }
        }
    }

    /// A few words on what was found in place of what should be, where that is a short text.
    pub fn found(&self, seen: &Seen<'_>) -> Option<String> {
        match &self.rule {
            Rule::Body(_) => None,
            Rule::Header(name, _) => {
                let field = seen.headers.get(name)?;
                Some(format!("{name} is {field:?}"))
            }
            Rule::Json(pointer, _) => Some(match seen.json(pointer) {
                Some(found) => format!("{pointer} is {found}"),
                None if seen.json("").is_none() => "the body is no JSON".to_owned(),
                None => format!("there is no {pointer}"),
            }),
            Rule::Size(..) => Some(format!("it has {} bytes", seen.size)),
            Rule::Time(..) => Some(format!("it took {:.1} ms", seen.time.as_secs_f64() * 1e3)),
        }
    }

    /// True when it can't be told without the whole body.
    pub fn needs_body(&self) -> bool {
        matches!(self.rule, Rule::Body(_) | Rule::Json(..))
    }

    /// The text in it that may have placeholders.
    pub fn template(&self) -> Option<&Template> {
        let rule = match &self.rule {
            Rule::Body(rule) | Rule::Header(_, rule) | Rule::Json(_, JsonRule::Text(rule)) => rule,
            _ => return None,
        };
        match rule {
            TextRule::Contains(text) | TextRule::Lacks(text) | TextRule::Equals(text) => Some(text),
            TextRule::Matches(_) | TextRule::Exists(_) => None,
        }
    }
}

impl TextRule {
    /// True when it holds of one of the texts, or where it forbids something, of all.
    fn holds<'a>(&self, texts: impl IntoIterator<Item = Cow<'a, str>>, values: &[String]) -> bool {
        let mut texts = texts.into_iter();
        match self {
            TextRule::Contains(part) => {
                let part = part.fill(values, Escaping::None);
                texts.any(|text| text.contains(&part))
            }
            TextRule::Lacks(part) => {
                let part = part.fill(values, Escaping::None);
                texts.all(|text| !text.contains(&part))
            }
            TextRule::Matches(pattern) => texts.any(|text| pattern.is_match(&text)),
            TextRule::Equals(expected) => {
                let expected = expected.fill(values, Escaping::None);
                texts.any(|text| text == expected)
            }
            TextRule::Exists(expected) => texts.next().is_some() == *expected,
        }
    }
}

impl JsonType {
    const NAMES: [(&'static str, JsonType); 7] = [
        ("null", JsonType::Null),
        ("boolean", JsonType::Boolean),
        ("number", JsonType::Number),
        ("integer", JsonType::Integer),
        ("string", JsonType::String),
        ("array", JsonType::Array),
        ("object", JsonType::Object),
    ];

    /// The type of this name.
    fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names.find_map(|(known, of)| (known == name).then_some(of))
    }

    /// True when a value is of this type.
    fn has(self, value: &Value) -> bool {
        match self {
            JsonType::Null => value.is_null(),
            JsonType::Boolean => value.is_boolean(),
            JsonType::Number => value.is_number(),
            JsonType::Integer => value.is_i64() || value.is_u64(),
            JsonType::String => value.is_string(),
            JsonType::Array => value.is_array(),
            JsonType::Object => value.is_object(),
        }
    }
}

#[cfg(test)]
mod tests;
