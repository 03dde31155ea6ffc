"""The documents of alerts: list, test."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.domain.alerts import Event
from hlcopy.render.schemas.base import Moment, Ran, Shape


class Alert(Shape):
    """A message, sent or on its way."""

    id: int
    event: Event
    key: str = Field(description="what it is about: of one thing nobody is told twice within the quiet minutes")
    text: str
    at: Moment
    state: str = Field(description="sent, waiting, failed TIMESx, given up")
    tries: int
    tried_at: Moment | None
    sent_at: Moment | None
    delivered: list[str] = Field(description="channels that have it")


class Alerts(Shape):
    """What was told, newest first, and to which channels."""

    alerts: list[Alert]
    channels: list[str]


class Channel(Shape):
    """What became of a test message."""

    channel: str
    ok: bool
    message: str | None = Field(description="why it failed")


class Test(Ran):
    """A test message to every channel."""

    command: Literal["alerts test"]
    channels: list[Channel]


DOCUMENTS: Final = {"alerts list": Alerts, "alerts test": Test}
