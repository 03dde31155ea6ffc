"""To which mode, network and account a file belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from hlcopy.adapters.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Binding:
    """What one file is for: `paper` or `live`, `mainnet` or `testnet`, and the trading account's address if there is one."""

    mode: str
    network: str
    account: str | None = None

    def __str__(self) -> str:
        return f"{self.mode} on {self.network} " + (
            f"with account {self.account}" if self.account else "without an account"
        )


_NEW: Final = "new live file"


def bind(db: Connection, wanted: Binding) -> None:
    """Bind the file at its first use, one for live trading halted; refuse one that is bound to anything else."""
    wanted = Binding(wanted.mode, wanted.network, wanted.account.lower() if wanted.account else None)
    bound = _stored(db)
    if bound is None:
        with db.transaction():
            bound = _stored(db) or wanted
            rows = [("mode", bound.mode), ("network", bound.network), ("account", bound.account or "")]
            if _stored(db) is None and bound.mode == "live":
                # Decision 31. By this machine's clock, whichever one the ticks go by: it only tells when.
                db.run("INSERT INTO halts (at, reason) VALUES (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), ?)", (_NEW,))
            db.run_many("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", rows)
    if bound != wanted:
        message = (
            f"{db.path} belongs to {bound}, not to {wanted}; set HLCOPY_DB to another file or change the settings back"
        )
        raise ConfigError(message)


def _stored(db: Connection) -> Binding | None:
    stored: dict[str, str] = dict(db.rows("SELECT key, value FROM meta WHERE key IN ('mode', 'network', 'account')"))
    return Binding(stored["mode"], stored["network"], stored["account"] or None) if stored else None
