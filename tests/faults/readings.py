"""Faults of what is read: our account and prices at the venue, traders at Nansen."""

from __future__ import annotations

from typing import Final

from tests.faults.catalogue import Fault

ENDED: Final = (
    "ticks/test_venue_events.py::test_what_ended_a_position_without_us_is_booked_at_the_venue_s_price_with_its_reason"
)
CLIENT: Final = "adapters/hyperliquid/test_client.py::test_each_failure_has_its_error"
NANSEN: Final = "adapters/nansen/test_client.py::test_a_refusal_is_judged_by_its_code_then_by_its_status"
INCOMPLETE: Final = (
    "adapters/nansen/test_source.py::test_fills_that_cannot_be_read_completely_are_unknown_and_the_reason_is_told"
)
SILENCE: Final = "stories/test_outages.py::test_no_exit_comes_from_the_silence_of_a_copied_trader_s_source"

VENUE: Final = (
    Fault(
        "R1",
        "the agent's address is asked about in place of the account's",
        (
            "wiring/test_preflight.py::test_without_a_sound_account_and_agent_nothing_is_done",
            "wiring/test_preflight.py::test_what_keeps_from_entering_doesn_t_keep_from_protecting",
        ),
    ),
    Fault(
        "R2",
        "an order isn't known yet just after it was sent",
        (
            "ticks/test_unclear_answers.py::test_an_entry_is_given_up_only_after_several_spaced_answers_that_it_isn_t_known",
            "ticks/test_unclear_answers.py::test_an_entry_is_not_given_up_while_anything_is_held_on_its_coin",
            "stories/test_live.py::test_an_entry_whose_answer_is_lost_gets_its_stop_in_the_same_tick_within_the_usual_weight",
        ),
    ),
    Fault(
        "R3",
        "an order isn't known any more",
        (
            "ticks/test_unclear_answers.py::test_an_entry_without_an_answer_gets_its_stop_as_soon_as_its_fill_or_position_shows",
            "simulator/test_trading_orders.py::test_of_orders_that_are_over_only_the_latest_are_known",
        ),
    ),
    Fault(
        "R4",
        "an order has a status that nobody has heard of",
        (
            "adapters/hyperliquid/test_account.py::test_a_cancelled_order_is_cancelled_for_whatever_reason",
            "adapters/hyperliquid/test_account.py::test_a_rejected_order_is_refused",
            "adapters/hyperliquid/test_account.py::test_what_isn_t_understood_of_an_order_is_unknown_and_told",
            "ticks/test_unclear_answers.py::test_a_pending_exit_keeps_its_coin_from_being_entered_again",
        ),
    ),
    Fault(
        "R5",
        "a reading that failed looks flat",
        (
            "adapters/hyperliquid/test_account.py::test_what_can_t_be_read_is_unknown_and_told_never_flat",
            "ticks/test_monitor.py::test_an_account_that_can_t_be_read_is_not_flat",
        ),
    ),
    Fault(
        "R6",
        "a reading is older than what we did",
        (
            "adapters/hyperliquid/test_account.py::test_an_account_from_before_an_acknowledged_send_is_stale",
            "adapters/hyperliquid/test_account.py::test_an_account_older_than_the_last_one_is_read_once_more",
            "ticks/test_unclear_answers.py::test_one_reading_without_the_position_neither_closes_it_nor_takes_its_stop",
        ),
    ),
    Fault(
        "R7",
        "a stop fills between two ticks",
        (
            "stories/test_live.py::test_a_stop_that_fires_between_ticks_is_booked_as_stop_loss",
            "ticks/test_venue_events.py::test_a_fill_that_names_the_venue_s_number_alone_belongs_to_our_order",
        ),
    ),
    Fault(
        "R8",
        "a person closes or changes a position",
        (
            "stories/test_live.py::test_a_close_by_hand_is_booked_as_such_and_its_stop_cancelled",
            "ticks/test_refused_orders.py::test_what_a_person_adds_or_sells_changes_the_size_of_position_and_stop",
        ),
        note="its reason is CLOSED_ON_VENUE; MANUAL is our own command's",
    ),
    Fault(
        "R9",
        "a person cancels a stop",
        ("stories/test_live.py::test_a_stop_taken_away_by_hand_comes_back_in_the_next_tick",),
    ),
    Fault(
        "R10",
        "a person opens something else",
        (
            "stories/test_live.py::test_what_somebody_else_opens_is_reported_and_left_alone",
            "ticks/test_portfolio.py::test_what_others_hold_counts_against_our_limits_and_keeps_its_coin_from_us",
        ),
    ),
    Fault(
        "R11",
        "we are liquidated",
        (
            "stories/test_live.py::test_a_liquidation_of_ours_is_booked_as_such",
            "ticks/test_venue_events.py::test_a_position_that_would_be_liquidated_before_its_stop_is_closed_at_once",
            "domain/test_margin.py::test_leverage_is_lowered_until_the_stop_is_well_inside_liquidation",
        ),
    ),
    Fault(
        "R12",
        "we are deleveraged",
        (ENDED, "stories/test_live.py::test_a_position_that_is_deleveraged_is_booked_and_what_is_left_protected"),
        note="entries don't pause for an hour: what else was won or lost is the breakers' to judge",
    ),
    Fault(
        "R13",
        "a coin is delisted and settled",
        (
            "stories/test_live.py::test_a_settled_coin_is_booked_at_the_settlement_price",
            "domain/test_signing.py::test_a_delisted_coin_or_one_of_an_unknown_margin_mode_can_be_left_and_not_entered",
        ),
    ),
    Fault(
        "R14",
        "a coin is called otherwise elsewhere, or counted in thousands",
        (
            "ticks/test_poll.py::test_a_coin_that_isn_t_listed_is_not_tradable",
            "domain/test_gates.py::test_the_slippage_gate_is_two_sided_and_inclusive",
            "stories/test_universe.py::test_every_entry_stop_move_and_exit_of_every_coin_is_taken_at_its_price_and_size",
        ),
        note="names are never translated: by default fills come from the venue itself, in its own",
    ),
    Fault(
        "R15",
        "a coin's place in the list moves",
        (
            "adapters/test_live.py::test_a_coin_whose_place_moved_is_named_by_the_new_one",
            "adapters/test_live.py::test_a_coin_is_named_by_its_place_delisted_ones_counted",
        ),
    ),
    Fault(
        "R16",
        "a coin's decimals or leverage change",
        (
            "adapters/hyperliquid/test_listings.py::test_the_list_of_coins_is_a_minute_old_at_most_and_four_hours_while_it_can_t_be_read",
            "adapters/test_live.py::test_without_the_list_of_coins_nothing_is_signed",
        ),
    ),
    Fault(
        "R17",
        "funding moves our equity",
        (
            "ticks/test_monitor.py::test_funding_is_booked_to_the_position",
            "ticks/test_venue_events.py::test_funding_of_the_hour_in_which_a_position_ended_is_charged_late",
            "domain/test_safety.py::test_a_market_bears_a_copy_or_not",
        ),
        note="a rate against us keeps us from entering and never ends a position: exits are the specification's",
    ),
    Fault(
        "R18",
        "dust is left after rounding",
        (
            "domain/test_instrument.py::test_a_whole_position_rounds_to_itself_also_after_its_parts_came_and_went",
            "adapters/test_paper.py::test_only_a_whole_close_may_be_worth_less_than_the_minimum",
            "domain/test_exits.py::test_a_tier_never_leaves_dust_and_never_sells_more_than_there_is",
        ),
    ),
    Fault(
        "R19",
        "fills come in pages and end at 10,000",
        (
            "adapters/hyperliquid/test_account.py::test_all_pages_of_fills_are_read_once_each_oldest_first",
            "adapters/hyperliquid/test_account.py::test_as_many_fills_as_the_venue_serves_may_be_cut_off_and_are_unknown",
            "adapters/hyperliquid/test_fills.py::test_every_fill_is_read_once_and_in_order",
            "adapters/hyperliquid/test_fills.py::test_dust_without_numbers_of_its_own_is_kept",
        ),
    ),
    Fault(
        "R20",
        "a node doesn't understand our requests",
        ("adapters/test_live.py::test_an_action_that_the_venue_can_t_read_is_refused", CLIENT),
    ),
    Fault(
        "R21",
        "the SDK reads by itself before it signs",
        ("adapters/test_live.py::test_a_send_asks_nothing_else_of_the_venue",),
    ),
    Fault(
        "R22",
        "a fill is answered, and no reading ever shows it",
        (
            "ticks/test_unclear_answers.py::test_a_position_that_stays_away_without_a_fill_is_closed_on_venue_with_an_unknown_result",
            "ticks/test_unclear_answers.py::test_one_reading_without_the_position_neither_closes_it_nor_takes_its_stop",
        ),
        note="its row is open at once, so that its stop is sent before anything is read; readings decide later",
    ),
)

PAID: Final = (
    Fault(
        "N1",
        "429",
        (
            NANSEN,
            "adapters/nansen/test_client.py::test_the_wait_that_an_answer_names_is_kept",
            "ticks/test_sources.py::test_poll_reads_as_many_traders_as_there_is_room_for_and_the_rest_stay_due",
        ),
    ),
    Fault(
        "N2",
        "no credits are left",
        (
            NANSEN,
            "stories/test_outages.py::test_without_credits_the_public_leaderboard_is_taken_and_that_is_said_once",
            INCOMPLETE,
        ),
    ),
    Fault(
        "N3",
        "the key is wrong",
        (NANSEN, "stories/test_outages.py::test_a_wrong_key_ends_with_78_and_names_its_setting"),
        note="the exit code is 78, as the contract says",
    ),
    Fault(
        "N4",
        "it fails, or answers late",
        (
            NANSEN,
            "adapters/test_http.py::test_a_server_that_says_nothing_is_not_waited_for",
            "stories/test_outages.py::test_one_trader_who_cannot_be_read_is_named_with_1_and_the_others_are_done",
        ),
    ),
    Fault(
        "N5",
        "the last page never comes",
        (
            "adapters/nansen/test_client.py::test_reaching_the_bound_before_the_last_page_is_said",
            INCOMPLETE,
            "ticks/test_score.py::test_a_partial_crawl_never_replaces_the_scores_and_is_gone_on_with",
        ),
    ),
    Fault(
        "N6",
        "rows move from page to page",
        ("adapters/nansen/test_client.py::test_pages_are_read_to_the_last_and_each_row_counts_once",),
    ),
    Fault(
        "N7",
        "a row comes twice, or late",
        (
            "adapters/nansen/test_source.py::test_an_hour_before_is_read_again",
            "adapters/test_nansen_fills.py::test_a_row_that_has_grown_is_stored_larger_and_a_smaller_one_is_not",
            "ticks/test_poll.py::test_late_fills_of_a_decided_order_are_attached_and_change_nothing",
        ),
    ),
    Fault(
        "N8",
        "many fills have one hash, those of a TWAP none",
        (
            "domain/test_episodes.py::test_a_hash_is_no_identity",
            "adapters/nansen/test_source.py::test_slices_without_a_hash_are_one_order",
            "adapters/nansen/test_bursts.py::test_slices_that_open_a_position_are_one_open",
        ),
    ),
    Fault(
        "N9",
        "rows come in any order",
        (
            "adapters/nansen/test_repair.py::test_rows_of_one_moment_are_put_in_the_order_in_which_they_continue_each_other",
            "domain/test_episodes.py::test_rows_of_one_moment_make_the_same_orders_in_any_order",
            "ticks/test_poll.py::test_an_add_whose_open_is_older_than_the_first_look_fetches_it",
        ),
    ),
    Fault(
        "N10",
        "numbers as text, labels of nothing",
        (
            "adapters/nansen/test_models.py::test_numbers_may_come_as_text",
            "adapters/nansen/test_models.py::test_every_field_of_a_leader_but_the_address_may_be_null_or_missing",
            "adapters/nansen/test_models.py::test_a_size_that_is_no_number_is_refused",
        ),
        note="a trader's page with a bad row counts as not read: a single trade left out would break the chain",
    ),
    Fault(
        "N11",
        "NaN, infinity, 1e999",
        (
            "adapters/nansen/test_models.py::test_a_size_that_is_no_number_is_refused",
            "adapters/test_http.py::test_what_isnt_json_is_a_bad_answer",
            "domain/test_gates.py::test_what_is_no_number_passes_no_gate",
        ),
    ),
    Fault(
        "N12",
        "a time without a zone",
        ("adapters/nansen/test_models.py::test_a_time_is_utc_with_or_without_a_zone_and_kept_to_the_millisecond",),
    ),
    Fault(
        "N13",
        "times compared as text",
        (
            "adapters/test_store.py::test_times_are_iso_text_of_one_length_in_utc",
            "adapters/nansen/test_models.py::test_a_time_is_utc_with_or_without_a_zone_and_kept_to_the_millisecond",
        ),
    ),
    Fault(
        "N14",
        "during an outage nobody holds anything",
        (
            "ticks/test_positions.py::test_a_trader_s_fate_is_judged_on_complete_evidence",
            "ticks/test_sources.py::test_a_position_that_is_back_in_the_second_reading_was_not_liquidated",
            "ticks/test_sources.py::test_a_liquidation_is_not_judged_by_fills_that_may_be_incomplete",
            SILENCE,
        ),
        note="each trader is judged alone, by fills and two readings; that many vanish at once is no evidence of its own",
    ),
    Fault(
        "N15",
        "positions stand still",
        (
            "ticks/test_sources.py::test_an_equity_read_too_long_ago_is_unknown",
            "adapters/nansen/test_equity.py::test_an_equity_keeps_its_own_age",
            "domain/test_position_history.py::test_what_became_of_a_trades_position",
        ),
        note="whether a trade still stands is told by fills, never by a reading of positions",
    ),
    Fault(
        "N16",
        "fields come, go, or mean something else",
        (
            "adapters/nansen/test_models.py::test_unknown_fields_are_passed_over",
            "adapters/nansen/test_models.py::test_every_field_of_a_trade_must_be_there",
            "domain/test_scoring.py::test_the_fills_of_one_order_are_one_trade",
        ),
        note="no call is spent on a daily probe: a field that goes missing ends the reading that needs it, by name",
    ),
    Fault(
        "N17",
        "a percentage becomes a fraction",
        (
            "domain/test_scoring.py::test_return_on_equity",
            "domain/test_scoring.py::test_an_equity_history_s_return_knows_transfers_from_profit",
        ),
        note="returns are our own, of dollars; Nansen's roi is read nowhere",
    ),
    Fault(
        "N18",
        "an account of nothing, or less",
        (
            "domain/test_gates.py::test_equity_is_known_and_positive",
            "domain/test_gates.py::test_an_order_weighs_enough_but_not_absurdly_much",
            "domain/test_selection.py::test_the_leaderboard_alone_screens_candidates",
        ),
    ),
    Fault("N19", "200 with HTML", (NANSEN,)),
    Fault("N20", "rows of another trader", (INCOMPLETE,)),
    Fault(
        "N21",
        "strings that attack a terminal, a sheet or a log",
        (
            "fuzz/test_hostile.py::test_no_table_passes_a_command_on",
            "fuzz/test_hostile.py::test_no_log_line_passes_one_on_or_becomes_two",
            "fuzz/test_hostile.py::test_no_cell_of_a_sheet_is_a_formula",
            "adapters/nansen/test_models.py::test_a_label_of_any_length_is_cut_and_costs_nobody_the_page",
        ),
    ),
)

FAULTS: Final = (*VENUE, *PAID)
