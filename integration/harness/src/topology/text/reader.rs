//! The way from a text as it is written to its parts.

use super::{Fact, It, Own, Part, Reference, TextError};

/// The meaning of braces around something that is no placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Braces {
    /// A mistake.
    OfAText,
    /// A mistake around a word, and else the braces of another syntax.
    OfATemplate,
}

/// A text on its way to be parts.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    braces: Braces,
}

/// The parts of a text.
pub(super) fn read(text: &str, braces: Braces) -> Result<Vec<Part>, TextError> {
    let mut reader = Reader {
        text,
        rest: text,
        braces,
    };
    reader.parts(None)
}

impl Reader<'_> {
    /// The parts up to the end, or up to that of the part for each node of `role`.
    fn parts(&mut self, role: Option<&str>) -> Result<Vec<Part>, TextError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut say = |literal: &mut String, part: Option<Part>| {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(literal)));
            }
            parts.extend(part);
        };
        while let Some(at) = self.rest.find(['{', '}']) {
            literal += &self.rest[..at];
            let brace = &self.rest[at..=at];
            self.rest = &self.rest[at + 1..];
            let doubled = self.rest.strip_prefix(brace);
            if let Some(after) = doubled.filter(|_| self.braces == Braces::OfAText) {
                literal += brace;
                self.rest = after;
                continue;
            }
            let end = self.rest.find('}').filter(|_| brace == "{");
            let between = end.map(|end| &self.rest[..end]);
            let is_meant = |between: &str| self.braces == Braces::OfAText || is_word(between);
            let Some(between) = between.filter(|between| is_meant(between)) else {
                if self.braces == Braces::OfATemplate {
                    literal += brace;
                    continue;
                }
                return Err(TextError::Brace {
                    text: self.text.to_owned(),
                });
            };
            self.rest = &self.rest[between.len() + 1..];
            if between == "/each" && role.is_some() {
                say(&mut literal, None);
                return Ok(parts);
            }
            let part = match between.strip_prefix("each ") {
                Some(of) if role.is_none() => Part::Each {
                    role: of.to_owned(),
                    parts: self.parts(Some(of))?,
                },
                _ => placeholder(between, role.is_some()).ok_or_else(|| TextError::Unknown {
                    placeholder: between.to_owned(),
                    text: self.text.to_owned(),
                })?,
            };
            say(&mut literal, Some(part));
        }
        literal += self.rest;
        self.rest = "";
        say(&mut literal, None);
        match role {
            Some(role) => Err(TextError::Endless {
                role: role.to_owned(),
                text: self.text.to_owned(),
            }),
            None => Ok(parts),
        }
    }
}

/// True of what a placeholder could be, and a block of most other syntaxes isn't.
fn is_word(between: &str) -> bool {
    let word = between.strip_prefix("each ").unwrap_or(between);
    let word = word.strip_prefix('/').unwrap_or(word);
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word
            .chars()
            .all(|letter| is_part(letter) || ".-".contains(letter))
}

fn placeholder(text: &str, for_each: bool) -> Option<Part> {
    let own = match text {
        "name" => Own::Name,
        "index" => Own::Index,
        "address" => Own::Address,
        "port" => Own::Port,
        "url" => Own::Url,
        "dir" => Own::Dir,
        "nonce" => Own::Nonce,
        "it.name" if for_each => return Some(Part::It(It::Name)),
        _ => {
            let (to, fact) = text.rsplit_once('.')?;
            let to = to.to_owned();
            let Some(fact) = Fact::called(fact) else {
                let further = to == "port" && !fact.is_empty();
                return further.then(|| Part::Own(Own::FurtherPort(fact.to_owned())));
            };
            return Some(match for_each && to == "it" && !fact.is_list() {
                true => Part::It(It::Of(fact)),
                false => Part::Other(Reference { to, fact }),
            });
        }
    };
    Some(Part::Own(own))
}
