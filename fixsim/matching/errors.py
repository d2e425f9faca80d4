"""What a market refuses, and why. Nothing was changed when one of these is raised."""

from __future__ import annotations


class MatchingError(ValueError):
    """An order or an event that the market cannot take."""


class BookFull(MatchingError):  # noqa: N818 - a refusal, named as the venue says it
    """A stated capacity is reached."""


class UnknownOrder(MatchingError):  # noqa: N818
    """No such order rests here."""


class DuplicateOrder(MatchingError):  # noqa: N818
    """The key belongs to an order that rests."""


class WouldTake(MatchingError):  # noqa: N818
    """A post-only order that could trade at once."""


class OutOfBand(MatchingError):  # noqa: N818
    """A price beyond the venue's price bands."""


class OffTick(MatchingError):  # noqa: N818
    """A price that is not on a step of the tick table."""


class WrongPhase(MatchingError):  # noqa: N818
    """The venue's phase does not take it."""
