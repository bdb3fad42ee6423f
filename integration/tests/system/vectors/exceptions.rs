//! What is known to be wrong and stays so for a reason, as data. Anything else that is
//! wrong fails the story, and so does an exception that is needed no more.

use std::fmt::{self, Display};

use super::bench::subject::Column;
use super::bench::vector::Vector;

/// One vector that nodes answer wrongly.
struct Exception {
    part: &'static str,
    vector: &'static str,
    reason: &'static str,
}

const KNOWN: &[Exception] = &[Exception {
    part: "length",
    vector: "2^64 less 1",
    reason: "hyper keeps the two largest lengths for itself and answers 431 before a node \
             sees the head; refused and closed all the same",
}];

/// What is wrong without being known, and known without being wrong.
pub(super) struct Exceptions {
    unknown: Vec<String>,
    unneeded: Vec<String>,
}

impl Exceptions {
    /// Compares what is known with what was seen.
    pub(super) fn of(vectors: &[Vector], columns: &[Column]) -> Exceptions {
        let known = |vector: &Vector| {
            let mut known = KNOWN.iter();
            known.find(|known| known.part == vector.part && known.vector == vector.name)
        };
        let mut unknown = Vec::new();
        let mut needed = Vec::new();
        for (number, vector) in vectors.iter().enumerate() {
            let cells = columns.iter().map(|column| (column, &column.cells[number]));
            let wrong =
                cells.filter(|(_, cell)| cell.as_ref().is_some_and(|cell| !cell.is_right()));
            for (column, _) in wrong {
                match known(vector) {
                    Some(known) => needed.push((known.part, known.vector)),
                    None => unknown.push(format!(
                        "{}: {} ({})",
                        column.name, vector.name, vector.part
                    )),
                }
            }
        }
        let unneeded = KNOWN
            .iter()
            .filter(|known| !needed.contains(&(known.part, known.vector)));
        Exceptions {
            unknown,
            unneeded: unneeded
                .map(|known| format!("{} ({}): {}", known.vector, known.part, known.reason))
                .collect(),
        }
    }

    /// True when all that is wrong is known, and all that is known is wrong.
    pub(super) fn are_all(&self) -> bool {
        self.unknown.is_empty() && self.unneeded.is_empty()
    }
}

impl Display for Exceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.unknown.is_empty() {
            writeln!(
                f,
                "{} cells are wrong that no exception explains",
                self.unknown.len()
            )?;
        }
        for unneeded in &self.unneeded {
            writeln!(f, "an exception that is needed no more: {unneeded}")?;
        }
        Ok(())
    }
}
