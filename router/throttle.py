"""A venue's limit of messages a second, kept on our side: what is over it waits, unsequenced, in the outbox.

Every message counts, whoever sent it: orders, cancels, resends, heartbeats. Cancels have a share that no
order can use, and the session's own messages, which never wait, one of their own. Any second is looked at,
not the clock's; a little more than a second, since the network may bring messages closer together than they
left. Pure.
"""

from __future__ import annotations

from collections import deque

WINDOW_NS = 1_020_000_000


class Throttle:
    def __init__(self, per_s: int, cancels_per_s: int) -> None:
        own = 1 if per_s - cancels_per_s > 1 else 0
        self._cancels = per_s - own
        self._others = max(1, per_s - own - cancels_per_s)
        self._sent: deque[int] = deque()

    def left(self, now_ns: int) -> None:
        """A message leaves."""
        self._forget(now_ns)
        self._sent.append(now_ns)

    def free_ns(self, now_ns: int, *, cancel: bool) -> int:
        """When the next message may leave: `now_ns` if now."""
        self._forget(now_ns)
        over = len(self._sent) - (self._cancels if cancel else self._others)
        return now_ns if over < 0 else self._sent[over] + WINDOW_NS

    def _forget(self, now_ns: int) -> None:
        while self._sent and self._sent[0] + WINDOW_NS <= now_ns:
            self._sent.popleft()
