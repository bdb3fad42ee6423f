//! Runs stories that measure something as tests. On a machine that is too busy, one that
//! could check nothing is reported as ignored, with the reason, and never as passed; with
//! `SKEIN_REQUIRE_MEASURED=1` it fails.

#[path = "../../../integration/tests/ability/mod.rs"]
mod ability;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

/// Set to `1`, it makes it a failure that nothing could be measured.
const REQUIRE: &str = "SKEIN_REQUIRE_MEASURED";

/// The machine was too busy for what a story should have checked: what was seen of that.
#[derive(Debug)]
pub(crate) struct TooBusy(pub(crate) String);

/// The end of a story that has not failed.
pub(crate) type Told = Result<(), TooBusy>;

/// One test.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    /// The function.
    pub(crate) name: &'static str,
    /// What happens.
    pub(crate) tell: fn() -> Told,
    /// True when it is only told when ignored ones are asked for.
    pub(crate) is_long: bool,
}

/// Lists stories: `stories { story, … }`, and after those `long { story, … }`, which are
/// told only with `--ignored`.
macro_rules! stories {
    (stories { $($story:ident,)* } $(long { $($long:ident,)* })?) => {
        [
            $($crate::frame::Story { name: stringify!($story), tell: $story, is_long: false },)*
            $($($crate::frame::Story { name: stringify!($long), tell: $long, is_long: true },)*)?
        ]
    };
}
pub(crate) use stories;

/// Runs the stories that the command line asks for, which is that of any Rust test.
pub(crate) fn run(stories: &[Story]) -> ExitCode {
    let trials = stories.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(story: &Story) -> Trial {
    let Story {
        name,
        tell,
        is_long,
    } = *story;
    Trial::ignorable_test(name, move || match tell() {
        Ok(()) => Ok(Completion::Completed),
        Err(TooBusy(what)) => {
            ability::unable(&format!("the machine was too busy ({what})"), REQUIRE)
        }
    })
    .with_ignored_flag(is_long)
}
