"""One tree of errors; each class knows the exit code that its command ends with."""

from __future__ import annotations

from typing import ClassVar


class HlcopyError(Exception):
    """Anything that the user should read as one plain line."""

    exit_code: ClassVar[int] = 3


class BadInputError(HlcopyError):
    """What the user gave (a file, an option) can't be used as it is."""

    exit_code = 2


class ConfigError(HlcopyError):
    """A setting is missing or wrong, or the database belongs to another mode, network or account."""

    exit_code = 78


class TryLaterError(HlcopyError):
    """Something outside isn't available now: a lock, a source, the venue."""

    exit_code = 75


class LedgerError(HlcopyError):
    """The database can't be read or written: what the venue shows is all that can be acted on."""


class LedgerDownError(LedgerError, TryLaterError):
    """The database is kept busy, or its disk is full or failing."""


class LedgerBrokenError(LedgerError, ConfigError):
    """The database is damaged, or may not be read or written."""


class SourceDownError(TryLaterError):
    """A source can't be reached, or keeps failing, after all retries."""


class RationedError(TryLaterError):
    """The share of a rate limit or of a budget that a command may use is used up for now."""


class OutOfCreditsError(TryLaterError):
    """Nansen answers that the credits are used up."""


class BadAnswerError(TryLaterError):
    """A source answered something that isn't what its documentation says: it is read again later, never guessed at."""


class LookAheadError(HlcopyError):
    """A replayed source was asked for something that lies after its clock."""
