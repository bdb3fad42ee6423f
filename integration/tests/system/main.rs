//! What the system promises. Every file is a promise, and every story in it one
//! way to keep it: with a system of its own, on its own ports, beside all others.
//!
//! `cargo test -p integration --test system -- faults` runs those of one file.

mod frame;
mod support;

mod docker;
mod faults;
mod no_orphans;
mod starting;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = no_orphans::be_the_harness_if_asked() {
        return code;
    }
    frame::run(frame::stories! {
        starting {
            every_node_of_the_laboratory_answers_by_its_own_name,
            each_node_has_a_log_of_its_own,
            counters_and_cpu_time_tell_of_the_work,
            a_wrong_flag_fails_the_start_at_once_with_the_log,
            a_node_that_gives_up_says_why,
            a_program_that_is_no_node_fails_the_start_at_once,
            a_stranger_is_not_taken_for_the_node,
            a_taken_port_is_named_with_its_node,
            a_failed_start_leaves_nothing_running,
            a_dropped_system_leaves_nothing_running,
            a_stopped_system_ends_in_good_order,
        }
        faults {
            a_killed_node_refuses_connections_and_returns_to_its_address,
            a_port_stays_with_its_node_however_many_are_wanted_meanwhile,
            a_restarted_node_has_its_data,
            a_restart_ends_the_old_process_first,
            a_paused_node_answers_when_it_is_resumed,
            a_node_that_ends_by_itself_is_not_forgotten,
            a_node_that_is_down_has_no_faults,
        }
        no_orphans {
            no_node_survives_a_harness_that_was_killed,
            the_environment_of_the_harness_sets_nothing,
        }
        docker {
            a_story_is_ignored_where_no_engine_answers,
            a_story_fails_where_an_engine_is_required_and_none_answers,
        }
        docker needs docker {
            an_engine_answers,
        }
    })
}
