//! The variables of a compose file, `${NAME:-default}`, with the values that they have here:
//! from the environment, else from the file `.env` beside it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn of(folder: &Path) -> Self {
        let file = std::fs::read_to_string(folder.join(".env")).unwrap_or_default();
        let mut variables: BTreeMap<String, String> = assignments(&file).collect();
        variables.extend(std::env::vars());
        Variables(variables)
    }

    /// Fills in every text of a file, and notes variables that nobody has set.
    pub(super) fn fill(&self, value: &mut Value, unset: &mut Vec<String>) {
        match value {
            Value::String(text) => *text = self.filled(text, unset),
            Value::Array(all) => all.iter_mut().for_each(|one| self.fill(one, unset)),
            Value::Object(all) => all.values_mut().for_each(|one| self.fill(one, unset)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn filled(&self, text: &str, unset: &mut Vec<String>) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            filled += before;
            rest = if let Some(behind) = behind.strip_prefix('$') {
                filled.push('$');
                behind
            } else if let Some((inside, behind)) = behind
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
            {
                filled += &self.value(inside, unset);
                behind
            } else {
                let end = behind.find(|c| !is_of_name(c)).unwrap_or(behind.len());
                match end {
                    0 => filled.push('$'),
                    _ => filled += &self.value(&behind[..end], unset),
                }
                &behind[end..]
            };
        }
        filled + rest
    }

    /// The value of `NAME`, `NAME:-default` or `NAME-default`; others say what is amiss.
    fn value(&self, inside: &str, unset: &mut Vec<String>) -> String {
        let end = inside.find(|c| !is_of_name(c)).unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        let known = self.0.get(name);
        let known = known.filter(|value| !(rest.starts_with(':') && value.is_empty()));
        let default = rest.trim_start_matches(':').strip_prefix('-');
        match (known, default) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                unset.push(format!(
                    "${{{inside}}}: nobody has set {name}, so that it is empty"
                ));
                String::new()
            }
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The lines `NAME=value` of a file.
pub(super) fn assignments(file: &str) -> impl Iterator<Item = (String, String)> {
    file.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let value = value.trim();
        let quotes = ['"', '\''];
        let unquoted = quotes
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some((name.trim().to_owned(), unquoted.unwrap_or(value).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_values_or_defaults_or_are_missed() {
        let known = [("TAG", "7"), ("EMPTY", "")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = Variables(known.into());
        for (text, expected, is_missed) in [
            ("redis:$TAG-alpine", "redis:7-alpine", false),
            ("${TAG:-6}${NONE:-a b}${NONE-c}", "7a bc", false),
            ("[${EMPTY:-x}${EMPTY-y}]", "[x]", false),
            ("5$$ and $ and ${", "5$ and $ and ${", false),
            ("<${NONE:?say it}>", "<>", true),
        ] {
            let mut missed = Vec::new();
            assert_eq!(variables.filled(text, &mut missed), expected);
            assert_eq!(!missed.is_empty(), is_missed, "{text}");
        }
    }
}
