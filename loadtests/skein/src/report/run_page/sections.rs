//! Sections of the program, as the record has them.

use maud::{Markup, html};

use crate::report::figures::{count, micros, percent};
use crate::report::layout::{bar, scroll};
use crate::section::{Block, Cell, Mark, Part, Piece, Section, Tone};

/// All sections, in order; narrow ones that follow each other stand in pairs.
pub(super) fn sections(sections: &[Section]) -> Markup {
    let rows = sections.chunk_by(|a, b| a.is_narrow && b.is_narrow);
    html! {
        @for row in rows {
            @if row.len() > 1 {
                @for pair in row.chunks(2) { div.pair { @for part in pair { (section(part)) } } }
            } @else {
                @for part in row { (section(part)) }
            }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(anchor(&section.id)) {
            h2 { (section.title) }
            @for part in &section.blocks { (block(part)) }
        }
    }
}

/// Anchors of the page's own sections.
const TAKEN: [&str; 15] = [
    "content",
    "thresholds",
    "warnings",
    "topology",
    "timeline",
    "latency",
    "open-load",
    "hops",
    "failures",
    "ledger",
    "cpu",
    "usage",
    "trust",
    "environment",
    "stages",
];

/// An anchor that is only letters, digits and `-`, and none of the page's own.
pub(super) fn anchor(id: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let plain: String = id.chars().filter(is_plain).collect();
    let is_taken =
        plain.is_empty() || TAKEN.contains(&plain.as_str()) || plain.starts_with("chart-");
    match is_taken {
        true => format!("own-{plain}"),
        false => plain,
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Heading { text } => html! { h3 { (text) } },
        Block::Sentence { text, tone } => html! { p class=(class(*tone)) { (pieces(text)) } },
        Block::Table {
            caption,
            head,
            rows,
        } => table(caption, head, rows),
        Block::Bar { whole, parts } => stack(*whole, parts),
        Block::Figures { of } => html! {
            dl.small { @for (name, text) in of { dt { (name) } dd { (text) } } }
        },
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Small => "small",
        Tone::Note => "small soft",
        Tone::Absent => "soft",
    }
}

fn pieces(text: &[Piece]) -> Markup {
    html! {
        @for piece in text {
            @match piece {
                Piece::Text(text) => (text),
                Piece::Strong(text) => strong { (text) },
                Piece::Good(text) => span.badge.good { (text) },
                Piece::Bad(text) => span.badge.bad { (text) },
                Piece::Doubt(text) => span.badge.doubt { (text) },
            }
        }
    }
}

fn table(caption: &str, head: &[String], rows: &[Vec<Cell>]) -> Markup {
    // A column of figures is aligned with its head.
    let is_figure = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        column > 0 && !cells.into_iter().any(|cell| matches!(cell, Cell::Share(_)))
    };
    let is_bar = |column: usize| column > 0 && !is_figure(column);
    scroll(
        caption,
        &html! { table {
            thead { tr { @for (column, name) in head.iter().enumerate() {
                @if is_bar(column) { th scope="col" { span.sr { (name) } } }
                @else { th scope="col" .n[is_figure(column)] { (name) } }
            } } }
            tbody { @for row in rows { tr { @for (column, value) in row.iter().enumerate() {
                @if column == 0 { th scope="row" { (cell(value)) } }
                @else if is_bar(column) { td.wide { (cell(value)) } }
                @else { td.n { (cell(value)) } }
            } } } }
        } },
    )
}

fn cell(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Text(text) => (text),
            Cell::Count(number) => (count(*number)),
            Cell::Percent(share) => (percent(*share)),
            Cell::Micros(time) => (micros(*time)),
            Cell::Share(share) => (bar(*share)),
            Cell::Unknown => "–",
        }
    }
}

fn stack(whole: u64, parts: &[Part]) -> Markup {
    let share = |count: u64| (count as f64 / whole.max(1) as f64 * 100.0).min(100.0);
    let mark = |mark: Mark| match mark {
        Mark::Good => "good",
        Mark::Bad => "bad",
        Mark::Doubt => "doubt",
    };
    html! {
        div.flow-bar aria-hidden="true" {
            @for part in parts { @if part.count > 0 {
                div.(mark(part.mark)) style=(format!("width:{:.2}%", share(part.count))) {}
            } }
        }
        ul.terms-list {
            @for part in parts { @if part.count > 0 || part.mark == Mark::Good {
                li { span.key.(mark(part.mark)) {} (part.name) " " strong { (count(part.count)) } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A section with a block of each kind, full of one text.
    fn full_of(text: &str, number: u64, share: f64) -> Section {
        let rows = vec![vec![
            Cell::from(text),
            Cell::Count(number),
            Cell::Percent(share),
            Cell::Share(share),
            Cell::Unknown,
        ]];
        Section::new(text, text)
            .heading(text)
            .pieces([
                Piece::text(text),
                Piece::strong(text),
                Piece::Bad(text.to_owned()),
            ])
            .note(text)
            .table(text, ["a", "b", "c", "d", "e"], rows)
            .block(Block::Bar {
                whole: number,
                parts: vec![Part::new(text, number, Mark::Good)],
            })
            .block(Block::Figures {
                of: vec![(text.to_owned(), text.to_owned())],
            })
    }

    proptest! {
        #[test]
        fn whatever_a_section_holds_is_shown_as_text(
            text in "\\PC*|<script>.*|[\"'<>&]*", number in any::<u64>(), share in any::<f64>(),
        ) {
            let page = sections(&[full_of(&text, number, share)]).into_string();
            prop_assert!(!page.contains("<script"));
            prop_assert_eq!(page.matches(" id=\"").count(), 1);
        }
    }

    #[test]
    fn narrow_sections_stand_in_pairs_and_wide_ones_alone() {
        let wide = Section::new("a", "A");
        let narrow = Section::new("b", "B").narrow();
        let page = sections(&[wide, narrow.clone(), narrow]).into_string();
        assert_eq!(page.matches("class=\"pair\"").count(), 1);
        assert_eq!(page.matches("<section").count(), 3);
    }
}
