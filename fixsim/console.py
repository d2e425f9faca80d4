"""What an operator of the venues may ask and do: a command in, an answer out. Pure (fixsim/adminsocket.py
has the socket).

A command is a dict of strings but for `script`, the contents of a fault script's file. Every act is at market
time now and has its line in the record ("admin").

    {"cmd": "status"}
    {"cmd": "halt" | "resume" | "auction" | "close", "venue": …, "symbol": … (absent: every symbol)}
    {"cmd": "cancel", "venue": …, "order_id": …}          OrderID(37)
    {"cmd": "restate", "venue": …, "order_id": …, "lots": …}   the lots that are left
    {"cmd": "bust", "venue": …, "exec_id": …}             ExecID(17) of the fill
    {"cmd": "correct", "venue": …, "exec_id": …, "price": …}
    {"cmd": "script", "name": …, "script": {…}}

An answer has "ok"; refused ones have "reason", a line for a person; the others "did", likewise, or for
status "status".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from fixsim import unasked
from fixsim.faults import Script
from fixsim.gateway import Gateway
from fixsim.matching import Phase
from fixsim.orders import Reply
from fixsim.venue import Venue
from router.fix.decimals import nanos_from_wire, nanos_to_wire

Answer = dict[str, Any]
PHASES = {
    "halt": Phase.HALTED,
    "resume": Phase.CONTINUOUS,
    "auction": Phase.AUCTION,
    "close": Phase.CLOSED,
}
FIELDS = {
    "status": (),
    **dict.fromkeys(PHASES, ("venue",)),
    "cancel": ("venue", "order_id"),
    "restate": ("venue", "order_id", "lots"),
    "bust": ("venue", "exec_id"),
    "correct": ("venue", "exec_id", "price"),
    "script": ("name", "script"),
}
BY = "by the operator"


class Refused(ValueError):  # noqa: N818 (an answer to the operator)
    """The command is malformed, or cannot be done now."""


class Console:
    """See the module. `handle` never raises for what was asked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._exchange = gateway.exchange

    def handle(self, asked: object, now_ns: int) -> Answer:
        """Do a command now. The exchange has done everything that was due before."""
        try:
            if not isinstance(asked, Mapping):
                raise Refused("a command must be a JSON object")
            cmd = _checked(asked)
            if cmd == "status":
                return {"ok": True, "status": self.status(now_ns)}
            if cmd == "script":
                did = self._script(asked, now_ns)
            elif cmd in PHASES:
                did = self._phase(cmd, asked, now_ns)
            else:
                did = self._order(cmd, asked, now_ns)
        except ValueError as refused:
            return {"ok": False, "reason": str(refused)}
        venue = str(asked.get("venue", ""))
        self._exchange.record.write("admin", now_ns, venue, text=did)
        return {"ok": True, "did": did}

    def status(self, now_ns: int) -> dict[str, Any]:
        """Market time, venues (phases, open orders, clients logged on), and the fault scripts at work."""
        exchange = self._exchange
        market_ns = exchange.market_ns(now_ns)
        there = self._gateway.logged_on()
        return {
            "market_ns": market_ns,
            "market_time": _utc(market_ns),
            "end_time": _utc(exchange.stop_ns),
            "venues": [
                {
                    "venue": name,
                    "phases": {s: phase.name.lower() for s, phase in exchange.boards[name].phases.items()},
                    "orders": [
                        {
                            "order_id": order.order_id,
                            "client": order.owner,
                            "cl_ord_id": order.cl_ord_id,
                            "symbol": order.instrument.symbol,
                            "side": order.side.name.lower(),
                            "leaves_lots": order.leaves_lots,
                        }
                        for order in venue.open_orders()[:MOST_TOLD]
                    ],
                    "open_orders": len(venue.open_orders()),
                    "fills": unasked.fill_ids(venue)[-MOST_TOLD:],
                    "clients": [client for at, client in there if at == name],
                }
                for name, venue in exchange.venues.items()
            ],
            "faults": exchange.sabotage.status(),
        }

    def _phase(self, cmd: str, asked: Mapping[str, Any], now_ns: int) -> str:
        venue = self._venue(asked)
        symbol = asked.get("symbol", "")
        if symbol and symbol not in venue.places:
            raise Refused(f"symbol {symbol!r} is not one of {', '.join(venue.places)}")
        symbols = [symbol] if symbol else list(venue.places)
        phase = PHASES[cmd]
        for one in symbols:
            self._exchange.set_status(venue.name, one, phase, now_ns, f"{cmd} {BY}")
        return f"{venue.name}: {', '.join(symbols)} is {phase.name.lower()}"

    def _order(self, cmd: str, asked: Mapping[str, Any], now_ns: int) -> str:
        venue, text = self._venue(asked), f"{cmd} {BY}"
        if cmd in ("cancel", "restate"):
            order = unasked.find_order(venue, asked["order_id"])
            what = f"{order.order_id} ({order.owner} {order.cl_ord_id})"
            if cmd == "cancel":
                self._act(venue, lambda: unasked.cancel(venue, order, now_ns, text), now_ns)
                return f"{venue.name}: {what} is canceled, {order.cum_lots} lots were filled"
            lots = _lots(asked["lots"])
            self._act(venue, lambda: unasked.restate(venue, order, lots, now_ns, text), now_ns)
            return f"{venue.name}: {what} is restated, {order.leaves_lots} lots are left"
        fill = unasked.find_execution(venue, asked["exec_id"])
        was, order = fill.exec_id, fill.order
        whose = f"of {order.order_id} ({order.owner} {order.cl_ord_id})"
        if cmd == "bust":
            self._act(venue, lambda: unasked.bust(venue, fill, now_ns, text), now_ns)
            return f"{venue.name}: {was} {whose} is busted, {order.cum_lots} lots stay filled"
        price_nanos = _price(asked["price"])
        self._act(venue, lambda: unasked.correct(venue, fill, price_nanos, now_ns, text), now_ns)
        wire = nanos_to_wire(price_nanos).decode()
        return f"{venue.name}: {was} {whose} was made at {wire}; it is {fill.exec_id} now"

    def _act(self, venue: Venue, do: Callable[[], list[Reply]], now_ns: int) -> None:
        self._exchange.act(venue.name, do(), now_ns)

    def _script(self, asked: Mapping[str, Any], now_ns: int) -> str:
        name = str(asked["name"])
        try:
            script = Script.model_validate(asked["script"])
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise Refused(f"{name}: {where}: {fault['msg'].removeprefix('Value error, ')}") from None
        self._exchange.inject(script, now_ns, name)
        return f"{name}: {len(script.fault)} faults are at work"

    def _venue(self, asked: Mapping[str, Any]) -> Venue:
        name, venues = asked["venue"], self._exchange.venues
        if name not in venues:
            raise Refused(f"venue {name!r} is not one of {', '.join(venues)}")
        return venues[name]


MOST_TOLD = 100
"""Orders, and last fills, of a venue that status names."""


def _checked(asked: Mapping[str, Any]) -> str:
    """The command's name, if it has the fields that it needs, and no others."""
    cmd = asked.get("cmd")
    if not isinstance(cmd, str) or cmd not in FIELDS:
        raise Refused(f"cmd {cmd!r} is not one of {', '.join(FIELDS)}")
    needed = set(FIELDS[cmd])
    allowed = needed | {"cmd"} | ({"symbol"} if cmd in PHASES else set())
    if missing := sorted(needed - asked.keys()):
        raise Refused(f"{cmd} needs {missing[0]}")
    if unknown := sorted(asked.keys() - allowed):
        raise Refused(f"{cmd} does not take {unknown[0]}")
    for name, value in asked.items():
        if not isinstance(value, dict if name == "script" else str):
            raise Refused(f"{cmd}: {name} must be {'an object' if name == 'script' else 'text'}")
    return cmd


def _lots(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(f"lots {text!r}: must be a whole number")
    return int(text)


def _price(text: str) -> int:
    try:
        return nanos_from_wire(text.encode())
    except ValueError as error:
        raise Refused(f"price: {error}") from None


def _utc(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9 // 1000:06d}Z"
