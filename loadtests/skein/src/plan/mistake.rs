//! What is wrong with a plan, said so that it can be mended: the place in the file, the
//! line, and a sentence.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use crate::text::printable;

/// A text that is no plan: where, and why.
#[derive(Debug, thiserror::Error)]
#[error("{place}{sentence}{excerpt}")]
pub struct InvalidPlan {
    /// Ends in a colon and a space.
    place: String,
    sentence: String,
    /// The line in question with its place marked, if it is one of a file.
    excerpt: String,
}

impl InvalidPlan {
    /// The reason without its place.
    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }
}

/// A plan that was made from a command line: its TOML, and which flag each part of it
/// comes from.
#[derive(Debug, Default)]
pub struct ToldPlan {
    source: String,
    /// The flags with their values, each with the byte of the source from which on it is
    /// the cause; in order.
    flags: Vec<(usize, String)>,
}

impl ToldPlan {
    /// Adds a line of TOML that no flag is the cause of.
    pub fn line(&mut self, line: &str) {
        self.source.push_str(line);
        self.source.push('\n');
    }

    /// Adds a line of TOML that is there because of `flag`, with its value.
    pub fn line_of(&mut self, flag: &str, line: &str) {
        self.flags.push((self.source.len(), flag.to_owned()));
        self.line(line);
    }

    /// The plan's TOML.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The flag that is the cause of what is at a byte of the source.
    fn flag_at(&self, at: usize) -> Option<&str> {
        let mut flags = self.flags.iter().rev();
        let (_, flag) = flags.find(|(begin, _)| *begin <= at)?;
        Some(flag)
    }
}

/// Something wrong with a plan, and the bytes of the source that it is about.
#[derive(Debug)]
pub struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) sentence: String,
    /// What it is about within these bytes, where they have several lines.
    pub(super) about: Option<String>,
}

impl Mistake {
    /// A mistake in a value, with what to write in its place.
    pub fn at<T>(spanned: &Spanned<T>, sentence: impl Into<String>) -> Self {
        Mistake {
            at: spanned.span(),
            ..Mistake::somewhere(sentence)
        }
    }

    /// The same about a part of a text that may have several lines.
    pub(super) fn about<T>(spanned: &Spanned<T>, part: &str, sentence: impl Into<String>) -> Self {
        Mistake {
            about: Some(part.to_owned()),
            ..Mistake::at(spanned, sentence)
        }
    }

    /// Something wrong with the whole plan.
    pub(super) fn somewhere(sentence: impl Into<String>) -> Self {
        Mistake {
            at: 0..0,
            sentence: sentence.into(),
            about: None,
        }
    }

    /// The mistake in the plan's `file`, with the line that it is in.
    pub(super) fn locate(self, file: &str, source: &str) -> InvalidPlan {
        let at = self.begin(source);
        let before = &source[..at];
        let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = source[line_begin..at].chars().count() + 1;
        let excerpt = source[line_begin..].lines().next().unwrap_or_default();
        let margin = " ".repeat(line.to_string().len());
        let indent = " ".repeat(column - 1);
        InvalidPlan {
            place: format!("{file}:{line}:{column}: "),
            sentence: self.sentence(),
            excerpt: format!("\n{margin} |\n{line} | {excerpt}\n{margin} | {indent}^"),
        }
    }

    /// The mistake in a plan that was told on the command line, with its flag.
    pub(super) fn blame(self, plan: &ToldPlan) -> InvalidPlan {
        let flag = plan.flag_at(self.at.start);
        InvalidPlan {
            place: flag.map_or_else(String::new, |flag| format!("{flag}: ")),
            sentence: self.sentence(),
            excerpt: String::new(),
        }
    }

    /// The byte of the source to point at.
    fn begin(&self, source: &str) -> usize {
        let mut at = self.at.start.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        let part = self.about.as_ref().and_then(|part| source[at..].find(part));
        match part {
            // In a text of one line, its beginning says enough.
            Some(part) if source[at..at + part].contains('\n') => at + part,
            _ => at,
        }
    }

    fn sentence(&self) -> String {
        printable(&self.sentence).replace('\n', " ")
    }
}

/// The value, or `default` where there is none.
///
/// # Errors
///
/// It is outside of `range`, in a sentence about `what`.
pub fn within<T: PartialOrd + fmt::Display>(
    value: Option<Spanned<T>>,
    range: RangeInclusive<T>,
    default: T,
    what: &str,
) -> Result<T, Mistake> {
    match value {
        Some(value) if !range.contains(value.get_ref()) => {
            let (from, to) = range.into_inner();
            Err(Mistake::at(
                &value,
                format!("{what} is between {from} and {to}"),
            ))
        }
        Some(value) => Ok(value.into_inner()),
        None => Ok(default),
    }
}
