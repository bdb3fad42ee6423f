//! The laboratory's sections of a run's page, made from its members of the record alone, so
//! that records of earlier builds get them too.

mod caches;
mod gateways;
mod tasks;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use skein::figures_for_people::count;
use skein::{Plan, Section};

use crate::behaviour::Behaviour;
use crate::record::LaboratoryRecord;
use crate::shape::Shape;

/// The facts that sections need of the plan that was carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// The seeded items, and the exponent of their popularity.
    pub(crate) popularity: Option<(u32, f64)>,
    /// The time between two looks at a task.
    pub(crate) poll_interval: Option<Duration>,
    /// The system that was started.
    pub(crate) shape: Option<Shape>,
}

impl About {
    /// A plan that was carried out, on a system that was started for it or was there.
    pub(crate) fn of(plan: &Plan, is_started: bool) -> Self {
        let shape = is_started.then(|| Shape::clone(&plan.table()));
        About::of_tables(shape, Some(&plan.table()))
    }

    /// The plan as a record has it: its tables `shape` and `behaviour`.
    pub(crate) fn of_record(shape: Option<&Value>, behaviour: &Value) -> Self {
        let shape = shape.and_then(|shape| serde_json::from_value(shape.clone()).ok());
        let behaviour: Option<Behaviour> = serde_json::from_value(behaviour.clone()).ok();
        About::of_tables(shape, behaviour.as_ref())
    }

    fn of_tables(shape: Option<Shape>, behaviour: Option<&Behaviour>) -> Self {
        About {
            popularity: behaviour.map(|of| (of.items, of.zipf_exponent)),
            poll_interval: behaviour.map(|of| of.poll_interval),
            shape,
        }
    }
}

/// Every section, in the order of the page.
pub(crate) fn sections(of: &LaboratoryRecord, about: &About) -> [Section; 4] {
    [
        gateways::section(of),
        caches::section(of.caches.as_ref(), about),
        tokens::section(&of.intruders),
        tasks::section(&of.tasks, about),
    ]
}

/// A few words for the summary: the judged stages' hits, and of the whole run, warm-up
/// included, the gateways' shares and the tasks' fates.
pub(crate) fn in_short(of: &LaboratoryRecord) -> Vec<String> {
    let hits = of.caches.as_ref().and_then(caches::in_short);
    let shares = of.gateways.iter().map(|gateway| count(gateway.requests()));
    let shares: Vec<String> = shares.collect();
    let gateways = match shares.is_empty() {
        true => String::new(),
        false => format!("gateways {}, ", shares.join(" / ")),
    };
    let whole = format!(
        "over the whole run: {gateways}{}",
        tasks::in_short(&of.tasks)
    );
    hits.into_iter().chain([whole]).collect()
}

/// Numbers by name: `done 5, dead 1`.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, number)| format!("{name} {}", count(*number)))
        .collect();
    match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A page's text to look for sentences in.

    use skein::{Block, Cell, Piece, Section};

    /// All words of a section.
    pub(crate) fn words(section: &Section) -> String {
        let mut words = Vec::new();
        for block in &section.blocks {
            match block {
                Block::Heading { text } => words.push(text.clone()),
                Block::Sentence { text, .. } => words.push(text.iter().map(piece).collect()),
                Block::Table { rows, .. } => {
                    let cells = rows.iter().flatten().map(cell);
                    words.extend(cells);
                }
                Block::Bar { parts, .. } => {
                    let parts = parts.iter();
                    words.extend(parts.map(|part| format!("{} {}", part.name, part.count)));
                }
                Block::Figures { of } => {
                    words.extend(of.iter().map(|(name, text)| format!("{name}: {text}")));
                }
            }
        }
        words.join("\n").replace('\u{202f}', " ")
    }

    fn piece(piece: &Piece) -> String {
        match piece {
            Piece::Text(text)
            | Piece::Strong(text)
            | Piece::Good(text)
            | Piece::Bad(text)
            | Piece::Doubt(text) => text.clone(),
        }
    }

    fn cell(cell: &Cell) -> String {
        format!("{cell:?}")
    }
}
