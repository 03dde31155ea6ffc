"""Faults of orders on their way to the venue."""

from __future__ import annotations

from typing import Final

from tests.faults.catalogue import Fault

UNCLEAR: Final = "adapters/test_live.py::test_what_isn_t_understood_is_unknown_told_and_sent_once"
REFUSED: Final = "adapters/test_live.py::test_a_refusal_is_the_venues_words_and_their_class"
SETTLED: Final = (
    "ticks/test_unclear_answers.py::test_an_entry_without_an_answer_gets_its_stop_as_soon_as_its_fill_or_position_shows"
)
ENTRY_REFUSED: Final = (
    "ticks/test_refused_orders.py::test_a_refused_entry_ends_with_the_venue_s_words_and_is_never_sent_again"
)
EXIT_REFUSED: Final = (
    "ticks/test_refused_orders.py::test_a_refused_exit_keeps_its_stop_and_is_priced_anew_by_the_next_tick"
)
NEVER_SIGNED: Final = "domain/test_signing.py::test_what_is_not_as_it_must_be_is_never_signed"

FAULTS: Final = (
    Fault(
        "H1",
        "an order arrives, and its answer takes too long",
        (
            "adapters/test_live.py::test_an_answer_that_takes_too_long_is_unknown",
            SETTLED,
            "ticks/test_unclear_answers.py::test_an_entry_that_is_out_stops_the_entries_of_its_tick_and_the_rest_stay_due",
        ),
    ),
    Fault(
        "H2",
        "the SDK would wait for an answer without end",
        (
            "adapters/test_live.py::test_an_answer_that_takes_too_long_is_unknown",
            "adapters/test_live.py::test_an_answer_that_comes_in_drops_isn_t_waited_for_to_its_end",
            "test_wiring.py::test_no_request_tries_longer_than_what_is_left_of_the_tick",
        ),
    ),
    Fault(
        "H3",
        "the connection breaks once the order is out",
        (
            UNCLEAR,
            "stories/test_live.py::test_an_entry_whose_answer_is_lost_gets_its_stop_in_the_same_tick_within_the_usual_weight",
        ),
    ),
    Fault(
        "H4",
        "no connection, so nothing left this machine",
        (
            "adapters/test_live.py::test_where_nobody_listens_nothing_was_sent",
            "adapters/test_live.py::test_a_name_that_can_t_be_resolved_is_no_send",
            "ticks/test_unclear_answers.py::test_a_stop_that_never_left_was_not_refused_and_is_sent_again_until_it_rests",
        ),
    ),
    Fault(
        "H5",
        "the venue answers 500 or a gateway 502 to 504",
        (
            UNCLEAR,
            "adapters/hyperliquid/test_client.py::test_each_failure_has_its_error",
            "adapters/test_http.py::test_waits_grow_and_end_before_patience_does",
        ),
    ),
    Fault(
        "H6",
        "an outage: an error now, the fill minutes later",
        (
            "ticks/test_unclear_answers.py::test_an_entry_still_in_flight_is_waited_for",
            "ticks/test_unclear_answers.py::test_an_entry_that_was_given_up_and_filled_after_all_is_taken_up_again",
            "drill/test_drill.py::test_ticks_among_faults_violate_nothing",
        ),
    ),
    Fault("H7", "200 with HTML, nothing, or half a document", (UNCLEAR,)),
    Fault("H8", "200 with null", (UNCLEAR,)),
    Fault("H9", "a refusal of the edge that the SDK can't parse", (UNCLEAR,)),
    Fault("H10", "a proxy redirects", (UNCLEAR, "security/test_egress.py::test_nobody_follows_a_redirect")),
    Fault(
        "H11",
        "429: the address has used up its weight",
        (
            UNCLEAR,
            "adapters/test_weight_ration.py::test_a_429_halts_scoring_everywhere_and_nothing_else",
            "adapters/test_weight_ration.py::test_no_share_takes_from_another",
            "adapters/test_live.py::test_a_send_counts_one_weight_and_waits_for_none",
        ),
    ),
    Fault(
        "H12",
        "the account has used up its actions",
        (
            "adapters/test_live_venue.py::test_an_exhausted_budget_is_a_refusal",
            "ticks/test_brakes.py::test_with_few_actions_left_at_the_venue_nothing_new_is_opened",
            "ticks/test_brakes.py::test_with_few_actions_left_a_stop_moves_only_when_it_is_worth_it",
            EXIT_REFUSED,
        ),
    ),
    Fault(
        "H13",
        "two senders use one nonce",
        (
            "adapters/test_live_signing.py::test_nonces_of_two_threads_and_two_exchanges_on_one_file_never_repeat",
            "adapters/test_live.py::test_a_refused_nonce_is_tried_once_more_when_the_venue_doesn_t_know_the_order",
            "adapters/test_live.py::test_a_refused_nonce_of_an_order_that_can_t_be_looked_up_is_unknown",
        ),
    ),
    Fault(
        "H14",
        "a nonce lies outside what the venue takes",
        (
            "adapters/test_live.py::test_a_nonce_refused_twice_stays_refused",
            "adapters/test_ledgers.py::test_nonces_come_back_to_the_present_after_a_clock_that_was_days_ahead",
            "wiring/test_preflight.py::test_what_keeps_from_entering_doesn_t_keep_from_protecting",
        ),
    ),
    Fault(
        "H15",
        "the venue finds another signer than ours",
        (
            "adapters/test_live.py::test_a_refused_signer_ends_the_tick_with_what_to_do_and_is_asked_about_anew",
            "adapters/test_live.py::test_after_a_refused_signer_nothing_is_sent_until_a_look_finds_it_in_order",
        ),
    ),
    Fault(
        "H16",
        "the agent expired, was dropped or replaced",
        (
            "adapters/test_live_venue.py::test_an_agent_that_was_dropped_ends_it",
            "wiring/test_preflight.py::test_an_agent_that_ends_soon_is_warned_of",
            "wiring/test_preflight.py::test_without_a_sound_account_and_agent_nothing_is_done",
        ),
        note="it is warned of 14 days ahead and refused once it is over, not already in the last 7 days",
    ),
    Fault(
        "H17",
        "a client id comes twice, which the venue may take or refuse",
        (
            "adapters/test_live.py::test_a_refused_nonce_is_tried_once_more_when_the_venue_doesn_t_know_the_order",
            "ticks/test_unclear_answers.py::test_a_signal_that_another_tick_has_decided_is_never_entered",
            "ticks/test_unclear_answers.py::test_an_entry_that_was_given_up_and_filled_after_all_is_taken_up_again",
        ),
    ),
    Fault(
        "H18",
        "a client id has the wrong form",
        (
            "domain/test_orders.py::test_a_client_id_is_derived_from_its_cause_alone",
            "domain/test_orders.py::test_different_causes_have_different_client_ids",
            NEVER_SIGNED,
        ),
    ),
    Fault(
        "H19",
        "orders in builders' perps fail without a word",
        (
            "domain/test_signing.py::test_only_perps_of_the_main_dex_are_traded",
            "ticks/test_poll.py::test_spot_outcome_and_hip3_fills_are_stored_and_make_no_signal",
        ),
    ),
    Fault("H20", "ok outside, an error inside", (REFUSED, UNCLEAR)),
    Fault(
        "H21",
        "an entry fills in part",
        (
            "stories/test_live.py::test_a_partial_entry_is_a_position_of_what_filled",
            "ticks/test_partial_fills.py::test_a_part_of_an_entry_is_a_position_of_that_size_with_a_stop_of_that_size",
            "ticks/test_crashes.py::test_an_entry_filled_in_part_and_killed_anywhere_is_protected_for_what_filled",
            "adapters/test_paper.py::test_only_a_whole_close_may_be_worth_less_than_the_minimum",
        ),
        note="a part worth less than 10 USD is kept under its stop: its whole close is exempt from the venue's minimum",
    ),
    Fault(
        "H22",
        "nothing in the book matches",
        (
            "stories/test_live.py::test_an_entry_into_no_liquidity_leaves_nothing",
            "ticks/test_partial_fills.py::test_an_exit_widens_its_bound_step_by_step_and_goes_on_at_the_widest",
        ),
    ),
    Fault(
        "H23",
        "a part is worth less than the venue's minimum",
        (
            "stories/test_live.py::test_a_rest_too_small_to_part_goes_whole_by_its_tier",
            "domain/test_exits.py::test_a_tier_never_leaves_dust_and_never_sells_more_than_there_is",
            "adapters/test_paper.py::test_only_a_whole_close_may_be_worth_less_than_the_minimum",
        ),
    ),
    Fault(
        "H24",
        "a price or size is between ticks or lots",
        (
            "domain/test_instrument.py::test_a_rounded_price_is_legal_on_its_side_and_the_same_when_rounded_again",
            "domain/test_instrument.py::test_a_rounded_size_is_legal_not_larger_and_less_than_a_lot_smaller",
            "domain/test_orders.py::test_a_stop_s_trigger_is_rounded_toward_safety_and_its_bound_lies_past_it",
            "stories/test_universe.py::test_every_entry_stop_move_and_exit_of_every_coin_is_taken_at_its_price_and_size",
        ),
    ),
    Fault(
        "H25",
        "the SDK refuses to round a number",
        ("adapters/test_live.py::test_what_must_not_be_signed_is_refused_here", NEVER_SIGNED),
    ),
    Fault(
        "H26",
        "too little margin",
        (ENTRY_REFUSED, REFUSED),
        note="the signal is over and isn't tried again, so that there is nothing to cool down",
    ),
    Fault(
        "H27",
        "open interest is capped",
        (ENTRY_REFUSED, REFUSED),
        note="the coin isn't barred for an hour: the next signal asks the venue, which costs one action",
    ),
    Fault("H28", "a price is too far from the oracle", (EXIT_REFUSED, REFUSED)),
    Fault("H29", "a position would exceed its margin tier", (ENTRY_REFUSED, REFUSED)),
    Fault(
        "H30",
        "a reduce-only order finds nothing to reduce",
        (
            "ticks/test_refused_orders.py::test_an_exit_that_comes_after_the_stop_is_no_failure_and_is_booked_by_the_stop_s_fill",
            "adapters/test_live_venue.py::test_an_exit_of_nothing_is_already_flat",
        ),
    ),
    Fault(
        "H31",
        "the book is thin when we leave",
        (
            "ticks/test_partial_fills.py::test_an_exit_widens_its_bound_step_by_step_and_goes_on_at_the_widest",
            "ticks/test_partial_fills.py::test_an_exit_that_finds_no_book_inside_its_bound_keeps_its_stop_and_tries_again",
        ),
    ),
    Fault(
        "H32",
        "a stop's bound lies on the wrong side of its trigger",
        (
            "domain/test_orders.py::test_a_stop_that_fires_may_always_fill_at_its_trigger",
            NEVER_SIGNED,
            "stories/test_live.py::test_a_position_whose_stop_is_refused_twice_is_closed_at_once",
        ),
    ),
    Fault(
        "H33",
        "the price is past the stop before the stop rests",
        (
            "adapters/test_live_venue.py::test_a_stop_beyond_the_mark_is_refused",
            "ticks/test_monitor.py::test_a_position_whose_stop_is_refused_twice_is_closed_at_once",
            "ticks/test_venue_events.py::test_a_position_whose_stop_fired_into_too_little_is_closed_for_the_stop_s_reason",
        ),
    ),
    Fault(
        "H34",
        "the entry is taken and its stop refused",
        (
            "adapters/test_live.py::test_a_stop_is_a_reduce_only_market_trigger_of_its_own",
            "stories/test_live.py::test_a_stop_that_is_refused_once_is_sent_once_more",
            "stories/test_live.py::test_a_position_whose_stop_is_refused_twice_is_closed_at_once",
        ),
        note="entry and stop are actions of their own; one answer never speaks of both",
    ),
    Fault(
        "H35",
        "a status is a bare word in place of an object",
        ("adapters/test_live.py::test_what_the_venue_took_is_accepted", UNCLEAR),
    ),
    Fault(
        "H36",
        "a stop fires and finds nothing within its bound",
        (
            "stories/test_live.py::test_a_gap_past_the_stop_s_own_bound_is_left_in_widening_steps",
            "ticks/test_venue_events.py::test_a_position_whose_stop_fired_into_too_little_is_closed_for_the_stop_s_reason",
        ),
    ),
    Fault(
        "H37",
        "a stop that is moved is gone for a while",
        (
            "ticks/test_monitor.py::test_a_refused_move_keeps_the_old_stop_and_the_position",
            "ticks/test_unclear_answers.py::test_an_older_stop_stays_where_its_successor_never_left",
            "ticks/test_crashes.py::test_a_trail_a_tier_and_an_exit_killed_anywhere_end_the_same",
        ),
    ),
    Fault(
        "H38",
        "a cancel is refused in the same words for filled, cancelled and never placed",
        (
            "adapters/test_live.py::test_an_order_that_is_gone_is_cancelled",
            "ticks/test_venue_events.py::test_a_stop_that_filled_is_known_as_filled",
        ),
    ),
    Fault(
        "H39",
        "cancelling one protective order takes another with it",
        (
            "adapters/test_live_venue.py::test_take_profits_and_limits_of_others_are_orders_and_no_stops",
            "ticks/test_unclear_answers.py::test_a_stop_that_outlived_its_position_is_cancelled_and_a_foreign_one_left_alone",
            "adapters/test_live.py::test_a_stop_is_a_reduce_only_market_trigger_of_its_own",
        ),
    ),
    Fault(
        "H40",
        "the leverage is refused",
        (
            "adapters/test_live.py::test_leverage_that_the_venue_refuses_is_refused",
            "adapters/test_live.py::test_leverage_that_reads_otherwise_isn_t_set",
            "domain/test_signing.py::test_leverage_stays_within_ours_and_the_coin_s",
        ),
    ),
    Fault(
        "H41",
        "a coin knows isolated margin only, or a mode that we don't know",
        (
            "domain/test_signing.py::test_the_margin_modes_that_are_known_allow_isolated_margin",
            "domain/test_signing.py::test_a_delisted_coin_or_one_of_an_unknown_margin_mode_can_be_left_and_not_entered",
        ),
    ),
    Fault(
        "H42",
        "a market order is larger than the venue takes",
        ("domain/test_signing.py::test_an_entry_is_never_larger_than_its_limit",),
        note="ours end at 50,000 USD, a tenth of the lowest of the venue's caps",
    ),
    Fault("H43", "after an upgrade only resting orders are taken", (ENTRY_REFUSED, EXIT_REFUSED)),
    Fault(
        "H44",
        "an action comes after its expiry",
        (
            "adapters/test_live_signing.py::test_every_action_is_signed_with_its_expiry",
            "simulator/test_trading_admission.py::test_an_action_that_comes_too_late_is_refused_and_costs_five_times",
            "ticks/test_unclear_answers.py::test_an_entry_is_given_up_only_after_several_spaced_answers_that_it_isn_t_known",
        ),
    ),
    Fault(
        "H45",
        "what was signed shows in a log",
        (
            "adapters/test_live.py::test_neither_the_key_nor_what_was_signed_shows_anywhere",
            "security/test_canary.py::test_no_answer_to_what_was_signed_shows_a_secret_or_the_signature",
        ),
    ),
)
