"""Does a tape give back what was recorded? Feed its orders and cancels; compare every match, the end book."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fixsim.matching.capacity import Capacity
from fixsim.matching.errors import BookFull, MatchingError
from fixsim.matching.layout import Records
from fixsim.matching.market import Market
from fixsim.tape.format import Tape, TapeError

_CHUNK = 4096  # events between two drains


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Counts of one verification. `ok` means that nothing differs."""

    venues: int
    events: int
    opening_orders: int
    matches: int
    matches_recorded: int
    matches_equal: int
    """Equal to the recorded match at the same place: price, quantity, maker, taker."""
    end_orders: int
    end_orders_recorded: int
    end_orders_equal: int
    """Equal to a recorded end order: ordinal, side, price, quantity."""
    queue_equal: bool
    """With the venues merged by arrival, the end orders also stand in the recorded order."""
    cancels_ignored: int
    displaced: int
    digest: str

    @property
    def ok(self) -> bool:
        """Every match and every end order is exactly as recorded, and nothing more."""
        return (
            self.matches == self.matches_recorded == self.matches_equal
            and self.end_orders == self.end_orders_recorded == self.end_orders_equal
            and self.queue_equal
            and self.cancels_ignored == self.displaced == 0
        )


def verify(tape: Tape, venues: int = 1, capacity: Capacity | None = None) -> VerifyReport:
    """Replay `tape` over `venues` lit venues with no participant, and compare.

    TapeError: there is no event, or what does not fit into a market.
    """
    if not len(tape.events):
        raise TapeError(f"{tape.symbol}: there is no event to replay")
    try:
        market = Market.for_tape(tape, venues, capacity=capacity)
        fills = _replayed(market, tape)
    except MatchingError as error:
        raise TapeError(f"{tape.symbol}: cannot be replayed: {error}") from None
    orders = end_book(market)
    counts = market.counts()
    return VerifyReport(
        venues=venues,
        events=counts.events,
        opening_orders=len(tape.opening),
        matches=len(fills),
        matches_recorded=len(tape.matches),
        matches_equal=_equal_matches(fills, tape.matches),
        end_orders=len(orders),
        end_orders_recorded=len(tape.end),
        end_orders_equal=len(_rows(orders, "key") & _rows(tape.end, "ordinal")),
        queue_equal=np.array_equal(orders["key"], tape.end["ordinal"]),
        cancels_ignored=counts.ignored,
        displaced=counts.displaced,
        digest=market.digest(),
    )


def _replayed(market: Market, tape: Tape) -> Records:
    """All fills. What a chunk has room for is drained before the rest of it is fed."""
    taken: list[Records] = []
    while market.next_time_ns is not None:
        at = market.counts().events
        last = min(at + _CHUNK, len(tape.events)) - 1
        try:
            market.step_until(int(tape.events["time_ns"][last]))
        except BookFull:
            if market.counts().events == at:
                raise
        taken.append(market.fills())
        market.changes()
    return np.concatenate(taken)


def end_book(market: Market) -> Records:
    """RESTING records of all venues as one book: bids, then asks, best price first, then by arrival."""
    orders = np.concatenate([market.orders(venue) for venue in range(market.venues)])
    sign = orders["sign"]
    return orders[np.lexsort((orders["arrival"], -sign * orders["px"], -sign))]


def _equal_matches(fills: Records, matches: Records) -> int:
    n = min(len(fills), len(matches))
    pairs = (("px", "px"), ("qty", "qty"), ("maker_key", "maker"), ("taker_key", "taker"))
    equal = np.ones(n, np.bool_)
    for ours, theirs in pairs:
        equal &= fills[ours][:n] == matches[theirs][:n]
    return int(equal.sum())


def _rows(orders: Records, key: str) -> set[tuple[int, int, int, int]]:
    columns = (orders[name].tolist() for name in (key, "sign", "px", "qty"))
    return set(zip(*columns, strict=True))
