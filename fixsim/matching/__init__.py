"""The matching engine: price-time priority over real queues, as kernels over preallocated arrays."""

from fixsim.matching.answers import Counts, Submitted, Touch
from fixsim.matching.auction import Auction
from fixsim.matching.capacity import SMALL, Capacity
from fixsim.matching.errors import (
    BookFull,
    DuplicateOrder,
    MatchingError,
    OffTick,
    OutOfBand,
    UnknownOrder,
    WouldTake,
    WrongPhase,
)
from fixsim.matching.layout import EventKind
from fixsim.matching.market import Market
from fixsim.matching.resting import venue_of
from fixsim.matching.terms import FillFlag, Kind, Op, Peg, Phase, Reason, Rules, SelfMatch, Terms

__all__ = [
    "SMALL",
    "Auction",
    "BookFull",
    "Capacity",
    "Counts",
    "DuplicateOrder",
    "EventKind",
    "FillFlag",
    "Kind",
    "Market",
    "MatchingError",
    "OffTick",
    "Op",
    "OutOfBand",
    "Peg",
    "Phase",
    "Reason",
    "Rules",
    "SelfMatch",
    "Submitted",
    "Terms",
    "Touch",
    "UnknownOrder",
    "WouldTake",
    "WrongPhase",
    "venue_of",
]
