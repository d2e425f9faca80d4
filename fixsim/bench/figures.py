"""A table of the benchmark, as report.py prints and writes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Its title, what it says, its head and its rows."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
