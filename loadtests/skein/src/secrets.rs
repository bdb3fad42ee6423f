//! Values that nobody may see, found again in whatever a server sent back.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;

/// Secrets in each form in which an answer may repeat them, the longest first, so that no part of
/// one is left where another begins like it.
pub(crate) struct Secrets(Vec<String>);

/// The word in the place of a secret.
const HIDDEN: &str = "***";
/// The shortest beginning of a secret, in bytes, that is taken for one at the end of a text that was
/// cut there.
const LEAST_BEGINNING: usize = 3;
/// Characters that need no escape in a URL (RFC 3986, section 2.3) stay as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Secrets {
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<String> = secrets.into_iter().flat_map(forms).collect();
        all.retain(|form| !form.is_empty());
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Secrets(all)
    }

    /// The text without any of them, or the beginning of one where the text ends.
    pub(crate) fn hidden_in(&self, text: String) -> String {
        let mut text = self
            .0
            .iter()
            .fold(text, |text, form| text.replace(form.as_str(), HIDDEN));
        let beginnings = self.0.iter().map(|form| beginning_at_end(&text, form));
        let longest = beginnings.max().unwrap_or_default();
        if longest >= LEAST_BEGINNING {
            text.truncate(text.len() - longest);
            text.push_str(HIDDEN);
        }
        text
    }
}

/// Nothing of them is shown here either.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// The length of the longest beginning of `form` that `text` ends with.
fn beginning_at_end(text: &str, form: &str) -> usize {
    let places = form.char_indices().map(|(place, _)| place).rev();
    let mut found = places.filter(|place| text.ends_with(&form[..*place]));
    found.next().unwrap_or_default()
}

/// A value as it is, in JSON, in a URL, in a form, and in XML or HTML.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
    let form: String = byte_serialize(secret.as_bytes()).collect();
    let quotes = [
        ("&quot;", "&#39;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#x27;"),
    ];
    let escaped = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut forms: Vec<String> = quotes
        .iter()
        .map(|(double, single)| escaped.replace('"', double).replace('\'', single))
        .collect();
    forms.extend([
        secret.to_owned(),
        ascii(&json),
        json.replace('/', "\\/"),
        json,
        lower_escapes(&percent),
        percent,
        lower_escapes(&form),
        form,
        escaped,
    ]);
    forms
}

/// JSON as it is written in ASCII alone.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars()
        .map(|c| match c.is_ascii() {
            true => c.to_string(),
            false => {
                let units = c.encode_utf16(&mut units).iter();
                units.map(|unit| format!("\\u{unit:04x}")).collect()
            }
        })
        .collect()
}

/// The same with `%2f` in place of `%2F`.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (escape, rest) = part.split_at(part.len().min(2));
        format!("{text}%{}{rest}", escape.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(secrets: &[&str], text: &str) -> String {
        Secrets::of(secrets.iter().copied()).hidden_in(text.to_owned())
    }

    #[test]
    fn a_secret_is_hidden_in_each_form_in_which_it_may_come_back() {
        let secret = "s3 \"x\"/ü&'1";
        for text in [
            secret,
            r#"s3 \"x\"/ü&'1"#,
            r#"s3 \"x\"/\u00fc&'1"#,
            r#"s3 \"x\"\/ü&'1"#,
            "s3%20%22x%22%2F%C3%BC%26%271",
            "s3%20%22x%22%2f%c3%bc%26%271",
            "s3+%22x%22%2F%C3%BC%26%271",
            "s3 &quot;x&quot;/ü&amp;&#39;1",
            "s3 &#34;x&#34;/ü&amp;&#x27;1",
        ] {
            assert_eq!(shown(&[secret], &format!("<{text}>")), "<***>", "{text}");
        }
    }

    #[test]
    fn a_secret_that_begins_like_another_leaves_nothing_of_it() {
        let secrets = ["token", "token-LONGER"];
        assert_eq!(shown(&secrets, "a token-LONGER b token"), "a *** b ***");
    }

    #[test]
    fn a_beginning_at_the_end_of_a_text_that_was_cut_is_hidden_too() {
        assert_eq!(shown(&["zqj_hidden"], "xx zqj_hidd"), "xx ***");
        assert_eq!(shown(&["zqj_hidden"], "xx zq"), "xx zq");
        assert_eq!(shown(&[], "as it is"), "as it is");
        assert_eq!(shown(&[""], "as it is"), "as it is");
    }

    proptest! {
        #[test]
        fn nothing_of_a_secret_is_left_wherever_a_text_is_cut(
            secret in "[a-z]{4,9}", before in "[A-Z ]{0,9}", cut in 0_usize..30,
        ) {
            let whole = format!("{before}{secret} BEHIND");
            let text: String = whole.chars().take(cut).collect();
            let shown = shown(&[&secret], &text);
            prop_assert!(!shown.contains(&secret[..LEAST_BEGINNING]), "{}", shown);
        }
    }
}
