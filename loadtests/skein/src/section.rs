//! Sections: what a program adds to a report, as data. A record holds them, so that its
//! page can be made again by any build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of a run's page, with a heading of its own.
///
/// ```
/// use skein::Section;
///
/// let stock = Section::new("stock", "Stock")
///     .sentence("What the warehouse had left, by its own count.")
///     .table("Stock by article", ["Article", "Left"], [vec!["apples".into(), 41_u64.into()]]);
/// # let _ = stock;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// The anchor on the page, made of letters, digits and `-`.
    pub id: String,
    /// The heading.
    pub title: String,
    /// The heading's short form for the list at the top of the page; without one, the
    /// heading itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// True for a section that leaves room for another beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_narrow: bool,
    /// The content, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// A heading within the section.
    Heading {
        /// The text.
        text: String,
    },
    /// A paragraph.
    Sentence {
        /// The text, piece by piece.
        text: Vec<Piece>,
        /// The loudness of the sentence.
        #[serde(default)]
        tone: Tone,
    },
    /// A table; it scrolls by itself where it is wider than the page.
    Table {
        /// A caption for those who can't see the table.
        caption: String,
        /// The heads of its columns.
        head: Vec<String>,
        /// The cells, row by row; the first of each row names it.
        rows: Vec<Vec<Cell>>,
    },
    /// A whole made of parts, drawn as a bar with a key.
    Bar {
        /// The number that the whole bar stands for.
        whole: u64,
        /// The parts, from left to right.
        parts: Vec<Part>,
    },
    /// Names with what is to be said of each.
    Figures {
        /// Pairs of a name and its text.
        of: Vec<(String, String)>,
    },
}

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Words.
    Text(String),
    /// A figure, in bold.
    Strong(String),
    /// A word in green: as it should be.
    Good(String),
    /// A word in red: as it must not be.
    Bad(String),
    /// A word in yellow: not certain.
    Doubt(String),
}

/// The loudness of a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// For the figures that matter.
    #[default]
    Plain,
    /// For further figures.
    Small,
    /// For how figures came about.
    Note,
    /// For why there are none.
    Absent,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Words, or a figure with its unit.
    Text(String),
    /// A number of things.
    Count(u64),
    /// A share in percent.
    Percent(f64),
    /// A time in microseconds.
    Micros(f64),
    /// A share of 1 that is drawn as a bar.
    Share(f64),
    /// Nothing that is known, shown as a dash.
    Unknown,
}

/// A part of a bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its name in the key.
    pub name: String,
    /// Its size, of the whole.
    pub count: u64,
    /// The judgement of it.
    pub mark: Mark,
}

/// A judgement of a bar's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// As it should be; in the key also when there is none of it.
    Good,
    /// As it must not be.
    Bad,
    /// Not certain.
    Doubt,
}

impl Section {
    /// An empty section.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Section {
            id: id.into(),
            title: title.into(),
            ..Section::default()
        }
    }

    /// The same under a shorter name in the list at the top of the page.
    pub fn in_short(mut self, name: impl Into<String>) -> Self {
        self.short = Some(name.into());
        self
    }

    /// The same with room for another section beside it.
    pub fn narrow(mut self) -> Self {
        self.is_narrow = true;
        self
    }

    /// The same with one more block.
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// The same with a heading.
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.block(Block::Heading { text: text.into() })
    }

    /// The same with a sentence.
    pub fn sentence(self, text: impl Into<String>) -> Self {
        self.pieces([Piece::text(text)])
    }

    /// The same with a sentence of several pieces.
    pub fn pieces(self, text: impl IntoIterator<Item = Piece>) -> Self {
        self.said(Tone::Plain, text)
    }

    /// The same with a sentence in a tone.
    pub fn said(self, tone: Tone, text: impl IntoIterator<Item = Piece>) -> Self {
        let text = text.into_iter().collect();
        self.block(Block::Sentence { text, tone })
    }

    /// The same with a note on how its figures came about.
    pub fn note(self, text: impl Into<String>) -> Self {
        self.said(Tone::Note, [Piece::text(text)])
    }

    /// The same with the reason why there is nothing to show.
    pub fn absent(self, why: impl Into<String>) -> Self {
        self.said(Tone::Absent, [Piece::text(why)])
    }

    /// The same with a table.
    pub fn table<const N: usize>(
        self,
        caption: impl Into<String>,
        head: [&str; N],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        self.block(Block::Table {
            caption: caption.into(),
            head: head.map(str::to_owned).into(),
            rows: rows.into_iter().collect(),
        })
    }

    /// The section's name in the list at the top of the page.
    pub fn short_name(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.title)
    }
}

impl Piece {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Piece::Text(text.into())
    }

    /// A figure, in bold.
    pub fn strong(text: impl Into<String>) -> Self {
        Piece::Strong(text.into())
    }
}

impl Part {
    /// A part of a bar.
    pub fn new(name: impl Into<String>, count: u64, mark: Mark) -> Self {
        Part {
            name: name.into(),
            count,
            mark,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Cell::Count(count)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Cell::Unknown, Into::into)
    }
}
