"""Traders who trade against those who copy them, and whoever is after keys."""

from __future__ import annotations

from typing import Final

from tests.faults.catalogue import Fault

MARKET: Final = "domain/test_safety.py::test_a_market_bears_a_copy_or_not"
RECORD: Final = "domain/test_conduct.py::test_a_record_is_believed_unless_something_speaks_against_it"

FAULTS: Final = (
    Fault(
        "A1",
        "bait in a thin coin, dumped on those who copy",
        (
            MARKET,
            "domain/test_safety.py::test_a_copy_is_small_and_its_trader_too",
            "domain/test_safety.py::test_who_dumps_on_copies_isn_t_copied_even_where_no_market_is_recorded",
            "ticks/test_safe.py::test_who_cuts_by_half_what_we_have_just_copied_pauses_where_that_is_asked_for",
        ),
        note="a coin's age and wallets that act together aren't looked at; see `tests.soak.attackers` for what gets through",
    ),
    Fault("A2", "a thin market is squeezed", (MARKET,)),
    Fault(
        "A3",
        "deposits look like returns",
        (
            RECORD,
            "domain/test_conduct.py::test_a_flow_is_what_profit_doesn_t_explain",
            "domain/test_scoring.py::test_deposits_alone_earn_nothing",
        ),
    ),
    Fault(
        "A4",
        "a trader trades with himself",
        (RECORD, "domain/test_conduct.py::test_what_is_undone_at_once_is_wash"),
        note="who stood on the other side isn't read: no answer that we ask for tells it",
    ),
    Fault(
        "A5",
        "of many wallets the luckiest is shown",
        (RECORD, "domain/test_conduct.py::test_the_best_of_many_is_better_by_luck"),
    ),
    Fault(
        "A6",
        "a trader is hedged elsewhere",
        note=(
            "nothing that is read shows it: spot, other dexes and other accounts aren't asked about, and the hedge may lie "
            "at another venue; hedgers live in `tests.soak.attackers`, where the other gates have to stop them"
        ),
    ),
    Fault(
        "A7",
        "somebody waits for the second in which we trade",
        (
            "cli/test_ticks.py::test_jitter_waits_a_random_time_before_anything_is_read",
            "test_crontab.py::test_each_tick_has_its_cadence",
            "domain/test_orders.py::test_an_entry_pays_no_more_than_its_bound",
        ),
    ),
    Fault(
        "A8",
        "stops at round distances are hunted",
        (
            "simulator/test_trading_triggers.py::test_a_trigger_fires_once_the_mark_is_there",
            "adapters/test_live.py::test_a_stop_is_a_reduce_only_market_trigger_of_its_own",
        ),
        note="a stop fires by the mark and not by a trade; its distance is the specification's, to the cent, in a replay too",
    ),
    Fault(
        "S1",
        "a package is not what it says",
        (
            "test_packaging.py::test_every_locked_package_has_hashes_and_none_an_address",
            "test_packaging.py::test_every_dependency_is_locked_at_a_version_that_fits",
        ),
        note="that a locked release is days old and its source was read is for whoever locks it; CI asks pip-audit",
    ),
    Fault(
        "S2",
        "a key shows in a traceback or a log",
        (
            "security/test_canary.py::test_no_crash_inside_a_tick_shows_one",
            "security/test_canary.py::test_no_command_shows_a_secret",
            "cli/test_logs.py::test_secrets_are_replaced_wherever_they_stand",
        ),
    ),
    Fault(
        "S3",
        "a key's file is readable to others, or in a repository",
        (
            "wiring/test_keys.py::test_a_file_that_others_can_reach_is_refused",
            "wiring/test_keys.py::test_a_file_in_a_git_work_tree_is_refused",
            "wiring/test_keys.py::test_a_file_that_others_may_replace_is_refused",
            "cli/test_doctor.py::test_a_settings_file_with_a_secret_that_others_can_read_is_wrong",
        ),
    ),
    Fault(
        "S4",
        "the account's own key is used",
        (
            "wiring/test_keys.py::test_the_accounts_own_key_or_its_masters_is_refused",
            "cli/test_live.py::test_the_accounts_own_key_is_refused",
            "wiring/test_preflight.py::test_without_a_sound_account_and_agent_nothing_is_done",
        ),
    ),
    Fault(
        "S5",
        "the agent's key is stolen",
        (
            "ticks/test_venue_events.py::test_what_isn_t_ours_is_reported_and_left_alone",
            "stories/test_live.py::test_closing_everything_halts_first_and_leaves_nothing_of_ours",
            "domain/test_signing.py::test_an_entry_is_never_larger_than_its_limit",
        ),
        note="what bounds the loss is an account that holds only what may be lost; the README says how to revoke an agent",
    ),
)
