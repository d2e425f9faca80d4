"""Connections that have come and not logged on: how many, for how long, and how often a Logon may fail. Pure.

A stranger costs a place and its time is short; at the bound the oldest gives way to the next, so that a desk
gets in while others fill the door. Of refusals the log names the first few a minute and counts the rest.
Logons are journalled, so they are bounded too: a session's name that is refused too often, or logs on and off
without end, rests for what is left of the minute, before its engine hears of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

MAX_STRANGERS = 32
TOLD_A_MINUTE = 20
FAILURES_A_MINUTE = 10
LOGONS_A_MINUTE = 120
MINUTE_NS = 60_000_000_000

L = TypeVar("L")


class Strangers(Generic[L]):
    """`L` is the link."""

    def __init__(self, timeout_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._since: dict[L, int] = {}  # in the order of arrival
        self._minute = 0
        self._refused = 0
        self._failed: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()

    def waiting(self) -> list[L]:
        """In the order of arrival."""
        return list(self._since)

    def came(self, link: L, now_ns: int) -> L | None:
        """Who gives way for it, if anybody."""
        self._since[link] = now_ns
        return next(iter(self._since)) if len(self._since) > MAX_STRANGERS else None

    def gone(self, link: L) -> None:
        """It has gone, or is no stranger any more."""
        self._since.pop(link, None)

    def deadline_ns(self) -> int | None:
        return next((since + self._timeout_ns for since in self._since.values()), None)

    def overdue(self, now_ns: int) -> list[L]:
        return [link for link, since in self._since.items() if since + self._timeout_ns <= now_ns]

    def refused(self, now_ns: int) -> bool:
        """Whether the log should name this one."""
        self._turn(now_ns)
        self._refused += 1
        return self._refused <= TOLD_A_MINUTE

    def failed(self, session: str, now_ns: int) -> None:
        """The session did not take the Logon that came in its name."""
        self._turn(now_ns)
        self._failed[session] += 1

    def taken(self, session: str, now_ns: int) -> None:
        """The session took the Logon."""
        self._turn(now_ns)
        self._taken[session] += 1

    def rests(self, session: str, now_ns: int) -> bool:
        self._turn(now_ns)
        return self._failed[session] >= FAILURES_A_MINUTE or self._taken[session] >= LOGONS_A_MINUTE

    def untold(self) -> int:
        """Refusals of this minute that the log has not named."""
        return max(0, self._refused - TOLD_A_MINUTE)

    def _turn(self, now_ns: int) -> None:
        minute = now_ns // MINUTE_NS
        if minute != self._minute:
            self._minute = minute
            self._refused = 0
            self._failed.clear()
            self._taken.clear()
