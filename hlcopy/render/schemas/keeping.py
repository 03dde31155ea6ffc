"""The documents of backups: data backup, data restore."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from hlcopy.render.schemas.base import Moment, Shape


class Backup(Shape):
    """A backup that was made."""

    path: str
    bytes: int
    at: Moment
    kept: list[str] = Field(description="all backups that are there")
    removed: list[str] = Field(description="older ones that are gone now")


class Restore(Shape):
    """A database that was replaced by a backup."""

    restored: str = Field(description="the backup")
    database: str
    aside: list[str] = Field(description="where the files lie that were there before")
    halted: bool = Field(description="whether trading is halted now")


DOCUMENTS: Final = {"data backup": Backup, "data restore": Restore}
