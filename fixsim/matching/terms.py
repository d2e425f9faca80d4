"""What a participant may ask of an order, and what a venue may be: the words, nothing that acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple


class Kind(IntEnum):
    """How a participant's order may trade and what becomes of the part that does not."""

    LIMIT = 0  # rests
    MARKET = 1  # no price; the remainder is cancelled
    IOC = 2  # the remainder is cancelled
    FOK = 3  # all at once, or killed


class Peg(IntEnum):
    """What an order's price follows: the touch of all open venues, as it is when a message comes."""

    NONE = 0
    MID = 1  # half of best bid and best offer, rounded down to a half tick
    PRIMARY = 2  # the best price of its own side


class SelfMatch(IntEnum):
    """Whose order goes when an order meets one of its own group."""

    NONE = 0  # they trade
    NEWEST = 1  # the rest of the incoming one
    OLDEST = 2  # the resting one, and matching goes on
    BOTH = 3


class Phase(IntEnum):
    """What a venue does with orders."""

    CONTINUOUS = 0
    AUCTION = 1  # they rest, the book may cross, and Market.auction trades them at one price
    HALTED = 2  # only cancels
    CLOSED = 3  # only cancels


class Op(IntEnum):
    """What a COMMAND asks."""

    NEW = 0
    CANCEL = 1
    REPLACE = 2  # qty is the new leaves
    MASS_CANCEL = 3  # every order of `owner`; venue -1 and sign 0 leave these open


class Reason(IntEnum):
    """Why the market itself cancelled an order."""

    SELF_MATCH = 0
    AUCTION = 1  # a market order's remainder after it
    MASS_CANCEL = 2  # one of a batch: Market.run has no other way to name its orders


class FillFlag(IntFlag):
    """What else there is to say of a fill."""

    HIDDEN_MAKER = 1  # the resting order was not displayed
    ODD_LOT = 2  # less than a round lot
    AUCTION = 4


class Terms(NamedTuple):
    """What an order may carry beside side, price and quantity."""

    post_only: bool = False
    hidden: bool = False
    peg: Peg = Peg.NONE
    display_qty: int = 0
    """Lots shown of an iceberg, 0: all. The reserve is shown piece by piece, each with a new arrival."""
    min_qty: int = 0
    """No fill below this, but for the last: IOC, hidden and pegged orders. 0: none."""
    group: int = 0
    """Orders of one group do not trade with each other where `self_match` says so. 0: none."""
    self_match: SelfMatch = SelfMatch.NONE
    owner: int = 0
    """Whom a mass cancel names."""


PLAIN = Terms()
"""Displayed, and nothing more."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an instrument's prices and lots must be."""

    ticks: tuple[tuple[int, int], ...] = ((0, 2),)
    """(from price, step) in half ticks: from 0 on whole ticks. Participants' limits lie on a step."""
    round_lot: int = 1
    """A level with less does not move a peg; a smaller fill is an odd lot."""

    def __post_init__(self) -> None:
        if not self.ticks or self.ticks[0][0] != 0:
            raise ValueError(f"Rules.ticks {self.ticks} does not begin at price 0")
        for (px, step), (above, _) in zip(self.ticks, (*self.ticks[1:], (1 << 62, 1)), strict=True):
            if step < 1 or px % step:
                raise ValueError(f"Rules.ticks: {px} half ticks is no multiple of its step {step}")
            if above <= px:
                raise ValueError(f"Rules.ticks: {above} half ticks comes after {px}")
        if self.round_lot < 1:
            raise ValueError(f"Rules.round_lot {self.round_lot} is not positive")
