//! Where something was measured, as every page tells it.

use maud::{Markup, html};

use crate::environment::Environment;

/// The machine and the build, as terms and descriptions of a list.
pub(super) fn rows(environment: &Environment) -> Markup {
    html! {
        dt { "Machine" }
        dd {
            (environment.cores) " cores"
            @if let Some(bytes) = environment.memory_bytes {
                ", " (format!("{:.1}", bytes as f64 / f64::from(1 << 30))) " GiB"
            }
            @if let Some(processor) = &environment.processor { ", " (processor) }
            ", " (environment.kernel)
        }
        dt { "Build" }
        dd {
            (environment.rustc) ", profile " (environment.profile) ", optimisation level "
            (environment.opt_level)
        }
        @if let Some(revision) = &environment.revision {
            dt { "Revision" }
            dd { code { (revision.commit) } @if revision.modified { " with changes" } }
        }
    }
}
