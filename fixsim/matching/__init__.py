"""The matching engine: price-time priority over real queues, as kernels over preallocated arrays."""

from fixsim.matching.errors import BookFull, DuplicateOrder, MatchingError, UnknownOrder
from fixsim.matching.layout import SMALL, Capacity, EventKind
from fixsim.matching.market import Counts, Market, Submitted, Touch
from fixsim.matching.resting import venue_of
from fixsim.matching.terms import FillFlag, Kind, Op, Peg, Phase, Reason, Rules, SelfMatch, Terms

__all__ = [
    "SMALL",
    "BookFull",
    "Capacity",
    "Counts",
    "DuplicateOrder",
    "EventKind",
    "FillFlag",
    "Kind",
    "Market",
    "MatchingError",
    "Op",
    "Peg",
    "Phase",
    "Reason",
    "Rules",
    "SelfMatch",
    "Submitted",
    "Terms",
    "Touch",
    "UnknownOrder",
    "venue_of",
]
