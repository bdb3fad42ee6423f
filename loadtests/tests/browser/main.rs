//! What the pages promise, looked at in a real browser: Debian's chromium, one for all
//! stories. The pages are written by the program itself, from records in `fixtures/`.
//!
//! Where there is no chromium the stories are ignored, and say so; with
//! `SKEIN_REQUIRE_BROWSER=1` they fail. Screenshots are left in `target/screenshots`.

#[path = "../../../integration/tests/ability/mod.rs"]
mod ability;
mod browser;
mod needs;
mod records;
mod reports;

mod accessibility;
mod charts;
mod escaping;
mod keyboard;
mod list;
mod loading;
mod looks;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use needs::Need;

/// One test.
struct Story {
    name: &'static str,
    need: Need,
    tell: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Lists stories by their files, each file with what it can't do without.
macro_rules! stories {
    ($($file:ident needs $need:ident { $($story:ident,)* })*) => {
        vec![$($(Story {
            name: concat!(stringify!($file), "::", stringify!($story)),
            need: Need::$need,
            tell: || Box::pin($file::$story()),
        },)*)*]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One browser has one graphics process; more tabs at once only wait for each other.
    arguments.test_threads.get_or_insert(2);
    let stories: Vec<Story> = stories! {
        loading needs Browser {
            every_page_loads_from_a_file_without_a_request_or_a_complaint,
            the_reports_work_wherever_they_are_moved,
            no_page_is_wider_than_a_phone,
            without_scripts_every_row_is_there,
        }
        charts needs Browser {
            every_drawing_has_something_to_see,
            every_drawing_has_a_name,
        }
        list needs Browser {
            choosing_a_plan_shows_its_reports_only,
            choices_add_up_and_can_be_taken_back,
            a_column_is_sorted_by_its_values_up_and_down,
            a_hundred_runs_are_listed,
        }
        keyboard needs Browser {
            a_verdict_is_chosen_and_a_column_sorted_without_a_mouse,
            whatever_scrolls_can_be_reached,
        }
        escaping needs Browser {
            what_comes_from_outside_is_text_and_never_runs,
        }
        accessibility needs Axe {
            no_page_has_a_serious_fault_in_light_or_dark,
        }
        looks needs Browser {
            every_page_is_photographed_wide_narrow_and_dark,
        }
    };
    let trials = stories.iter().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    browser::close();
    conclusion.exit_code()
}

fn trial(story: &Story) -> Trial {
    let Story { name, need, tell } = *story;
    Trial::ignorable_test(name, move || match need.unmet() {
        Some(reason) => ability::unable(&reason, needs::REQUIRE),
        None => {
            browser::tell(tell());
            Ok(Completion::Completed)
        }
    })
}
