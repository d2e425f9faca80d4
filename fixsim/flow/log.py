"""What generated flows share on the Python side: the loop around a kernel, and the log that it fills.

A flow's kernel stops before an act that would not fit, whatever does not: the market's fills, its orders,
the log's rows. A full log is emptied and the kernel goes on; anything else is the market's to refuse.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import ACT_ROWS, EVENTS, LOG_FULL, LOST, ROWS, VOID, Acts, acts
from fixsim.matching import BookFull, Market, MatchingError
from fixsim.matching.layout import Code, Core, Records

MOST_EVENTS = 1 << 62
"""No bound on one call's events."""

_WHY = {
    Code.FILLS_FULL: "the fills that fills() has not drained leave no room for more (Capacity.fills)",
    Code.ORDERS_FULL: "too many orders rest (Capacity.orders)",
    Code.LEVELS_FULL: "too many prices lie outside the window (Capacity.overflow; changes() frees some)",
}


class Log:
    """What becomes of a flow's rows: whoever wants them overrides `opening` and `take`. Arrays are copies."""

    def __init__(self, *, levels: int = 10, rows: int = 1 << 14) -> None:
        """`levels` a side after each row; room for `rows` between two drains, at least 512."""
        self.levels = levels
        self.rows = rows
        self._acts: Acts | None = None
        self._opened = False

    def opening(self, rows: Records) -> None:
        """Orders (ROW records) that were there when the flow began; there may be several calls."""

    def take(self, rows: Records, px: NDArray[np.int64], qty: NDArray[np.int64]) -> None:
        """ROW records [n], and prices and quantities [n, 2, levels] after each."""

    def bind(self, acts: Acts) -> None:
        """The flow that fills this log: one."""
        if self._acts is not None:
            raise ValueError("a log belongs to one flow")
        self._acts = acts

    def keep_room(self, rows: int) -> None:
        """Drain if fewer rows are free."""
        if self._acts is not None and len(self._acts.rows) - int(self._acts.state[ROWS]) < rows:
            self.drain()

    def begins(self) -> None:
        """What was logged so far is the opening; what comes is the flow."""
        self.drain()
        self._opened = True

    def drain(self) -> None:
        """Hand over the rows since the last call."""
        acts = self._acts
        if acts is None:
            return
        n = int(acts.state[ROWS])
        if acts.state[LOST]:
            raise MatchingError(
                f"one act of a flow had more than {ACT_ROWS} rows: {acts.state[LOST]} were lost"
            )
        acts.state[ROWS] = 0
        if not n:
            return
        if not self._opened:
            self.opening(acts.rows[:n].copy())
        else:
            self.take(acts.rows[:n].copy(), acts.px[:n].copy(), acts.qty[:n].copy())


class Hands:
    """A flow's hold on its market: the arrays its kernels get, and what to do when one of them stops."""

    def __init__(self, market: Market, log: Log | None) -> None:
        if market.counts().resting:
            raise MatchingError("generated flow begins in an empty market: orders rest in this one")
        if market.capacity.recorded <= market.capacity.orders:
            raise MatchingError(
                f"Capacity.recorded {market.capacity.recorded} is not above Capacity.orders"
                f" {market.capacity.orders}: ordinals of generated flow are used again, and need room"
            )
        self.market = market
        self.core: Core = market.core
        self.log = log
        rows, levels = (max(log.rows, 2 * ACT_ROWS), log.levels) if log else (0, 1)
        self.acts = acts(market.capacity, rows=rows, levels=levels)
        if log is not None:
            log.bind(self.acts)

    def opened(self) -> None:
        """The first book is there: it is in depth(), not in changes()."""
        self.market.changes()
        if self.log is not None:
            self.log.begins()

    @property
    def events(self) -> int:
        return int(self.acts.state[EVENTS])

    @property
    def void(self) -> int:
        """Events that met nothing they could act upon."""
        return int(self.acts.state[VOID])

    def all(self, kernel: Callable[[], tuple[int, int]]) -> int:
        """Call `kernel` until it answers Code.OK: all its events. BookFull if the market has no room."""
        done = 0
        while True:
            code, n = kernel()
            done += n
            if code == LOG_FULL and self.log is not None:
                self.log.drain()
            elif code == Code.OK:
                return done
            else:
                self.refuse(code)

    def refuse(self, code: int) -> None:
        """Raise what a code says; nothing for Code.OK."""
        if code == Code.OK:
            return
        known = Code(code)
        if known in _WHY:
            raise BookFull(f"generated flow: {_WHY[known]}")
        raise MatchingError(f"generated flow: event {self.events}: {known.name}")
