"""A peer of the acceptor, in memory: says FIX as text, | for the delimiter, and reads what comes back."""

from __future__ import annotations

from fixsim.acceptance.acceptor import Acceptor
from fixsim.acceptance.framing import ScriptFramer
from fixsim.acceptance.options import Options, plans
from router.fix.codec import Framer, Message, check_sum
from router.fix.decimals import time_from_wire, time_to_wire
from router.fix.versions import VERSIONS

T0 = time_from_wire(b"20260105-12:00:00.000")
ORDER = "11=ID|21=3|40=1|54=1|55=INTC|60=20260105-12:00:00"
SECOND = 1_000_000_000


def acceptor(**options: object) -> Acceptor:
    return Acceptor(plans("ISLD", list(VERSIONS), [], [], Options(**options)))  # type: ignore[arg-type]


def framed(text: str, begin: str = "FIX.4.4") -> bytes:
    """A whole message of its fields from MsgType on."""
    body = text.replace("|", "\x01").encode("latin-1")
    head = b"8=%b\x019=%d\x01%b" % (begin.encode(), len(body), body)
    return head + b"10=%03d\x01" % check_sum(head)


class Peer:
    """One connection. `heard` is what the acceptor has sent to it, `gone` whether it hung up."""

    def __init__(self, port: Acceptor, version: str = "FIX.4.4", comp_id: str = "TW") -> None:
        self.port = port
        self.version = VERSIONS[version]
        self.comp_id = comp_id
        self.now_ns = T0
        self.gone = False
        self.framer = ScriptFramer()
        self._answers = Framer()
        port.accepted(self, self.now_ns)
        self._collect()

    def raw(self, data: bytes) -> list[str]:
        """Bytes to the acceptor; what it answers, without 8, 9, 49, 52, 56 and 10."""
        self.framer.feed(data)
        while not self.gone and (message := self.framer.next()) is not None:
            self.port.received(self, message, self.now_ns)
            self._collect()
        return self.heard()

    def say(
        self,
        msg_type: str,
        seq: int,
        body: str = "",
        sender: str = "",
        sent_ns: int | None = None,
    ) -> list[str]:
        time = time_to_wire(self.now_ns if sent_ns is None else sent_ns).decode()
        head = f"35={msg_type}|34={seq}|49={sender or self.comp_id}|52={time}|56=ISLD|"
        return self.raw(framed(head + (body + "|" if body else ""), self.version.begin_string))

    def logon(self, seq: int = 1, more: str = "", beat: int = 30) -> list[str]:
        version = f"|1137={self.version.appl_ver_id}" if self.version.appl_ver_id else ""
        return self.say("A", seq, f"98=0|108={beat}{more}{version}")

    def wait(self, seconds: float) -> list[str]:
        """Time passes, in steps as a timer would take them."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while (due_ns := self.port.deadline_ns()) is not None and due_ns <= end_ns:
            self.now_ns = max(due_ns, self.now_ns)
            self.port.advance(self.now_ns)
            self._collect()
        self.now_ns = end_ns
        return self.heard()

    def hang_up(self) -> None:
        self.port.closed(self, self.now_ns)

    def heard(self) -> list[str]:
        said: list[str] = []
        while (message := self._answers.next()) is not None:
            assert isinstance(message, Message)
            kept = [(tag, value) for tag, value in message.fields() if tag not in (8, 9, 49, 52, 56, 10)]
            said.append("|".join(f"{tag}={value.decode('latin-1')}" for tag, value in kept))
        return said

    def _collect(self) -> None:
        for conn, raw in self.port.writes:
            assert isinstance(conn, Peer)
            conn._answers.feed(raw)
        self.port.writes.clear()
        for conn in self.port.hangups:
            assert isinstance(conn, Peer)
            conn.gone = True
        self.port.hangups.clear()
