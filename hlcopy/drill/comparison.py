"""Compare the local venue's own log with our database, sharing no code with the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, Final

Row = dict[str, Any]

LOT: Final = 1e-9
CENT_OF_A_CENT: Final = 1e-6
_FORCED: Final = {"Auto-Deleveraging": "ADL", "Settlement": "SETTLED"}
_SAME_STATE: Final = {
    "filled": {"filled"},
    "open": {"resting"},
    "triggered": {"resting", "filled"},
    "canceled": {"cancelled"},
    "reduceOnlyCanceled": {"cancelled"},
    "iocCancelRejected": {"refused", "cancelled"},
}


class Comparison:
    """The log's side and ours, and how they differ; `late` says that actions may have landed long after they were sent."""

    def __init__(self, venue: list[Row], tables: dict[str, list[Row]], *, late: bool = False) -> None:
        self._late = late
        self.differences: list[str] = []
        self.told: list[str] = []
        self.venue = venue
        self.longest_naked_s = 0.0
        self.orders = {row["client_order_id"]: row for row in tables["orders"]}
        self.our_fills = tables["our_fills"]
        self.positions = tables["our_positions"]
        self.actions = tables["actions"]
        self.requests = [entry for entry in venue if entry["kind"] == "request"]
        self.fills = [entry for entry in venue if entry["kind"] == "fill"]
        self.funding = [entry for entry in venue if entry["kind"] == "funding"]
        self.statuses = [entry for entry in venue if entry["kind"] == "order"]
        self._fills_agree()
        self._orders_agree()
        self._results_agree()
        self._the_end_agrees()
        self._signed_rightly()
        self._stops_overlap()
        self._naked_time()
        self._actions_used()

    def _differs(self, what: str) -> None:
        self.differences.append(what)

    def _fills_agree(self) -> None:
        """Every fill of ours, and of our positions, is booked once as the venue made it."""
        ours = Counter(_fill_of_ours(row) for row in self.our_fills)
        theirs = Counter(_fill_of_theirs(entry) for entry in self.fills)
        for each in (theirs - ours).elements():
            self._differs(f"the venue's fill isn't in the database: {each}")
        for each in (ours - theirs).elements():
            self._differs(f"no such fill at the venue: {each}")
        self.told.append(f"fills: {theirs.total()} at the venue, {ours.total()} booked")

    def _orders_agree(self) -> None:
        """Every order that the venue knows by a client id is ours, and ended as we say."""
        last = {entry["order"]["cloid"]: entry for entry in self.statuses if entry["order"].get("cloid")}
        filled: dict[str, float] = defaultdict(float)
        for entry in self.fills:
            filled[entry.get("cloid") or ""] += float(entry["sz"])
        for cloid, entry in last.items():
            self._order_agrees(self.orders.get(cloid), cloid, entry["status"], filled[cloid])
        for cloid, row in self.orders.items():
            if cloid not in last and row["state"] in {"filled", "resting"}:
                self._differs(f"{row['purpose']} {cloid} is {row['state']} here and unknown at the venue")
            if row["state"] == "pending":
                self._differs(f"{row['purpose']} {cloid} is unresolved")
        self.told.append(f"orders: {len(last)} known at the venue by our ids, {len(self.orders)} intents")

    def _order_agrees(self, row: Row | None, cloid: str, status: str, filled: float) -> None:
        if row is None:
            self._differs(f"an order of ours that the database doesn't know: {cloid}")
            return
        wanted = _SAME_STATE.get(status, {"refused", "cancelled"})
        if status in {"canceled", "reduceOnlyCanceled"} and filled:
            wanted = wanted | {"filled"}
        if status.lower().endswith(("rejected", "canceled")) and not filled:
            # Who is told long enough that there's no such order may believe it: nothing came of this one either way.
            wanted = wanted | {"never_landed"}
        if row["state"] not in wanted:
            self._differs(f"{row['purpose']} {cloid}: {status} at the venue, {row['state']} here")
        if row["purpose"] != "stop" and abs(row["filled_size"] - filled) > LOT:
            self._differs(f"{row['purpose']} {cloid}: {filled} filled, {row['filled_size']} here")

    def _results_agree(self) -> None:
        """Each closed position's result is what the venue's fills and funding made of it, to a millionth of a dollar."""
        signal_of = {row["identity"]: row["signal_id"] for row in self.our_fills}
        by_signal: dict[str, list[Row]] = defaultdict(list)
        for entry in self.fills:
            signal = signal_of.get(_identity(entry, signal_of))
            if signal:
                by_signal[signal].append(entry)
        compared = 0
        for row in self.positions:
            if row["status"] != "closed":
                continue
            compared += 1
            fills = _until_flat(by_signal[row["source_signal_id"]])
            gross = sum(float(entry["closedPnl"]) for entry in fills)
            fees = sum(float(entry["fee"]) for entry in fills)
            begin, end = ms_of(row["opened_at"]), ms_of(row["closed_at"]) + 1_000
            paid = -sum(
                float(entry["usdc"])
                for entry in self.funding
                if entry["coin"] == row["token_symbol"] and begin < _stamp(entry) <= end
            )
            leaving = [entry for entry in fills if (entry["side"] == "B") is (row["side"] == "Short")]
            size = sum(float(entry["sz"]) for entry in leaving)
            price = sum(float(entry["sz"]) * float(entry["px"]) for entry in leaving) / size if size else None
            expected = {
                "realized_pnl_usd": gross - fees - paid,
                "fees_usd": fees,
                "funding_usd": paid,
                "exit_price": price,
            }
            for column, value in expected.items():
                mine = row[column]
                if (mine is None) is not (value is None) or (
                    mine is not None
                    and value is not None
                    and abs(mine - value) > max(CENT_OF_A_CENT, 1e-12 * abs(value))
                ):
                    self._differs(f"#{row['id']} {row['token_symbol']} {column}: {value} at the venue, {mine} here")
            reason = self._reason(leaving[-1]) if leaving else None
            if reason is not None and row["close_reason"] != reason:
                self._differs(f"#{row['id']} ended by {reason} at the venue, {row['close_reason']} here")
        self.told.append(f"closed positions: {compared} compared to a millionth of a dollar")

    def _reason(self, last: Row) -> str | None:
        if last["dir"] in _FORCED:
            return _FORCED[last["dir"]]
        if last.get("liquidation") or last["dir"].startswith("Liquidated"):
            return "LIQUIDATED"
        row = self.orders.get(last.get("cloid") or "")
        return row["reason"] if row is not None else "CLOSED_ON_VENUE"

    def _the_end_agrees(self) -> None:
        """Hold what is open at the end against what is open here, with one stop of its size."""
        held: dict[str, float] = defaultdict(float)
        for entry in self.fills:
            held[entry["coin"]] = _after(entry)
        open_here = {
            row["token_symbol"]: row["size"] * (1 if row["side"] == "Long" else -1)
            for row in self.positions
            if row["status"] in {"open", "closing"}
        }
        open_there = {coin: size for coin, size in held.items() if abs(size) > LOT}
        foreign = self._foreign_coins()
        for coin in sorted((open_here.keys() | open_there.keys()) - foreign):
            if abs(open_here.get(coin, 0.0) - open_there.get(coin, 0.0)) > LOT:
                self._differs(f"{coin} at the end: {open_there.get(coin)} at the venue, {open_here.get(coin)} here")
        resting: dict[int, Row] = {}
        for entry in self.statuses:
            resting[entry["order"]["oid"]] = entry
        stops = Counter(
            entry["order"]["coin"]
            for entry in resting.values()
            if entry["status"] == "open" and entry["order"]["isTrigger"] and entry["order"].get("cloid")
        )
        if stops != Counter(open_here):
            for coin in sorted(set(stops) | set(open_here)):
                if stops[coin] != (coin in open_here):
                    self._differs(f"{coin} at the end: {stops[coin]} stops at the venue")
        self.told.append(f"open at the end: {len(open_there)} positions, {stops.total()} stops")

    def _signed_rightly(self) -> None:
        """Leverage before each entry, at most one entry a signal, exits reduce-only, an expiry on everything, nonces rising."""
        in_cross: dict[int, bool] = {}
        entered: Counter[str] = Counter()
        nonces: dict[str, int] = {}
        for entry in self.requests:
            if entry["signer"]:
                if entry["nonce"] <= nonces.get(entry["signer"], 0) and not self._late:
                    self._differs(f"nonce {entry['nonce']} doesn't rise")
                nonces[entry["signer"]] = entry["nonce"]
            if entry["expiresAfter"] is None:
                self._differs(f"{entry['type']} at {entry['at_ms']} never expires")
            accepted = isinstance(entry["answer"], dict) and entry["answer"].get("status") == "ok"
            if entry["type"] == "updateLeverage" and accepted:
                in_cross[entry["action"]["asset"]] = entry["action"]["isCross"]
            if entry["type"] == "order":
                for order, status in zip(entry["action"]["orders"], statuses(entry["answer"]), strict=False):
                    self._sent_rightly(order, status, entered, in_cross=in_cross.get(order["a"], True))
        for signal, count in entered.items():
            if count > 1:
                self._differs(f"{count} entries for signal {signal}")
        self.told.append(f"entries accepted: {entered.total()} for {len(entered)} signals")

    def _sent_rightly(self, order: Row, status: object, entered: Counter[str], *, in_cross: bool) -> None:
        row = self.orders.get(order.get("c") or "")
        if row is None:
            self._differs(f"an order without an intent: {order}")
        elif row["purpose"] == "entry":
            if isinstance(status, dict) and ("filled" in status or "resting" in status):
                entered[row["signal_id"]] += 1
            if in_cross:
                self._differs(f"an entry in cross margin: {order}")
        elif not order["r"]:
            self._differs(f"an exit that isn't reduce-only: {order}")

    def _stops_overlap(self) -> None:
        """Look that we cancel a stop only while another covers the position, or when the position is gone."""
        resting: dict[str, dict[int, float]] = defaultdict(dict)
        held: dict[str, float] = {}
        ours: set[int] = set()
        foreign: set[str] = set()
        moves = 0
        for entry in self.venue:
            if entry["kind"] == "fill":
                self._opened(entry, foreign)
                held[entry["coin"]] = _after(entry)
            elif entry["kind"] == "request" and entry["type"] == "cancelByCloid":
                for each in entry["action"]["cancels"]:
                    row = self.orders.get(each["cloid"])
                    ours |= {row["venue_order_id"]} if row is not None and row["venue_order_id"] else set()
            elif entry["kind"] == "order" and entry["order"]["isTrigger"] and entry["order"].get("cloid"):
                order = entry["order"]
                if entry["status"] == "open":
                    resting[order["coin"]][order["oid"]] = float(order["sz"])
                    continue
                resting[order["coin"]].pop(order["oid"], None)
                if entry["status"] == "canceled" and order["oid"] in ours:
                    moves += 1
                    size = 0.0 if order["coin"] in foreign else abs(held.get(order["coin"], 0.0))
                    if size > LOT and max(resting[order["coin"]].values(), default=0.0) < size - LOT:
                        self._differs(
                            f"a stop of {order['coin']} was cancelled before another rested ({entry['at_ms']})"
                        )
        self.told.append(f"stops cancelled by us, each after another rested or nothing was left: {moves}")

    def _naked_time(self) -> None:
        """Seconds in which one of our positions had no stop of its whole size at the venue."""
        spans: list[tuple[float, str, int]] = []
        resting: dict[str, dict[int, float]] = defaultdict(dict)
        held: dict[str, float] = {}
        since: dict[str, int] = {}
        foreign: set[str] = set()
        for entry in self.venue:
            if entry["kind"] == "fill":
                self._opened(entry, foreign)
                held[entry["coin"]] = _after(entry)
                coin = entry["coin"]
            elif entry["kind"] == "order" and entry["order"]["isTrigger"]:
                order, coin = entry["order"], entry["order"]["coin"]
                if entry["status"] == "open":
                    resting[coin][order["oid"]] = float(order["sz"])
                elif entry["status"] != "triggered":
                    resting[coin].pop(order["oid"], None)
            else:
                continue
            size = abs(held.get(coin, 0.0))
            covered = max(resting[coin].values(), default=0.0) >= size - LOT
            if size > LOT and not covered and coin not in foreign:
                since.setdefault(coin, entry["at_ms"])
            elif coin in since:
                begun = since.pop(coin)
                spans.append(((entry["at_ms"] - begun) / 1000, coin, begun))
        last = self.venue[-1]["at_ms"] if self.venue else 0
        spans += [((last - begun) / 1000, coin, begun) for coin, begun in since.items()]  # naked to the very end
        lengths = sorted(seconds for seconds, _, _ in spans)
        total = sum(lengths)
        p99 = lengths[min(len(lengths) - 1, int(0.99 * len(lengths)))] if lengths else 0.0
        most = self.longest_naked_s = max(lengths, default=0.0)
        self.told.append(f"naked: {len(lengths)} spans, {total:.1f} s in all, p99 {p99:.1f} s, longest {most:.1f} s")
        self.told += [
            f"  naked {s:.1f} s: {coin} from {at}" for s, coin, at in sorted(spans, reverse=True)[:5] if s > 0
        ]

    def _foreign_coins(self) -> set[str]:
        """Return the coins in which somebody else opened what is open at the end, or what was open last."""
        foreign: set[str] = set()
        for entry in self.fills:
            self._opened(entry, foreign)
        return foreign

    def _opened(self, fill: Row, foreign: set[str]) -> None:
        """Take note of who opened a coin, if a fill did: from nothing, or from the other side."""
        start = float(fill["startPosition"])
        if start == 0.0 or start * _after(fill) < 0:
            ours = (fill.get("cloid") or "") in self.orders
            (foreign.discard if ours else foreign.add)(fill["coin"])

    def _actions_used(self) -> None:
        """Orders, cancels and changes that count against the address, by day."""
        used: Counter[int] = Counter()
        for entry in self.requests:
            if entry["account"] is not None:
                action = entry["action"]
                used[entry["at_ms"] // 86_400_000] += len(action.get("orders", action.get("cancels", [0])))
        days = [used[day] for day in sorted(used)]
        if days:
            average = sum(days) / len(days)
            self.told.append(
                f"actions a day: {min(days)} to {max(days)}, {average:.1f} on average over {len(days)} days, {sum(days)} in all"
            )
        kinds = Counter(entry["type"] for entry in self.requests)
        self.told.append("requests: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


def _until_flat(fills: list[Row]) -> list[Row]:
    """Return the fills of a position up to the one that left nothing of it; what orders of ours did later, they did to others."""
    for number, entry in enumerate(fills, 1):
        start, after = float(entry["startPosition"]), _after(entry)
        if start and (abs(after) < LOT or start * after < 0):
            return [*fills[: number - 1], {**entry, "sz": abs(start)}]
    return fills


def _after(fill: Row) -> float:
    """Return what was held after a fill."""
    return round(float(fill["startPosition"]) + float(fill["sz"]) * (1 if fill["side"] == "B" else -1), 8)


def statuses(answer: object) -> list[Any]:
    """Return the statuses of the orders or cancels of an answer, none where it refuses the whole action."""
    if isinstance(answer, dict) and isinstance(answer.get("response"), dict):
        return list(answer["response"].get("data", {}).get("statuses", []))
    return []


def ms_of(text: str) -> int:
    """Return a moment of the database in ms."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _stamp(entry: Row) -> int:
    moment: int = entry["time"] if entry.get("time") else entry["at_ms"]
    return moment


def _fill_of_theirs(entry: Row) -> tuple[object, ...]:
    return (
        entry["coin"],
        entry["side"] == "B",
        float(entry["px"]),
        float(entry["sz"]),
        float(entry["fee"]),
        int(entry["time"]),
        int(entry["oid"]),
    )


def _fill_of_ours(row: Row) -> tuple[object, ...]:
    return (
        row["token_symbol"],
        bool(row["is_buy"]),
        row["price"],
        row["size"],
        row["fee"],
        ms_of(row["time"]),
        row["venue_order_id"],
    )


def _identity(entry: Row, known: dict[str, Any]) -> str:
    """Return the identity under which a fill is booked: it has the venue's trade number in it."""
    return next((identity for identity in known if f":{entry['tid']}:" in f"{identity}:"), "")
