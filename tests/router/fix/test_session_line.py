"""Two of our sessions, a line that loses what is under way when it breaks, a journal on each side, and every
option that the two may have.

Whatever happens, each side is told of a report of the other at most once, and in order, as long as the
numbers are not begun anew; in the end neither waits for anything, each has the other's number, what is
resent by policy has arrived, and the journals give back numbers and store.
"""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.fix import events
from router.fix.codec import Message, parse
from router.fix.decimals import NANOS
from router.fix.dictionary import Validation
from router.fix.session import Session, SessionConfig, State
from router.fix.store import Resend
from router.fix.versions import VERSIONS

T0 = 1_767_571_200_000_000_000
BURST_NS = NANOS // 10

ALONE = {  # what one side may have without the other
    "resend_chunk": st.integers(0, 3),
    "resend_to_infinity": st.booleans(),
    "resend_burst": st.sampled_from([0, 0, 1, 2]),
    "send_last_processed": st.booleans(),
    "timestamp_digits": st.sampled_from([0, 3, 6, 9]),
    "await_logout": st.booleans(),
    "check_latency": st.booleans(),
    "max_gap_messages": st.sampled_from([1, 3, 1000]),
    "is_validated": st.booleans(),
}
AGREED = {
    "version": st.sampled_from(["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]),
    "max_resend_store": st.sampled_from([5, 1000]),
    "anew": st.sampled_from(["", "", "", "reset_on_logon", "reset_on_logout", "reset_on_disconnect"]),
}
HEALTHY = (  # why a line may end on which nothing arrives
    "logged out",
    "no Logon(A)",
    "nothing received for 2.4 heartbeat intervals",
    "ResendRequest for",
    "Logon(A) with ResetSeqNumFlag(141)=Y not answered",
)


def read(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message)
    return message


class Line(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ns = T0
        self.sides: list[Session] = []
        self.lines: list[deque[bytes]] = [deque(), deque()]  # to side 0, to side 1
        self.journals: list[list[tuple[str, bytes]]] = [[], []]
        self.sent: list[list[int]] = [[], []]  # what the other must get: reports that are kept for it
        self.got: list[list[int]] = [[], []]
        self.known: list[set[int]] = [set(), set()]  # all reports that were sent
        self.anew = False  # numbers have begun anew: what was under way then is lost
        self.cut_at: str | None = None
        self.up = False
        self.next_report = 0

    @initialize(
        agreed=st.fixed_dictionaries(AGREED),
        alone=st.tuples(st.fixed_dictionaries(ALONE), st.fixed_dictionaries(ALONE)),
        volunteer=st.tuples(st.booleans(), st.booleans()),
    )
    def open(
        self, agreed: dict[str, Any], alone: tuple[dict[str, Any], ...], volunteer: tuple[bool, bool]
    ) -> None:
        anew = agreed["anew"]
        version = VERSIONS[agreed["version"]]
        for side, role in enumerate(("initiator", "acceptor")):
            options = {**alone[side], "version": version, "max_resend_store": agreed["max_resend_store"]}
            if anew:
                options[anew] = True
            if options.pop("is_validated"):
                options["validation"] = Validation(types=True, repeated_tags=True)
            options["send_next_expected"] = volunteer[side] and version.next_expected
            names = ("US", "PEER") if role == "initiator" else ("PEER", "US")
            config = SessionConfig(
                "IA"[side], role, *names,  # type: ignore[arg-type]
                resend=frozenset({b"8"}), resend_interval_ns=BURST_NS, resend_timeout_s=10, **options,
            )  # fmt: skip
            self.sides.append(Session(config))
        self.come_back()

    def come_back(self) -> None:
        """Connect and log on, nothing going wrong."""
        self.connect()
        self.deliver(1, 1)
        self.deliver(0, 1)

    def put(self, side: int, raw: bytes) -> None:
        self.journals[side].append(("out", raw))
        self.lines[1 - side].append(raw)

    def act(self, side: int, out: list[events.Event]) -> None:
        for event in out:
            match event:
                case events.Send(raw):
                    self.put(side, raw)
                case events.App(message):
                    self.got[side].append(int(message.get(37) or b""))
                case events.SequenceReset():
                    self.anew = True
                case events.NotResent(first, last) if last >= first:
                    pass
                case events.Disconnect(reason):
                    self.cut_at = reason

    def hang_up(self) -> None:
        """A side has closed the connection: never because of numbers."""
        if self.cut_at is not None:
            assert self.cut_at.startswith(HEALTHY), self.cut_at
            self.cut_at = None
            self.cut()

    @precondition(lambda self: not self.up)
    @rule(smoothly=st.booleans())
    def dial(self, smoothly: bool) -> None:
        if smoothly:
            self.come_back()
        else:
            self.connect()

    def connect(self) -> None:
        self.up = True
        for side in (1, 0):
            self.act(side, self.sides[side].connected(self.now_ns))

    @precondition(lambda self: self.up)
    @rule()
    def cut(self) -> None:
        self.up = False
        for side in (0, 1):
            self.lines[side].clear()
            self.act(side, self.sides[side].disconnected(self.now_ns))

    @precondition(lambda self: self.up)
    @rule(side=st.integers(0, 1), kinds=st.lists(st.sampled_from([b"8", b"8", b"W"]), min_size=1, max_size=4))
    def send(self, side: int, kinds: list[bytes]) -> None:
        session = self.sides[side]
        for kind in kinds if session.is_logged_on else []:
            self.next_report += 1
            self.known[side].add(self.next_report)
            if kind == b"8":
                self.sent[side].append(self.next_report)
            self.put(side, session.encode(kind, b"37=%d\x01" % self.next_report, self.now_ns))

    @precondition(lambda self: any(self.lines))
    @rule(side=st.integers(0, 1), count=st.sampled_from([1, 2, 5, 100]))
    def deliver(self, side: int, count: int) -> None:
        for _ in range(min(count, len(self.lines[side]))):
            raw = self.lines[side].popleft()
            self.journals[side].append(("in", raw))
            self.act(side, self.sides[side].received(read(raw), self.now_ns))
            if self.cut_at is not None:
                self.hang_up()
                return

    @precondition(lambda self: any(self.lines))
    @rule(side=st.integers(0, 1), at=st.integers(0, 3))
    def lose(self, side: int, at: int) -> None:
        """Not what TCP does; but the sequence numbers are there for it."""
        line = self.lines[side]
        if at < len(line) and read(line[at]).msg_type in (b"8", b"W", b"4"):
            del line[at]

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * NANOS // 10
        self.tick()

    def tick(self) -> None:
        for side in (0, 1):
            if self.up:
                self.act(side, self.sides[side].timer(self.now_ns))
                self.hang_up()

    @precondition(lambda self: self.up and all(session.is_logged_on for session in self.sides))
    @rule(side=st.integers(0, 1), really=st.integers(0, 2))
    def log_out(self, side: int, really: int) -> None:
        if not really:
            self.act(side, self.sides[side].logout("done", self.now_ns))

    @precondition(lambda self: self.up and all(session.is_logged_on for session in self.sides))
    @rule(side=st.integers(0, 1))
    def begin_anew(self, side: int) -> None:
        self.act(side, self.sides[side].reset(self.now_ns))

    @invariant()
    def each_is_told_once_and_in_order(self) -> None:
        for side in (0, 1):
            assert set(self.got[side]) <= self.known[1 - side]
            if not self.anew:
                assert self.got[side] == sorted(set(self.got[side]))

    @precondition(lambda self: not self.up)
    @rule(side=st.integers(0, 1))
    def restart(self, side: int) -> None:
        """The journal gives back what the lost process knew."""
        lost = self.sides[side]
        restored = Session(lost.config)
        for direction, raw in self.journals[side]:
            (restored.restore_sent if direction == "out" else restored.restore_received)(raw)
        numbers = (restored.next_out, restored.next_in), (lost.next_out, lost.next_in)
        assert numbers[0] == numbers[1], numbers
        assert restored._reset_due == lost._reset_due
        answers = [list(session._store.answer(1, lost.next_out)) for session in (lost, restored)]
        assert [part[0] for part in answers[0]] == [part[0] for part in answers[1]]
        assert [part.sent.body for part in answers[0] if isinstance(part, Resend)] == [
            part.sent.body for part in answers[1] if isinstance(part, Resend)
        ]
        self.sides[side] = restored

    def settle(self) -> None:
        """Let all arrive that is under way, and what is owed leave."""
        for _ in range(300):
            if not self.lines[0] and not self.lines[1]:
                if not any(session._owed for session in self.sides):
                    return
                self.now_ns += BURST_NS
                self.tick()
            for side in (0, 1):
                self.deliver(side, 100)
        raise AssertionError("the two never stop talking")

    def teardown(self) -> None:
        """Let it all arrive: then neither side misses anything."""
        if not self.sides:
            return
        self.settle()
        for _ in range(3):  # a logout that had begun ends; then they come back
            if not self.up:
                self.connect()
            self.settle()
            self.now_ns += 10 * NANOS
            self.tick()
            self.settle()
        for side in (0, 1, 0, 1):
            self.act(side, self.sides[side].test_request(self.now_ns))
            self.settle()
        for _ in range(8):  # what was resent and lost is asked for once more
            if all(session.state is State.ACTIVE for session in self.sides):
                break
            self.now_ns += 10 * NANOS
            self.tick()
            self.settle()
        for side in (0, 1):
            assert self.sides[side].state is State.ACTIVE
            assert self.sides[side].next_in == self.sides[1 - side].next_out
            if not self.anew and self.sides[side].config.max_resend_store > len(self.sent[1 - side]):
                assert set(self.sent[1 - side]) <= set(self.got[side])
        self.each_is_told_once_and_in_order()
        self.cut()
        self.restart(0)
        self.restart(1)


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
