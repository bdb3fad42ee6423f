//! What the system promises. Every file is a promise, and every story in it one
//! way to keep it: with a system of its own, on its own ports, beside all others.
//!
//! `cargo test --workspace --test system -- faults` runs those of one file.

#[path = "../ability/mod.rs"]
mod ability;
mod balancer_alone_stories;
mod balancers;
mod cache_stories;
mod dice;
mod failover_stories;
mod frame;
mod item_stories;
mod needs;
mod outage_stories;
mod part_stories;
mod postgres_server;
mod rabbit_server;
mod raw;
mod real_program;
mod redis_server;
mod round_robin_stories;
mod rude_upstream;
mod support;
mod task_stories;
mod traffic;
mod upstreams;
mod whole;

mod anyones_programs;
mod attacks;
mod balancer_alone;
mod balancer_alone_over_haproxy;
mod balancer_alone_over_nginx;
mod caching;
mod caching_over_managed_redis;
mod caching_over_redis;
mod containers;
mod crowds;
mod docker;
mod early_answers;
mod failover;
mod failover_over_haproxy;
mod failover_over_nginx;
mod faults;
mod gateway_alone;
mod gateway_relays;
mod items;
mod items_over_postgres;
mod keys;
mod long_tasks;
mod long_tasks_over_both;
mod long_tasks_over_managed_postgres;
mod long_tasks_over_managed_rabbitmq;
mod malformed_requests;
mod no_orphans;
mod odd_answers;
mod outages;
mod outages_over_redis;
mod parts_in_containers;
mod postgres_in_trouble;
mod rabbitmq_in_trouble;
mod real_parts;
mod round_robin;
mod round_robin_over_haproxy;
mod round_robin_over_nginx;
mod run_once;
mod small_machines;
mod starting;
mod stopping;
mod tiny_pieces;
mod tokens;
mod values;
mod vectors;
mod web_pages;
mod wrong_servers;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = no_orphans::be_the_harness_if_asked() {
        return code;
    }
    services::signing::install();
    let code = frame::run(frame::stories! {
        starting {
            every_node_of_the_laboratory_answers_by_its_own_name,
            no_service_listens_beyond_loopback_unless_it_is_meant,
            an_empty_or_short_secret_is_refused_even_on_loopback,
            other_users_of_the_machine_see_neither_secrets_nor_data,
            each_node_has_a_log_of_its_own,
            counters_and_cpu_time_tell_of_the_work,
            a_wrong_flag_fails_the_start_at_once_with_the_log,
            a_node_that_gives_up_says_why,
            a_program_that_is_no_node_fails_the_start_at_once,
            a_stranger_is_not_taken_for_the_node,
            a_taken_port_is_named_with_its_node,
            a_failed_start_leaves_nothing_running,
            a_dropped_system_leaves_nothing_running,
            a_system_outlives_the_thread_that_started_it,
            a_signal_from_the_terminal_reaches_no_node,
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
        anyones_programs {
            programs_are_told_of_each_other_and_share_the_fate_of_a_system,
            a_node_that_lasts_gives_each_system_a_room_and_takes_it_back,
            each_sign_of_readiness_is_waited_for,
            a_sign_that_never_comes_is_named_with_what_was_seen_instead,
            a_program_that_cannot_run_fails_the_start_at_once,
            a_stranger_on_the_port_is_not_taken_for_the_program,
            a_program_is_killed_and_measured_with_those_it_started,
            a_program_that_leaves_its_end_to_the_kernel_has_stopped_in_good_order,
        }
        run_once {
            those_that_call_a_migration_start_when_it_is_done,
            a_migration_that_fails_stops_the_start_with_the_end_of_its_log,
            a_migration_that_never_ends_is_late,
        }
        small_machines {
            a_service_without_a_cgroup_simulates_its_share,
            a_program_without_any_means_fails_the_start_and_is_told_what_to_do,
        }
        small_machines needs cgroups {
            a_program_with_all_whom_it_starts_gets_its_share_and_no_more,
            the_cgroups_of_a_harness_that_was_killed_are_swept,
        }
        containers needs images {
            a_container_is_measured_with_all_of_its_processes,
            replicas_of_an_image_with_a_fixed_port_have_addresses_of_their_own,
            the_network_of_a_harness_that_was_killed_is_removed_by_the_next,
            a_container_with_its_own_address_is_told_that_it_cant_reach_loopback,
            an_image_that_was_built_stays_the_same_when_its_name_is_given_to_another,
        }
        small_machines needs images {
            a_container_gets_its_share_and_no_more,
        }
        no_orphans {
            no_node_survives_a_harness_that_was_killed,
            a_node_ends_with_the_thread_that_started_it,
            a_node_ends_when_its_lifeline_does,
            a_node_does_not_start_for_a_harness_that_is_gone,
            the_environment_of_the_harness_sets_nothing,
        }
        no_orphans needs parts {
            nothing_of_a_part_survives_a_harness_that_was_killed,
        }
        no_orphans needs images {
            no_container_survives_a_harness_that_was_killed,
        }
        round_robin {
            requests_one_after_another_go_round,
            concurrent_requests_are_shared_exactly,
            any_number_of_gateways_is_shared_exactly,
            shares_are_exact_again_after_a_gateway_left_and_came_back,
            a_dead_gateway_unbalances_only_what_its_failures_name,
        }
        round_robin_over_nginx needs nginx {
            requests_one_after_another_go_round,
            concurrent_requests_are_shared_exactly,
            any_number_of_gateways_is_shared_exactly,
        }
        round_robin_over_nginx lacks "nginx has no active checks" {
            shares_are_exact_again_after_a_gateway_left_and_came_back,
        }
        round_robin_over_nginx lacks "nginx counts nothing by gateway" {
            a_dead_gateway_unbalances_only_what_its_failures_name,
        }
        round_robin_over_haproxy needs haproxy {
            a_dead_gateway_unbalances_only_what_its_failures_name,
            requests_one_after_another_go_round,
            concurrent_requests_are_shared_exactly,
            any_number_of_gateways_is_shared_exactly,
            shares_are_exact_again_after_a_gateway_left_and_came_back,
        }
        caching_over_managed_redis needs redis_program {
            every_read_is_a_hit_or_a_miss_and_every_miss_reads_the_database,
            without_expiry_the_database_is_read_once_per_key_and_cache,
            random_reads_cost_as_many_database_reads_as_predicted,
            a_burst_on_a_cold_key_costs_one_read_per_gateway,
            a_write_is_seen_by_the_next_read_through_every_gateway_and_cache,
            no_read_goes_back_behind_an_answered_write,
            values_expire,
            a_dead_cache_costs_a_bounded_delay,
            a_stalled_cache_costs_a_bounded_delay_and_is_used_again,
        }
        long_tasks_over_managed_postgres needs postgres {
            a_task_is_accepted_at_once_and_done_later,
            repeats_of_one_key_are_one_task_and_one_effect,
            a_key_with_another_body_is_refused,
            no_accepted_task_is_lost_when_the_worker_is_killed,
            a_task_that_keeps_failing_is_given_up,
            a_task_is_shown_to_its_owner_only,
        }
        long_tasks_over_managed_rabbitmq needs rabbitmq {
            a_task_is_accepted_at_once_and_done_later,
            repeats_of_one_key_are_one_task_and_one_effect,
            a_key_with_another_body_is_refused,
            no_accepted_task_is_lost_when_the_worker_is_killed,
            a_task_that_keeps_failing_is_given_up,
            a_task_is_shown_to_its_owner_only,
        }
        tokens {
            the_laboratorys_token_passes_raw_and_as_bearer,
            each_kind_of_bad_token_is_refused_and_counted_by_its_name,
            a_refused_request_reaches_nothing_behind_the_gateway,
            users_whose_names_look_alike_share_neither_tasks_nor_keys,
            an_expiry_can_be_demanded,
            no_change_to_a_token_is_accepted_or_breaks_anything,
        }
        items {
            an_empty_database_is_seeded_and_one_with_items_is_not,
            writes_are_numbered_one_by_one_however_many_come_at_once,
            a_restarted_database_has_its_items_and_its_counter,
            any_bytes_in_a_key_come_back_as_they_went_in,
            keys_that_look_alike_are_told_apart,
            a_value_that_a_client_could_not_read_is_refused_in_one_sentence,
            large_values_make_no_listing_that_is_too_large_to_cache,
        }
        items_over_postgres needs postgres {
            an_empty_database_is_seeded_and_one_with_items_is_not,
            writes_are_numbered_one_by_one_however_many_come_at_once,
            a_restarted_database_has_its_items_and_its_counter,
            any_bytes_in_a_key_come_back_as_they_went_in,
            keys_that_look_alike_are_told_apart,
            a_value_that_a_client_could_not_read_is_refused_in_one_sentence,
            large_values_make_no_listing_that_is_too_large_to_cache,
        }
        keys {
            a_key_that_is_too_long_is_refused_in_one_sentence,
        }
        web_pages {
            no_inner_node_does_anything_for_a_web_page_from_elsewhere,
            no_inner_node_answers_to_a_name_that_was_made_to_mean_it,
        }
        caching {
            every_read_is_a_hit_or_a_miss_and_every_miss_reads_the_database,
            without_expiry_the_database_is_read_once_per_key_and_cache,
            random_reads_cost_as_many_database_reads_as_predicted,
            a_burst_on_a_cold_key_costs_one_read_per_gateway,
            a_write_is_seen_by_the_next_read_through_every_gateway_and_cache,
            no_read_goes_back_behind_an_answered_write,
            values_expire,
            a_dead_cache_costs_a_bounded_delay,
            a_stalled_cache_costs_a_bounded_delay_and_is_used_again,
        }
        caching_over_redis needs redis {
            every_read_is_a_hit_or_a_miss_and_every_miss_reads_the_database,
            without_expiry_the_database_is_read_once_per_key_and_cache,
            random_reads_cost_as_many_database_reads_as_predicted,
            a_burst_on_a_cold_key_costs_one_read_per_gateway,
            a_write_is_seen_by_the_next_read_through_every_gateway_and_cache,
            no_read_goes_back_behind_an_answered_write,
            values_expire,
            a_dead_cache_costs_a_bounded_delay,
            a_stalled_cache_costs_a_bounded_delay_and_is_used_again,
        }
        long_tasks {
            a_task_is_accepted_at_once_and_done_later,
            repeats_of_one_key_are_one_task_and_one_effect,
            a_key_with_another_body_is_refused,
            no_accepted_task_is_lost_when_the_worker_is_killed,
            a_task_that_keeps_failing_is_given_up,
            a_task_is_shown_to_its_owner_only,
        }
        long_tasks_over_both needs both {
            a_task_is_accepted_at_once_and_done_later,
            repeats_of_one_key_are_one_task_and_one_effect,
            a_key_with_another_body_is_refused,
            no_accepted_task_is_lost_when_the_worker_is_killed,
            a_task_that_keeps_failing_is_given_up,
            a_task_is_shown_to_its_owner_only,
        }
        rabbitmq_in_trouble needs rabbitmq {
            while_rabbitmq_is_short_of_memory_tasks_are_503_in_bounded_time,
            a_task_without_a_queue_is_503_and_published_when_the_queue_is_back,
            what_a_broker_lost_with_its_queue_is_done_all_the_same,
            a_task_that_keeps_failing_is_among_the_dead_letters,
            a_task_that_kills_every_worker_is_dead_after_its_last_attempt,
            a_worker_that_stops_gives_its_tasks_back_at_once,
        }
        postgres_in_trouble needs postgres {
            nothing_that_was_answered_is_lost_when_postgres_is_killed,
            without_a_connection_reads_are_503_in_bounded_time,
            a_statement_that_takes_too_long_is_503_in_bounded_time,
        }
        wrong_servers {
            an_address_that_is_no_url_of_such_a_server_is_refused,
            a_server_that_is_not_there_is_named,
            something_else_on_the_port_is_not_taken_for_a_broker,
            an_old_broker_is_refused,
        }
        wrong_servers needs postgres {
            a_user_or_database_that_postgres_does_not_know_is_named,
            a_database_with_another_schema_is_refused_and_left_alone,
            a_changed_table_is_another_schema,
        }
        wrong_servers needs rabbitmq {
            a_user_or_virtual_host_that_rabbitmq_does_not_know_is_named,
            a_queue_with_other_properties_is_named,
        }
        wrong_servers needs both {
            no_password_shows_on_a_command_line_or_in_a_log,
        }
        real_parts {
            a_server_that_does_not_run_elsewhere_fails_the_start,
            something_else_on_the_port_is_not_taken_for_redis,
            a_part_that_can_not_be_had_is_named_with_every_reason_and_the_remedy,
        }
        real_parts needs nginx {
            nginx_works_and_stops_in_good_order,
            nginx_is_paused_and_killed_whole_and_comes_back,
        }
        real_parts needs haproxy {
            haproxy_works_and_stops_in_good_order,
            haproxy_is_paused_and_killed_whole_and_comes_back,
        }
        real_parts needs redis_program {
            redis_works_and_stops_in_good_order,
            redis_is_paused_and_killed_whole_and_comes_back,
            a_redis_that_comes_back_tells_nobody_an_old_value,
            a_redis_that_is_in_use_or_keeps_us_out_fails_the_start,
        }
        real_parts needs postgres {
            postgres_works_and_stops_in_good_order,
            postgres_is_paused_and_killed_whole_and_comes_back,
            one_cluster_of_several_that_start_at_once_is_kept_to_be_copied,
            a_server_that_runs_elsewhere_is_used_and_left_alone,
            a_postgres_that_is_in_use_fails_the_start,
        }
        real_parts needs rabbitmq {
            rabbitmq_is_paused_and_killed_whole_and_comes_back,
            nothing_accepted_is_lost_when_rabbitmq_is_killed,
            rabbitmq_outlasts_systems_and_gives_each_a_room,
        }
        real_parts needs both {
            wrong_credentials_fail_the_start_in_one_sentence,
        }
        parts_in_containers needs images {
            nginx_works_and_stops_in_good_order,
            haproxy_is_paused_and_killed_whole_and_comes_back,
            redis_is_paused_and_killed_whole_and_comes_back,
            postgres_is_paused_and_killed_whole_and_comes_back,
            rabbitmq_is_paused_and_killed_whole_and_comes_back,
            rabbitmq_outlasts_systems_and_gives_each_a_room,
        }
        balancer_alone {
            an_error_of_the_gateway_is_passed_on_as_it_is,
            the_gateway_learns_whom_the_balancer_speaks_for,
            fields_for_one_hop_do_not_reach_the_gateway,
            fields_for_one_hop_do_not_reach_the_client,
            a_slow_gateway_is_504_within_the_first_byte_limit,
            a_gateway_that_hangs_up_on_a_request_is_502,
            a_gateway_that_hangs_up_at_once_is_502,
            an_answer_that_is_no_http_is_502,
            a_gateway_that_is_not_there_is_502_until_checks_find_nobody,
            a_truncated_body_is_truncated_for_the_client_too,
            a_post_that_was_sent_is_never_repeated,
            a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered,
            a_post_goes_elsewhere_when_nothing_of_it_was_sent,
            retries_stop_when_the_budget_is_spent,
            a_failing_gateway_is_ejected_and_returns_through_one_probation_request,
            bodies_are_relayed_piece_by_piece_in_both_directions,
            a_body_that_stalls_is_given_up,
            a_client_that_does_not_read_is_given_up,
            a_request_that_is_too_large_is_413_before_it_is_sent,
        }
        balancer_alone_over_nginx needs nginx {
            an_error_of_the_gateway_is_passed_on_as_it_is,
            the_gateway_learns_whom_the_balancer_speaks_for,
            a_slow_gateway_is_504_within_the_first_byte_limit,
            a_gateway_that_hangs_up_on_a_request_is_502,
            a_gateway_that_hangs_up_at_once_is_502,
            a_truncated_body_is_truncated_for_the_client_too,
            a_post_that_was_sent_is_never_repeated,
            a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered,
            a_post_goes_elsewhere_when_nothing_of_it_was_sent,
            a_failing_gateway_is_ejected_and_returns_through_one_probation_request,
            a_body_that_stalls_is_given_up,
            a_client_that_does_not_read_is_given_up,
            a_request_that_is_too_large_is_413_before_it_is_sent,
        }
        balancer_alone_over_nginx lacks "nginx passes on the fields that Connection names" {
            fields_for_one_hop_do_not_reach_the_gateway,
            fields_for_one_hop_do_not_reach_the_client,
        }
        balancer_alone_over_nginx lacks "nginx takes what is no HTTP for HTTP/0.9, and passes it on" {
            an_answer_that_is_no_http_is_502,
        }
        balancer_alone_over_nginx lacks "nginx has no active checks, and says 502 for as long as nobody is there" {
            a_gateway_that_is_not_there_is_502_until_checks_find_nobody,
        }
        balancer_alone_over_nginx lacks "nginx bounds the tries of one request, and not the retries of all" {
            retries_stop_when_the_budget_is_spent,
        }
        balancer_alone_over_nginx lacks "nginx, as it is set up here, takes a request as a whole before it passes it on" {
            bodies_are_relayed_piece_by_piece_in_both_directions,
        }
        balancer_alone_over_haproxy needs haproxy {
            an_error_of_the_gateway_is_passed_on_as_it_is,
            the_gateway_learns_whom_the_balancer_speaks_for,
            a_slow_gateway_is_504_within_the_first_byte_limit,
            a_gateway_that_hangs_up_on_a_request_is_502,
            an_answer_that_is_no_http_is_502,
            a_truncated_body_is_truncated_for_the_client_too,
            a_post_that_was_sent_is_never_repeated,
            a_get_is_repeated_elsewhere_as_long_as_nothing_was_answered,
            a_post_goes_elsewhere_when_nothing_of_it_was_sent,
            bodies_are_relayed_piece_by_piece_in_both_directions,
            a_body_that_stalls_is_given_up,
            a_client_that_does_not_read_is_given_up,
        }
        balancer_alone_over_haproxy lacks "HAProxy passes on the fields that Connection names" {
            fields_for_one_hop_do_not_reach_the_gateway,
            fields_for_one_hop_do_not_reach_the_client,
        }
        balancer_alone_over_haproxy lacks "HAProxy's first failed check takes a gateway out, so that it says 503, and no reason" {
            a_gateway_that_hangs_up_at_once_is_502,
            a_gateway_that_is_not_there_is_502_until_checks_find_nobody,
        }
        balancer_alone_over_haproxy lacks "HAProxy bounds the tries of one request, and not the retries of all" {
            retries_stop_when_the_budget_is_spent,
        }
        balancer_alone_over_haproxy lacks "HAProxy, as it is set up here, takes a gateway out by its checks alone" {
            a_failing_gateway_is_ejected_and_returns_through_one_probation_request,
        }
        balancer_alone_over_haproxy lacks "HAProxy has no limit to the length of a body" {
            a_request_that_is_too_large_is_413_before_it_is_sent,
        }
        gateway_alone {
            a_database_that_fails_is_503_and_nothing_is_cached,
            a_write_that_the_database_does_not_confirm_is_503_and_caches_forget,
            a_value_that_is_too_large_for_a_cache_is_no_fault_of_the_cache,
            an_item_that_is_missing_is_404_and_says_who_was_asked,
            a_database_that_is_not_there_is_503,
            a_database_that_is_slow_is_504_and_nothing_is_cached,
            a_database_that_recovers_is_read_again_and_cached,
            a_cache_that_fails_is_passed_by_and_left_alone,
            a_cache_that_is_not_there_is_passed_by,
            a_slow_cache_costs_its_timeout_once_and_nothing_while_it_rests,
            a_cache_is_asked_again_after_its_rest,
            a_write_is_answered_after_every_cache_has_forgotten,
            a_write_that_a_cache_does_not_learn_of_is_counted,
            a_microservice_or_worker_that_fails_is_503,
            a_microservice_or_worker_that_is_slow_is_504,
            a_task_that_was_sent_is_never_sent_again,
            the_development_secret_is_refused_beyond_loopback,
        }
        gateway_relays {
            a_task_and_its_acceptance_pass_as_they_are,
            the_worker_learns_the_tokens_user_whatever_a_client_claims,
            a_trace_is_passed_on_to_every_upstream,
            a_trace_is_begun_where_there_is_none_or_a_malformed_one,
            a_body_that_is_too_large_is_413_and_reaches_nobody,
            cache_status_and_server_timing_say_what_happened,
            without_a_cache_there_is_no_cache_status,
            readers_who_come_together_share_one_read_and_are_told,
        }
        early_answers {
            a_refusal_reaches_a_client_that_still_sends_its_body,
            an_answer_is_passed_on_although_the_gateway_takes_no_more_of_the_request,
        }
        tiny_pieces {
            a_megabyte_of_one_byte_chunks_costs_no_more_than_a_megabyte,
            an_answer_of_one_byte_chunks_costs_no_more_than_its_size,
            a_body_that_stops_coming_is_408_at_every_node,
        }
        malformed_requests {
            what_no_node_serves_is_refused_at_once_by_each_and_reaches_nobody,
            what_is_well_formed_is_served_by_each,
            a_declared_body_that_is_too_large_is_413_without_being_asked_for,
            a_target_in_absolute_form_names_the_host,
        }
        odd_answers {
            a_length_beside_chunks_is_dropped_and_the_body_whole,
            an_answer_that_can_not_be_understood_is_502,
            an_answer_without_a_body_has_none_whatever_it_says,
            malformed_chunks_are_a_truncated_body,
            interim_answers_are_passed_over_and_end_with_the_limit,
        }
        crowds {
            idle_connections_make_room_for_new_clients,
            a_balancer_without_files_blames_nobody,
            the_limit_on_files_is_raised_as_far_as_it_may_be,
        }
        failover {
            no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart,
            a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway,
            a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated,
            a_get_under_way_in_a_killed_gateway_is_repeated_on_another,
            no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation,
            without_any_gateway_the_balancer_says_so_until_they_are_back,
            without_the_balancer_connections_fail_until_it_is_back_on_its_address,
            nothing_is_lost_while_the_balancer_is_paused,
        }
        failover_over_nginx needs nginx {
            no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation,
            no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart,
            a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway,
            a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated,
            a_get_under_way_in_a_killed_gateway_is_repeated_on_another,
            without_the_balancer_connections_fail_until_it_is_back_on_its_address,
            nothing_is_lost_while_the_balancer_is_paused,
        }
        failover_over_nginx lacks "nginx answers 502, and says no reason, when no gateway is left" {
            without_any_gateway_the_balancer_says_so_until_they_are_back,
        }
        failover_over_haproxy needs haproxy {
            no_read_fails_when_a_gateway_is_killed_and_it_takes_part_again_after_a_restart,
            a_post_under_way_in_a_killed_gateway_is_502_and_not_repeated,
            a_get_under_way_in_a_killed_gateway_is_repeated_on_another,
            without_the_balancer_connections_fail_until_it_is_back_on_its_address,
            nothing_is_lost_while_the_balancer_is_paused,
        }
        failover_over_haproxy lacks "HAProxy, as it is set up here, takes a gateway out by its checks alone" {
            no_read_fails_when_a_gateway_is_paused_and_it_returns_through_probation,
        }
        failover_over_haproxy lacks "HAProxy closes a kept connection without an answer for a 502" {
            a_post_fails_at_most_once_for_each_connection_to_a_killed_gateway,
            without_any_gateway_the_balancer_says_so_until_they_are_back,
        }
        outages {
            no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart,
            no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes,
            without_the_database_cached_keys_are_read_and_others_are_503,
            while_the_database_is_paused_cached_keys_are_read_and_others_are_504,
            without_the_microservice_only_computing_fails,
            without_the_worker_only_tasks_fail_and_accepted_ones_are_done_later,
        }
        outages_over_redis needs redis_program {
            no_read_fails_when_a_cache_is_killed_and_hits_come_back_after_a_restart,
            no_read_fails_when_a_cache_is_paused_and_hits_come_back_after_it_resumes,
            without_the_database_cached_keys_are_read_and_others_are_503,
            while_the_database_is_paused_cached_keys_are_read_and_others_are_504,
        }
        stopping {
            a_balancer_that_is_told_to_stop_finishes_what_is_under_way_and_takes_nothing_new,
            a_balancer_that_is_told_to_stop_does_not_wait_beyond_its_deadline,
            a_system_that_stops_finishes_what_is_under_way,
        }
        vectors {
            there_are_hundreds_of_vectors_and_no_two_are_alike,
            every_node_answers_every_vector_rightly,
            no_malformed_head_and_nothing_smuggled_reaches_a_backend,
        }
        vectors needs controls {
            no_node_is_worse_than_nginx,
        }
        attacks {
            a_megabyte_in_one_byte_chunks_is_a_megabyte,
            bodies_in_one_byte_chunks_are_bounded_at_every_node,
            a_refused_body_is_401_and_no_gateway_is_blamed,
            heads_that_come_slowly_are_given_up,
            bodies_that_stall_are_given_up_by_every_node,
            clients_that_do_not_read_are_given_up,
            more_idle_connections_than_files_harm_nobody,
            heads_beyond_measure_are_refused_and_forgotten,
            heads_that_are_almost_too_large_are_bounded_together,
            a_flood_of_pipelined_requests_is_answered_in_its_turn,
            requests_that_are_broken_off_are_forgotten,
        }
        docker {
            a_story_is_ignored_where_no_engine_answers,
            a_story_fails_where_an_engine_is_required_and_none_answers,
        }
        docker needs docker {
            an_engine_answers,
        }
    });
    long_tasks_over_managed_rabbitmq::end();
    postgres_server::end();
    rabbit_server::end();
    code
}
