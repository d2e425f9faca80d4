"""The matching engine: price-time priority over real queues, as kernels over preallocated arrays."""

from fixsim.matching.errors import BookFull, DuplicateOrder, MatchingError, UnknownOrder
from fixsim.matching.layout import Capacity, EventKind, Kind
from fixsim.matching.market import Counts, Market, Submitted, Touch
from fixsim.matching.resting import venue_of

__all__ = [
    "BookFull",
    "Capacity",
    "Counts",
    "DuplicateOrder",
    "EventKind",
    "Kind",
    "Market",
    "MatchingError",
    "Submitted",
    "Touch",
    "UnknownOrder",
    "venue_of",
]
