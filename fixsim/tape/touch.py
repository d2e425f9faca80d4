"""Totals by price of one book, kept while an importer reads: enough to say where the touch is."""

from __future__ import annotations

from sortedcontainers import SortedDict


class Touch:
    """Level totals of both sides. Prices are ints of any one unit, quantities lots."""

    def __init__(self) -> None:
        self._sides = {1: SortedDict(), -1: SortedDict()}  # keyed so that the best is first

    def put(self, sign: int, price: int, quantity: int) -> None:
        """The level's total is now `quantity`; nothing is left at or below zero."""
        side = self._sides[sign]
        if quantity > 0:
            side[-sign * price] = quantity
        else:
            side.pop(-sign * price, None)

    def add(self, sign: int, price: int, quantity: int) -> None:
        """So much more (below zero: less) rests at the level."""
        self.put(sign, price, self.total(sign, price) + quantity)

    def total(self, sign: int, price: int) -> int:
        """What rests at the level."""
        return int(self._sides[sign].get(-sign * price, 0))

    def best(self, sign: int) -> int | None:
        """The side's best price."""
        side = self._sides[sign]
        return -sign * int(side.peekitem(0)[0]) if side else None

    def clear(self) -> None:
        for side in self._sides.values():
            side.clear()

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best offer: crossed, or locked."""
        bid, offer = self.best(1), self.best(-1)
        return bid is not None and offer is not None and bid >= offer
