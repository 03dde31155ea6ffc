"""The tables `evidence` and `policies`: what decisions were made from, and by which rules.

Facts are JSON in which numbers keep every digit; NaN and infinity stand as Python writes them, since nobody else reads it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hlcopy import __version__
from hlcopy.domain.choices import Choice
from hlcopy.domain.conduct import Dumps
from hlcopy.domain.course import Passing, Screening, Step
from hlcopy.domain.decision import Evidence, Missing, Venue
from hlcopy.domain.episodes import Effect, Since
from hlcopy.domain.gates import Candidate, Facts, Holding, Portfolio, Skip
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import Action, Side, SkipReason, Trader, TraderPosition, TraderState, Wait
from hlcopy.domain.policy import Gate, Policy, Tier
from hlcopy.domain.safety import Conditions, Surroundings

if TYPE_CHECKING:
    from hlcopy.adapters.store.connection import Connection

T = TypeVar("T")

_PUT: Final = (
    "INSERT INTO evidence (signal_id, policy_id, version, facts) VALUES (?, ?, ?, ?) ON CONFLICT (signal_id) DO UPDATE "
    "SET policy_id = excluded.policy_id, version = excluded.version, facts = excluded.facts"
)
_GET: Final = "SELECT rules, facts, version FROM evidence JOIN policies ON policies.id = policy_id WHERE signal_id = ?"


class StoredEvidence:
    """What decisions were made from, over the file."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: tuple[Policy, str, str] | None = None

    def put(self, signal_id: str, evidence: Evidence) -> None:
        """Store what a decision was made from in place of what an earlier one of the same signal was."""
        facts = json.dumps(_facts(evidence), separators=(",", ":"))
        self._db.run(_PUT, (signal_id, self._policy_id(evidence.policy), __version__, facts))

    def get(self, signal_id: str) -> tuple[Evidence, str] | None:
        """Return what a decision was made from and the version of hlcopy that made it."""
        row = self._db.row(_GET, (signal_id,))
        if row is None:
            return None
        return _evidence(_read(json.loads(row[0]), Policy()), json.loads(row[1])), row[2]

    def _policy_id(self, policy: Policy) -> str:
        """Return the name of the rules, which are stored at their first use."""
        if self._known is None or self._known[0] is not policy:
            rules = json.dumps(_plain(policy), sort_keys=True, separators=(",", ":"))
            self._known = (policy, hashlib.sha256(rules.encode()).hexdigest()[:16], rules)
        _, name, rules = self._known
        # Each time: the transaction of the first one may have been undone.
        self._db.run("INSERT OR IGNORE INTO policies (id, rules) VALUES (?, ?)", (name, rules))
        return name


# The rules: every field by its name, read back by what stands in its place by default


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _read(plain: Any, default: T) -> T:  # noqa: ANN401 - whatever JSON holds
    read: Any = plain
    if plain is None:
        read = None
    elif isinstance(default, timedelta):
        read = timedelta(seconds=plain)
    elif is_dataclass(default) and not isinstance(default, type):
        kept = {each.name: getattr(default, each.name) for each in fields(default)}
        known = {name: _read(plain[name], value) for name, value in kept.items() if name in plain}
        read = type(default)(**known)
    elif isinstance(default, frozenset):
        read = frozenset(Gate(item) for item in plain)
    elif isinstance(default, tuple):
        read = tuple(_item(item) for item in plain)
    return read  # type: ignore[no-any-return]


def _item(plain: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(plain, dict):
        return Tier(**plain)
    return tuple(plain) if isinstance(plain, list) else plain


# The facts


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _facts(evidence: Evidence) -> dict[str, object]:
    missing, facts, market, venue = evidence.missing, evidence.facts, evidence.market, evidence.venue
    plain: dict[str, object] = {"screening": _screening(evidence.screening)}
    if missing is not None:
        plain["missing"] = [missing.wait, _at(missing.now), missing.retry.total_seconds(), missing.early]
    if facts is not None:
        plain["facts"] = _confirming(facts)
    if market is not None:
        seen = market.conditions
        plain["market"] = {
            "trader": [market.trader_position_usd, market.trader_hour_usd, market.dumps.entries, market.dumps.cut],
            "dumped_ago_days": market.dumped_ago_days,
            "prices": None if seen is None else [seen.mark, seen.oracle, seen.mid, seen.funding_rate],
            "usd": None if seen is None else [seen.open_interest_usd, seen.day_volume_usd],
            "book": None if seen is None else [list(map(list, seen.bids)), list(map(list, seen.asks))],
        }
    if venue is not None:
        known = venue.instrument
        listed = None if known is None else [known.coin, known.size_decimals, known.max_leverage]
        plain["venue"] = [listed, venue.mark]
    return plain


def _evidence(policy: Policy, plain: dict[str, Any]) -> Evidence:
    seen = _to_screening(plain["screening"])
    missing, market, venue = plain.get("missing"), plain.get("market"), plain.get("venue")
    return Evidence(
        policy=policy,
        screening=seen,
        missing=None if missing is None else _to_missing(*missing),
        facts=None if "facts" not in plain else _to_facts(seen, plain["facts"]),
        market=None if market is None else _to_market(market),
        venue=None if venue is None else _to_venue(*venue),
    )


def _screening(seen: Screening) -> dict[str, object]:
    effect = seen.effect
    return {
        "coin": seen.coin,
        "effect": [effect.action, effect.side, effect.size, effect.value_usd, effect.price, effect.flipped],
        "times": [_at(seen.first_time), _at(seen.last_time), _at(seen.opened_at), _at(seen.now)],
        "steps": [[_at(step.time), step.value_usd, step.size_after] for step in seen.steps],
        "broken": seen.broken,
        "equity": seen.equity,
    }


def _to_screening(plain: dict[str, Any]) -> Screening:
    action, side, size, value_usd, price, flipped = plain["effect"]
    first, last, opened, now = plain["times"]
    return Screening(
        coin=plain["coin"],
        effect=Effect(
            action=Action(action), side=Side(side), size=size, value_usd=value_usd, price=price, flipped=flipped
        ),
        first_time=datetime.fromisoformat(first),
        last_time=datetime.fromisoformat(last),
        steps=tuple(Step(datetime.fromisoformat(time), value, after) for time, value, after in plain["steps"]),
        opened_at=_time(opened),
        broken=plain["broken"],
        equity=plain["equity"],
        now=datetime.fromisoformat(now),
    )


def _to_missing(wait: str, now: str, retry: float, early: bool) -> Missing:  # noqa: FBT001 - a row's own order
    return Missing(wait=Wait(wait), now=datetime.fromisoformat(now), retry=timedelta(seconds=retry), early=early)


def _confirming(facts: Facts) -> dict[str, object]:
    trader, state, since, held = facts.trader, facts.state, facts.since, facts.held_back
    passed, book, said = facts.candidate.passing, facts.portfolio, facts.choice
    return {
        "now": _at(facts.now),
        "candidate": [_at(passed.time), passed.size_after, _at(facts.candidate.eligible_at)],
        "trader": [trader.address, trader.score, trader.scored, trader.roi_7d],
        "trader_times": [_at(trader.last_scored_at), _at(trader.blacklisted_until)],
        "state": [state.equity, _at(state.read_at), state.equity_source],
        "positions": [
            [each.coin, each.size, each.value_usd, each.entry_price, each.leverage, each.isolated]
            for each in state.positions.values()
        ],
        "since": [since.reversed, since.unbroken, since.position],
        "mark": facts.mark,
        "agreeing": facts.agreeing_traders,
        "equity": book.equity,
        "holdings": [[each.coin, each.side, each.exposure_usd, each.source_trader] for each in book.holdings],
        "held_back": None if held is None else [held.reason, dict(held.detail)],
        "choice": None if said is None else [_at(said.at), said.banned, said.budget_usd],
    }


def _to_facts(seen: Screening, plain: dict[str, Any]) -> Facts:
    passed_at, size_after, eligible_at = plain["candidate"]
    address, score, scored, roi_7d = plain["trader"]
    scored_at, blacklisted_until = map(_time, plain["trader_times"])
    equity, read_at, source = plain["state"]
    turned, unbroken, position = plain["since"]
    held = plain["held_back"]
    return Facts(
        now=datetime.fromisoformat(plain["now"]),
        coin=seen.coin,
        effect=seen.effect,
        candidate=Candidate(
            Passing(time=datetime.fromisoformat(passed_at), size_after=size_after), datetime.fromisoformat(eligible_at)
        ),
        trader=Trader(
            address=address,
            score=score,
            scored=scored,
            roi_7d=roi_7d,
            last_scored_at=scored_at,
            blacklisted_until=blacklisted_until,
        ),
        state=TraderState(
            trader=address,
            equity=equity,
            positions={each.coin: each for each in map(_to_position, plain["positions"])},
            read_at=datetime.fromisoformat(read_at),
            equity_source=source,
        ),
        since=Since(reversed=turned, unbroken=unbroken, position=position),
        mark=plain["mark"],
        agreeing_traders=plain["agreeing"],
        portfolio=Portfolio(
            equity=plain["equity"],
            holdings=tuple(
                Holding(coin=coin, side=Side(side), exposure_usd=usd, source_trader=trader)
                for coin, side, usd, trader in plain["holdings"]
            ),
        ),
        held_back=None if held is None else Skip(SkipReason(held[0]), held[1]),
        choice=None if plain["choice"] is None else _to_choice(address, *plain["choice"]),
    )


def _to_choice(address: str, at: str, banned: bool, budget_usd: float | None) -> Choice:  # noqa: FBT001 - a row's own order
    return Choice(address=address, at=datetime.fromisoformat(at), banned=banned, budget_usd=budget_usd)


def _to_position(row: list[Any]) -> TraderPosition:
    coin, size, value_usd, entry, leverage, isolated = row
    return TraderPosition(
        coin=coin, size=size, value_usd=value_usd, entry_price=entry, leverage=leverage, isolated=isolated
    )


def _to_market(plain: dict[str, Any]) -> Surroundings:
    position_usd, hour_usd, entries, cut = plain["trader"]
    conditions = None
    if plain["prices"] is not None:
        mark, oracle, mid, funding = plain["prices"]
        interest, volume = plain["usd"]
        bids, asks = ([(price, size) for price, size in side] for side in plain["book"])
        conditions = Conditions(
            mark=mark,
            oracle=oracle,
            mid=mid,
            open_interest_usd=interest,
            day_volume_usd=volume,
            funding_rate=funding,
            bids=bids,
            asks=asks,
        )
    return Surroundings(
        trader_position_usd=position_usd,
        trader_hour_usd=hour_usd,
        conditions=conditions,
        dumps=Dumps(entries=entries, cut=cut),
        dumped_ago_days=plain["dumped_ago_days"],
    )


def _to_venue(listed: list[Any] | None, mark: float) -> Venue:
    known = None
    if listed is not None:
        coin, decimals, leverage = listed
        known = Instrument(coin=coin, size_decimals=decimals, max_leverage=leverage)
    return Venue(instrument=known, mark=mark)
