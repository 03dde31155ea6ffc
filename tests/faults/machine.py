"""Faults of this machine: processes that die or overlap, clocks, the database and its disk."""

from __future__ import annotations

from typing import Final

from tests.faults.catalogue import Fault

ENTRY_KILLED: Final = "ticks/test_crashes.py::test_an_entry_killed_anywhere_ends_as_if_it_had_not_been"
SAGA_KILLED: Final = "stories/test_live_kills.py::test_an_entry_killed_at_any_step_is_finished_by_two_clean_ticks"
LIFE_KILLED: Final = "ticks/test_crashes.py::test_a_trail_a_tier_and_an_exit_killed_anywhere_end_the_same"

PROCESSES: Final = (
    Fault("P1", "killed before anything was written down", (ENTRY_KILLED, SAGA_KILLED)),
    Fault(
        "P2",
        "killed with the intent written down and nothing sent",
        (
            ENTRY_KILLED,
            SAGA_KILLED,
            "ticks/test_unclear_answers.py::test_an_entry_is_given_up_only_after_several_spaced_answers_that_it_isn_t_known",
        ),
    ),
    Fault("P3", "killed once the entry was sent", (ENTRY_KILLED, SAGA_KILLED)),
    Fault(
        "P4",
        "killed between entry and stop",
        (
            SAGA_KILLED,
            "ticks/test_processes.py::test_a_process_killed_by_the_kernel_leaves_a_file_that_the_next_one_finishes",
        ),
    ),
    Fault("P5", "killed between a new stop and the end of the old", (LIFE_KILLED,)),
    Fault(
        "P6",
        "killed once a position was closed",
        ("ticks/test_crashes.py::test_a_time_stop_killed_anywhere_ends_flat_with_no_stop_left", LIFE_KILLED),
    ),
    Fault(
        "P7",
        "killed while a tier is taken",
        (LIFE_KILLED, "ticks/test_unclear_answers.py::test_a_tier_without_an_answer_is_not_taken_twice"),
    ),
    Fault(
        "P8",
        "two ticks at once",
        (
            "adapters/test_locks.py::test_the_account_lock_is_had_by_one_process_at_a_time",
            "cli/test_ticks.py::test_a_tick_that_another_process_is_running_is_left_to_it",
            "ticks/test_processes.py::test_two_processes_at_once_enter_trail_and_exit_once",
            "stories/test_restarts.py::test_two_processes_at_once_copy_an_order_once",
        ),
    ),
    Fault(
        "P9",
        "whoever has the lock hangs",
        (
            "adapters/test_locks.py::test_a_process_that_dies_lets_go_of_the_account",
            "ticks/test_brakes.py::test_a_tick_that_takes_too_long_begins_nothing_new",
            "test_wiring.py::test_a_tick_waits_for_the_account_no_longer_than_it_has_left",
            "test_wiring.py::test_no_request_tries_longer_than_what_is_left_of_the_tick",
        ),
        note="no alarm interrupts a tick: each of its waits has an end of its own",
    ),
    Fault(
        "P10",
        "no tick for hours",
        (
            "ticks/test_poll.py::test_fills_of_an_outage_are_found_by_the_mark_and_not_by_the_clock",
            "ticks/test_monitor.py::test_a_position_is_left_after_72_hours",
            "stories/test_live.py::test_a_stop_that_fires_between_ticks_is_booked_as_stop_loss",
        ),
    ),
    Fault(
        "P11",
        "cron runs a tick twice, or late",
        (
            "stories/test_restarts.py::test_a_command_run_again_at_the_same_moment_does_nothing_twice",
            "ticks/test_poll.py::test_a_second_run_of_the_same_minute_changes_nothing",
            "ticks/test_schedule.py::test_what_runs_late_doesn_t_push_what_comes_after_it",
        ),
    ),
    Fault(
        "P12",
        "cron's environment is bare",
        ("cli/test_cron.py::test_each_command_of_the_crontab_is_run_as_cron_would",),
    ),
    Fault(
        "P13",
        "each tick sends a mail",
        ("domain/test_alerts.py::test_nobody_is_told_the_same_twice_within_the_quiet_time",),
    ),
    Fault(
        "P14",
        "alerts reach nobody",
        ("cli/test_alerts.py::test_a_channel_that_is_down_fails_no_tick_is_reported_and_gets_it_later",),
    ),
    Fault(
        "P15",
        "the clock is off, or jumps",
        (
            "adapters/test_live_venue.py::test_a_clock_that_is_off_keeps_no_stop_and_no_exit_from_landing",
            "adapters/test_live_venue.py::test_an_entry_of_a_clock_that_is_behind_has_expired",
            "wiring/test_preflight.py::test_what_keeps_from_entering_doesn_t_keep_from_protecting",
            "ticks/test_refused_orders.py::test_who_may_not_enter_still_leaves_a_liquidated_trader_and_loses_no_order",
            "adapters/test_ledgers.py::test_nonces_come_back_to_the_present_after_a_clock_that_was_days_ahead",
            "ticks/test_breakers_tick.py::test_a_clock_that_was_set_back_samples_nothing_twice",
        ),
        note="a clock that is ahead sees its own stop rest one tick later: what was read before it was sent is no proof",
    ),
    Fault(
        "P16",
        "summer time ends",
        (
            "adapters/test_store.py::test_times_are_iso_text_of_one_length_in_utc",
            "adapters/test_store.py::test_a_moment_without_a_zone_is_refused",
            "ticks/test_schedule.py::test_every_moment_lies_between_two_beginnings",
        ),
    ),
    Fault(
        "P17",
        "no memory is left",
        (
            "ticks/test_processes.py::test_a_process_killed_by_the_kernel_leaves_a_file_that_the_next_one_finishes",
            ENTRY_KILLED,
            LIFE_KILLED,
        ),
    ),
    Fault(
        "P18",
        "told to stop in the middle",
        (
            "cli/test_run_all.py::test_a_service_watches_polls_and_stops_within_5_seconds",
            "cli/test_run_all.py::test_a_service_stops_within_5_seconds_while_the_venue_hangs",
            "cli/test_ticking.py::test_a_tick_that_is_interrupted_says_so_and_is_recorded",
        ),
    ),
    Fault(
        "P19",
        "two machines trade one account",
        (
            "ticks/test_portfolio.py::test_what_others_hold_counts_against_our_limits_and_keeps_its_coin_from_us",
            "ticks/test_venue_events.py::test_what_isn_t_ours_is_reported_and_left_alone",
        ),
        note="entries go on within the limits, which count what others hold; no lease between machines is kept",
    ),
    Fault(
        "P20",
        "an older program meets a newer database, or the other way round",
        (
            "adapters/test_store.py::test_the_schema_of_a_newer_version_is_refused",
            "adapters/test_store.py::test_a_file_of_the_second_schema_keeps_all_it_holds",
        ),
    ),
    Fault(
        "P21",
        "the log can't be written, or is rotated",
        (
            "cli/test_logs.py::test_a_log_that_can_t_be_written_fails_nothing",
            "cli/test_logs.py::test_a_rotated_file_is_opened_anew",
        ),
    ),
    Fault(
        "P22",
        "one network's settings with the other's URL",
        (
            "test_config.py::test_settings_that_contradict_each_other_are_refused",
            "adapters/test_live_signing.py::test_the_network_that_is_signed_for_doesn_t_depend_on_the_url",
            "adapters/test_store.py::test_a_file_bound_to_anything_else_is_refused",
        ),
    ),
)

DATABASE: Final = (
    Fault(
        "D1",
        "another process keeps the database busy",
        (
            "adapters/test_store.py::test_a_busy_file_is_tried_later",
            "ticks/test_venue_events.py::test_a_stop_that_can_t_be_sent_now_keeps_no_other_position_from_its_own",
        ),
    ),
    Fault(
        "D2",
        "a reader that writes finds the file changed",
        ("adapters/test_store.py::test_two_writers_lose_nothing",),
    ),
    Fault(
        "D3",
        "the disk is full before the intent is written",
        ("cli/test_shelter.py::test_a_live_tick_without_its_database_protects_what_the_venue_holds",),
    ),
    Fault(
        "D4",
        "the disk is full after the fill",
        ("cli/test_shelter.py::test_a_disk_that_fills_between_fill_and_stop_keeps_no_stop_from_being_sent",),
    ),
    Fault(
        "D5",
        "the disk fails or can't be written",
        ("cli/test_shelter.py::test_a_live_tick_without_its_database_protects_what_the_venue_holds",),
    ),
    Fault(
        "D6",
        "the file is damaged",
        (
            "cli/test_backups.py::test_the_error_of_a_damaged_database_names_the_newest_good_backup_and_its_command_works",
        ),
    ),
    Fault(
        "D7",
        "two checkpoints at once damage the file",
        (
            "adapters/test_store.py::test_no_commit_checkpoints_by_itself",
            "cli/test_ticking.py::test_a_long_write_ahead_log_is_emptied_under_the_account_lock_only",
        ),
    ),
    Fault(
        "D8",
        "the power fails",
        ("adapters/test_store_durable.py::test_what_was_committed_is_on_the_disk",),
        note="that SQLite keeps its word then is its own tests' to show",
    ),
    Fault(
        "D9",
        "a migration breaks off",
        ("adapters/test_store.py::test_a_migration_that_fails_leaves_the_file_as_it_was",),
    ),
    Fault(
        "D10",
        "the database is gone",
        (
            "cli/test_live.py::test_without_its_database_a_position_keeps_its_stop_and_nothing_new_is_opened",
            "adapters/test_live_file.py::test_a_new_live_file_is_halted_until_somebody_resumes",
        ),
        note="what was ours is then somebody else's: its stop rests and nobody moves it; adopting isn't built",
    ),
    Fault(
        "D11",
        "the file is copied without its log, or readable to others",
        ("cli/test_backups.py::test_a_backup_is_one_sound_file_for_its_owner_named_by_its_moment",),
    ),
    Fault(
        "D12",
        "floats don't add up to the position",
        (
            "domain/test_instrument.py::test_a_whole_position_rounds_to_itself_also_after_its_parts_came_and_went",
            "ticks/test_unclear_answers.py::test_an_entry_known_by_its_fills_alone_keeps_its_position_though_their_float_sum_is_no_legal_size",
        ),
    ),
)

FAULTS: Final = (*PROCESSES, *DATABASE)
