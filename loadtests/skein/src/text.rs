//! Text from elsewhere: a plan's, a target's, or that of a record which somebody handed
//! over. None of it may give orders to a terminal, break out of its line, or fill the
//! memory.

use std::borrow::Cow;

use serde_json::Value;

/// Most bytes that are kept of a target's own words, such as a node's name or the
/// beginning of a body.
pub const LONGEST_EXCERPT: usize = 800;

/// The text without what a terminal obeys: each control character, but for line breaks
/// and tabs, is shown as U+FFFD, and so is each that changes the direction of what follows.
pub fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, |c| is_order(c) && c != '\n' && c != '\t')
}

/// The same in one line: line breaks and tabs are shown as U+FFFD too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    replaced(text, is_order)
}

/// Makes every string in a foreign record [`printable`].
pub fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(clean) = printable(text) {
                *text = clean;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_printable),
        Value::Object(members) => {
            if members
                .keys()
                .any(|name| matches!(printable(name), Cow::Owned(_)))
            {
                let named = std::mem::take(members).into_iter();
                *members = named
                    .map(|(name, value)| (printable(&name).into_owned(), value))
                    .collect();
            }
            members.values_mut().for_each(make_printable);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The beginning of a target's own words, in one line and of a bounded length.
pub fn excerpt(bytes: &[u8], most_chars: usize) -> String {
    let beginning = &bytes[..bytes.len().min(LONGEST_EXCERPT)];
    let text: String = String::from_utf8_lossy(beginning)
        .chars()
        .take(most_chars)
        .collect();
    one_line(&text).into_owned()
}

/// A text as a value in TOML.
pub fn in_toml(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A JSON value as it is written into other texts: a text without its quotes, and else JSON.
pub fn of_json(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// True when a terminal may obey the character: C0 and C1 controls, and the marks, embeddings,
/// overrides and isolates of the bidirectional algorithm (UAX #9), which reorder a line.
/// Two that are no characters at all, and have no place in XML (1.0, §2.2), count too.
pub fn is_order(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}')
}

fn replaced(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unwanted) {
        return Cow::Borrowed(text);
    }
    let shown = |c| {
        if unwanted(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    Cow::Owned(text.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_the_rest_stays() {
        assert_eq!(
            printable("a\x1b[31mb\n\tc\r\u{9b}2J\u{202e}"),
            "a\u{fffd}[31mb\n\tc\u{fffd}\u{fffd}2J\u{fffd}"
        );
        assert_eq!(one_line("a\nb\tc\x7f"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert!(matches!(printable("“Größe” 🧶"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_record_is_cleaned_to_its_last_string() {
        let mut record = json!({ "a\x1b": ["b\x1bc", { "d": "e\n\x07" }, 1.5, null, true] });
        make_printable(&mut record);
        let clean = json!({ "a\u{fffd}": ["b\u{fffd}c", { "d": "e\n\u{fffd}" }, 1.5, null, true] });
        assert_eq!(record, clean);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_in_one_line(bytes in prop::collection::vec(any::<u8>(), 0..2000), most in 0_usize..300) {
            let excerpt = excerpt(&bytes, most);
            prop_assert!(excerpt.chars().count() <= most);
            prop_assert!(!excerpt.contains(is_order));
        }

        #[test]
        fn a_line_keeps_its_length_and_obeys_nobody(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert_eq!(line.chars().count(), text.chars().count());
            prop_assert!(!line.contains(is_order));
        }
    }
}
