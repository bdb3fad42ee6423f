//! The end of a test that can't check anything here, because something is missing or the
//! machine is too busy: it is ignored with the reason, and never passed. Where a variable
//! of the environment demands that it be checked, it has failed.

use std::env;

use libtest_mimic::{Completion, Failed};

/// The end of a test that can't be told for this `reason`, unless `demand` is the name of
/// a variable that is set to `1`.
pub(crate) fn unable(reason: &str, demand: &str) -> Result<Completion, Failed> {
    if env::var_os(demand).is_some_and(|value| value == "1") {
        Err(format!("{reason}, although {demand}=1 demands it").into())
    } else {
        Ok(Completion::ignored_with(reason))
    }
}
