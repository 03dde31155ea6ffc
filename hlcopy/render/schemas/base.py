"""What the shapes of all documents are made of: the base of every shape, moments, and values whose unit isn't in a name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$",
        json_schema_extra={"format": "date-time"},
        description="UTC",
    ),
]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"}, description="a UTC day")]
Price = Annotated[float, Field(description="USD for one unit of the coin")]
Size = Annotated[float, Field(description="units of the coin")]
Score = Annotated[float, Field(description="from 0 to 1, higher is better")]
Share = Annotated[float, Field(description="from 0 to 1")]
Percent = Annotated[float, Field(description="in percent")]
Usd = Annotated[float, Field(description="USD")]
Hours = Annotated[float, Field(description="hours")]
Interval = Annotated[tuple[float, float], Field(description="from, to")]
Mode = Literal["paper", "live"]
Facts = Annotated[
    dict[str, bool | float | str | None],
    Field(description="what was measured, by name; names depend on what was looked at"),
]
Counts = Annotated[dict[str, int], Field(description="how many, by name")]


class Shape(BaseModel):
    """The base of every shape; keys may be added to a document, so what isn't named here is allowed."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True, frozen=True)


class Problem(Shape):
    """Something that failed or was found wrong."""

    code: str
    message: str
    item: str = Field(description="what it is about: a coin, a trader, a command")


class Ran(Shape):
    """What every tick and every operator's command tells of its run."""

    ok: bool
    at: Moment
    mode: Mode
    duration_ms: int
    counts: Counts
    errors: list[Problem]
