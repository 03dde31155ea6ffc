"""The fifth schema: what is on its way to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def m006_alerts(db: Database) -> None:
    """Add the alerts until they are sent, and the conditions that were told of."""
    db.create_table(
        "alerts",
        {
            "id": int,
            "event": str,
            "key": str,
            "text": str,
            "at": str,
            "tries": int,
            "tried_at": str,
            "delivered": str,
            "sent_at": str,
        },
        pk="id",
        not_null={"event", "key", "text", "at", "tries", "delivered"},
    )
    db.execute("CREATE INDEX idx_alerts_waiting ON alerts (at) WHERE sent_at IS NULL")
    db.create_table(
        "alert_conditions",
        {"key": str, "event": str, "at": str, "standing": int, "announced": int, "over": str},
        pk="key",
        not_null={"event", "at", "standing", "announced"},
    )
