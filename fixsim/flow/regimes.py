"""Parts of a tape that are calibrated apart: by the time of day, or by how much the price moves."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.model import ModelError
from fixsim.tape.frame import LobFrame

_MINUTE_NS = 60_000_000_000
_SMOOTH_MINUTES = 5


class By(StrEnum):
    """What tells regimes apart."""

    TIME = "time"
    """Equal parts of the tape, one after the other."""
    VOLATILITY = "volatility"
    """Minutes, by the mid's squared changes over the five minutes around them: equally many in each part."""


def regimes(frame: LobFrame, by: By, parts: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """Names and chosen rows [n]. ModelError if the tape is too short for so many."""
    if parts < 2:
        raise ModelError(f"parts = {parts}: must be at least 2")
    minute = (frame.time_ns - frame.time_ns[0]) // _MINUTE_NS
    minutes = int(minute[-1]) + 1
    if minutes < 2 * parts:
        raise ModelError(f"{frame.symbol}: {minutes} minutes are too few for {parts} regimes")
    if by is By.TIME:
        part_of = np.arange(minutes) * parts // minutes
        names = [f"time{k + 1}" for k in range(parts)]
    else:
        order = np.argsort(_variance(frame, minute, minutes), kind="stable")
        part_of = np.empty(minutes, np.int64)
        part_of[order] = np.arange(minutes) * parts // minutes
        names = [f"volatility{k + 1}" for k in range(parts)]
    return [(name, part_of[minute] == k) for k, name in enumerate(names)]


def _variance(frame: LobFrame, minute: NDArray[np.int64], minutes: int) -> NDArray[np.float64]:
    """[minutes]: squared changes of the mid, smoothed over five minutes."""
    mid = (frame.px[:, 0, 0] + frame.px[:, 1, 0]).astype(np.float64) / frame.tick_nanos / 2
    two_sided = (frame.px[:, 0, 0] > 0) & (frame.px[:, 1, 0] > 0)
    squared = np.diff(mid, prepend=mid[:1]) ** 2
    squared[~two_sided | ~np.append(True, two_sided[:-1])] = 0.0
    each = np.bincount(minute, squared, minlength=minutes)
    half = _SMOOTH_MINUTES // 2
    padded = np.concatenate([[0.0], np.cumsum(each)])
    low = np.maximum(np.arange(minutes) - half, 0)
    high = np.minimum(np.arange(minutes) + half + 1, minutes)
    smooth: NDArray[np.float64] = (padded[high] - padded[low]) / (high - low)
    return smooth
