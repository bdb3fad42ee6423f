//! Texts with placeholders, and how a value is written where its text ends up.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::names::{Names, is_name};

/// A text with placeholders. `{name}` is one, and `{name:raw}` the same without
/// escaping; `{{name}}` is the text `{name}`. Braces around anything that is no name,
/// as in JSON, are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The value at this place among a plan's values.
    Value {
        place: usize,
        is_raw: bool,
    },
}

/// The rule by which values are written into a text, so that none of them can end what
/// it is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// As they are.
    None,
    /// Percent-encoded but for unreserved characters (RFC 3986, section 2.3): for paths,
    /// queries and forms.
    Percent,
    /// As the inside of a JSON string (RFC 8259, section 7).
    Json,
    /// As character data or the value of an attribute (XML 1.0, section 2.4).
    Xml,
}

/// A placeholder that can't be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceholderMistake {
    /// Nobody gave it values.
    Unknown {
        /// The way to give it one, as an order.
        remedy: String,
        /// The placeholder with its braces.
        written: String,
    },
    /// It asks to be written in a way that there isn't.
    UnknownWay {
        /// The placeholder with its braces.
        written: String,
    },
}

/// The word behind a placeholder's name that keeps its values from being escaped.
const RAW: &str = "raw";

/// Everything but unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Braces around a name, as they were found in a text.
struct Braces<'a> {
    /// The braces before the name, and those of them that have a partner behind it.
    opening: usize,
    pairs: usize,
    /// What is between the innermost two.
    inner: &'a str,
}

impl<'a> Braces<'a> {
    /// Reads a text that begins with a brace; `None` unless a name follows, perhaps with
    /// a colon and a word, and at least one closing brace.
    fn read(text: &'a str, names: &dyn Names) -> Option<Self> {
        let rest = text.trim_start_matches('{');
        let opening = text.len() - rest.len();
        let (inner, _) = rest.split_once('}')?;
        let (name, way) = inner.split_once(':').unwrap_or((inner, RAW));
        // Such as `{a:b}` in a query language, where nothing is called `a`.
        let is_foreign = way != RAW && names.place(name).is_none();
        if !names.can_be(name) || !is_name(way) || is_foreign {
            return None;
        }
        let behind = &rest[inner.len()..];
        let closing = behind.len() - behind.trim_start_matches('}').len();
        Some(Braces {
            opening,
            pairs: opening.min(closing),
            inner,
        })
    }
}

impl Template {
    /// Reads a text, whose placeholders must be among `names`.
    ///
    /// # Errors
    ///
    /// When a placeholder has another name, or asks for another way than `raw`.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, PlaceholderMistake> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            plain.push_str(&rest[..brace]);
            rest = &rest[brace..];
            let Some(braces) = Braces::read(rest, names) else {
                let after = rest.trim_start_matches('{');
                plain.push_str(&rest[..rest.len() - after.len()]);
                rest = after;
                continue;
            };
            let Braces {
                opening,
                pairs,
                inner,
            } = braces;
            // Braces without a partner are text; of the pairs, two stand for one.
            plain.push_str(&"{".repeat(opening - pairs + pairs / 2));
            rest = &rest[opening + inner.len() + pairs..];
            if pairs % 2 == 1 {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(value(inner, names)?);
            } else {
                plain.push_str(inner);
            }
            plain.push_str(&"}".repeat(pairs / 2));
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Template(pieces))
    }

    /// The text with its `values`, each written by the rule of `escaping` unless it is to
    /// stay as it is.
    pub fn fill(&self, values: &[String], escaping: Escaping) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Value { place, is_raw } => {
                    let escaping = if *is_raw { Escaping::None } else { escaping };
                    escaping.write(&values[*place], &mut text);
                }
            }
        }
        text
    }

    /// A text without placeholders.
    pub fn text(text: &str) -> Self {
        Template(vec![Piece::Text(text.to_owned())])
    }

    /// One text after the other.
    pub fn joined(texts: impl IntoIterator<Item = Template>) -> Self {
        Template(texts.into_iter().flat_map(|text| text.0).collect())
    }

    /// The same with what isn't placeholders written by the rule of `escaping`, as values
    /// will be.
    pub fn escaped(mut self, escaping: Escaping) -> Self {
        for piece in &mut self.0 {
            if let Piece::Text(plain) = piece {
                let mut text = String::new();
                escaping.write(plain, &mut text);
                *plain = text;
            }
        }
        self
    }

    /// True when the text is the same each time.
    pub fn is_constant(&self) -> bool {
        self.values().next().is_none()
    }

    /// The text, if it is the same each time.
    pub fn constant(&self) -> Option<String> {
        self.is_constant().then(|| self.fill(&[], Escaping::None))
    }

    /// The places of the values that the text has in it, once for each placeholder.
    pub fn values(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value { place, .. } => Some(*place),
        })
    }

    /// True when nothing is left of the text when values are empty.
    pub fn is_only_values(&self) -> bool {
        !self.0.iter().any(|piece| matches!(piece, Piece::Text(_)))
    }
}

/// The value that is meant by what is between two braces.
fn value(inner: &str, names: &dyn Names) -> Result<Piece, PlaceholderMistake> {
    let written = format!("{{{inner}}}");
    let (name, way) = match inner.split_once(':') {
        Some((name, way)) => (name, Some(way)),
        None => (inner, None),
    };
    if way.is_some_and(|way| way != RAW) {
        return Err(PlaceholderMistake::UnknownWay { written });
    }
    let place = names.place(name);
    let place = place.ok_or_else(|| PlaceholderMistake::Unknown {
        remedy: names.remedy(name),
        written,
    })?;
    Ok(Piece::Value {
        place,
        is_raw: way.is_some(),
    })
}

impl Escaping {
    /// The rule for the values in a body of this type, such as
    /// `application/json; charset=utf-8`.
    pub fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
        let subtype = subtype.rsplit('+').next().unwrap_or_default();
        match subtype {
            "json" | "ndjson" | "x-ndjson" | "jsonl" | "x-json" | "json-seq" => Escaping::Json,
            "xml" => Escaping::Xml,
            "x-www-form-urlencoded" => Escaping::Percent,
            _ => Escaping::None,
        }
    }

    fn write(self, value: &str, text: &mut String) {
        match self {
            Escaping::None => text.push_str(value),
            Escaping::Percent => text.extend(utf8_percent_encode(value, RESERVED)),
            Escaping::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
            Escaping::Xml => {
                for character in value.chars() {
                    match character {
                        '&' => text.push_str("&amp;"),
                        '<' => text.push_str("&lt;"),
                        '>' => text.push_str("&gt;"),
                        '"' => text.push_str("&quot;"),
                        '\'' => text.push_str("&apos;"),
                        other => text.push(other),
                    }
                }
            }
        }
    }
}

impl PlaceholderMistake {
    /// The placeholder as it was written, with its braces.
    pub fn written(&self) -> &str {
        match self {
            PlaceholderMistake::Unknown { written, .. }
            | PlaceholderMistake::UnknownWay { written } => written,
        }
    }
}

impl fmt::Display for PlaceholderMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlaceholderMistake::Unknown { remedy, written } => write!(
                f,
                "nobody says what {written} stands for; {remedy}, or write {{{written}}} if the braces are to be sent"
            ),
            PlaceholderMistake::UnknownWay { written } => write!(
                f,
                "a value is escaped where it ends up, or sent as it is with `:raw` behind its name; write {{{written}}} if the braces are to be sent"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: [&str; 0] = [];

    fn filled(text: &str, escaping: Escaping, value: &str) -> String {
        let template = Template::parse(text, &["item"]).expect("no mistake");
        template.fill(&[value.to_owned()], escaping)
    }

    #[test]
    fn names_in_braces_are_filled_in_and_all_other_braces_are_text() {
        for (written, sent) in [
            (
                r#"{"item": {item}, "more": {}}"#,
                r#"{"item": 7, "more": {}}"#,
            ),
            (r#"{"a":{"b":{item}}}"#, r#"{"a":{"b":7}}"#),
            (r#"{"a": {"b": 1}}"#, r#"{"a": {"b": 1}}"#),
            ("[0-9]{3} { item } {a:b} {ä}", "[0-9]{3} { item } {a:b} {ä}"),
            (
                "{{item}} {{other}} {{other:raw}}",
                "{item} {other} {other:raw}",
            ),
            ("{{{item}}} {{{{item}}}}", "{7} {{item}}"),
            ("{{item} {item}}", "{7 7}"),
            ("{", "{"),
            ("{item", "{item"),
            ("item}", "item}"),
            ("{item:raw}{item}", "77"),
        ] {
            assert_eq!(filled(written, Escaping::None, "7"), sent, "{written}");
        }
    }

    #[test]
    fn a_misspelt_placeholder_is_a_mistake_wherever_it_is_and_says_how_to_mean_it() {
        for text in ["/{itme}", r#"{"a": {itme}}"#, "{itme:raw}"] {
            let mistake = Template::parse(text, &["item"]).expect_err(text);
            assert!(mistake.written().starts_with("{itme"), "{mistake}");
            let message = mistake.to_string();
            assert!(message.contains("[values.itme]"), "{message}");
            assert!(message.contains("write {{itme"), "{message}");
        }
        let mistake = Template::parse("{item:upper}", &["item"]).expect_err("no such way");
        assert!(mistake.to_string().contains(":raw"), "{mistake}");
    }

    #[test]
    fn a_value_is_escaped_by_the_type_of_what_it_is_in_unless_it_is_to_stay_raw() {
        let value = "a\"b\\\n<&'é ";
        for (content_type, sent) in [
            ("application/json", "a\\\"b\\\\\\n<&'é "),
            (
                "application/problem+JSON; charset=utf-8",
                "a\\\"b\\\\\\n<&'é ",
            ),
            (
                "application/x-www-form-urlencoded",
                "a%22b%5C%0A%3C%26%27%C3%A9%20",
            ),
            ("image/svg+xml", "a&quot;b\\\n&lt;&amp;&apos;é "),
            ("text/plain", value),
            ("", value),
        ] {
            let escaping = Escaping::of_content_type(content_type);
            assert_eq!(filled("{item}", escaping, value), sent, "{content_type}");
            assert_eq!(filled("{item:raw}", escaping, value), value);
        }
    }

    proptest! {
        #[test]
        fn a_text_without_names_in_braces_stays_as_it_is(text in "[^a-zA-Z_]*") {
            let template = Template::parse(&text, &NONE).expect("no placeholder");
            prop_assert_eq!(template.constant(), Some(text));
        }

        #[test]
        fn doubled_braces_around_a_name_are_sent_as_one(name in "[a-z_][a-z0-9_-]{0,9}", before in "[^{}]*") {
            let template = Template::parse(&format!("{before}{{{{{name}}}}}"), &NONE).expect("text");
            prop_assert_eq!(template.constant(), Some(format!("{before}{{{name}}}")));
        }

        #[test]
        fn a_value_never_leaves_its_path_segment(value in "\\PC*") {
            let path = filled("/a/{item}/b?q={item}", Escaping::Percent, &value);
            prop_assert_eq!(path.matches('/').count(), 3);
            prop_assert_eq!(path.matches('?').count(), 1);
            prop_assert!(!path.contains(['#', ' ', '&', '+']));
        }

        #[test]
        fn a_value_never_leaves_its_json_string(value in any::<String>()) {
            let body = filled(r#"{"a": "{item}"}"#, Escaping::Json, &value);
            let read: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            prop_assert_eq!(&read["a"], &serde_json::Value::from(value));
        }

        #[test]
        fn a_value_never_leaves_its_form_field(value in any::<String>()) {
            let body = filled("a={item}&b=1", Escaping::Percent, &value);
            let fields: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            prop_assert_eq!(fields, [("a".to_owned(), value), ("b".to_owned(), "1".to_owned())]);
        }
    }
}
