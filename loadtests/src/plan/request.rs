//! Plain requests: what users send to a server that isn't the laboratory, as data.

use std::fmt;

use http::{HeaderName, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::{Rng, RngExt};

use crate::samples::Route;

/// The plain requests of a plan, and the values for their placeholders.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The requests; at least one.
    pub requests: Vec<PlainRequest>,
    /// What placeholders stand for; templates know them by their place here.
    pub values: Vec<Values>,
}

/// A request, up to the values of its placeholders, and the answer that is right.
#[derive(Clone, Debug)]
pub struct PlainRequest {
    /// The method, and the path as it was written.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The path with its query; begins with `/`.
    pub path: Template,
    /// Header fields.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body, if there is one.
    pub body: Option<Template>,
    /// How often it is sent, in relation to the others; at least 1.
    pub weight: u32,
    /// The status that is right, 200 to 599.
    pub status: u16,
    /// What the body of a right answer has in it.
    pub contains: Option<String>,
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// A whole number from the first to the second, each as likely as another.
    Range(u64, u64),
    /// One of these, each as likely as another; at least one.
    List(Vec<String>),
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The value at this place among a plan's values.
    Value(usize),
}

/// A placeholder that nobody gave values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPlaceholder(pub String);

/// What a value in a path can't say as it is: everything that could end it or begin
/// something else (RFC 3986, section 2.3: unreserved characters).
const OUTSIDE_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Requests {
    /// A value for every placeholder, drawn with `rng`.
    pub fn draw(&self, rng: &mut impl Rng) -> Vec<String> {
        self.values.iter().map(|values| values.draw(rng)).collect()
    }
}

impl PlainRequest {
    /// Whether it is the same each time.
    pub fn is_constant(&self) -> bool {
        let mut headers = self.headers.iter();
        self.path.is_constant()
            && headers.all(|(_, value)| value.is_constant())
            && self.body.iter().all(Template::is_constant)
    }
}

impl Values {
    fn draw(&self, rng: &mut impl Rng) -> String {
        match self {
            Values::Range(from, to) => rng.random_range(*from..=*to).to_string(),
            Values::List(list) => list[rng.random_range(0..list.len())].clone(),
        }
    }
}

impl Template {
    /// Reads a text in which every `{name}` is a placeholder, one of `names`.
    pub fn strict(text: &str, names: &[&str]) -> Result<Self, UnknownPlaceholder> {
        let template = Template::lenient(text, names);
        for piece in &template.0 {
            if let Piece::Text(text) = piece
                && let Some((_, rest)) = text.split_once('{')
                && let Some((name, _)) = rest.split_once('}')
            {
                return Err(UnknownPlaceholder(name.to_owned()));
            }
        }
        Ok(template)
    }

    /// Reads a text in which `{name}` is a placeholder if it is one of `names`, and
    /// everything else in braces is text, as JSON needs it.
    pub fn lenient(text: &str, names: &[&str]) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let found = names.iter().position(|name| {
                let inner = rest.strip_prefix('{').and_then(|r| r.strip_prefix(name));
                inner.is_some_and(|r| r.starts_with('}'))
            });
            match found {
                Some(place) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Value(place));
                    rest = &rest[names[place].len() + 2..];
                }
                None => {
                    plain.push(character);
                    rest = &rest[character.len_utf8()..];
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Template(pieces)
    }

    /// The text, with `values` as they are.
    pub fn fill(&self, values: &[String]) -> String {
        self.fill_with(values, |value, text| text.push_str(value))
    }

    /// The text as a path, with `values` percent-encoded.
    pub fn fill_path(&self, values: &[String]) -> String {
        self.fill_with(values, |value, text| {
            text.extend(utf8_percent_encode(value, OUTSIDE_A_SEGMENT));
        })
    }

    fn fill_with(&self, values: &[String], append: impl Fn(&str, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Value(place) => append(&values[*place], &mut text),
            }
        }
        text
    }

    fn is_constant(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.all(|piece| matches!(piece, Piece::Text(_)))
    }
}

impl fmt::Display for UnknownPlaceholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownPlaceholder(name) = self;
        write!(
            f,
            "nobody says what {{{name}}} stands for; give it values, such as `[values.{name}]` with `from = 1` and `to = 100`"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let names = ["item", "name"];
        let values = ["7".to_owned(), "a/b c".to_owned()];
        let body = Template::lenient(r#"{"item": {item}, "{name}": {}}"#, &names);
        assert_eq!(body.fill(&values), r#"{"item": 7, "a/b c": {}}"#);
        let path = Template::strict("/items/{item}?by={name}", &names).expect("known");
        assert_eq!(path.fill_path(&values), "/items/7?by=a%2Fb%20c");
        let unknown = Template::strict("/{item}/{other}", &names).expect_err("unknown");
        assert_eq!(unknown, UnknownPlaceholder("other".to_owned()));
    }

    proptest! {
        #[test]
        fn a_text_without_placeholders_stays_as_it_is(text in "\\PC*") {
            let template = Template::lenient(&text, &[]);
            prop_assert!(template.is_constant());
            prop_assert_eq!(template.fill(&[]), text);
        }

        #[test]
        fn a_value_never_leaves_its_path_segment(value in "\\PC*") {
            let path = Template::strict("/a/{v}/b", &["v"]).expect("known");
            let path = path.fill_path(&[value]);
            prop_assert_eq!(path.matches('/').count(), 3);
            prop_assert!(!path.contains(['?', '#', ' ']));
        }

        #[test]
        fn values_are_drawn_from_those_that_are_given(seed in any::<u64>(), from in 0u64..50, more in 0u64..50) {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let drawn: u64 = Values::Range(from, from + more).draw(&mut rng).parse().expect("a number");
            prop_assert!((from..=from + more).contains(&drawn));
            let list = Values::List(vec!["a".to_owned(), "b".to_owned()]);
            prop_assert!(["a", "b"].contains(&list.draw(&mut rng).as_str()));
        }
    }
}
