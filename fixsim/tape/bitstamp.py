"""Importer: Bitstamp's order events of 2015, as recorded with the local time, to a tape of kind `edits`.

Two kinds of files are read (see bitstamp_messages), told apart by their first line. The log has everything;
the csv is its order events alone. There is no sequence number and no opening snapshot: orders that were there
before are known from the first time they are named (UNKNOWN_ORDER), and until then the book is incomplete. A
silence of order events beyond `gap_ns` is GAP_BEFORE.

**Executions and cancels.** The venue deletes a cancelled order with the amount that was left of it, and an
executed one with nothing; it says `changed` when an order is executed in part (or when it moves the price of
an order itself: then price and amount change together, and no trade belongs to it). So
- deleted, amount left: DELETE;
- changed or deleted at 0: an execution, whose other side bitstamp_pairs finds: TRADE on the maker, with the
  trade's id in `sequence`; the taker, which the venue shows in the book at its whole amount before it trades,
  loses it in a REDUCE or DELETE flagged TAKER (no volume of its own);
- the same without another side: REDUCE or DELETE flagged MISMATCH, counted `reductions_unpaired`; a pair
  without a trade's message: TRADE flagged MISMATCH (where the file has trades), `trades_unannounced`; a
  trade's message without its maker: TRADE without order_id, `trades_without_maker`;
- moved in price: DELETE and ADD of the same order in one row, `orders_repriced`.

Messages overtake each other now and then. An order created after its own deletion or change, a second
deletion, a change of what is gone: they change nothing, and their row is a DELETE (REDUCE, where the order
rests) of 0 lots flagged LATE and MISMATCH.

`order_book` (twenty levels) gives QUOTE rows: the venue's own touch. Where ours differs when it comes is
counted as `quotes_unlike_book`. Times: `receive_time_ns` is the recorder's, in milliseconds, and orders the
tape; `venue_time_ns` is known of created orders alone, in seconds. Lots are 1e-8 BTC.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from fixsim.tape.bitstamp_messages import (
    CSV_HEADER,
    FAULTS,
    MS,
    Event,
    Order,
    Quote,
    Trade,
    parse_csv,
    parse_log,
)
from fixsim.tape.bitstamp_pairs import SLACK, Held, Pairs, Role
from fixsim.tape.importers import Request, usable_lines
from fixsim.tape.schema import Flag, Type
from fixsim.tape.source import SourceFile
from fixsim.tape.touch import Touch
from fixsim.tape.writer import TapeWriter

TICK_NANOS: Final = 10_000_000
LOTS_PER_UNIT: Final = 100_000_000
GAP_NS: Final = 10_000_000_000
MAX_GONE: Final = 1 << 16
"""Orders that are gone and still recognised, when a message of theirs comes late."""

_MOVED = Flag.LATE | Flag.MISMATCH


def import_bitstamp(request: Request, gap_ns: int = GAP_NS) -> list[Path]:
    """Import recordings that follow each other; the tape's folder. Raises TapeError: file, row, reason."""
    request.refuse("bitstamp", date="local times are in the files", lots_per_unit="its lots are 1e-8")
    with ExitStack() as opened:
        sources = [opened.enter_context(request.open(path)) for path in request.files]
        writer = opened.enter_context(
            TapeWriter(
                request.out,
                format="bitstamp",
                kind="edits",
                venue=request.venue or "BITSTAMP",
                symbol=request.symbol or "BTC-USD",
                tick_nanos=request.tick_nanos or TICK_NANOS,
                lots_per_unit=LOTS_PER_UNIT,
                quarantine=request.quarantine,
            )
        )
        book = BitstampBook(writer, gap_ns)
        for source in sources:
            book.file = writer.reads(source)
            for row, time_ns, event in _events(source, writer, book):
                book.take(row, time_ns, event)
            book.flush()
        writer.note(
            "No opening snapshot: orders from before the recording show when they are first named"
            " (UNKNOWN_ORDER); until then the book is incomplete."
        )
        if not book.has_trades:
            writer.note("The source has no trade messages: every execution is inferred from both its orders.")
    return [writer.folder]


def _events(source: SourceFile, writer: TapeWriter, book: BitstampBook) -> Iterator[tuple[int, int, Event]]:
    """(row, local time in ns, event) of one file; what cannot be read is rejected."""
    parse: Callable[[bytes], tuple[int, Event]] | None = None
    for row, line in usable_lines(source, writer, book.file):
        if parse is None:
            parse = parse_csv if line == CSV_HEADER else parse_log
            book.begin(has_trades=parse is parse_log)
            if parse is parse_csv:
                continue
        try:
            time_ns, event = parse(line)
            if time_ns < book.time_ns:
                before = book.time_ns // MS
                raise ValueError(f"local time runs backwards, from {before} ms to {time_ns // MS} ms")
        except FAULTS as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            writer.reject(book.file, row, reason, line)
            continue
        book.time_ns = time_ns
        yield row, time_ns, event


class BitstampBook:
    """Orders as the venue tells of them: what each event did, held until its trade is known, then written."""

    def __init__(self, writer: TapeWriter, gap_ns: int = GAP_NS) -> None:
        self.file = 0
        self.time_ns = 0
        """Of the last event."""
        self.has_trades = False
        self._writer = writer
        self._gap_ns = gap_ns
        self._pairs = Pairs()
        self._live: dict[int, tuple[int, int, int, int | None]] = {}  # price, left, sign, came
        self._gone: OrderedDict[int, None] = OrderedDict()
        self._quotes: dict[int, Quote] = {}
        self._last_order_ns: int | None = None
        self._last_created_ns = 0
        self._touch = Touch()

    def begin(self, *, has_trades: bool) -> None:
        """What follows is of a log (`has_trades`), or of a csv."""
        self.has_trades |= has_trades
        self._pairs.slack = 0 if has_trades else SLACK

    def take(self, row: int, time_ns: int, event: Event) -> None:
        """The next event of the file."""
        if isinstance(event, Trade):
            held = Held(row, time_ns, 0, None, event.price, event.quantity, trade=True)
            held.trade_id, held.trade_price = event.trade_id, event.price
            self._push(held)
        elif isinstance(event, Quote):
            self._quotes[row] = event
            self._push(Held(row, time_ns, 0, None, 0, 0, role=Role.PLAIN, row_type=Type.QUOTE))
        else:
            for held in self._order(row, time_ns, event):
                self._push(held)

    def flush(self) -> None:
        """The file is at its end."""
        for held in self._pairs.flush():
            self._write(held)

    def _push(self, held: Held) -> None:
        for done in self._pairs.push(held):
            self._write(done)

    def _order(self, row: int, time_ns: int, order: Order) -> Iterator[Held]:
        """What an order's event did: one or two that wait."""
        flags = self._gap(time_ns)
        left = self._live.get(order.order_id)
        if order.order_id in self._gone or (order.what == "created" and left is not None):
            kind = Type.DELETE if left is None else Type.REDUCE
            yield self._plain(row, time_ns, order, kind, order.price, 0, flags | _MOVED)
            return
        if order.what == "created":
            yield self._came(row, time_ns, order, flags)
            return
        if left is None:
            yield from self._unseen(row, time_ns, order, flags | Flag.UNKNOWN_ORDER)
            return
        price, quantity, sign, came_ns = left
        if sign != order.sign:
            flags |= Flag.MISMATCH
        taken = quantity - order.quantity
        if order.what == "changed" and order.price != price:
            self._writer.count("orders_repriced")
            yield self._plain(row, time_ns, order, Type.DELETE, price, quantity, flags)
            self._live[order.order_id] = (order.price, order.quantity, sign, came_ns)
            yield self._plain(row, time_ns, order, Type.ADD, order.price, order.quantity, 0)
            return
        if order.what == "deleted":
            self._leave(order.order_id)
        else:
            self._live[order.order_id] = (price, order.quantity, sign, came_ns)
        if order.what == "deleted" and order.quantity:
            wrong = Flag.MISMATCH if taken else Flag(0)
            yield self._plain(row, time_ns, order, Type.DELETE, price, quantity, flags | wrong)
        elif taken > 0:
            yield Held(
                row,
                time_ns,
                sign,
                order.order_id,
                price,
                taken,
                order.what == "deleted",
                came_ns,
                flags=flags,
            )
        else:  # says again what is known, or that there is more
            yield self._plain(row, time_ns, order, Type.REDUCE, price, 0, flags | Flag.MISMATCH)
            if taken < 0:
                yield self._plain(row, time_ns, order, Type.ADD, price, -taken, flags | Flag.MISMATCH)

    def _unseen(self, row: int, time_ns: int, order: Order, flags: int) -> Iterator[Held]:
        """An order from before the recording, or from a gap, is named for the first time."""
        if order.what == "deleted":
            self._leave(order.order_id)
            if order.quantity:
                yield self._plain(row, time_ns, order, Type.DELETE, order.price, order.quantity, flags)
                return
        yield Held(
            row, time_ns, order.sign, order.order_id, order.price, None, not order.quantity, flags=flags
        )
        if order.what == "changed":
            self._live[order.order_id] = (order.price, order.quantity, order.sign, None)
            yield self._plain(row, time_ns, order, Type.ADD, order.price, order.quantity, flags)

    def _came(self, row: int, time_ns: int, order: Order, flags: int) -> Held:
        self._live[order.order_id] = (order.price, order.quantity, order.sign, time_ns)
        if order.created_ns < self._last_created_ns:
            flags |= Flag.LATE
        self._last_created_ns = order.created_ns
        held = self._plain(row, time_ns, order, Type.ADD, order.price, order.quantity, flags)
        held.venue_time_ns = order.created_ns
        return held

    def _plain(
        self, row: int, time_ns: int, order: Order, kind: Type, price: int, quantity: int, flags: int
    ) -> Held:
        held = Held(row, time_ns, order.sign, order.order_id, price, quantity, role=Role.PLAIN)
        held.row_type, held.flags = kind, flags
        return held

    def _leave(self, order_id: int) -> None:
        self._live.pop(order_id, None)
        self._gone[order_id] = None
        if len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)

    def _gap(self, time_ns: int) -> int:
        before, self._last_order_ns = self._last_order_ns, time_ns
        silent = before is not None and time_ns - before > self._gap_ns
        return int(Flag.GAP_BEFORE) if silent else 0

    # What is decided becomes rows

    def _write(self, held: Held) -> None:
        if held.row_type is Type.QUOTE:
            self._write_quote(held)
        elif held.trade:
            self._write_trade_message(held)
        elif held.role is Role.PLAIN:
            change = (held.taken or 0) if held.row_type is Type.ADD else self._off(held)
            self._row(held, held.row_type, held.taken, held.flags, change)
        elif held.role is Role.MAKER:
            unlike = Flag.MISMATCH if self.has_trades and not held.announced else 0
            self._writer.count("trades_unannounced", int(bool(unlike)))
            self._row(held, Type.TRADE, held.taken, held.flags | unlike, self._off(held))
        else:
            flags = held.flags | (Flag.TAKER if held.role is Role.TAKER else Flag.MISMATCH)
            if held.role is Role.OPEN:
                self._writer.count("reductions_unpaired")
            if held.whole or held.taken is not None:  # a change by an unknown amount says nothing yet
                kind = Type.DELETE if held.whole else Type.REDUCE
                self._row(held, kind, held.taken, flags, self._off(held))

    def _off(self, held: Held) -> int:
        """By how much the held reduction changes the book."""
        return 0 if held.flags & Flag.UNKNOWN_ORDER else -(held.taken or 0)

    def _row(self, held: Held, kind: Type, quantity: int | None, flags: int, change: int) -> None:
        if change:
            self._touch.add(held.sign, held.price, change)
        price = held.price if held.trade_price is None or kind is not Type.TRADE else held.trade_price
        self._writer.row(
            held.time_ns,
            kind,
            held.sign,
            price,
            quantity,
            row=held.row,
            file=self.file,
            order_id=held.order_id,
            contra_id=held.contra_id,
            venue_time_ns=held.venue_time_ns,
            receive_time_ns=held.time_ns,
            sequence=held.trade_id,
            flags=flags | (Flag.CROSSED if self._touch.crossed else 0),
        )

    def _write_trade_message(self, held: Held) -> None:
        """A trade whose maker is not known; its maker's reduction tells of any other."""
        if held.role is not Role.MERGED:
            self._writer.count("trades_without_maker")
            self._row(held, Type.TRADE, held.taken, Flag.UNKNOWN_ORDER | Flag.AGGRESSOR, 0)

    def _write_quote(self, held: Held) -> None:
        quote = self._quotes.pop(held.row)
        for sign, level in ((1, quote.bid), (-1, quote.offer)):
            price, quantity = level or (0, 0)
            self._writer.count("quotes_unlike_book", int((self._touch.best(sign) or 0) != price))
            held.sign, held.price = sign, price
            self._row(held, Type.QUOTE, quantity, 0, 0)
