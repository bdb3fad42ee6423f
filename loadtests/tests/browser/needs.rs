//! What some stories can't do without, and whether it is there.

use std::path::PathBuf;

use chromiumoxide::detection::{DetectionOptions, default_executable};

/// Set to `1`, it makes the absence of what is needed a failure.
pub(crate) const REQUIRE: &str = "SKEIN_REQUIRE_BROWSER";

/// What a story can't do without.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// A browser.
    Browser,
    /// A browser, and the accessibility checks of axe-core.
    Axe,
}

impl Need {
    /// Why a story with this need can't be told here, or `None` when it can.
    pub(crate) fn unmet(self) -> Option<String> {
        let browser = chromium().err();
        match self {
            Need::Browser => browser,
            Need::Axe => browser.or_else(|| {
                let file = axe();
                (!file.exists()).then(|| {
                    format!(
                        "there is no {}; scripts/install-what-ci-needs gets it",
                        file.display()
                    )
                })
            }),
        }
    }
}

/// The browser, or that there is none.
pub(crate) fn chromium() -> Result<PathBuf, String> {
    default_executable(DetectionOptions::default())
        .map_err(|_| "no chromium is installed (apt-get install chromium)".to_owned())
}

/// axe-core, which is installed and not part of this project: its licence is MPL-2.0.
pub(crate) fn axe() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../axe/axe.min.js")
}
