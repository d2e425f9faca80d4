"""The kernels' codes in words: which refusal it is, which value and which rule."""

from __future__ import annotations

from collections.abc import Mapping

from fixsim.matching.capacity import Capacity
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
from fixsim.matching.layout import MAX_PX, Code


def refusal(code: int, what: str, size: Capacity, asked: Mapping[str, int]) -> MatchingError:
    """The error of a code for `what` ("order -3"), which `asked` this (fields of a COMMAND)."""
    match Code(code):
        case bound if bound in _BOUNDS:
            return BookFull(f"{what}: {_BOUNDS[bound].format(size=size)}")
        case Code.UNKNOWN:
            return UnknownOrder(f"{what} does not rest")
        case Code.DUPLICATE:
            return DuplicateOrder(f"{what}: the key belongs to an order that rests")
        case known if known in _REFUSED:
            error, why = _REFUSED[known]
            return error(f"{what}: {why}".format(**asked))
        case other:
            limits = {"max_px": MAX_PX, "max_qty": size.max_qty, "last": size.recorded - 1}
            return MatchingError(f"{what}: {_RANGES[other]}".format(**limits, **asked))


_BOUNDS = {
    Code.ORDERS_FULL: "{size.orders} orders rest already (Capacity.orders)",
    Code.LEVELS_FULL: (
        "{size.overflow} price levels outside the window are in use (Capacity.overflow; emptied ones are "
        "given back by changes())"
    ),
    Code.OWN_FULL: "{size.own} participants' orders rest already (Capacity.own)",
    Code.FILLS_FULL: (
        "its fills may not fit: {size.fills} less those that fills() has not drained (Capacity.fills)"
    ),
    Code.REFILLS_FULL: (
        "icebergs would have too many pieces in reserve, all together: at most an eighth of {size.fills} "
        "(Capacity.fills)"
    ),
    Code.NOTES_FULL: (
        "its notes may not fit: {size.notes} less those that notes() has not drained (Capacity.notes)"
    ),
}
_REFUSED: dict[Code, tuple[type[MatchingError], str]] = {
    Code.PHASE: (WrongPhase, "the venue's phase does not take it"),
    Code.CROSSED: (WrongPhase, "its book is crossed or holds market orders; the auction comes first"),
    Code.WOULD_TAKE: (WouldTake, "post-only at {px} half ticks would trade at once"),
    Code.OUT_OF_BAND: (OutOfBand, "price {px} half ticks, or what it would cross, is beyond the price bands"),
    Code.OFF_TICK: (OffTick, "price {px} half ticks is not a multiple of the step there (Rules.ticks)"),
}
_RANGES = {
    Code.OUT_OF_RANGE: "the ordinal is not within 0 to {last} (Capacity.recorded)",
    Code.BAD_VENUE: "venue {venue} is not one of 0 to {last_venue}",
    Code.BAD_KEY: "the key is not below 0 and above -2**62 (0 and above are recorded ordinals)",
    Code.BAD_SIGN: "sign {sign} is neither +1 nor -1",
    Code.BAD_PX: "price {px} half ticks is not within 1 to {max_px}",
    Code.BAD_QTY: "quantity {qty} lots is not within 1 to {max_qty}",
    Code.BAD_TERMS: (
        "its kind and its terms do not go together (post-only, hidden, peg, displayed quantity "
        "{display_qty}, minimum {min_qty} of {qty}), or it is an iceberg of more than 1000 pieces"
    ),
}
