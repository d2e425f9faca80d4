"""A participant's side of the clock link: in lock-step the simulator owns time, and this waits for its word.

JSON lines over loopback TCP. A *stream* is one direction of a TCP connection, named
"<sender's port>><receiver's port>"; totals count its bytes since the connection began.

    us → {"join": "router"}
    coordinator → {"step": n, "now_ns": T, "streams": {stream: total, …}, "closed": [stream, …]}
    us → {"step": n, "sent": {stream: total, …}, "deadline_ns": D | null, "closed": [stream, …]}
    coordinator → {"end": true} | {"refused": reason}

On a step the participant waits until every stream named in `streams` has delivered its total (or is closed)
and every one in `closed` has gone down; sets the clock; tells the owner of links that came up or went down
meanwhile, by port; gives each framer the bytes up to the total, and no further; calls `owner.step`, which
drains links in name order, fires what is due and dials; then answers. So what is handled in a step hangs on
the coordinator's word alone, not on how fast the operating system moved the bytes; a link that we accepted
comes up in the step that first names its stream.

`sent` names the links that the owner knows and, once, those that closed since the last answer and were not
announced as closed; `closed` (left out when empty) lists both streams of the latter. "closed" in a step is
optional: a coordinator that sends the key (if only as []) promises to announce every close that it knows of,
its own and those of other participants (also of one that died), and downs are then held until announced, so
that they too happen in a known step. Without the key a down is told at the next step.

Nothing here needs a wall clock but one bound: a step whose bytes do not come within `stall_s` real seconds
is an error. A kill does not wait for a step: the owner writes its cancels at once, and their bytes are in
the next answer.
"""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Protocol, cast

from router.clock import SteppedClock
from router.link import Link, Owner

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_LINE_BYTES = 1 << 20
STALL_S = 30.0
PAST_STREAMS = 1024


class LockstepError(RuntimeError):
    """The clock link broke its contract, or bytes that it announced did not come."""


class StepOwner(Owner, Protocol):
    """What works in steps: the router's app, or the desk's. Its links are given the Participant as their
    owner.
    """

    def step(self, now_ns: int) -> Awaitable[None] | None:
        """Handle held input and due timers at `now_ns`. Plain, or async where it has to dial."""

    def deadline_ns(self) -> int | None:
        """When to be stepped again even if no bytes come."""

    def end(self) -> None:
        """The simulation is over, in order."""

    def clock_lost(self, reason: str) -> None:
        """The clock link is gone: time will not move again."""


class Participant(asyncio.Protocol):
    """Joins a coordinator and steps `owner`. Also the Owner of every link, and passes their events on in
    step.
    """

    def __init__(self, name: str, owner: StepOwner, clock: SteppedClock, stall_s: float = STALL_S) -> None:
        self.name = name
        self.steps = 0
        self._owner = owner
        self._clock = clock
        self._stall_s = stall_s
        self._line = bytearray()
        self._transport: asyncio.Transport | None = None
        self._links: dict[str, Link] = {}  # by the stream towards us, "<remote>><local>"
        self._ups: list[Link] = []  # accepted between steps
        self._downs: dict[str, tuple[Link, str]] = {}  # gone, the owner not yet told
        self._gone: dict[str, Link] = {}  # gone, the coordinator not yet told
        self._past: dict[str, None] = {}  # gone and told, the latest PAST_STREAMS
        self._step: dict[str, Any] | None = None  # the step under way
        self._stepping = False  # the owner is at work
        self._task: asyncio.Future[None] | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._over = False

    async def join(self, host: str, port: int) -> None:
        """Connect and ask for the first step. LockstepError if not loopback; OSError if nobody listens."""
        if host not in LOOPBACK:
            raise LockstepError(f"the clock link is for loopback only, not {host}")
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)

    def leave(self) -> None:
        """Close the clock link; the owner is not told."""
        self._over = True
        self._unstall()
        if self._transport is not None:
            self._transport.close()

    # The links' owner.

    def link_up(self, link: Link) -> None:
        stream = _towards_us(link)
        link.hold()
        self._links[stream] = link
        self._past.pop(stream, None)
        if link.dialled and self._stepping:
            self._owner.link_up(link)
        else:
            self._ups.append(link)
        self._look()

    def link_down(self, link: Link, reason: str) -> None:
        stream = _towards_us(link)
        self._links.pop(stream, None)
        if link in self._ups and not link.received_bytes:
            self._ups.remove(link)  # it never spoke: a stranger, whom nobody need hear of
            self._past[stream] = None
        else:
            self._downs[stream] = (link, reason)
            if link not in self._ups:
                self._gone[stream] = link
        self._look()

    def messages_ready(self, link: Link) -> None:
        self._look()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self._owner.link_blocked(link, blocked)

    # The clock link.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(json.dumps({"join": self.name}).encode() + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the clock link was lost: {exc or 'closed by the coordinator'}")

    def data_received(self, data: bytes) -> None:
        self._line += data
        while not self._over and (end := self._line.find(b"\n")) >= 0:
            line = bytes(self._line[:end])
            del self._line[: end + 1]
            self._received(line)
        if len(self._line) > MAX_LINE_BYTES:
            self._fail(f"the clock link sent a line over {MAX_LINE_BYTES} bytes")

    def _received(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            if "refused" in message:
                self._fail(f"the clock link refused us: {message['refused']}")
                return
            if message.get("end"):
                self.leave()
                self._owner.end()
                return
            if self._step is not None:
                raise LockstepError(f"step {self._step['step']} is not answered yet")
            if not isinstance(message["now_ns"], int) or not isinstance(message["streams"], dict):
                raise TypeError(f"now_ns {message['now_ns']!r}")
        except (ValueError, KeyError, TypeError, AttributeError, LockstepError) as error:
            self._fail(f"the clock link sent {line[:200]!r}: {type(error).__name__}: {error}")
            return
        self._step = message
        self._look()

    def _look(self) -> None:
        """Go ahead with the step under way if all of its bytes have come."""
        if self._step is None or self._stepping or self._over:
            return
        missing = self._missing(self._step)
        if missing is None:
            self._unstall()
            self._begin(self._step)
        elif self._stall is None:
            self._stall = asyncio.get_running_loop().call_later(self._stall_s, self._stalled)

    def _missing(self, step: dict[str, Any]) -> str | None:
        for stream, total in step["streams"].items():
            link = self._links.get(stream)
            if link is None:
                if stream not in self._downs and stream not in self._past:
                    return f"stream {stream} is not connected"
            elif link.received_bytes < total:
                return f"stream {stream} has {link.received_bytes} of {total} bytes"
        for stream in step.get("closed", ()):
            if stream in self._links:
                return f"stream {stream} is not closed"
        return None

    def _begin(self, step: dict[str, Any]) -> None:
        if step["now_ns"] < self._clock.now_ns():
            self._fail(
                f"the simulation is at {step['now_ns']} ns, and the journal here ends at"
                f" {self._clock.now_ns()} ns: it is of another run, and must be moved away first"
            )
            return
        self._stepping = True
        try:
            self._clock.set(step["now_ns"])
            self._tell(step["streams"], step.get("closed"))
            work = self._owner.step(step["now_ns"])
            if work is None:
                self._answer(step)
                return
        except BaseException as error:
            self._broken(error)
            raise
        self._task = asyncio.ensure_future(self._finish(step, work))

    async def _finish(self, step: dict[str, Any], work: Awaitable[None]) -> None:
        try:
            await work
            self._answer(step)
        except BaseException as error:
            self._broken(error)
            raise

    def _tell(self, streams: dict[str, int], closed: list[str] | None) -> None:
        """Links up, bytes up to their totals, links down: in order of the ports."""
        held, self._ups = self._ups, []
        for link in sorted(held, key=_by_ports):
            if link.dialled or _towards_us(link) in streams:
                self._owner.link_up(link)
            else:
                self._ups.append(link)
        for stream, total in streams.items():
            if (open_link := self._links.get(stream)) is not None:
                open_link.release(total)
        for stream in sorted(self._downs if closed is None else self._downs.keys() & set(closed)):
            link, reason = self._downs.pop(stream)
            self._past[stream] = None
            if link in self._ups:
                self._ups.remove(link)  # never named in a step: the owner did not know of it
                continue
            link.release(link.received_bytes)
            self._owner.link_down(link, reason)
        while len(self._past) > PAST_STREAMS:
            del self._past[next(iter(self._past))]

    def _answer(self, step: dict[str, Any]) -> None:
        sent = {_from_us(link): link.sent_bytes for link in self._links.values() if link not in self._ups}
        deadline_ns = self._owner.deadline_ns()
        answer: dict[str, Any] = {"step": step["step"], "sent": sent, "deadline_ns": deadline_ns}
        if self._gone:
            known = step.get("closed", ())
            closed = []
            for stream, link in self._gone.items():
                if stream not in known:
                    sent.setdefault(_from_us(link), link.sent_bytes)
                    closed += [_from_us(link), stream]
            self._gone.clear()
            if closed:
                answer["closed"] = closed
        self._step = None
        self._stepping = False
        self.steps += 1
        if self._transport is not None:
            self._transport.write(json.dumps(answer).encode() + b"\n")

    def _stalled(self) -> None:
        assert self._step is not None
        self._fail(f"step {self._step['step']} stalled for {self._stall_s} s: {self._missing(self._step)}")

    def _broken(self, error: BaseException) -> None:
        self._fail(f"the step failed: {type(error).__name__}: {error}")

    def _fail(self, reason: str) -> None:
        if not self._over:
            self.leave()
            self._owner.clock_lost(reason)

    def _unstall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _towards_us(link: Link) -> str:
    return f"{link.ports[1]}>{link.ports[0]}"


def _from_us(link: Link) -> str:
    return f"{link.ports[0]}>{link.ports[1]}"


def _by_ports(link: Link) -> tuple[int, int]:
    return link.ports
