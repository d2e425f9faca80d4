"""A queue-reactive market's tables: model I of Huang, Lehalle and Rosenbaum (2015), and their file.

Each side has K levels at p_ref ± 0.5, 1.5, … ticks, each a queue of 0 to C average event sizes. Limit
orders, cancels and market orders of one average size come to a queue as Poisson processes whose intensities
depend on that queue's size alone. When the mid moves, the reference price p_ref moves with it with
probability `theta`; when it does, all queues are drawn again from the invariant distribution with probability
`theta_reinit`.

The model that ships is the table that the authors of arXiv 2511.15262 published with their code (MIT; the
notice is beside it). Others come from `fixsim flow calibrate`.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.errors import SettingsError

PUBLISHED = Path(__file__).parent / "models" / "published.npz"
"""The table of arXiv 2511.15262, built by `from_published` from the authors' arrays; see models/NOTICE."""

EVENTS = 3
SIDES = 2
MOST_LEVELS = 10
MOST_SIZE = 1000
_ARRAYS = ("intensity", "invariant", "unit_lots")
_SCALARS = ("tick_nanos", "theta", "theta_reinit", "symbol", "source")
_SUM_TOLERANCE = 1e-9


class QueueEvent(IntEnum):
    """The last axis of the intensities."""

    LIMIT = 0
    CANCEL = 1
    MARKET = 2


class ModelError(SettingsError):
    """A model that cannot be used: names the file, the field, the value and the rule."""


@dataclass(frozen=True, slots=True)
class Model:
    """One instrument's queue-reactive market. Arrays are read-only. ModelError if it contradicts itself."""

    intensity: NDArray[np.float64]
    """[level K, size 0..C, side 2 (bids, offers), event 3 (QueueEvent)]: events a second."""
    invariant: NDArray[np.float64]
    """[level K, size 0..C]: the share of time that a queue of the level has that size."""
    unit_lots: NDArray[np.int64]
    """[level K]: the average event size, in lots; sizes count in it."""
    tick_nanos: int
    theta: float
    """The chance that p_ref follows when the mid moves."""
    theta_reinit: float
    """The chance that all queues are drawn again when p_ref moves."""
    symbol: str
    source: str

    def __post_init__(self) -> None:
        _check(self)
        for name in _ARRAYS:
            getattr(self, name).setflags(write=False)

    @property
    def levels(self) -> int:
        """K, levels a side."""
        return int(self.intensity.shape[0])

    @property
    def most(self) -> int:
        """C, the largest queue, in average event sizes."""
        return int(self.intensity.shape[1]) - 1


def save_model(model: Model, path: Path, evidence: dict[str, Any] | None = None) -> None:
    """Write an npz of plain arrays, no pickles; the same model gives the same bytes.

    `evidence`: what it rests on, kept beside it under "evidence_" and the names; `load_model` passes it over.
    """
    fields: dict[str, Any] = {name: np.asarray(getattr(model, name)) for name in (*_ARRAYS, *_SCALARS)}
    fields |= {f"evidence_{name}": np.asarray(value) for name, value in (evidence or {}).items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **fields)


def load_model(path: Path = PUBLISHED) -> Model:
    """Read and check a model. ModelError names file, field, value and rule."""
    fields: dict[str, NDArray[np.generic]] = {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            for name in (*_ARRAYS, *_SCALARS):
                if name not in stored:
                    raise ModelError(f"{path}: {name} is missing: not a queue-reactive model")
                fields[name] = stored[name]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ModelError:
        raise
    except (ValueError, EOFError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        # TypeError: a lone .npy, which np.load hands over as an array.
        raise ModelError(f"{path}: not an npz file of plain arrays: {error}") from None
    for name in _SCALARS:
        text = name in ("symbol", "source")
        if fields[name].ndim or fields[name].dtype.kind not in ("U" if text else "iuf"):
            raise ModelError(f"{path}: {name}: must be one {'text' if text else 'number'}")
    for name, kinds in (("intensity", "f"), ("invariant", "f"), ("unit_lots", "iu")):
        if fields[name].dtype.kind not in kinds:
            rule = "whole numbers" if kinds == "iu" else "floating-point numbers"
            raise ModelError(f"{path}: {name}: must hold {rule}, holds {fields[name].dtype}")
    try:
        return Model(
            intensity=np.ascontiguousarray(fields["intensity"], np.float64),
            invariant=np.ascontiguousarray(fields["invariant"], np.float64),
            unit_lots=np.ascontiguousarray(fields["unit_lots"], np.int64),
            tick_nanos=int(fields["tick_nanos"].item()),
            theta=float(fields["theta"].item()),
            theta_reinit=float(fields["theta_reinit"].item()),
            symbol=str(fields["symbol"].item()),
            source=str(fields["source"].item()),
        )
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def from_published(folder: Path) -> Model:
    """The published model from the authors' arrays, with the settings of their execution task.

    `folder` holds intensity_table.npy and invariant_distribution.npy. Units and θ are those of the task's
    settings in their code: 836, 1068 and 1069 shares by level, θ 0.7, θ_reinit 0.85, tick 0.01.
    """
    arrays = []
    for name in ("intensity_table.npy", "invariant_distribution.npy"):
        try:
            arrays.append(np.load(folder / name, allow_pickle=False))
        except OSError as error:
            raise ModelError(f"{folder / name}: cannot be read: {error.strerror or error}") from None
        except (ValueError, EOFError) as error:
            raise ModelError(f"{folder / name}: not a plain npy file: {error}") from None
    return Model(
        intensity=np.ascontiguousarray(arrays[0], np.float64),
        invariant=np.ascontiguousarray(arrays[1], np.float64),
        unit_lots=np.array([836, 1068, 1069], np.int64),
        tick_nanos=10_000_000,
        theta=0.7,
        theta_reinit=0.85,
        symbol="QRM",
        source="Espana, Hafsi, Lillo and Vittori, arXiv 2511.15262, table published with their code (MIT)",
    )


def _check(model: Model) -> None:
    shape = model.intensity.shape
    if len(shape) != 4 or shape[2:] != (SIDES, EVENTS):
        raise ModelError(f"intensity: shape {shape}: must be [levels, sizes, {SIDES}, {EVENTS}]")
    levels, sizes = shape[:2]
    if not 1 <= levels <= MOST_LEVELS:
        raise ModelError(f"intensity: {levels} levels: must be 1 to {MOST_LEVELS}")
    if not 2 <= sizes <= MOST_SIZE + 1:
        raise ModelError(f"intensity: {sizes} sizes: must be 2 to {MOST_SIZE + 1}")
    if model.invariant.shape != (levels, sizes):
        raise ModelError(f"invariant: shape {model.invariant.shape}: must be {(levels, sizes)}, as intensity")
    if model.unit_lots.shape != (levels,):
        raise ModelError(f"unit_lots: shape {model.unit_lots.shape}: must be {(levels,)}, as intensity")
    for name in ("intensity", "invariant"):
        values = getattr(model, name)
        bad = np.argwhere(~(np.isfinite(values) & (values >= 0)))
        if len(bad):
            place = tuple(int(k) for k in bad[0])
            raise ModelError(f"{name}{list(place)} = {values[place]}: must be finite and not below zero")
    for level, total in enumerate(model.invariant.sum(axis=1)):
        if abs(total - 1) > _SUM_TOLERANCE:
            raise ModelError(f"invariant[{level}]: sums to {total}: must be 1")
    for level, unit in enumerate(model.unit_lots):
        if unit < 1:
            raise ModelError(f"unit_lots[{level}] = {unit}: must be above zero")
    if model.tick_nanos < 1:
        raise ModelError(f"tick_nanos = {model.tick_nanos}: must be above zero")
    for name in ("theta", "theta_reinit"):
        if not 0 <= getattr(model, name) <= 1:
            raise ModelError(f"{name} = {getattr(model, name)}: must be 0 to 1")
