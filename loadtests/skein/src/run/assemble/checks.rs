//! Checks of answers that have a name, as a section of a run's page.

use std::collections::BTreeMap;

use crate::record::share;
use crate::section::{Cell, Section};

/// The section on how often each check failed and held; `None` where no check has a name.
pub(super) fn section(checks: &BTreeMap<String, [u64; 2]>) -> Option<Section> {
    if checks.is_empty() {
        return None;
    }
    let rows = checks.iter().map(|(name, [failed, held])| {
        let share = share(*held, failed + held).map_or(Cell::Unknown, Cell::Percent);
        vec![
            name.as_str().into(),
            (*held).into(),
            (*failed).into(),
            share,
        ]
    });
    let head = ["Check", "Held", "Didn't", "Share that held"];
    let section = Section::new("checks", "Checks")
        .note(
            "Checks of the plan that have a name, of answers with a right status in judged stages.",
        )
        .table("Checks that have a name", head, rows);
    Some(section)
}
