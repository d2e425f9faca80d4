"""Binance: which depth update may be applied to which book. Numbers only: no files, no rows.

An update carries the book from update id `first` (U) to `last` (u). Binance's own procedure ("How to manage a
local order book correctly": spot in binance-spot-api-docs, web-socket-streams.md; USD-M and COIN-M futures at
developers.binance.com, derivatives) is followed to the letter but for one place:

- spot: an update is old if u <= the book's id, and updates are missing if U > that id + 1;
- futures: each update names the one before it, and pu must be the u of the update before it; ids count all
  that the engine does, so that between pu and U nothing of this book happened;
- snapshot: updates that it already has are dropped (spot: u <= lastUpdateId; futures: u < lastUpdateId), and
  the first that is left has to reach back to it. The futures pages ask for U <= lastUpdateId <= u; a snapshot
  whose id lies between pu and U is as good, by the rule above, and occurs: asked is pu <= lastUpdateId.

A snapshot is received later than some of the updates that it does not have: those are kept, and applied after
it. Where updates are missing the book is void until the next snapshot.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Generic, TypeVar

MAX_KEPT: Final = 4096
"""Updates kept for a snapshot that is still to come: minutes, where the procedure needs a second or so."""

Body = TypeVar("Body")


@dataclass(slots=True)
class Update(Generic[Body]):
    """The ids of one depth update, and whatever it carries."""

    first: int
    last: int
    before: int | None
    """pu; None: spot."""
    body: Body
    applied: bool = False


class Verdict(Enum):
    """What to do with an update."""

    APPLY = auto()
    WAIT = auto()  # there is no book: it is kept for a snapshot
    OLD = auto()  # the book has it
    MISSING = auto()  # some before it are missing: the book is void; this one is kept for a snapshot


class Sync(Generic[Body]):
    """Follows the ids of one book."""

    def __init__(self, kept: int = MAX_KEPT) -> None:
        self.synced = False
        self.unused = 0
        """Updates that no book could use, of those that are settled; all of them after end()."""
        self._last: int | None = None
        self._met = True  # False: _last is a snapshot's, and no update after it has come
        self._kept: deque[Update[Body]] = deque()
        self._most = kept

    def update(self, update: Update[Body]) -> Verdict:
        """The next update as it came."""
        verdict = self._verdict(update)
        if verdict is Verdict.OLD:
            return verdict
        if verdict is Verdict.MISSING:
            self.synced = False
            self._settle(len(self._kept))
        self._last, self._met = update.last, True
        update.applied = verdict is Verdict.APPLY
        self._kept.append(update)
        self._settle(len(self._kept) - self._most)
        return verdict

    def _verdict(self, update: Update[Body]) -> Verdict:
        last, joined = self._last, Verdict.APPLY if self.synced else Verdict.WAIT
        if last is None:
            return joined
        if update.before is None:
            if update.last <= last:
                return Verdict.OLD
            return joined if update.first <= last + 1 else Verdict.MISSING
        if not self._met:
            if update.last < last:
                return Verdict.OLD
            return joined if update.before <= last else Verdict.MISSING
        if update.before == last:
            return joined
        return Verdict.OLD if update.last <= last else Verdict.MISSING

    def snapshot(self, last_id: int) -> list[Update[Body]] | None:
        """A snapshot came: the updates to apply on it, in order. None: it does not reach those that are kept,
        and nothing changes.
        """
        later = [u for u in self._kept if u.last > last_id or (u.before is not None and u.last == last_id)]
        if later:
            reach = later[0].first - 1 if later[0].before is None else later[0].before
            if reach > last_id:
                return None
        elif self._last is None or last_id >= self._last:
            self._last, self._met = last_id, False
        self._settle(len(self._kept) - len(later))
        for update in later:
            update.applied = True
        self.synced = True
        return later

    def end(self) -> int:
        """Nothing comes any more: how many updates no book could use."""
        self._settle(len(self._kept))
        return self.unused

    def _settle(self, n: int) -> None:
        for _ in range(n):
            self.unused += not self._kept.popleft().applied
