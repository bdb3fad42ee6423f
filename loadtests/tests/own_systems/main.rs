//! Systems of somebody's own, described in files alone: stories of strangers who start them, load
//! them, break them, and compare two of them.
//!
//! A story that needs a program of others is ignored where that isn't installed, and says so.

#[path = "../../../integration/tests/ability/mod.rs"]
mod ability;
mod bookshop;
mod elsewhere;
mod encrypted;
mod kinto;
mod outrun;
mod refused;
mod remote_write;
mod revisions;
mod support;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use support::{DOCKER, GIT, KINTO, NGINX, PROMETHEUS, PYTHON, stories};

fn main() -> ExitCode {
    let mut all = Vec::new();
    all.extend(stories!(
        &[NGINX],
        bookshop {
            one_file_holds_system_load_thresholds_and_a_ledger_that_is_even,
            a_line_that_doesnt_add_up_fails_the_run_by_its_claim,
            what_a_node_that_ended_took_along_is_a_difference_with_its_name,
            a_gate_of_settings_says_what_makes_no_sense_before_it_starts,
        }
    ));
    all.extend(stories!(
        &[NGINX],
        encrypted {
            a_system_behind_https_is_loaded_over_http_1_and_counted_behind_it,
            a_system_behind_https_is_loaded_over_http_2_and_counted_behind_it,
            a_server_that_falls_back_to_http_1_fails_a_plan_that_asks_for_http_2,
            a_certificate_that_nobody_vouches_for_fails_the_run_by_name,
        }
    ));
    all.extend(stories!(
        &[PROMETHEUS],
        remote_write {
            what_prometheus_was_sent_adds_up_to_what_the_run_counted,
            a_server_that_takes_no_figures_ends_the_run_before_its_load,
        }
    ));
    all.extend(stories!(
        &[GIT],
        bookshop {
            a_side_that_cant_be_built_has_its_own_exit_code,
        }
    ));
    all.extend(stories!(
        &[],
        elsewhere {
            a_server_that_runs_elsewhere_is_asked_by_the_name_that_the_file_has,
        }
    ));
    all.extend(stories!(
        &[PYTHON],
        bookshop {
            the_file_to_begin_with_runs_and_is_never_written_over,
        }
    ));
    all.extend(stories!(
        &[PYTHON],
        refused {
            a_file_that_makes_no_sense_is_refused_with_its_line,
            a_node_that_cant_start_ends_those_that_had_started,
        }
    ));
    let whole_gates = stories!(
        &[NGINX, GIT],
        revisions {
            a_working_tree_that_fails_what_a_revision_serves_fails_the_gate,
        }
    );
    let gates_of_images = stories!(
        &[DOCKER, GIT],
        revisions {
            images_and_folders_of_a_compose_file_are_those_of_each_revision,
        }
    );
    let studies = stories!(
        &[NGINX],
        outrun {
            a_system_that_outruns_the_generator_can_take_at_least_what_that_can_show,
        }
    );
    // Told with `--ignored`, as the others that take a minute.
    let long = whole_gates
        .into_iter()
        .chain(gates_of_images)
        .chain(studies);
    all.extend(long.map(|story| story.with_ignored_flag(true)));
    all.extend(stories!(
        &[DOCKER],
        bookshop {
            a_compose_file_becomes_a_system_that_runs_in_containers,
            an_image_that_isnt_there_fails_the_start_in_one_sentence,
        }
    ));
    all.extend(stories!(
        &[NGINX, KINTO],
        kinto {
            a_service_of_others_is_held_to_its_own_counters,
            a_wrong_password_fails_the_run_and_leaves_the_ledger_even,
        }
    ));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}
