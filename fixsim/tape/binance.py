"""Importer: Binance depth updates, trades, best levels and snapshots to a tape of kind `levels`.

Files of `<local ns> <raw JSON>` lines (see binance_messages), of one symbol of one product: spot, USD-M or
COIN-M futures; several files follow each other. Rows:

    snapshot      CLEAR, then SNAPSHOT for every level, then the updates that it does not have
    depthUpdate   LEVEL for every level; `sequence` is u. Continuity: see binance_sync
    trade         TRADE (AGGRESSOR: no maker's id), `sequence` the trade's id; what the venue calls other
                  than MARKET (insurance fund, auto-deleveraging) met no book: HIDDEN_TRADE
    bookTicker    QUOTE for each side, `sequence` its update id

`time_ns` is the recorder's clock, `receive_time_ns` too; `venue_time_ns` is the matching engine's time (T;
spot has only the message's E, and no time in bookTicker). An update that waited for its snapshot keeps the
time at which it was received, and is applied at the snapshot's.

Missing updates: a CLEAR flagged GAP_BEFORE, and no levels until the next snapshot (`sequence_gaps`; what fell
into such a time, or came before the first snapshot, is counted as `updates_without_book`). A hole in the
trades' ids is GAP_BEFORE on the trade. Whenever the stream allows it (the best level was told after the last
update, and the next came without another) the touch is compared with bookTicker: `quotes_unlike_book`.

Levels deeper than the snapshot's are unknown until they change. Lots are 1e-8 of the coin; on COIN-M they are
contracts, worth a number of USD that the exchange's contract table says (100 for BTCUSD). The tick is not in
the files: without --tick it is the greatest common divisor of all prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from math import gcd
from pathlib import Path
from typing import Final, cast

from fixsim.tape.binance_messages import (
    FAULTS,
    Depth,
    Level,
    Other,
    Parsed,
    Product,
    Snapshot,
    Ticker,
    Trade,
    parse,
)
from fixsim.tape.binance_sync import Sync, Update, Verdict
from fixsim.tape.format import TapeError
from fixsim.tape.importers import Request, usable_lines
from fixsim.tape.schema import Flag, Type
from fixsim.tape.source import SourceFile
from fixsim.tape.touch import Touch
from fixsim.tape.writer import TapeWriter

PEEK_ROWS: Final = 1000
_VENUES = {
    Product.SPOT: "BINANCE-SPOT",
    Product.USD_M: "BINANCE-USDM",
    Product.COIN_M: "BINANCE-COINM",
}


def import_binance(request: Request) -> list[Path]:
    """Import files of one symbol that follow each other; the tape's folder. Raises TapeError."""
    request.refuse("binance-l2", date="local times are in the files", lots_per_unit="its products set it")
    product, symbol = _whose(request)
    with ExitStack() as opened:
        sources = [opened.enter_context(request.open(path)) for path in request.files]
        writer = opened.enter_context(
            TapeWriter(
                request.out,
                format="binance-l2",
                kind="levels",
                venue=request.venue or _VENUES[product],
                symbol=request.symbol or symbol,
                tick_nanos=request.tick_nanos or 1,
                lots_per_unit=10**product.decimals,
                quarantine=request.quarantine,
            )
        )
        book = BinanceBook(writer, product, symbol, request.tick_nanos)
        for source in sources:
            book.file = writer.reads(source)
            for row, line in usable_lines(source, writer, book.file):
                book.take(row, line)
        book.end()
    return [writer.folder]


def _whose(request: Request) -> tuple[Product, str]:
    """Product and symbol, by the first row that names them; the rest is held against it."""
    for path in request.files[:1]:
        with SourceFile(path) as source:
            for row, line in source.lines():
                if row > PEEK_ROWS:
                    break
                try:
                    parsed = parse(line)
                except FAULTS:
                    continue  # it is rejected when its turn comes
                said = parsed.product is not None and not isinstance(parsed.message, Trade)
                if said and parsed.symbol is not None:
                    return cast(Product, parsed.product), parsed.symbol
    raise TapeError(f"{request.files[0].name}: none of the first {PEEK_ROWS} rows is Binance market data")


class BinanceBook:
    """Follows one recording and writes its rows."""

    def __init__(self, writer: TapeWriter, product: Product, symbol: str, tick_nanos: int | None) -> None:
        self.file = 0
        self._writer = writer
        self._product, self._symbol = product, symbol
        self._futures = Product.COIN_M if product is Product.COIN_M else Product.USD_M
        self._tick_nanos, self._common = tick_nanos, 0
        self._sync: Sync[tuple[int, int, int, Depth]] = Sync()
        self._touch = Touch()
        self._time_ns = self._venue_time_ns = 0
        self._snapshots = 0
        self._trade_id: int | None = None
        self._ticker: Ticker | None = None
        self._after: tuple[int, Level, Level] | None = None  # id of the last update, and the touch after it
        self._compared = self._unlike = 0

    def take(self, row: int, line: bytes) -> None:
        """The next line of the file; what cannot be used is rejected."""
        try:
            parsed = parse(line, self._futures)
            self._check(parsed)
        except FAULTS as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            self._writer.reject(self.file, row, reason, line)
            return
        self._time_ns = parsed.time_ns
        message = parsed.message
        if isinstance(message, Depth):
            self._depth(row, message)
        elif isinstance(message, Trade):
            self._trade(row, message)
        elif isinstance(message, Ticker):
            self._quote(row, message)
        elif isinstance(message, Snapshot):
            self._snapshot(row, message)
        else:
            self._writer.count(f"ignored_{message.name}")

    def _check(self, parsed: Parsed) -> None:
        """What one line cannot know. Raises ValueError."""
        if parsed.time_ns < self._time_ns:
            raise ValueError(f"local time runs backwards, from {self._time_ns} to {parsed.time_ns}")
        if isinstance(parsed.message, Other):
            return
        if parsed.product is not self._product or parsed.symbol not in (None, self._symbol):
            assert parsed.product is not None
            raise ValueError(
                f"is of {parsed.product.value} {parsed.symbol or ''}, the recording of"
                f" {self._product.value} {self._symbol}: one symbol of one product makes a tape"
            )
        for price in _prices(parsed.message):
            self._common = gcd(self._common, price)
            if self._tick_nanos and price % self._tick_nanos:
                raise ValueError(f"price {price} nanos is not a multiple of the tick {self._tick_nanos}")

    def end(self) -> None:
        """Nothing comes any more: what is known of the whole."""
        writer = self._writer
        writer.count("updates_without_book", self._sync.end())
        writer.count("quotes_unlike_book", self._unlike)
        if not self._tick_nanos:
            writer.meta.tick_nanos = max(self._common, 1)
            writer.note("The tick is the greatest common divisor of all prices.")
        if not self._snapshots:
            writer.note("No snapshot: depth updates could not be applied, the tape has no levels.")
        if self._compared:
            writer.note(f"The touch was compared with bookTicker {self._compared} times.")
        if self._product is Product.COIN_M:
            writer.note("Quantities are contracts in USD, not coins.")

    # Depth

    def _depth(self, row: int, depth: Depth) -> None:
        update = Update(depth.first, depth.last, depth.before, (row, self.file, self._time_ns, depth))
        verdict = self._sync.update(update)
        if verdict is Verdict.OLD:
            self._writer.count("updates_old")
        elif verdict is Verdict.MISSING:
            self._writer.count("sequence_gaps")
            self._clear(row, Flag.GAP_BEFORE, depth.venue_time_ns)
        elif verdict is Verdict.APPLY:
            self._apply(row, self.file, self._time_ns, depth)

    def _snapshot(self, row: int, snapshot: Snapshot) -> None:
        later = self._sync.snapshot(snapshot.last_id)
        if later is None:
            self._writer.count("snapshots_too_old")
            return
        self._clear(row, 0, snapshot.venue_time_ns)
        opening = 0 if self._snapshots else Flag.OPENING
        self._snapshots += 1
        levels = [(1, level) for level in snapshot.bids] + [(-1, level) for level in snapshot.offers]
        for sign, (price, quantity) in levels:
            self._touch.put(sign, price, quantity)
            self._row(
                row, Type.SNAPSHOT, sign, price, quantity, opening, snapshot.last_id, snapshot.venue_time_ns
            )
        for update in later:
            self._apply(*update.body)

    def _apply(self, row: int, file: int, received_ns: int, depth: Depth) -> None:
        levels = [(1, level) for level in depth.bids] + [(-1, level) for level in depth.offers]
        for sign, (price, quantity) in levels:
            self._touch.put(sign, price, quantity)
        crossed = Flag.CROSSED if self._touch.crossed else 0
        for i, (sign, (price, quantity)) in enumerate(levels):
            flags = crossed if i == len(levels) - 1 else 0  # a message is applied as a whole
            self._writer.row(
                self._time_ns,
                Type.LEVEL,
                sign,
                price,
                quantity,
                row=row,
                file=file,
                sequence=depth.last,
                venue_time_ns=depth.venue_time_ns,
                receive_time_ns=received_ns,
                flags=flags | self._late(depth.venue_time_ns),
            )
        self._after = depth.last, self._best(1), self._best(-1)

    def _clear(self, row: int, flags: int, venue_time_ns: int | None) -> None:
        self._touch.clear()
        self._after = None
        self._row(row, Type.CLEAR, 0, None, None, flags, None, venue_time_ns)

    def _best(self, sign: int) -> Level:
        price = self._touch.best(sign)
        return (0, 0) if price is None else (price, self._touch.total(sign, price))

    # Trades and best levels

    def _trade(self, row: int, trade: Trade) -> None:
        if not trade.price or not trade.quantity:
            self._writer.count("trades_empty")
            return
        flags = int(Flag.AGGRESSOR)
        if self._trade_id is not None and trade.trade_id != self._trade_id + 1:
            flags |= Flag.GAP_BEFORE
            self._writer.count("trade_id_gaps")
        self._trade_id = trade.trade_id
        kind = Type.TRADE if trade.kind == "MARKET" else Type.HIDDEN_TRADE
        self._row(
            row, kind, trade.sign, trade.price, trade.quantity, flags, trade.trade_id, trade.venue_time_ns
        )

    def _quote(self, row: int, ticker: Ticker) -> None:
        self._compare(ticker)
        self._ticker = ticker
        for sign, (price, quantity) in ((1, ticker.bid), (-1, ticker.offer)):
            self._row(row, Type.QUOTE, sign, price, quantity, 0, ticker.update_id, ticker.venue_time_ns)

    def _compare(self, coming: Ticker) -> None:
        """Between two best levels that the venue told of nothing happened at the touch: was the book so?"""
        if self._after is None or self._ticker is None:
            return
        last_id, bid, offer = self._after
        if self._ticker.update_id <= last_id < coming.update_id:
            self._compared += 1
            self._unlike += (bid, offer) != (self._ticker.bid, self._ticker.offer)
            self._after = None

    def _row(
        self,
        row: int,
        kind: Type,
        sign: int,
        price: int | None,
        quantity: int | None,
        flags: int,
        sequence: int | None,
        venue_time_ns: int | None,
    ) -> None:
        self._writer.row(
            self._time_ns,
            kind,
            sign,
            price,
            quantity,
            row=row,
            file=self.file,
            sequence=sequence,
            venue_time_ns=venue_time_ns,
            receive_time_ns=self._time_ns,
            flags=flags | self._late(venue_time_ns),
        )

    def _late(self, venue_time_ns: int | None) -> int:
        if venue_time_ns is None:
            return 0
        late = venue_time_ns < self._venue_time_ns
        self._venue_time_ns = venue_time_ns
        return int(Flag.LATE) if late else 0


def _prices(message: Depth | Trade | Ticker | Snapshot) -> Iterator[int]:
    if isinstance(message, Trade):
        yield message.price
    elif isinstance(message, Ticker):
        yield from (message.bid[0], message.offer[0])
    else:
        yield from (price for levels in (message.bids, message.offers) for price, _ in levels)
