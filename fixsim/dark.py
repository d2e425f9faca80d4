"""The dark venue: orders meet at the consolidated lit midpoint, first come first served.

Nothing rests visibly and there is no price discovery: every trade is at the midpoint of the lit venues'
best bid and offer, exact in half ticks. An order may carry a limit, which the midpoint must respect, and a
minimum quantity: no single fill is smaller than it, except one that completes the order. An order whose
minimum cannot be met is passed over and keeps its place. With no midpoint (a lit side empty, or crossed)
nothing trades.

The other side is a seeded process: hidden midpoint pegs arrive by a Poisson clock with a side, a size and a
lifetime (exponential, within bounds). Times come out of deadline_ns(): whoever drives the venue calls
advance() then, and whenever the midpoint moved. No clock is read; the same seed and the same calls give the
same fills.

Units as in fixsim/matching/layout.py. Participants' keys are below 0, hidden orders' 0 and up.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sortedcontainers import SortedList

from fixsim.matching import BookFull, DuplicateOrder, Kind, MatchingError, Submitted, UnknownOrder

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class HiddenInterest:
    """What rests in the dark, other than participants' orders."""

    seed: int
    rate_per_s: float
    """Mean arrivals a second; 0: none."""
    buy_share: float
    """Probability that an arrival buys."""
    mean_lots: int
    min_lots: int
    max_lots: int
    round_lots: int
    """Sizes are multiples of it."""
    mean_lifetime_ns: int
    max_resting: int
    """An arrival beyond it is turned away and counted."""

    def __post_init__(self) -> None:
        rules = (
            ("rate_per_s", self.rate_per_s, "0 to 1e6", 0 <= self.rate_per_s <= 1e6),
            ("buy_share", self.buy_share, "0 to 1", 0 <= self.buy_share <= 1),
            ("round_lots", self.round_lots, "1 or more", self.round_lots >= 1),
            (
                "min_lots",
                self.min_lots,
                "a multiple of round_lots",
                _multiple(self.min_lots, self.round_lots),
            ),
            ("mean_lots", self.mean_lots, "min_lots or more", self.mean_lots >= self.min_lots),
            ("max_lots", self.max_lots, "mean_lots or more", self.max_lots >= self.mean_lots),
            ("mean_lifetime_ns", self.mean_lifetime_ns, "1 or more", self.mean_lifetime_ns >= 1),
            ("max_resting", self.max_resting, "1 or more", self.max_resting >= 1),
        )
        for name, value, rule, kept in rules:
            if not kept:
                raise ValueError(f"HiddenInterest.{name} {value} is not {rule}")


class DarkFill(NamedTuple):
    """One trade; the fields of Market.fills(). The taker is the order that came last."""

    time_ns: int
    maker_key: int
    taker_key: int
    px: int
    qty: int
    maker_leaves: int
    taker_leaves: int
    aggressor_sign: int

    @property
    def maker_is_ours(self) -> bool:
        """The maker is a participant's order."""
        return self.maker_key < 0

    @property
    def taker_is_ours(self) -> bool:
        """The taker is a participant's order."""
        return self.taker_key < 0


@dataclass(slots=True)
class _Order:
    key: int
    sign: int
    leaves: int
    limit_px: int | None
    min_qty: int
    arrival: int
    expires_ns: int | None

    def takes(self, px: int) -> bool:
        return self.limit_px is None or self.sign * px <= self.sign * self.limit_px

    def accepts(self, qty: int) -> bool:
        return qty >= min(self.min_qty, self.leaves)


def consolidated(bids: Sequence[int], offers: Sequence[int]) -> tuple[int, int] | None:
    """The best of the lit venues' bids and offers; None if there are none of a side, or they are crossed."""
    if not bids or not offers or max(bids) > min(offers):
        return None
    return max(bids), min(offers)


def midpoint(far: tuple[int, int] | None) -> int | None:
    """The middle of a consolidated touch, exactly."""
    if far is None:
        return None
    bid, offer = far
    middle, odd = divmod(bid + offer, 2)
    if odd:
        raise ValueError(f"prices {bid} and {offer} are not both whole ticks: no exact midpoint")
    return middle


class DarkBook:
    """See the module. At most `own` participants' orders rest, and HiddenInterest.max_resting hidden ones."""

    def __init__(self, interest: HiddenInterest | None, start_ns: int, *, own: int = 4096) -> None:
        self._interest = interest
        self._own_max = own
        self._sides: dict[int, dict[int, _Order]] = {1: {}, -1: {}}  # in order of arrival
        self._expiries: SortedList[tuple[int, int, int]] = SortedList()  # (time, hidden key, sign)
        self._fills: list[DarkFill] = []
        self._state = interest.seed & _MASK if interest else 0
        self._arrivals = 0
        self._hidden = 0
        self._now_ns = start_ns
        self._mid_px: int | None = None
        self._next_ns = self._after(start_ns)
        self.turned_away = 0

    def submit(
        self,
        key: int,
        sign: int,
        qty: int,
        kind: Kind,
        now_ns: int,
        mid_px: int | None,
        *,
        limit_px: int | None = None,
        min_qty: int = 0,
    ) -> Submitted:
        """A midpoint order: a peg, which `limit_px` may bound, and what is left of it rests (LIMIT) or goes
        (IOC), or it trades in full or not at all (FOK). advance() is implied.
        """
        if key >= 0:
            raise MatchingError(f"order key {key} is not below 0 (0 and above are hidden interest)")
        if self._find(key) is not None:
            raise DuplicateOrder(f"order {key}: the key belongs to an order that rests")
        if sign not in (1, -1):
            raise MatchingError(f"sign {sign} is neither +1 nor -1 (order {key})")
        if kind not in (Kind.LIMIT, Kind.IOC, Kind.FOK):
            raise MatchingError(f"order {key}: a dark venue takes LIMIT, IOC and FOK, not {kind.name}")
        self._check(key, qty, limit_px)
        if not 0 <= min_qty <= qty:
            raise MatchingError(f"minimum quantity {min_qty} lots is not within 0 to {qty} (order {key})")
        if kind == Kind.LIMIT and sum(k < 0 for side in self._sides.values() for k in side) >= self._own_max:
            raise BookFull(f"order {key}: {self._own_max} participants' orders rest already")
        self.advance(now_ns, mid_px)
        order = _Order(key, sign, qty, limit_px, min_qty, self._arrival(), None)
        if kind != Kind.FOK or self._fills_whole(order):
            self._cross(order)
        if kind != Kind.LIMIT:
            return Submitted(qty - order.leaves, 0, order.leaves)
        self._rest(order)
        return Submitted(qty - order.leaves, order.leaves, 0)

    def cancel(self, key: int) -> int:
        """Remove a participant's order: the lots that were left of it, 0 if it no longer rests."""
        if key >= 0:
            raise MatchingError(f"order {key} is hidden interest, not a participant's (keys below 0)")
        order = self._find(key)
        if order is None:
            return 0
        self._remove(order)
        return order.leaves

    def replace(
        self, key: int, leaves_qty: int, now_ns: int, mid_px: int | None, *, limit_px: int | None = None
    ) -> Submitted:
        """A new *leaves* quantity and limit. advance() first: what trades meanwhile leaves less to replace.

        Time is kept for less quantity at the same limit, and lost otherwise.
        """
        self._check(key, leaves_qty, limit_px)
        self.advance(now_ns, mid_px)
        order = self._find(key)
        if order is None:
            raise UnknownOrder(f"order {key} does not rest")
        kept = limit_px == order.limit_px and leaves_qty <= order.leaves
        order.leaves, order.limit_px = leaves_qty, limit_px
        if kept:
            return Submitted(0, leaves_qty, 0)
        self._remove(order)
        order.arrival = self._arrival()
        self._cross(order)
        self._rest(order)
        return Submitted(leaves_qty - order.leaves, order.leaves, 0)

    def advance(self, now_ns: int, mid_px: int | None) -> None:
        """Bring the venue to `now_ns`, from when the midpoint is `mid_px`; until then the old one held."""
        if now_ns < self._now_ns:
            raise ValueError(f"time runs backwards: {now_ns} after {self._now_ns}")
        due_ns = self.deadline_ns()
        if mid_px == self._mid_px and (due_ns is None or due_ns > now_ns):
            self._now_ns = now_ns
            return
        self._hidden_until(now_ns - 1)
        self._now_ns = now_ns
        if mid_px != self._mid_px:
            self._mid_px = mid_px
            self._uncross()
        self._hidden_until(now_ns)

    def deadline_ns(self) -> int | None:
        """When hidden interest next comes or goes; None if never."""
        due_ns = self._next_ns
        if self._expiries:
            goes_ns: int = self._expiries[0][0]
            return goes_ns if due_ns is None or goes_ns < due_ns else due_ns
        return due_ns

    def fills(self) -> list[DarkFill]:
        """The trades since the last call, in order."""
        taken, self._fills = self._fills, []
        return taken

    def leaves(self, key: int) -> int:
        """Lots that rest of an order; 0 if it does not rest."""
        order = self._find(key)
        return order.leaves if order else 0

    def resting(self, sign: int) -> list[tuple[int, int]]:
        """(key, leaves) of one side, in order of arrival. Never published: for the venue's own record."""
        return [(order.key, order.leaves) for order in self._sides[sign].values()]

    def digest(self) -> str:
        """Hash of everything that decides what comes next."""
        orders = [repr(order) for side in (1, -1) for order in self._sides[side].values()]
        place = (self._state, self._arrivals, self._hidden, self._now_ns, self._mid_px, self._next_ns)
        return hashlib.blake2b(repr((orders, place)).encode(), digest_size=16).hexdigest()

    # Crossing

    def _cross(self, order: _Order) -> None:
        """`order` trades with what came before it on the other side."""
        px = self._mid_px
        for other, qty in list(self._matches(order)):
            assert px is not None
            order.leaves -= qty
            other.leaves -= qty
            left = (other.leaves, order.leaves)
            self._fills.append(DarkFill(self._now_ns, other.key, order.key, px, qty, *left, order.sign))
            if other.leaves == 0:
                self._remove(other)

    def _matches(self, order: _Order) -> Iterator[tuple[_Order, int]]:
        """Whom `order` would trade with now, and how much."""
        px, leaves = self._mid_px, order.leaves
        if px is None or not order.takes(px):
            return
        for other in self._sides[-order.sign].values():
            if leaves == 0:
                return
            qty = min(leaves, other.leaves)
            if other.arrival > order.arrival or not other.takes(px):
                continue
            if qty >= min(order.min_qty, leaves) and other.accepts(qty):
                leaves -= qty
                yield other, qty

    def _fills_whole(self, order: _Order) -> bool:
        return sum(qty for _, qty in self._matches(order)) == order.leaves

    def _uncross(self) -> None:
        """The midpoint moved: orders that it kept apart may meet now, the later of each pair as the taker."""
        if not (self._sides[1] and self._sides[-1]):
            return
        both = [*self._sides[1].values(), *self._sides[-1].values()]
        for order in sorted(both, key=lambda order: order.arrival):
            if order.leaves:
                self._cross(order)
                if order.leaves == 0:
                    self._remove(order)

    def _rest(self, order: _Order) -> None:
        if order.leaves == 0:
            return
        self._sides[order.sign][order.key] = order
        if order.expires_ns is not None:
            self._expiries.add((order.expires_ns, order.key, order.sign))

    def _remove(self, order: _Order) -> None:
        del self._sides[order.sign][order.key]
        if order.expires_ns is not None:
            self._expiries.remove((order.expires_ns, order.key, order.sign))

    def _find(self, key: int) -> _Order | None:
        return self._sides[1].get(key) or self._sides[-1].get(key)

    def _arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def _check(self, key: int, qty: int, limit_px: int | None) -> None:
        if qty < 1:
            raise MatchingError(f"quantity {qty} lots is not positive (order {key})")
        if limit_px is not None and limit_px < 1:
            raise MatchingError(f"price {limit_px} half ticks is not positive (order {key})")

    # Hidden interest

    def _hidden_until(self, until_ns: int) -> None:
        while (due_ns := self.deadline_ns()) is not None and due_ns <= until_ns:
            self._now_ns = due_ns
            if self._expiries and self._expiries[0][0] == due_ns:
                _, key, sign = self._expiries[0]
                self._remove(self._sides[sign][key])
            else:
                self._arrive(due_ns)

    def _arrive(self, due_ns: int) -> None:
        interest = self._interest
        assert interest is not None
        sign = 1 if self._uniform() <= interest.buy_share else -1
        drawn = int(interest.mean_lots * self._exponential()) // interest.round_lots * interest.round_lots
        lots = max(
            interest.min_lots, min(drawn, interest.max_lots // interest.round_lots * interest.round_lots)
        )
        life_ns = max(1, int(interest.mean_lifetime_ns * self._exponential()))
        order = _Order(self._hidden, sign, lots, None, 0, self._arrival(), due_ns + life_ns)
        self._hidden += 1
        self._next_ns = self._after(due_ns)
        self._cross(order)
        if order.leaves and len(self._expiries) >= interest.max_resting:
            self.turned_away += 1
            return
        self._rest(order)

    def _after(self, now_ns: int) -> int | None:
        if self._interest is None or self._interest.rate_per_s == 0:
            return None
        return now_ns + max(1, int(self._exponential() / self._interest.rate_per_s * 1e9))

    def _exponential(self) -> float:
        return -math.log(self._uniform())

    def _uniform(self) -> float:
        """SplitMix64 (Steele, Lea, Flood 2014): above 0, at most 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
        return (((z ^ (z >> 31)) >> 11) + 1) / (1 << 53)


def _multiple(value: int, unit: int) -> bool:
    return value >= 1 and value % unit == 0
