"""The venues' own record: every order, change and fill, one JSON object a line.

It is written from the venue's side alone, so that comparing it with the router's journal compares two
witnesses. Lines are in the order things happened; `time_ns` is when they happened in the engine (not when a
report left). Every line has `event`, `time_ns` and `venue`; the other keys depend on the event:

    order          session cl_ord_id order_id symbol side ord_type tif qty_lots price_nanos
    rejected       session cl_ord_id reason text
    replaced       session cl_ord_id orig_cl_ord_id order_id qty_lots price_nanos cum_lots leaves_lots
    fill           session cl_ord_id order_id exec_id symbol side price_nanos qty_lots fee_nanos liquidity
                   cum_lots leaves_lots
    canceled       session cl_ord_id orig_cl_ord_id order_id cum_lots (the remainder of an IOC: orig = own)
    cancel_refused session cl_ord_id orig_cl_ord_id reason text
    restated       session cl_ord_id order_id qty_lots cum_lots leaves_lots text
    busted         session cl_ord_id order_id exec_id exec_ref_id price_nanos qty_lots fee_nanos (given back:
                   the fill's, with its sign turned) cum_lots leaves_lots text
    corrected      session cl_ord_id order_id exec_id exec_ref_id price_nanos qty_lots fee_nanos (instead of
                   the fill's) cum_lots leaves_lots text
    fault          script number do session cl_ord_id text: what a fault script did, and to whom ("": to the
                   venue); number counts from 0 in the script's file
    admin          text: what an operator did at the admin console
    open           session cl_ord_id order_id qty_lots cum_lots leaves_lots (one for each, at the end)
    bounds         session cl_ord_id order_id price_nanos qty_lots optimistic_lots fifo_lots
                   conservative_lots: at the end, for each stay of a displayed order at a price of a lit
                   venue; then, with venue "" and symbol for an order, the sums (see fixsim/bounds.py)
    end            venue "": time_ns, orders, fills, state (digest of the lit books): the last line

Side is the wire's (1 buy, 2 sell, 5, 6); liquidity is LastLiquidityInd(851): 1 added, 2 removed; 0 in an
auction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

Value = str | int | None
_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
quoted: Callable[[str], str] = json.encoder.encode_basestring_ascii
"""Any text as JSON. Names out of the settings (venue, session, symbol) are their own."""


class Record:
    """Turns happenings into lines for `sink`, which gets each whole line with its newline."""

    __slots__ = ("_sink", "fills", "orders")

    def __init__(self, sink: Callable[[str], object]) -> None:
        self._sink = sink
        self.orders = 0
        self.fills = 0

    def write(self, event: str, time_ns: int, venue: str, **fields: Value) -> None:
        line = [f'{{"event":"{event}","time_ns":{time_ns},"venue":"{venue}"']
        for name, value in fields.items():
            if type(value) is int:
                line.append(f',"{name}":{value}')
            elif type(value) is str:
                line.append(f',"{name}":{quoted(value)}')
            else:
                line.append(f',"{name}":{_dump(value)}')
        line.append("}\n")
        self.put(event, "".join(line))

    def put(self, event: str, line: str) -> None:
        """A whole line that its event's author has put together."""
        if event == "fill":
            self.fills += 1
        elif event == "order":
            self.orders += 1
        self._sink(line)

    def end(self, time_ns: int, state: str) -> None:
        """The last line: with it the record is whole, without it the exchange died."""
        self.write("end", time_ns, "", orders=self.orders, fills=self.fills, state=state)


class RecordError(ValueError):
    """A record that cannot be read; names file, line and rule."""


def read_record(path: Path) -> Iterator[dict[str, Value]]:
    """The lines of a record, oldest first. A torn last line (the exchange was killed) is left out."""
    text = path.read_text(encoding="ascii")
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not line.endswith("\n"):
            return
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            raise RecordError(f"{path}:{number}: is not a JSON object") from None
        if not isinstance(entry, dict) or "event" not in entry:
            raise RecordError(f"{path}:{number}: has no event")
        yield entry
