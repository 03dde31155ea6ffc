"""What must always hold, checked after every step of a drill. It shares no code with the rules.

It looks at the venue's own books and log, at what is sent, and reads the database by itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hlcopy.drill.books import Books
from hlcopy.drill.comparison import Comparison, ms_of, statuses

if TYPE_CHECKING:
    from collections import Counter

    from hlcopy.drill.process import Tick
    from hlcopy.drill.stage import Stage
    from hlcopy.simulator.faults import Asked
    from hlcopy.simulator.trading_account import Position
    from hlcopy.ticks.report import Report

    Row = dict[str, Any]

LOT: Final = 1e-9
MINUTE_MS: Final = 60_000
_NAKED_MS: Final = 120_000
_TICK_MS: Final = 60_000
_WEIGHT: Final = {"monitor": 400, "poll": 700, "positions": 700}  # their shares of a minute, our account's among them
_EXPIRES_MS: Final = 35_000
_ENTRY_AGE_MS: Final = 15 * MINUTE_MS
_LARGEST_USD: Final = 50_000.0
_SINGLE, _TOTAL, _POSITIONS, _LEVERAGE = 0.10, 0.50, 5, 5
_ROOM: Final = 1.03  # prices move between a look and an order
_SLIPPAGE: Final = 0.02
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_RATIONED: Final = "request weight of this minute is used up"
_OWN_READS: Final = frozenset({"frontendOpenOrders", "orderStatus", "userFunding", "userRateLimit", "activeAssetData"})
_SENT: Final = frozenset({"order", "cancelByCloid", "updateLeverage"})
_TABLES: Final = ("orders", "our_fills", "our_positions", "signals", "actions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that didn't hold, and when on the venue's clock."""

    invariant: str
    at_ms: int
    text: str


class Oracle:
    """Watches one episode."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._books = Books(stage.path)
        self._seen = 0
        self._opener: dict[str, tuple[bool, int]] = {}
        self._covered: dict[str, bool] = {}
        self._naked_since: dict[str, int] = {}
        self._harmed_ms = 0
        self._nonce = 0
        self._entries: dict[str, str] = {}
        self._accepted: dict[str, int] = {}
        self._secret = stage.agent_key.removeprefix("0x").lower()
        self.violations: list[Violation] = []
        self.longest_naked_ms = self.longest_unknown_ms = self.longest_tick_ms = self.heaviest_tick = 0

    def begin(self) -> None:
        """Open the database for reading."""
        self._books.open()

    def close(self) -> None:
        """Close it."""
        self._books.close()

    def fail(self, invariant: str, text: str) -> None:
        """Take note of a violation; nothing after the first is worth knowing."""
        self.violations.append(Violation(invariant=invariant, at_ms=self._stage.clock.now_ms(), text=text))
        self._stage.scheduler.stopped = True

    # Reading

    def has_pending(self) -> bool:
        """Whether an order's fate isn't known yet."""
        return self._books.has_pending()

    def is_foreign(self, coin: str) -> bool:
        """Whether somebody else opened what is held in a coin."""
        return self._opener.get(coin, (False, 0))[0]

    def _positions(self) -> dict[str, Position]:
        return self._stage.floor.accounts[self._stage.account].positions

    def _stops(self, coin: str) -> list[Any]:
        """Return our live reduce-only stops of a coin."""
        orders = self._stage.floor.accounts[self._stage.account].on(coin)
        return [each for each in orders if each.is_open and each.trigger and each.trigger.is_stop and each.reduce_only]

    def _is_covered(self, coin: str, size: float) -> bool:
        rights = (each for each in self._stops(coin) if each.is_buy == (size < 0) and not each.fired)
        return any(each.left >= abs(size) - LOT for each in rights)

    # What is sent

    def sending(self, asked: Asked, tick: Tick) -> None:
        """Look at a request before it leaves."""
        if not asked.is_write:
            if asked.user == self._stage.agent and asked.kind in _OWN_READS:
                self.fail("I1", f"{asked.kind} is asked of the agent's address, where nothing is ever held")
            return
        now, action = self._stage.clock.now_ms(), asked.body["action"]
        self._check_envelope(asked.body, action, now)
        for order in action.get("orders", ()):
            self._check_order(order, tick, now)

    def _check_envelope(self, body: Row, action: Row, now: int) -> None:
        if action["type"] not in _SENT:
            self.fail("I5", f"{action['type']} is sent, which nothing here may do")
        if body["nonce"] <= self._nonce:
            self.fail("I9", f"nonce {body['nonce']} after {self._nonce}")
        self._nonce = body["nonce"]
        expires = body.get("expiresAfter")
        if expires is None or expires > now + _EXPIRES_MS + abs(self._stage.skew_ms):
            self.fail("I2", f"{action['type']} expires at {expires}, so that it may land for ever")

    def _check_order(self, order: Row, tick: Tick, now: int) -> None:
        trigger = order["t"].get("trigger", {})
        numbers = [order["p"], order["s"], *([trigger["triggerPx"]] if trigger else [])]
        if not all(_NUMBER.fullmatch(each) and math.isfinite(float(each)) and float(each) > 0 for each in numbers):
            self.fail("I4", f"a number that is none is signed: {numbers}")
            return
        found = self._books.rows("SELECT * FROM orders WHERE client_order_id = ?", order.get("c"))
        if not found:
            self.fail("I2", f"an order is sent that the database doesn't know: {order.get('c')}")
            return
        row = found[0]
        cause = f"{row['purpose']}:{row['signal_id']}:{row['leg']}:{row['attempt']}"
        if order["c"] != "0x" + hashlib.sha256(cause.encode()).hexdigest()[:32]:
            self.fail("I2", f"a client id that doesn't follow from its cause: {cause}")
        if row["purpose"] == "entry":
            self._check_entry(order, row, tick, now)
        elif not order["r"]:
            self.fail("I5", f"an order for {row['purpose']} in {row['token_symbol']} isn't reduce-only")

    def _check_entry(self, order: Row, row: Row, tick: Tick, now: int) -> None:
        stage, coin, signal = self._stage, row["token_symbol"], row["signal_id"]
        if signal in self._entries:
            self.fail("I2", f"an entry in {coin} is sent again for the same signal")
        self._entries[signal] = order["c"]
        account = stage.floor.accounts[stage.account]
        setting = stage.floor.leverage(stage.account, coin)
        if setting.is_cross or setting.value > _LEVERAGE:
            self.fail("I4", f"an entry in {coin} at {setting.value}x {'cross' if setting.is_cross else 'isolated'}")
        usd, equity = float(order["p"]) * float(order["s"]), account.value(stage.mark)
        held = {each: abs(position.size) * stage.mark(each) for each, position in account.positions.items()}
        if usd > min(_LARGEST_USD, _SINGLE * equity) * _ROOM:
            self.fail("I4", f"an entry of {usd:,.0f} USD in {coin} with {equity:,.0f} USD")
        if usd + math.fsum(held.values()) > _TOTAL * equity * _ROOM or len(held) >= _POSITIONS:
            self.fail("I4", f"an entry of {usd:,.0f} USD in {coin} on top of {held}")
        self._check_signal(signal, coin, now)
        if tick.command != "poll":
            self.fail("I2", f"{tick.command} opens a position")

    def _check_signal(self, signal: str, coin: str, now: int) -> None:
        found = self._books.rows("SELECT * FROM signals WHERE id = ?", signal)
        if not found:
            self.fail("I2", f"an entry in {coin} without a signal")
            return
        row, skew = found[0], abs(self._stage.skew_ms)
        age, price = now - ms_of(row["timestamp"]), row["trade_price"]
        if not -skew <= age <= _ENTRY_AGE_MS + skew:
            self.fail("I8", f"an entry in {coin} copies an order that is {age / 1000:.0f} s old")
        moved = abs(self._stage.mark(coin) - price) / price
        slid = row["slippage_pct"]
        if slid is None or not abs(slid) <= _SLIPPAGE * 100 + LOT:
            self.fail("I4", f"an entry in {coin} with a price that was {slid} % worse")
        known = any((address, each) == (row["trader_address"], coin) for address, each, _ in self._stage.world.opened)
        if not known or not math.isfinite(moved):
            self.fail("I8", f"an entry in {coin} that no trader made")

    # What the venue did

    def look(self, *, unattended: bool = False) -> None:
        """Look at the venue, after anything that may have changed it."""
        stage = self._stage
        with stage.floor.lock:
            now = stage.floor.advance()
            entries = stage.floor.journal.entries
            cancelled = False
            while self._seen < len(entries):
                entry = entries[self._seen]
                self._seen += 1
                if entry["kind"] == "fill":
                    self._filled(entry)
                elif entry["kind"] == "request":
                    cancelled |= entry["type"] == "cancelByCloid" and "success" in statuses(entry["answer"])
                    self._answered(entry)
            if unattended or stage.is_harmed:
                self._harmed_ms = now
            self._look_at_cover(now, cancelled=cancelled)
        if stage.local.crashes:
            raise stage.local.crashes[0]

    def _filled(self, fill: Row) -> None:
        coin, start, cloid = fill["coin"], float(fill["startPosition"]), fill.get("cloid")
        change = float(fill["sz"]) * (1 if fill["side"] == "B" else -1)
        if start == 0.0 or start * (start + change) < 0:
            self._opener[coin] = cloid is None, fill["oid"]
        if cloid is None:
            return
        row = (self._books.rows("SELECT purpose FROM orders WHERE client_order_id = ?", cloid) or [{}])[0]
        if row.get("purpose") == "entry":
            if start != 0.0 and self._opener.get(coin) != (False, fill["oid"]):
                self.fail("I2", f"an entry in {coin} on top of a position of {start}")
        elif start * change >= 0 or abs(change) > abs(start) + LOT:
            self.fail("I5", f"an exit in {coin} changes {start} by {change}")

    def _answered(self, entry: Row) -> None:
        """Count the entries that the venue accepted, by signal."""
        for order, status in zip(entry["action"].get("orders", ()), statuses(entry["answer"]), strict=False):
            if order["r"] or not isinstance(status, dict) or "error" in status:
                continue
            cloid = order.get("c") or ""
            signal = next((signal for signal, sent in self._entries.items() if sent == cloid), cloid)
            self._accepted[signal] = self._accepted.get(signal, 0) + 1
            if self._accepted[signal] > 1:
                self.fail("I2", f"two entries accepted for signal {signal}")

    def _look_at_cover(self, now: int, *, cancelled: bool) -> None:
        positions = self._positions()
        for coin in [each for each in self._covered if each not in positions or self.is_foreign(each)]:
            del self._covered[coin]
            self._naked_since.pop(coin, None)
        for coin, position in positions.items():
            if self.is_foreign(coin):
                continue
            covered = self._is_covered(coin, position.size)
            if cancelled and self._covered.get(coin) and not covered:
                self.fail("I1", f"the stop of {coin} is cancelled before another rests")
            self._covered[coin] = covered
            if covered:
                self._naked_since.pop(coin, None)
                continue
            since = self._naked_since.setdefault(coin, now)
            self.longest_naked_ms = max(self.longest_naked_ms, now - since)
            if now - max(since, self._harmed_ms) > _NAKED_MS:
                self.fail(
                    "I1", f"{coin} has had no stop for {(now - since) / 1000:.0f} s, and nothing stood in the way"
                )

    # What ticks did

    def heard(self, text: str) -> None:
        """Look at what a process says."""
        if self._secret in text.lower():
            self.fail("I11", "the agent's key is told")

    def reported(self, tick: Tick, report: Report) -> None:
        """Look at the report of a tick."""
        if report.unreachable and not tick.faults:
            self.fail("I14", f"{tick.command} reached nobody, though nothing failed")
        self.heard(repr(report.problems) if report.problems else "")

    def ended(self, tick: Tick) -> None:
        """Look at the books after a tick."""
        now = self._stage.clock.now_ms()
        self.heard(tick.error)
        self._weigh(tick, now)
        if _RATIONED in " ".join([*tick.told, tick.error]) and now - self._harmed_ms < 2 * MINUTE_MS:
            tick.worst = True  # what failed a moment ago was asked again, and that weighs
        if tick.faults or tick.worst:
            self._harmed_ms = now
        if tick.outcome == "crashed":
            self.fail("I10", f"{tick.command}: {tick.error}")
        if tick.is_clean:
            self._ended_undisturbed(tick)

    def _weigh(self, tick: Tick, now: int) -> None:
        """Look at how long a tick took, what it weighed, and what it left unresolved."""
        took = tick.ended_ms - (tick.opened_ms or tick.ended_ms)
        if "delay" not in tick.faults and tick.command != "positions":
            self.longest_tick_ms = max(self.longest_tick_ms, took)
            if took > _TICK_MS:
                self.fail("I12", f"{tick.command} took {took / 1000:.0f} s")
        self.heaviest_tick = max(self.heaviest_tick, tick.weight)
        pending = self._books.rows("SELECT min(created_at) AS since FROM orders WHERE state = 'pending'")[0]["since"]
        if pending is not None:
            self.longest_unknown_ms = max(self.longest_unknown_ms, now - ms_of(pending))
        if tick.weight > _WEIGHT[tick.command]:
            self.fail("I12", f"{tick.command} weighed {tick.weight}")

    def _ended_undisturbed(self, tick: Tick) -> None:
        if tick.outcome == "later" and tick.command == "monitor" and "another hlcopy command" not in tick.error:
            self.fail("I14", f"nothing stood in the way of monitor, and it failed: {tick.error}")
        if tick.outcome == "ok" and tick.command == "monitor":
            self._after_monitor(tick)

    def _after_monitor(self, tick: Tick) -> None:
        """Hold the books against the venue after a monitor that nothing disturbed."""
        for coin, since in self._naked_since.items():
            if since <= tick.began_ms:
                self.fail("I1", f"{coin} has no stop after an undisturbed monitor")
        if not tick.alone:
            return
        moved = {
            entry["coin"]
            for entry in self._stage.floor.journal.entries[-40:]
            if entry["kind"] == "fill" and entry["at_ms"] >= tick.began_ms
        }
        rows = {
            row["token_symbol"]: row
            for row in self._books.rows("SELECT * FROM our_positions WHERE status IN ('open', 'closing')")
        }
        positions = self._positions()
        for coin in (rows.keys() | positions.keys()) - moved:
            if not (coin in positions and self.is_foreign(coin)):
                self._compare(coin, rows.get(coin), positions.get(coin))

    def _compare(self, coin: str, row: Row | None, position: Position | None) -> None:
        here = 0.0 if row is None else row["size"] * (1 if row["side"] == "Long" else -1)
        there = 0.0 if position is None else position.size
        if row is not None and position is None and row["missing_since"] is not None:
            return  # it is given two minutes: a reading may be stale
        if abs(here - there) > LOT:
            self.fail("I3", f"{coin}: {there} at the venue, {here} here")
        stops = [each for each in self._stops(coin) if each.cloid is not None]
        if len(stops) > 1 or (stops and position is None):
            self.fail("I6", f"{coin}: {len(stops)} stops for {there}")
        if position is None or row is None:
            return
        liquidation = position.liquidation_level(0.0, self._stage.mark(coin)) if position.isolated else None
        for each in stops:
            if abs(each.left - abs(there)) > LOT:
                self.fail("I3", f"{coin}: a stop of {each.left} for {there}")
            if liquidation is not None and (each.trigger.price - liquidation) * math.copysign(1.0, there) <= 0:
                self.fail("I1b", f"{coin}: its stop at {each.trigger.price} lies past the liquidation at {liquidation}")

    def state(self) -> dict[str, Any]:
        """Return how things stand, without the moments at which they came to stand so."""
        held = {coin: position.size for coin, position in self._positions().items()}
        stops = sorted(
            (coin, each.left, each.trigger.price) for coin in self._stage.coins for each in self._stops(coin)
        )
        return {**self._books.state(), "held": held, "stops": stops}

    def orders(self) -> Counter[str]:
        """Return how many orders there are by purpose and state."""
        return self._books.orders()

    # The end

    def end(self) -> None:
        """Hold everything together after the clean minutes."""
        if self.violations:
            return
        self.look()
        for row in self._books.rows("SELECT * FROM orders WHERE state = 'pending'"):
            self.fail("liveness", f"{row['purpose']} in {row['token_symbol']} is unresolved after twelve clean minutes")
        for coin, position in self._positions().items():
            if not self.is_foreign(coin) and not self._is_covered(coin, position.size):
                self.fail("liveness", f"{coin} has no stop after twelve clean minutes")
        self._end_of_signals()
        self._end_of_traders()
        log = [json.loads(json.dumps(entry)) for entry in self._stage.floor.journal.entries]
        tables = {name: self._books.rows(f"SELECT * FROM {name}") for name in _TABLES}  # noqa: S608 - names of this module
        for difference in Comparison(log, tables, late=True).differences[:3]:
            self.fail("I3", difference)
        if self._secret.encode() in self._stage.path.read_bytes().lower():
            self.fail("I11", "the agent's key is in the database")

    def _end_of_signals(self) -> None:
        rows = self._books.rows("SELECT * FROM signals")
        known = {(row["trader_address"], row["token_symbol"], ms_of(row["timestamp"])) for row in rows}
        for opened in self._stage.world.opened:
            if opened not in known:
                self.fail("I16", f"{opened[0]}'s order in {opened[1]} was never judged")
        entered = {row["signal_id"] for row in self._books.rows("SELECT signal_id FROM orders WHERE purpose = 'entry'")}
        for row in rows:
            if row["decision"] == "DEFERRED":
                self.fail("liveness", f"a signal in {row['token_symbol']} is still undecided")
            elif row["decision"] == "EXECUTE" and row["id"] not in entered:
                self.fail("I16", f"a signal in {row['token_symbol']} is executed, and no entry was ever written down")

    def _end_of_traders(self) -> None:
        struck = self._stage.world.struck
        for row in self._books.rows("SELECT address FROM traders WHERE blacklisted_until IS NOT NULL"):
            if row["address"] not in struck:
                self.fail("I7", f"{row['address']} is blacklisted, and wasn't liquidated")
        query = "SELECT * FROM our_positions WHERE close_reason = 'TRADER_LIQUIDATED'"
        for row in self._books.rows(query):
            if row["source_trader"] not in struck:
                self.fail("I7", f"{row['token_symbol']} was left because of a trader who wasn't liquidated")
