"""When things happen: times between events, and how long an order stands before it is first cancelled.

Both in log10 seconds, as LOB-Bench takes logarithms. It puts times of zero at 1e-9; here the floor is a
microsecond, since what is below it is the recording's clock and not the market.
"""

from __future__ import annotations

import numpy as np

from fixsim.realism.blocks import Sample
from fixsim.realism.distance import Floats
from fixsim.realism.distribution import Distribution
from fixsim.realism.view import NANOS, View
from fixsim.tape.frame import Change

FAMILY = "Timing"
FLOOR_S = 1e-6


def between_events(view: View) -> Sample:
    """From each event to the next; the fills of one taker are one event."""
    rows = view.orders.first
    return view.sample(_log_seconds(np.diff(view.frame.time_ns[rows])), rows[1:])


def time_to_cancel(view: View) -> Sample:
    """From a limit order's arrival to its first cancel, whole or in part.

    Orders that are never cancelled, and events without an order's id, are left out, as LOB-Bench does.
    """
    frame = view.frame
    known = frame.order_id >= 0
    entered = np.flatnonzero(known & (frame.change == Change.LIMIT))
    left = np.flatnonzero(known & (frame.change == Change.CANCEL))
    ids, first = np.unique(frame.order_id[entered], return_index=True)
    gone, when = np.unique(frame.order_id[left], return_index=True)
    _, of_entered, of_left = np.intersect1d(ids, gone, assume_unique=True, return_indices=True)
    came, went = entered[first[of_entered]], left[when[of_left]]
    after = went > came
    came, went = came[after], went[after]
    order = np.argsort(went)
    came, went = came[order], went[order]
    return view.sample(_log_seconds(frame.time_ns[went] - frame.time_ns[came]), went)


def _log_seconds(nanos: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    return np.log10(np.maximum(nanos / NANOS, FLOOR_S))


DISTRIBUTIONS = (
    Distribution(
        FAMILY,
        "Time between events",
        "s",
        "log10 of the time from each event to the next; one taker's fills are one event; floor 1 µs.",
        between_events,
        log=True,
    ),
    Distribution(
        FAMILY,
        "Time to cancel",
        "s",
        "log10 of the time from an order's arrival to its first cancel, if it is cancelled; floor 1 µs.",
        time_to_cancel,
        log=True,
    ),
)
