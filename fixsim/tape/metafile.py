"""tape.json: what a stored tape says of itself. Written last, so that a folder without it is no tape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from fixsim.tape.format import TapeError, brief
from fixsim.tape.schema import Meta, Source

META_FILE: Final = "tape.json"
KINDS: Final = ("flow", "partial", "edits", "levels")

_VERSION = 1
_INTS = ("tick_nanos", "lots_per_unit", "start_ns", "end_ns", "events", "quarantined")
_TEXTS = ("format", "kind", "venue", "symbol")


def write_meta(folder: Path, meta: Meta) -> None:
    """Write `meta` as folder/tape.json, whole or not at all."""
    partial = folder / f".{META_FILE}.partial"
    partial.write_text(
        json.dumps({"sluice_tape": _VERSION} | asdict(meta), indent=1) + "\n", encoding="utf-8"
    )
    partial.replace(folder / META_FILE)


def read_meta(folder: Path) -> Meta:
    """Read folder/tape.json. Raises TapeError: missing, damaged, or saying something impossible."""
    path = folder / META_FILE
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise TapeError(f"{folder}: not a tape: there is no {META_FILE}") from None
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise TapeError(f"{path}: damaged: {brief(error)}") from None
    if not isinstance(said, dict) or said.pop("sluice_tape", None) != _VERSION:
        raise TapeError(f"{path}: not a tape of version {_VERSION}")
    names = {field.name for field in fields(Meta)}
    if said.keys() != names:
        wrong = ", ".join(sorted(said.keys() ^ names))
        raise TapeError(f"{path}: fields missing or not known: {brief(wrong)}")
    _check(said, path)
    sources = [Source(**source) for source in said.pop("sources")]
    return Meta(**said, sources=sources)


def find_tapes(root: Path) -> list[Path]:
    """The folders of all tapes at or below `root`, in order of venue and symbol."""
    if (root / META_FILE).is_file():
        return [root]
    return sorted(path.parent for path in root.glob(f"venue=*/symbol=*/{META_FILE}")) or sorted(
        path.parent for path in root.glob(f"symbol=*/{META_FILE}")
    )


def _check(said: Mapping[str, Any], path: Path) -> None:
    window = said["window_levels"]
    wrong = [name for name in _INTS if type(said[name]) is not int or said[name] < 0]
    wrong += [name for name in _TEXTS if not isinstance(said[name], str) or not said[name]]
    wrong += [name for name in ("tick_nanos", "lots_per_unit", "events") if said[name] == 0]
    wrong += ["kind"] if said["kind"] not in KINDS else []
    wrong += ["window_levels"] if window is not None and (type(window) is not int or window < 1) else []
    wrong += [name for name in ("counts", "anomalies") if not _counted(said[name])]
    wrong += ["sources"] if not _sources(said["sources"]) else []
    wrong += ["notes"] if not _all_are(said["notes"], str) else []
    wrong += ["start_ns"] if not wrong and said["start_ns"] > said["end_ns"] else []
    if wrong:
        raise TapeError(f"{path}: {brief(f'{wrong[0]} = {said[wrong[0]]!r}')} cannot be")


def _counted(value: object) -> bool:
    return isinstance(value, dict) and all(type(n) is int and n >= 0 for n in value.values())


def _all_are(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _sources(value: object) -> bool:
    names = {field.name for field in fields(Source)}
    return isinstance(value, list) and all(
        isinstance(item, dict) and item.keys() == names and type(item["rows"]) is int for item in value
    )
