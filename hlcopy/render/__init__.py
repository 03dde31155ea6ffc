"""Reports as text: tables for a terminal, plain aligned text elsewhere, JSON documents.

Nothing here prints. What strangers sent is shown with its control characters escaped.
"""

from __future__ import annotations

from hlcopy.render.tables import Column, table
from hlcopy.render.text import (
    amount,
    count,
    day,
    iso,
    json_document,
    moment,
    money,
    percent,
    price,
    safe,
    short_address,
    short_money,
)

__all__ = [
    "Column",
    "amount",
    "count",
    "day",
    "iso",
    "json_document",
    "moment",
    "money",
    "percent",
    "price",
    "safe",
    "short_address",
    "short_money",
    "table",
]
