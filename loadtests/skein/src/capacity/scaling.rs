//! Capacity over replicas, and the laws that are fitted to it.

use super::record::{ScalingRecord, SystemRecord};

/// The law by which the capacity of a pattern's systems grows with replicas; `None` where the
/// variants don't tell their number.
pub(super) fn of(_own: &SystemRecord, _variants: &[&SystemRecord]) -> Option<ScalingRecord> {
    None
}
