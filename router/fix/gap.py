"""Messages of the peer that came too early, held until what is missing before them has come.

Bounded by count and bytes. At the bound a message is dropped, which loses nothing: its number is missing like
the others, and is asked for again once the queue has been delivered. Nothing here costs more than the
logarithm of what is held, whatever numbers the peer chooses.
"""

from heapq import heappop, heappush

from router.fix.codec import Message


class Gap:
    """What is missing, from the session's next number on. `asked_to`: the last number asked for; `high`:
    seen.
    """

    __slots__ = (
        "_bytes", "_held", "_max_bytes", "_max_messages", "_order", "asked_to", "deadline_ns", "high",
        "tries",
    )  # fmt: skip

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._held: dict[int, Message | None] = {}
        self._order: list[int] = []  # a heap of the numbers held, and of some no longer held
        self._bytes = 0
        self.asked_to = 0
        self.high = 0
        self.tries = 0
        self.deadline_ns = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, seq: int, message: Message | None) -> bool:
        """Keep a message (None: already acted on, only its number counts). False if it was dropped."""
        self.high = max(self.high, seq)
        size = len(message.raw) if message is not None else 0
        if seq in self._held:
            return True
        if len(self._held) >= self._max_messages or self._bytes + size > self._max_bytes:
            return False
        self._held[seq] = message.keep() if message is not None else None
        heappush(self._order, seq)
        self._bytes += size
        return True

    def has(self, seq: int) -> bool:
        return seq in self._held

    def take(self, seq: int) -> Message | None:
        message = self._held.pop(seq)
        if message is not None:
            self._bytes -= len(message.raw)
        return message

    def forget_below(self, seq: int) -> None:
        """A gap fill has covered these numbers."""
        while self._order and self._order[0] < seq:
            old = heappop(self._order)
            if old in self._held:
                self.take(old)

    def last_missing(self, expected: int) -> int:
        """The last number of the stretch missing from `expected` on, which only grows."""
        self.forget_below(expected + 1)
        while self._order and self._order[0] not in self._held:
            heappop(self._order)
        return self._order[0] - 1 if self._order else self.high
