"""Faults of the settings, told to the person who wrote them: file, field, value and rule on one line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_BRANCH = re.compile(r"\[|^constrained-")
_RULES = {
    "tuple_type": "Input should be a list",
    "model_type": "Input should be a table",
    "dict_type": "Input should be a table",
    "too_short": "Input should have at least 1 entry",
}


class SettingsError(ValueError):
    """A settings file is missing, cannot be read, or says something that is not allowed."""


def read_settings(path: Path, model: type[M]) -> M:
    """Read a TOML file into `model`; SettingsError names file, field, value and rule."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start} is not UTF-8") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        known = _field_names(model)
        faults = "; ".join(
            _fault(detail["loc"], detail["type"], detail["msg"], detail["input"], known)
            for detail in _plain(error.errors())
        )
        raise SettingsError(f"{path}: {faults}") from None


def _plain(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without what only the reading of types knows: the names of a union's branches, and a list that came out
    empty because what is in it is wrong. Of two branches counts the one that had more to say of the value.
    """
    found: dict[tuple[int | str, ...], ErrorDetails] = {}
    for detail in details:
        loc = tuple(part for part in detail["loc"] if not _BRANCH.search(str(part)))
        rule = _RULES.get(detail["type"], detail["msg"])
        if loc in found and loc != detail["loc"]:
            rule = f"{found[loc]['msg']}, or {rule.removeprefix('Input should be ')}"
        found[loc] = {**detail, "loc": loc, "msg": rule}
    return [
        detail
        for loc, detail in found.items()
        if not any(
            other[: len(loc)] == loc
            and len(other) > len(loc)
            and detail["type"] in ("too_short", "literal_error")
            for other in found
        )
    ]


def _fault(loc: tuple[int | str, ...], kind: str, rule: str, value: object, known: Iterable[str]) -> str:
    if not loc:  # a rule over the file as a whole, which names its fields
        return rule.removeprefix("Value error, ")
    field = ".".join(str(part) for part in loc)
    if kind == "missing":
        return f"{field} is missing (every setting is required; there is no default)"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(loc[-1]), known, n=1)
        return f"{field} is not a setting" + (f" (did you mean {close[0]}?)" if close else "")
    shown = f" = {value!r}" if isinstance(value, str | int | float) else ""
    if isinstance(value, bool):
        shown = f" = {'true' if value else 'false'}"
    return f"{field}{shown}: {rule.removeprefix('Value error, ')}"


def _field_names(model: type[BaseModel]) -> list[str]:
    """The setting names of a model and of the tables in it."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(name)
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for part in inner:
            if isinstance(part, type) and issubclass(part, BaseModel):
                names += _field_names(part)
    return names
