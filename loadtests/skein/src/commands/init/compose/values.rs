//! Values of a compose file, which says most things in two forms or three, and texts as the plan
//! has them.

use serde_json::Value;

use super::variables::assignments;
use crate::text::{in_toml, of_json};

/// The text with a reference in place of each address, but for those that are only a part of another
/// one, as `db:54` is of `olddb:5432`.
pub(super) fn referring(text: &str, address: &str, reference: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || ['-', '_', '.'].contains(&c);
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(address) {
        done += before;
        let is_part =
            done.ends_with(is_of_name) || behind.starts_with(|c: char| c.is_ascii_digit());
        done += if is_part { address } else { reference };
        rest = behind;
    }
    done + rest
}

/// A scalar as it is written.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => of_json(other),
    }
}

/// A list, the names of a table, or one thing alone.
pub(super) fn listed(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all
            .iter()
            .map(|one| one.get("path").map_or_else(|| text(one), text))
            .collect(),
        Value::Object(all) => all.keys().cloned().collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    }
}

/// `[A=1, B=2]`, or a table.
pub(super) fn pairs(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(all) => all
            .iter()
            .map(|(name, of)| (name.clone(), text(of)))
            .collect(),
        other => assignments(&listed(other).join("\n")).collect(),
    }
}

/// The variables that are only named, whose values come from whoever starts it.
pub(super) fn without_value(value: &Value) -> Vec<String> {
    let named = |(name, of): (&String, &Value)| of.is_null().then(|| name.clone());
    match value {
        Value::Object(all) => all.iter().filter_map(named).collect(),
        other => {
            let all = listed(other).into_iter();
            all.filter(|one| !one.contains('=')).collect()
        }
    }
}

/// The words of a command, which is a list or a line of a shell; of one that no shell would
/// understand, those between its blanks.
pub(super) fn words(value: &Value) -> Vec<String> {
    let Value::String(line) = value else {
        return listed(value);
    };
    let as_they_are = || line.split_whitespace().map(str::to_owned).collect();
    shlex::split(line).unwrap_or_else(as_they_are)
}

/// A text as one word of a command line.
pub(super) fn shell_word(text: &str) -> String {
    crate::commands::quoted(text)
}

/// A list of texts in TOML.
pub(super) fn list<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let texts: Vec<String> = texts.map(|text| in_toml(text)).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_part_of_another_is_left_alone() {
        let referring = |text: &str| referring(text, "db:5432", "{db.address}");
        for (text, expected) in [
            ("postgres://u:p@db:5432/x", "postgres://u:p@{db.address}/x"),
            ("db:5432,db:5432", "{db.address},{db.address}"),
            ("olddb:5432", "olddb:5432"),
            ("my-db:5432 db:54321", "my-db:5432 db:54321"),
            ("x.db:5432 db:5432", "x.db:5432 {db.address}"),
        ] {
            assert_eq!(referring(text), expected);
        }
    }
}
