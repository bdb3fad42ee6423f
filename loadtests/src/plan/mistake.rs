//! What is wrong with a plan, said so that it can be mended: the place in the file, the
//! line, and a sentence.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use crate::text::printable;

/// A text that is no plan: where, and why.
#[derive(Debug, thiserror::Error)]
pub struct InvalidPlan {
    file: String,
    /// Counted from 1, in lines and in characters.
    line: usize,
    column: usize,
    excerpt: String,
    sentence: String,
}

impl fmt::Display for InvalidPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidPlan {
            file,
            line,
            column,
            excerpt,
            sentence,
        } = self;
        let margin = " ".repeat(line.to_string().len());
        let indent = " ".repeat(column - 1);
        writeln!(f, "{file}:{line}:{column}: {sentence}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {excerpt}")?;
        write!(f, "{margin} | {indent}^")
    }
}

/// Something wrong, and the bytes of the source that it is about.
pub(super) struct Problem {
    pub(super) at: Range<usize>,
    pub(super) sentence: String,
}

impl Problem {
    pub(super) fn at<T>(spanned: &Spanned<T>, sentence: impl Into<String>) -> Self {
        Problem {
            at: spanned.span(),
            sentence: sentence.into(),
        }
    }

    pub(super) fn locate(self, file: &str, source: &str) -> InvalidPlan {
        let mut at = self.at.start.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        let before = &source[..at];
        let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        InvalidPlan {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: source[line_begin..at].chars().count() + 1,
            excerpt: source[line_begin..]
                .lines()
                .next()
                .map(|line| printable(line).into_owned())
                .unwrap_or_default(),
            sentence: printable(&self.sentence).replace('\n', " "),
        }
    }
}

/// The value, or `default` where there is none; refused outside of `range`, in a
/// sentence about `what`.
pub(super) fn within<T: PartialOrd + fmt::Display>(
    value: Option<Spanned<T>>,
    range: RangeInclusive<T>,
    default: T,
    what: &str,
) -> Result<T, Problem> {
    match value {
        Some(value) if !range.contains(value.get_ref()) => {
            let (from, to) = range.into_inner();
            Err(Problem::at(
                &value,
                format!("{what} is between {from} and {to}"),
            ))
        }
        Some(value) => Ok(value.into_inner()),
        None => Ok(default),
    }
}
