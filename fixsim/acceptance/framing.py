"""Cutting the wire as the scripts' own engine does: a BodyLength that leads nowhere is believed up to the
next CheckSum.

Published case 2m sends a message whose BodyLength is too long and wants it "combined with the next message",
and both ignored. The codec's own way is to go on at the very next `8=FIX`, which finds the second message;
both are right by the specification, which says that a garbled message is ignored and not where it ends.
"""

from typing import Final

from router.fix import kernels
from router.fix.codec import MAX_MESSAGE_BYTES, Framer, Garbled, Message

_NO_TRAILER: Final = 6  # of kernels.REASONS: BodyLength does not lead to CheckSum
_CHECK_SUM: Final = b"\x0110="
_LONGEST_TRAILER: Final = 16  # bytes of a CheckSum that may have no end yet
_SHORTEST: Final = len(b"8=FIX.4.4\x01")


class ScriptFramer(Framer):
    """A Framer that drops a message of wrong BodyLength together with what it runs into."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        super().__init__(max_message_bytes)
        self._swallowing = False

    def next(self) -> Message | Garbled | None:
        if self._swallowing and not self._swallowed():
            return None
        return super().next()

    def _drop(self, outcome: int, length: int) -> Garbled | None:
        if outcome != kernels.GARBLED or length != _NO_TRAILER:
            return super()._drop(outcome, length)
        held = self._view[self._start : self._end].tobytes()
        end = _stated_end(held)
        self._start += end
        self.discarded_bytes += end
        self._need = 0
        self._skipping = False
        self._swallowing = True
        self._swallowed()
        return Garbled(kernels.REASONS[length], held[:512], end)

    def _swallowed(self) -> bool:
        """Drop up to and with the next CheckSum; False if it has not come. Only what may be its beginning is
        kept, so that waiting costs neither memory nor time.
        """
        held = self._view[self._start : self._end].tobytes()
        at = held.find(_CHECK_SUM)
        stop = held.find(b"\x01", at + len(_CHECK_SUM)) if at >= 0 else -1
        if stop >= 0:
            size = stop + 1
        elif at >= 0 and len(held) - at <= _LONGEST_TRAILER:
            size = at
        else:
            size = max(len(held) - len(_CHECK_SUM) + 1, 0)
        self._start += size
        self.discarded_bytes += size
        self._swallowing = stop < 0
        return not self._swallowing


def _stated_end(held: bytes) -> int:
    """Where the body ends by BodyLength(9), at the delimiter: CheckSum would begin behind it."""
    at = held.index(b"\x019=", _SHORTEST - 1) + len(b"\x019=")
    stop = held.index(b"\x01", at)
    return min(stop + int(held[at:stop]), len(held))
