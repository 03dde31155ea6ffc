"""What strangers send, in the venue's own names, checked and turned into values of the domain."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from hlcopy.domain.models import Fill, from_ms
from hlcopy.errors import BadInputError
from hlcopy.ports import FundingRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.domain.candles import Candles

    Rows = Iterable[tuple[str, Mapping[str, object]]]

Model = TypeVar("Model", bound=BaseModel)
IntervalName = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d"]

_MINUTE_MS: Final = 60_000
INTERVALS: Final[Mapping[IntervalName, int]] = {
    "1m": _MINUTE_MS,
    "3m": 3 * _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "2h": 120 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "8h": 480 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": 1_440 * _MINUTE_MS,
}
"""The candle intervals we know, in milliseconds."""

_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "fills": tuple(
        (name,)
        for name in (
            *("coin", "px", "sz", "side", "time", "startPosition", "dir"),
            *("closedPnl", "hash", "oid", "crossed", "fee", "tid"),
        )
    ),
    "candles": (("coin", "s"), *((name,) for name in "tohlcv")),
    "funding": (("coin",), ("time",), ("fundingRate",)),
}
"""The columns of each kind, each with the names that it may have."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    kind: (("user",) if kind == "fills" else ()) + tuple(names[0] for names in needed)
    for kind, needed in _NEEDED.items()
}
"""The columns that a file of each kind should name."""

_ADDRESS: Final = "0x and 40 hexadecimal digits"
_WANTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("user", "liquidatedUser"), _ADDRESS),
    **dict.fromkeys(("coin", "s"), "a coin's name: 1 to 40 plain characters without a space"),
    **dict.fromkeys(("px", "sz", "o", "h", "l", "c"), "a number above 0"),
    **dict.fromkeys(("startPosition", "closedPnl", "fee"), "a number"),
    **dict.fromkeys(("time", "t"), "milliseconds since 1970 (13 digits)"),
    **dict.fromkeys(("oid", "tid", "twapId"), "a whole number of at most 18 digits"),
    **dict.fromkeys(("dir", "hash", "feeToken"), "text of at most 80 characters"),
    "side": "B (bought) or A (sold)",
    "crossed": "true or false",
    "liquidation": "an object with liquidatedUser",
    "v": "a number, 0 or more",
    "i": f"one of {', '.join(INTERVALS)}",
    "fundingRate": "a number from -1 to 1",
}
"""What a value must be, in the words of the user who wrote the file."""
_LONGEST_SHOWN: Final = 40

# Finite numbers far beyond any market, so that products of two stay finite.
Coin = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,40}$")]
User = Annotated[str, Field(pattern=r"^0[xX][0-9a-fA-F]{40}$")]
Milliseconds = Annotated[int, Field(ge=1_500_000_000_000, le=4_000_000_000_000)]  # 2017 to 2096: catches seconds
Positive = Annotated[float, Field(gt=0, le=1e15)]
NotNegative = Annotated[float, Field(ge=0, le=1e18)]
Signed = Annotated[float, Field(ge=-1e15, le=1e15)]
Number = Annotated[int, Field(ge=0, lt=2**63)]  # what an SQLite integer holds
Text = Annotated[str, Field(max_length=80)]
Rate = Annotated[float, Field(ge=-1, le=1)]


class Wire(BaseModel):
    """What a stranger sent: unknown fields are left out, numbers may be written as text, none is NaN or infinite."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True, defer_build=True)


class WireLiquidation(Wire):
    """The mark of a fill that a liquidation made, of whichever side."""

    liquidatedUser: User | None = None  # noqa: N815 - the venue's name


class WireFill(Wire):
    """A fill as `userFills` names it."""

    user: User | None = None
    coin: Coin
    px: Positive
    sz: Positive
    side: Literal["B", "A"]
    time: Milliseconds
    startPosition: Signed  # noqa: N815 - the venue's name
    dir: Text
    closedPnl: Signed  # noqa: N815 - the venue's name
    hash: Text
    oid: Number
    crossed: bool
    fee: Signed
    tid: Number
    feeToken: Text = "USDC"  # noqa: N815 - the venue's name
    twapId: Number | None = None  # noqa: N815 - the venue's name
    liquidation: WireLiquidation | None = None

    def to_fill(self, trader: str) -> Fill:
        """Return the domain's fill; `trader` is a lower-case address."""
        marked = self.liquidation.liquidatedUser if self.liquidation else None
        return Fill(
            trader=trader,
            coin=self.coin,
            is_buy=self.side == "B",
            price=self.px,
            size=self.sz,
            time=from_ms(self.time),
            start_position=self.startPosition,
            direction=self.dir,
            closed_pnl=self.closedPnl,
            fee=self.fee,
            fee_token=self.feeToken,
            hash=self.hash,
            oid=self.oid,
            tid=self.tid,
            twap_id=self.twapId,
            crossed=self.crossed,
            liquidated_user=marked.lower() if marked else None,
        )


class WireCandle(Wire):
    """A candle as `candleSnapshot` names it, or with `coin` in place of `s`."""

    coin: Coin = Field(validation_alias=AliasChoices("coin", "s"))
    t: Milliseconds
    o: Positive
    h: Positive
    l: Positive  # noqa: E741 - the venue's name
    c: Positive
    v: NotNegative
    i: IntervalName | None = None


class WireFunding(Wire):
    """A funding rate as `fundingHistory` names it."""

    coin: Coin
    time: Milliseconds
    fundingRate: Rate  # noqa: N815 - the venue's name


class FillReader:
    """Reads the fills of several files; remembers them, since one fill may be in two files, but not with two values."""

    def __init__(self, trader: str | None = None) -> None:
        self._trader = trader.lower() if trader else None
        self._known: dict[str, Fill] = {}

    def read(self, rows: Rows) -> list[Fill]:
        """Return one file's fills in order of arrival.

        Rows keep their order, but those of a trader that run newest first, as `userFills` serves them, are turned round.
        Raises `BadInputError` naming the place and the field of the first bad row.
        """
        by_trader: dict[str, list[Fill]] = {}
        for place, values in _with_columns("fills", rows):
            wire = _checked(WireFill, place, _tidy(values))
            fill = wire.to_fill(self._owner(wire, place))
            known = self._known.setdefault(fill.identity, fill)
            if known is fill:
                by_trader.setdefault(fill.trader, []).append(fill)
            elif known != fill:
                _refuse(place, "tid", "another row has the same trader, coin, side and tid, but other values")
        return [fill for fills in by_trader.values() for fill in (reversed(fills) if _newest_first(fills) else fills)]

    def _owner(self, wire: WireFill, place: str) -> str:
        named = wire.user.lower() if wire.user else None
        if named is None and self._trader is None:
            _refuse(place, "user", "missing; name the trader with --trader")
        if named and self._trader and named != self._trader:
            _refuse(place, "user", f"another trader than --trader: {named}")
        return named or self._trader or ""


def _tidy(values: Mapping[str, object]) -> dict[str, object]:
    """Unwrap a row of `userTwapSliceFills`, leave out empty cells and unpack a liquidation written as JSON text."""
    inner = values.get("fill")
    if isinstance(inner, dict):
        values = {**{name: value for name, value in values.items() if name != "fill"}, **_filled(inner)}
    tidy = _filled(values)
    if isinstance(liquidation := tidy.get("liquidation"), str):
        with suppress(ValueError, RecursionError):  # then it stays text, which the model refuses
            tidy["liquidation"] = json.loads(liquidation)
    return tidy


def _filled(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value for name, value in values.items() if value is not None and (value != "" or name in _MAY_BE_EMPTY)
    }


_MAY_BE_EMPTY: Final = frozenset({"dir", "hash"})


def _newest_first(fills: Sequence[Fill]) -> bool:
    later = sum(after.time > before.time for before, after in itertools.pairwise(fills))
    earlier = sum(after.time < before.time for before, after in itertools.pairwise(fills))
    return earlier > later


class FundingReader:
    """Reads the funding rates of several files; one rate may be in two files, but not with two values."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int], FundingRate] = {}

    @property
    def rates(self) -> list[FundingRate]:
        """What all files hold."""
        return list(self._read.values())

    def read(self, rows: Rows) -> None:
        """Take one file's rates in. Raises `BadInputError` naming the place and the field of the first bad row."""
        for place, values in _with_columns("funding", rows):
            wire = _checked(WireFunding, place, values)
            rate = FundingRate(coin=wire.coin, time=from_ms(wire.time), rate=wire.fundingRate)
            if self._read.setdefault((wire.coin, wire.time), rate) != rate:
                _refuse(place, "fundingRate", "another row has the same coin and time, but another rate")


class _Series:
    """The rows of one coin and interval as columns; `places` says where each came from."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self.rows: list[tuple[float, ...]] = []


class CandleReader:
    """Reads the candles of several files; one candle may be in two files, but not with two values."""

    def __init__(self, interval: IntervalName | None = None) -> None:
        self._interval = interval
        self._read: dict[tuple[str, int], Candles] = {}

    @property
    def candles(self) -> list[Candles]:
        """What all files hold: one value for each coin and interval, in rising order of time."""
        return list(self._read.values())

    def read(self, rows: Rows) -> None:
        """Take one file's candles in.

        The interval is that of the rows' own `i`, else the given one, else the commonest spacing of the coin's rows.
        Raises `BadInputError` naming the place and the field of the first bad row.
        """
        series: dict[tuple[str, IntervalName | None], _Series] = {}
        for place, values in _with_columns("candles", rows):
            wire = _checked(WireCandle, place, {**values, "i": values.get("i") or None})
            if wire.i and self._interval and wire.i != self._interval:
                _refuse(place, "i", "another interval than --interval")
            column = series.setdefault((wire.coin, wire.i or self._interval), _Series())
            column.places.append(place)
            column.rows.append((wire.t, wire.o, wire.h, wire.l, wire.c, wire.v))
        for (coin, name), column in series.items():
            self._join(*_candles(coin, name, column))

    def _join(self, candles: Candles, places: Sequence[str]) -> None:
        key = (candles.coin, candles.interval_ms)
        known = self._read.get(key)
        self._read[key] = candles if known is None else _joined(known, candles, places)


def candles_of(coin: str, interval_ms: int, rows: Iterable[WireCandle]) -> Candles:
    """Return rows that were served as candles in rising order of time; of two of one time the last."""
    import numpy as np

    from hlcopy.domain.candles import Candles

    by_time = {row.t: (row.o, row.h, row.l, row.c, row.v) for row in rows}
    times = sorted(by_time)
    columns = np.array([by_time[t] for t in times], dtype=np.float64).reshape(len(times), 5).T
    return Candles(coin, interval_ms, np.array(times, dtype=np.int64), *columns)


def _joined(known: Candles, new: Candles, places: Sequence[str]) -> Candles:
    import numpy as np

    from hlcopy.domain.candles import Candles

    pairs = ((known.o, new.o), (known.h, new.h), (known.l, new.l), (known.c, new.c), (known.v, new.v))
    _, before, again = np.intersect1d(known.t, new.t, assume_unique=True, return_indices=True)
    differs = np.logical_or.reduce([old[before] != column[again] for old, column in pairs])
    if differs.any():
        _refuse(places[again[differs.argmax()]], "t", "another row has the same coin and t, but other values")
    rising, first = np.unique(np.concatenate((known.t, new.t)), return_index=True)
    return Candles(new.coin, new.interval_ms, rising, *(np.concatenate(pair)[first] for pair in pairs))


def _candles(coin: str, interval: IntervalName | None, series: _Series) -> tuple[Candles, list[str]]:
    """Return the candles in rising order of time, each once, and where each came from."""
    import numpy as np

    from hlcopy.domain.candles import Candles

    columns = np.array(series.rows, dtype=np.float64).T  # a time in ms is exact in a float64
    order = np.argsort(columns[0], kind="stable")
    columns = columns[:, order]
    t, o, h, l, c, v = columns  # noqa: E741 - the venue's names

    def refuse_first(bad: Any, field: str, problem: str) -> None:  # noqa: ANN401 - a boolean array
        if bad.any():
            _refuse(series.places[min(order[bad])], field, problem)

    refuse_first(l > np.minimum(o, c), "l", "must not be above o or c")
    refuse_first(h < np.maximum(o, c), "h", "must not be below o or c")
    repeated = np.concatenate(([False], t[1:] == t[:-1]))
    differs = np.concatenate(([False], (columns[:, 1:] != columns[:, :-1]).any(axis=0)))
    refuse_first(repeated & differs, "t", "another row has the same coin and t, but other values")
    step = INTERVALS[interval] if interval else _commonest_step(t[~repeated], series.places[0])
    refuse_first(t % step != 0, "t", f"isn't a multiple of the interval, which is {step // _MINUTE_MS} minutes")
    t, o, h, l, c, v = columns[:, ~repeated]  # noqa: E741 - the venue's names
    return Candles(coin, step, t.astype(np.int64), o, h, l, c, v), [series.places[row] for row in order[~repeated]]


def _commonest_step(t: Any, place: str) -> int:  # noqa: ANN401 - an array of rising times
    import numpy as np

    steps, counts = np.unique(np.diff(t), return_counts=True)
    step = int(steps[counts.argmax()]) if len(steps) else 0
    if step not in INTERVALS.values():
        _refuse(place, "t", "the spacing of the rows is no interval that we know; name it with --interval")
    return step


def _with_columns(kind: str, rows: Rows) -> Rows:
    """Yield the rows; refuse the first if columns are missing, and say which kind it looks like."""
    first = True
    for place, values in rows:
        if first:
            first = False
            inner = values.get("fill")
            _check_columns(kind, place, inner if isinstance(inner, dict) else values)
        yield place, values


def _check_columns(kind: str, place: str, values: Mapping[str, object]) -> None:
    def missing(other: str) -> list[str]:
        return [names[0] for names in _NEEDED[other] if not any(name in values for name in names)]

    if absent := missing(kind):
        like = [f"; this looks like {other}" for other in _NEEDED if other != kind and not missing(other)]
        file = (
            place.rpartition(" ")[0].rpartition(" ")[0] or place
        )  # without the row: what lacks a column is the header
        message = f"{file}: not {kind}: no column {', '.join(absent)}{like[0] if like else ''}"
        raise BadInputError(message)


def _checked(model: type[Model], place: str, values: Mapping[str, object]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        path = [str(part) for part in problem["loc"]]
        wanted = _WANTED[path[-1]]
        if problem["type"] == "missing":
            _refuse(place, ".".join(path), f"is missing or empty; must be {wanted}")
        _refuse(place, ".".join(path), f"must be {wanted}, not {_shown(problem['input'])}")


def _shown(value: object) -> str:
    """Return a value as its file may have written it, escaped and cut."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _refuse(place: str, field: str, problem: str) -> NoReturn:
    message = f"{place}: {field}: {problem}"
    raise BadInputError(message)
