//! An account of a run, by a program that knows what its system counts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::figure::{Figure, Reading};
use crate::ledger::Line;
use crate::record::EdgeRecord;
use crate::section::Section;

/// An account of what was seen of a run: lines of its ledger, readings of figures, sections
/// of its report.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub(crate) lines: Vec<Line>,
    pub(crate) figures: Vec<(Figure, Reading)>,
    pub(crate) sections: Vec<Section>,
    pub(crate) edges: Vec<EdgeRecord>,
    pub(crate) remarks: BTreeMap<String, Vec<String>>,
    pub(crate) requests: BTreeMap<String, u64>,
    pub(crate) summary: Vec<String>,
    pub(crate) kept: BTreeMap<String, Value>,
}

impl Account {
    /// An account of nothing.
    pub fn new() -> Self {
        Account::default()
    }

    /// The same with a line of the ledger.
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// The same with several lines.
    pub fn lines(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// The same with the reading of a figure.
    pub fn figure(mut self, figure: &Figure, reading: Reading) -> Self {
        self.figures.push((*figure, reading));
        self
    }

    /// The same with a section of the report.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The same with calls between nodes, for the picture of the system.
    pub fn edges(mut self, edges: impl IntoIterator<Item = EdgeRecord>) -> Self {
        self.edges.extend(edges);
        self
    }

    /// The same with a short remark on a node for the picture of the system, such as
    /// `hit ratio 90 %`.
    pub fn remark(mut self, node: impl Into<String>, remark: impl Into<String>) -> Self {
        self.remarks
            .entry(node.into())
            .or_default()
            .push(remark.into());
        self
    }

    /// The same with the number of requests that a node answered, for the picture of the
    /// system: of a node that doesn't count them as `requests_total`.
    pub fn requests(mut self, node: impl Into<String>, requests: u64) -> Self {
        self.requests.insert(node.into(), requests);
        self
    }

    /// The same with a few words for the summary on the terminal.
    pub fn in_short(mut self, words: impl Into<String>) -> Self {
        self.summary.push(words.into());
        self
    }

    /// The same with a member of the record that is this program's own.
    ///
    /// # Panics
    ///
    /// When the value is no JSON.
    pub fn keep(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("what is kept can be JSON");
        self.kept.insert(name.into(), value);
        self
    }

    /// Adds another account.
    pub(crate) fn add(&mut self, other: Account) {
        self.lines.extend(other.lines);
        self.figures.extend(other.figures);
        self.sections.extend(other.sections);
        self.edges.extend(other.edges);
        for (node, remarks) in other.remarks {
            self.remarks.entry(node).or_default().extend(remarks);
        }
        self.requests.extend(other.requests);
        self.summary.extend(other.summary);
        self.kept.extend(other.kept);
    }
}
