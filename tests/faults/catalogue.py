"""The faults that live copying meets, 135 of them, and which test shows what becomes of each.

H: orders on their way to the venue; R: what is read of it; N: Nansen; P: processes and clocks; D: the database and its disk;
A: traders who trade against those who copy; S: keys and packages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a few words, the tests that show our behaviour (below `tests/`), or why none does.

    `note` says where we do less or something else than could be wished, and why.
    """

    id: str
    says: str
    tests: tuple[str, ...] = ()
    note: str = ""


COUNTS: Final = {"H": 45, "R": 22, "N": 21, "P": 22, "D": 12, "A": 8, "S": 5}

PENDING: Final = {
    "P12": "cli/test_cron.py::test_each_command_of_the_crontab_is_run_as_cron_would",
    "P13": "domain/test_alerts.py::test_nobody_is_told_the_same_twice_within_the_quiet_time",
    "P14": "cli/test_alerts.py::test_a_channel_that_is_down_fails_no_tick_is_reported_and_gets_it_later",
    "D3": "cli/test_shelter.py::test_a_live_tick_without_its_database_protects_what_the_venue_holds",
    "D4": "cli/test_shelter.py::test_a_disk_that_fills_between_fill_and_stop_keeps_no_stop_from_being_sent",
    "D5": "cli/test_shelter.py::test_a_live_tick_without_its_database_protects_what_the_venue_holds",
    "D6": "cli/test_backups.py::test_the_error_of_a_damaged_database_names_the_newest_good_backup_and_its_command_works",
    "D11": "cli/test_backups.py::test_a_backup_is_one_sound_file_for_its_owner_named_by_its_moment",
}
"""Faults whose tests are written elsewhere and not here yet; what is found here belongs into the tables then."""
