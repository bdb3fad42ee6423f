//! Capacity over replicas, with the laws that were fitted to it.

use maud::{Markup, html};

use crate::capacity::record::CapacityRecord;

/// The sections about scaling laws.
pub(super) fn section(_record: &CapacityRecord) -> Markup {
    html! {}
}
