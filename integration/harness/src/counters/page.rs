//! A page of metrics in text, read line by line: the format of OpenMetrics, and that of
//! Prometheus, which is the same but for its end.
//!
//! The crates for it bring protocol buffers, compile a regular expression for each line or
//! pass over lines that they don't understand, and a counter that is passed over would be
//! taken for zero here.

use std::collections::{BTreeMap, HashMap};
use std::str::{self, Chars};

/// The first thing on a page of metrics that doesn't follow the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the page of metrics {what}")]
pub struct PageError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The format of a page, by what its server says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0, whose pages end with `# EOF`, so that half a page is known for one.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
}

impl Format {
    /// The format that a `Content-Type` field names. All but that of OpenMetrics are read
    /// as Prometheus does, many servers of which send just `text/plain`.
    pub fn of(content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }
}

/// The type of a family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Histogram,
    Summary,
    /// Gauges and everything else that does more than grow.
    Other,
}

/// A number on the page, its name, and what it is a number of.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name, as it stands there.
    pub name: String,
    /// Labels by their names.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
    pub(super) kind: Kind,
    /// What the name has after that of its family: `_total`, `_bucket`, or nothing.
    pub(super) suffix: &'static str,
}

/// What names of families with one of these types end in.
const SUFFIXES: [(Kind, &[&str]); 3] = [
    (Kind::Counter, &["_total", "_created", ""]),
    (Kind::Histogram, &["_bucket", "_count", "_sum", "_created"]),
    (Kind::Summary, &["_count", "_sum", "_created", ""]),
];

/// Every number on the page, in its order.
///
/// # Errors
///
/// The first thing on the page that doesn't follow the format.
pub fn lines(page: &[u8], format: Format) -> Result<Vec<Line>, PageError> {
    let text = str::from_utf8(page).map_err(|error| {
        let before = &page[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let what = "is not UTF-8";
        PageError { line, what }
    })?;
    let mut kinds = HashMap::new();
    let mut found = Vec::new();
    let mut ended = false;
    let mut number = 0;
    for line in text.lines() {
        number += 1;
        let wrong = |what| PageError { line: number, what };
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() {
            continue;
        }
        if ended {
            return Err(wrong("comes after the end of the page"));
        }
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("EOF"), None, _) => ended = true,
                // As if nothing were said.
                (Some("TYPE"), Some(_), Some("untyped" | "unknown")) => {}
                (Some("TYPE"), Some(family), Some(kind)) => {
                    kinds.insert(family.trim_matches('"').to_owned(), kind_called(kind));
                }
                (Some("TYPE"), ..) => return Err(wrong("gives a type without family or name")),
                _ => {}
            }
        } else {
            let (name, labels, value) = sample(line).map_err(wrong)?;
            let (kind, suffix) = family_of(&name, &kinds);
            found.push(Line {
                name,
                labels,
                value,
                kind,
                suffix,
            });
        }
    }
    if format == Format::OpenMetrics && !ended {
        let what = "is the last, and there is no `# EOF`";
        return Err(PageError { line: number, what });
    }
    Ok(found)
}

fn kind_called(name: &str) -> Kind {
    match name {
        "counter" => Kind::Counter,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        _ => Kind::Other,
    }
}

/// The type of the family that has a sample called `name`, and the rest of the name.
fn family_of(name: &str, kinds: &HashMap<String, Kind>) -> (Kind, &'static str) {
    // In the format of Prometheus a counter's family may itself be called `…_total`.
    if let Some(kind @ (Kind::Counter | Kind::Other)) = kinds.get(name) {
        return (*kind, "");
    }
    for (kind, suffixes) in SUFFIXES {
        for suffix in suffixes {
            let family = name.strip_suffix(suffix);
            if family.is_some_and(|family| kinds.get(family) == Some(&kind)) {
                return (kind, suffix);
            }
        }
    }
    // Where nobody says of which type it is, its name does.
    match name.ends_with("_total") {
        true => (Kind::Counter, "_total"),
        false => (Kind::Other, ""),
    }
}

type Sample = (String, BTreeMap<String, String>, f64);

/// `name{label="value",…} value`, and after it perhaps a time and an example, which nobody
/// here asks for.
fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ', '\t']).ok_or("has no value")?;
    let (mut name, mut rest) = (line[..end].to_owned(), &line[end..]);
    let mut found = BTreeMap::new();
    if let Some(inside) = rest.trim_start().strip_prefix('{') {
        rest = labels(inside, &mut name, &mut found)?;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_quoted = end == 0;
    if name.is_empty() || !is_quoted && (!name.chars().all(is_name) || is_digit_first(&name)) {
        return Err("has no name that a metric can have");
    }
    let numbers = match rest.split_once('#') {
        Some((numbers, example)) if example.trim_start().starts_with('{') => numbers,
        Some(_) => return Err("has something behind its value"),
        None => rest,
    };
    let mut numbers = numbers.split_ascii_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(value)), None | Some(Ok(_)), None) => Ok((name, found, value)),
        (None | Some(Err(_)), ..) => Err("has no value that is a number"),
        _ => Err("has something behind its value"),
    }
}

fn is_digit_first(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
}

/// Labels up to the brace that ends them, and what comes behind it. A quoted string that is
/// no label's name is the metric's.
fn labels<'a>(
    mut rest: &'a str,
    name: &mut String,
    found: &mut BTreeMap<String, String>,
) -> Result<&'a str, &'static str> {
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok(behind);
        }
        let label = match rest.strip_prefix('"') {
            Some(inside) => {
                let (label, behind) = quoted(inside)?;
                rest = behind.trim_start();
                label
            }
            None => {
                let end = rest.find(['=', '}']).ok_or("has labels without an end")?;
                let label = rest[..end].trim_end();
                let is_label = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if label.is_empty() || !label.chars().all(is_label) || is_digit_first(label) {
                    return Err("has a label without a name that a label can have");
                }
                rest = &rest[end..];
                label.to_owned()
            }
        };
        if let Some(behind) = rest.strip_prefix('=') {
            let value = behind.trim_start().strip_prefix('"');
            let (value, behind) = quoted(value.ok_or("has a label's value without quotes")?)?;
            if found.insert(label, value).is_some() {
                return Err("has the same label twice");
            }
            rest = behind;
        } else if name.is_empty() {
            *name = label;
        } else {
            return Err("has a label without a value");
        }
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.starts_with('}') => {}
            None => return Err("has labels that no comma parts"),
        }
    }
}

/// The string up to the quote that ends it, and what comes behind.
fn quoted(rest: &str) -> Result<(String, &str), &'static str> {
    let mut string = String::new();
    let mut letters: Chars<'_> = rest.chars();
    loop {
        match letters.next() {
            Some('"') => return Ok((string, letters.as_str())),
            Some('\\') => match letters.next() {
                Some('n') => string.push('\n'),
                Some(letter @ ('\\' | '"')) => string.push(letter),
                // As Prometheus reads it.
                Some(letter) => string.extend(['\\', letter]),
                None => return Err("has a string without an end"),
            },
            Some(letter) => string.push(letter),
            None => return Err("has a string without an end"),
        }
    }
}

#[cfg(test)]
mod tests;
