"""Connections and sessions of the acceptor, without sockets and clock: messages in, bytes and hang-ups out.

Sessions are told apart by BeginString and CompIDs, so that one port serves them all; each has its own state,
which outlives its connections. What is not a Logon of a known session is hung up on without a word, and so is
a second connection of a session that has one (FIX session test cases 1b, 1c, 1d, 1e).

A connection is any hashable; its owner hands over what `writes` and `hangups` hold after each call. Bounds:
so many connections that have not logged on; the newest is hung up on beyond.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from fixsim.acceptance.arrange import Groups, arranged, wire
from fixsim.acceptance.control import Numbers
from fixsim.acceptance.echo import Echo, Reply
from fixsim.acceptance.options import Options, Plan
from fixsim.acceptance.session import ScriptSession
from router.fix import events, tags
from router.fix.codec import Garbled, Message, parse
from router.fix.dictionary import Dictionary, load
from router.fix.states import State

MAX_STRANGERS: Final = 1_000  # connections without a Logon
MAX_HELD: Final = 16  # messages of a connection that waits
SUCCESSION_NS: Final = 250_000_000  # how long a second connection waits for the first one's end to be seen
Key = tuple[bytes, bytes, bytes]
"""BeginString, our CompID, the peer's."""


@dataclass(slots=True)
class Line:
    """One session, its application, and the connection that carries it now."""

    session: ScriptSession
    options: Options
    echo: Echo
    dictionary: Dictionary
    conn: Hashable | None = None
    keeps_numbers: bool = False
    """The numbers were set by hand: the next Logon does not reset them."""

    def groups(self, msg_type: bytes) -> Groups:
        return self.dictionary.group_order(msg_type)


@dataclass(slots=True)
class Successor:
    """A connection whose session has another one still: what it has said, and until when it waits.

    The peer may have closed that other one a moment ago, and the system not told us.
    """

    line: Line
    said: list[Message | Garbled]
    due_ns: int


class Acceptor:
    """See the module."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self.writes: list[tuple[Hashable, bytes]] = []
        self.hangups: list[Hashable] = []
        self.notes: list[str] = []
        """For the log."""
        self._lines: dict[Key, Line] = {}
        self._conns: dict[Hashable, Line] = {}
        self._strangers: dict[Hashable, int] = {}
        """Connections without a Logon, oldest first, and when they are hung up on."""
        self._successors: dict[Hashable, Successor] = {}
        self._patience_ns = 10**9
        for plan in plans:
            config, options = plan
            key = (
                config.begin_string.encode(),
                config.sender_comp_id.encode(),
                config.target_comp_id.encode(),
            )
            session = ScriptSession(config, explain=options.explain, refuses_aloud=options.logon_refusals)
            named = config.version.appl_ver_id if options.version_in_business_rejects else ""
            self._lines[key] = Line(session, options, Echo(named), load(config.version))
            self._patience_ns = max(self._patience_ns, options.logon_timeout * 10**9)

    # -- connections ------------------------------------------------------------------------------

    def accepted(self, conn: Hashable, now_ns: int) -> None:
        """A connection; it says nothing yet."""
        if len(self._strangers) + len(self._successors) >= MAX_STRANGERS:
            self.notes.append(f"connection refused: {MAX_STRANGERS} others have not logged on")
            self.hangups.append(conn)
            return
        self._strangers[conn] = now_ns + self._patience_ns

    def received(self, conn: Hashable, message: Message | Garbled, now_ns: int) -> None:
        """A message of a connection, in its order."""
        line = self._conns.get(conn)
        if line is not None:
            self._take(line, message, now_ns)
        elif conn in self._successors:
            successor = self._successors[conn]
            successor.said.append(message.keep() if isinstance(message, Message) else message)
            if len(successor.said) > MAX_HELD:
                self._turn_away(conn, f"{successor.line.session.name} is connected already")
        elif conn in self._strangers:
            self._welcome(conn, message, now_ns)

    def closed(self, conn: Hashable, now_ns: int) -> None:
        """The peer has closed a connection, or it is gone."""
        self._strangers.pop(conn, None)
        self._successors.pop(conn, None)
        line = self._conns.pop(conn, None)
        if line is not None:
            line.conn = None
            self._act(line, line.session.disconnected(now_ns), now_ns)
            self._succeed(line, now_ns)

    def _welcome(self, conn: Hashable, message: Message | Garbled, now_ns: int) -> None:
        """The first message decides whose connection this is; if nobody's, it is hung up on."""
        if isinstance(message, Garbled):
            self._turn_away(conn, f"garbled before Logon: {message.reason}")
            return
        if message.msg_type != tags.LOGON:
            self._turn_away(conn, f"the first message is {message.msg_type!r}, not Logon(A)")
            return
        named = (tags.BEGIN_STRING, tags.TARGET_COMP_ID, tags.SENDER_COMP_ID)
        begin, ours, theirs = (message.get(tag) or b"" for tag in named)
        line = self._lines.get((begin, ours, theirs))
        if line is None:
            who = b" ".join((begin, ours, theirs)).decode("latin-1")
            self._turn_away(conn, f"{who!r} is no session")
            return
        del self._strangers[conn]
        if line.conn is None:
            self._seat(conn, line, [message], now_ns)
        else:
            self._successors[conn] = Successor(line, [message.keep()], now_ns + SUCCESSION_NS)

    def _seat(self, conn: Hashable, line: Line, said: list[Message | Garbled], now_ns: int) -> None:
        line.conn = conn
        self._conns[conn] = line
        self._act(line, line.session.connected(now_ns), now_ns)
        for message in said:
            if line.conn is conn:
                self._take(line, message, now_ns)

    def _take(self, line: Line, message: Message | Garbled, now_ns: int) -> None:
        """A message for a session."""
        if isinstance(message, Garbled):
            self._act(line, line.session.garbled(message, now_ns), now_ns)
            return
        if message.msg_type == tags.LOGON:
            message = self._logon(line, message)
        self._act(line, line.session.received(message, now_ns), now_ns)

    def _succeed(self, line: Line, now_ns: int) -> None:
        """A session has no connection any more: the one that waits for it has its turn."""
        for conn, successor in self._successors.items():
            if successor.line is line and line.conn is None:
                del self._successors[conn]
                self._seat(conn, line, successor.said, now_ns)
                return

    def _turn_away(self, conn: Hashable, why: str) -> None:
        self.notes.append(f"connection refused: {why}")
        self._strangers.pop(conn, None)
        self._successors.pop(conn, None)
        self.hangups.append(conn)

    def _logon(self, line: Line, message: Message) -> Message:
        """The Logon as the session is to see it: with our HeartBtInt(108), if one was asked for."""
        beat = line.options.heartbeat
        if beat is None or message.get(tags.HEART_BT_INT) is None:
            return message
        fields = [
            (tag, b"%d" % beat if tag == tags.HEART_BT_INT else value) for tag, value in message.fields()
        ]
        told = parse(arranged(_framed(fields), line.groups(message.msg_type)))
        return told if isinstance(told, Message) else message

    # -- time, and the control line ---------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When `advance` is next due."""
        due = [line.session.deadline_ns() for line in self._conns.values()]
        due.append(next(iter(self._strangers.values()), None))
        due += [successor.due_ns for successor in self._successors.values()]
        return min((at_ns for at_ns in due if at_ns is not None), default=None)

    def advance(self, now_ns: int) -> None:
        """Everything that is due."""
        for conn in [conn for conn, due_ns in self._strangers.items() if due_ns <= now_ns]:
            self._turn_away(conn, "no Logon(A) came")
        for conn, successor in list(self._successors.items()):
            if successor.due_ns <= now_ns:
                self._turn_away(conn, f"{successor.line.session.name} is connected already")
        for line in list(self._conns.values()):
            self._act(line, line.session.timer(now_ns), now_ns)

    def set_numbers(self, asked: Numbers) -> str:
        """What a control line asks for, done; how the session stands now. ValueError: there is none such."""
        key = (asked.begin_string.encode(), asked.sender.encode(), asked.target.encode())
        line = self._lines.get(key)
        if line is None:
            known = ", ".join(sorted(line.session.name for line in self._lines.values()))
            raise ValueError(
                f"no session {asked.begin_string} {asked.sender} {asked.target}; there are {known}"
            )
        session = line.session
        next_in = session.next_in if asked.next_in is None else asked.next_in
        next_out = session.next_out if asked.next_out is None else asked.next_out
        if session.state is State.DISCONNECTED:
            session.renumber(next_out, next_in)
        else:
            session.next_in, session.next_out = next_in, next_out
        if not session.is_logged_on and line.options.reset_on_logon:
            session.config = replace(session.config, reset_on_logon=False)
            line.keeps_numbers = True
        return f"{session.name} in={session.next_in} out={session.next_out}"

    def logout(self, text: str, now_ns: int) -> None:
        """Begin to log everybody out."""
        for line in list(self._conns.values()):
            self._act(line, line.session.logout(text, now_ns), now_ns)

    @property
    def connected(self) -> int:
        """How many sessions have a connection."""
        return len(self._conns)

    # -- sessions' events -------------------------------------------------------------------------

    def _act(self, line: Line, happened: list[events.Event], now_ns: int) -> None:
        """Do what the session says, then answer: an answer takes its number after what was sent already."""
        replies: list[Reply] = []
        for event in happened:
            match event:
                case events.App():
                    reply = line.echo.received(event.message)
                    if reply is not None:
                        replies.append(reply)
                case events.Send():
                    self._write(line, event.msg_type, event.raw)
                case events.LoggedOn():
                    line.echo.logged_on()
                    if line.keeps_numbers:
                        line.keeps_numbers = False
                        line.session.config = replace(line.session.config, reset_on_logon=True)
                case events.Disconnect():
                    replies.clear()
                    if line.conn is not None:
                        self.hangups.append(line.conn)
                        del self._conns[line.conn]
                        line.conn = None
                    self._act(line, line.session.disconnected(now_ns), now_ns)
                    self._succeed(line, now_ns)
                case events.Alert():
                    self.notes.append(event.text)
                case _:
                    pass
        for reply in replies:
            if line.session.is_logged_on:
                self._write(line, reply.msg_type, line.session.encode(reply.msg_type, reply.fields, now_ns))

    def _write(self, line: Line, msg_type: bytes, raw: bytes) -> None:
        if line.conn is not None:
            self.writes.append((line.conn, arranged(raw, line.groups(msg_type))))


def _framed(fields: list[tuple[int, bytes]]) -> bytes:
    """Fields as one message whose 9 and 10 are right."""
    begin = dict(fields)[tags.BEGIN_STRING]
    rest = wire(
        field for field in fields if field[0] not in (tags.BEGIN_STRING, tags.BODY_LENGTH, tags.CHECK_SUM)
    )
    head = b"8=%b\x019=%d\x01%b" % (begin, len(rest), rest)
    return head + b"10=%03d\x01" % (sum(head) & 0xFF)
