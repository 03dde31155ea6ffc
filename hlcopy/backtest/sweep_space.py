"""What a sweep tries: settings, each with the values of a list or with a range, and the configurations they make."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_CONFIGURATIONS: Final = 10_000  # of a grid: a day's work for eight processes
_RANGE: Final = re.compile(r"(.+?)\.\.(.+)")
_STEPS: Final = 1_000  # of a range, about: finer values differ by nothing that a replay shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A setting, by its variable without the prefix, and the texts that are tried."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A setting and the range it is searched in, both ends included; `whole` for whole numbers."""

    name: str
    low: float
    high: float
    whole: bool

    @property
    def step(self) -> float | None:
        """A power of ten, so that the values are ones that a person would type; None where the ends don't lie on it."""
        if self.whole:
            return 1
        step = Decimal(10) ** math.floor(math.log10((self.high - self.low) / _STEPS))
        on_it = all(Decimal(repr(end)) % step == 0 for end in (self.low, self.high))
        return float(step) if on_it else None


Axis = Listed | Ranged


@dataclass(frozen=True, slots=True)
class Space:
    """The settings of a sweep, in the order given."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int | None:
        """How many configurations there are; None with a range."""
        if not all(isinstance(axis, Listed) for axis in self.axes):
            return None
        return math.prod(len(axis.values) for axis in self.axes if isinstance(axis, Listed))

    def grid(self) -> Iterator[dict[str, str]]:
        """Yield every configuration of a space of lists, the last setting changing fastest."""
        lists = [axis for axis in self.axes if isinstance(axis, Listed)]
        for values in product(*(axis.values for axis in lists)):
            yield dict(zip((axis.name for axis in lists), values, strict=True))

    def document(self) -> dict[str, object]:
        """Return the space as JSON has it."""
        return {
            axis.name: list(axis.values) if isinstance(axis, Listed) else {"low": axis.low, "high": axis.high}
            for axis in self.axes
        }


def number_text(value: float) -> str:
    """Return a number as it is typed: of 0.30000000000000004 nothing but 0.3."""
    return f"{value:.10g}"


def space(given: Mapping[str, str], *, whole: Sequence[str], trials: int | None) -> Space:
    """Return what `--set` asks for, by variable without the prefix; `whole` names the settings that are whole numbers.

    Raises `BadInputError` for what is no list and no range, for a range without `trials`, and for too large a grid.
    """
    made = Space(tuple(_axis(name, text, whole=name in whole) for name, text in given.items()))
    if trials is None:
        for axis in made.axes:
            if isinstance(axis, Ranged):
                message = f"--set {axis.name}={given[axis.name]}: a range needs --trials N; a grid is made of lists such as 3,5,8"
                raise BadInputError(message)
        if (made.size or 0) > MAX_CONFIGURATIONS:
            message = f"the grid has {made.size:,} configurations, {MAX_CONFIGURATIONS:,} are the most; search it with --trials N"
            raise BadInputError(message)
    return made


def _axis(name: str, text: str, *, whole: bool) -> Axis:
    found = None if text.startswith("{") else _RANGE.fullmatch(text)
    if found is None:
        return _list(name, text)
    low, high = (_end(name, text, end, whole=whole) for end in found.groups())
    if low >= high:
        message = f"--set {name}={text}: a range must rise, such as 3..8"
        raise BadInputError(message)
    return Ranged(name=name, low=low, high=high, whole=whole)


def _list(name: str, text: str) -> Listed:
    values = tuple(value.strip() for value in _split(text))
    if not all(values):
        message = f"--set {name}={text}: a value is missing; write them as 3,5,8"
        raise BadInputError(message)
    for value in values:
        if values.count(value) > 1:
            message = f"--set {name}={text}: {value} is given twice"
            raise BadInputError(message)
    return Listed(name=name, values=values)


def _split(text: str) -> Iterator[str]:
    """Yield what stands between commas, but for those inside the braces of a JSON object."""
    depth, begin = 0, 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char == "," and not depth:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _end(name: str, text: str, end: str, *, whole: bool) -> float:
    try:
        value = float(end)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (whole and value != round(value)):
        kind = "whole numbers" if whole else "numbers"
        message = f"--set {name}={text}: a range is two {kind}, such as 3..8"
        raise BadInputError(message)
    return value
