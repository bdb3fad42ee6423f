//! The order of the events that a command told.

use serde_json::Value;

/// Fails unless these events are there, the first of each after that of the one before.
pub(crate) fn are_in_order(events: &[Value], wanted: &[&str]) {
    let place = |wanted: &&str| {
        let found = events.iter().position(|event| event["event"] == *wanted);
        found.unwrap_or_else(|| panic!("there is no {wanted} in {events:#?}"))
    };
    let places: Vec<usize> = wanted.iter().map(place).collect();
    assert!(places.is_sorted(), "{wanted:?} are at {places:?}");
}
