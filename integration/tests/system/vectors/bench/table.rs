//! The table: every vector, what is right for it, and what each subject made of it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::subject::{Cell, Column};
use super::vector::Vector;

/// Vectors in rows, subjects in columns.
pub(crate) struct Table<'t> {
    /// The rows.
    pub(crate) vectors: &'t [Vector],
    /// The columns.
    pub(crate) columns: Vec<&'t Column>,
}

impl Table<'_> {
    /// Writes the table beside what else this test leaves in the target folder, and
    /// returns where.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, self.markdown()).expect("a writable target folder");
        path
    }

    /// The whole table in Markdown, sums first.
    fn markdown(&self) -> String {
        let mut page = format!("# {} raw requests\n\n{}\n", self.vectors.len(), self.sums());
        page.push_str("A cell shows the statuses that came back, the last of them of the plain request\nbehind the vector, if it was read as one; and what was wrong.\n\n");
        page.push_str(&self.rows(|_, _| true));
        page
    }

    /// The rows in which any column that `asked` names is wrong.
    pub(crate) fn wrong_rows(&self, asked: impl Fn(&Column) -> bool) -> String {
        self.rows(|_, number| {
            let asked = self.columns.iter().filter(|column| asked(column));
            let mut cells = asked.filter_map(|column| column.cells[number].as_ref());
            cells.any(|cell| !cell.is_right())
        })
    }

    /// The number of vectors each subject has answered rightly, and of how many malformed heads
    /// something got to a backend.
    pub(crate) fn sums(&self) -> String {
        let mut sums =
            "| subject | right | wrong | malformed, and reached a backend in some shape |\n|---|--:|--:|--:|\n"
                .to_owned();
        for column in &self.columns {
            let asked = || column.cells.iter().flatten();
            let right = asked().filter(|cell| cell.is_right()).count();
            let wrong = asked().count() - right;
            let through = column.malformed_heads_let_through(self.vectors).count();
            let _ = writeln!(sums, "| {} | {right} | {wrong} | {through} |", column.name);
        }
        sums
    }

    fn rows(&self, shown: impl Fn(&Vector, usize) -> bool) -> String {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let mut rows = format!(
            "| part | vector | right | {} | why |\n|---|---|---|{}---|\n",
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for (number, vector) in self.vectors.iter().enumerate() {
            if !shown(vector, number) {
                continue;
            }
            let cells = self
                .columns
                .iter()
                .map(|column| shown_cell(&column.cells[number]));
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(
                rows,
                "| {} | {} | {} | {} | {} |",
                vector.part,
                escaped(&vector.name),
                vector.right.shown(),
                cells.join(" | "),
                escaped(&vector.why)
            );
        }
        rows
    }
}

impl Column {
    /// Malformed heads that arrived at a backend, by vector.
    pub(crate) fn malformed_heads_let_through<'c>(
        &'c self,
        vectors: &'c [Vector],
    ) -> impl Iterator<Item = &'c Vector> {
        let cells = vectors.iter().zip(&self.cells);
        cells.filter_map(|(vector, cell)| {
            let arrived = cell.as_ref().is_some_and(|cell| cell.arrived);
            (arrived && vector.is_malformed_head()).then_some(vector)
        })
    }
}

fn shown_cell(cell: &Option<Cell>) -> String {
    match cell {
        None => "–".to_owned(),
        Some(cell) if cell.is_right() => escaped(&cell.seen.shown()),
        Some(cell) => escaped(&format!(
            "**{}** ({})",
            cell.seen.shown(),
            cell.faults.join("; ")
        )),
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}
