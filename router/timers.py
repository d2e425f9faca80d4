"""Deadlines of the engine, one per key, soonest first. Pure: it is told the time and never reads it."""

from __future__ import annotations

from sortedcontainers import SortedList

Key = tuple[str, str]  # what kind of deadline, and whose: ("decide", parent_id), ("session", name), …


class Timers:
    def __init__(self) -> None:
        self._due_ns: dict[Key, int] = {}
        self._queue: SortedList = SortedList()

    def set(self, key: Key, due_ns: int | None) -> None:
        """Moves the key's deadline; None removes it."""
        old = self._due_ns.pop(key, None)
        if old is not None:
            self._queue.remove((old, key))
        if due_ns is not None:
            self._due_ns[key] = due_ns
            self._queue.add((due_ns, key))

    def get(self, key: Key) -> int | None:
        return self._due_ns.get(key)

    def next_ns(self) -> int | None:
        return self._queue[0][0] if self._queue else None

    def pop_due(self, now_ns: int) -> Key | None:
        """Removes and returns the soonest key that is due, in an order that depends on nothing else."""
        if not self._queue or self._queue[0][0] > now_ns:
            return None
        key: Key = self._queue.pop(0)[1]
        del self._due_ns[key]
        return key
