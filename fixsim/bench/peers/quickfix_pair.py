"""QuickFIX's side of the round-trip benchmark: a script of its own, run by an environment that has it.

    build/interop/bin/python fixsim/bench/peers/quickfix_pair.py acceptor|initiator PORT FOLDER

The same two roles and commands as fixsim/bench/pair.py, with the same fields in both messages: FIX 4.4, a
file store (QuickFIX's journal: it writes each message before it is sent, and does not sync), no log, no
dictionary. Nothing of Sluice is imported: the two engines do not share an interpreter.
"""

# ruff: noqa: N802 (the callbacks' names are QuickFIX's)

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import quickfix as fix

SETTINGS = """\
[DEFAULT]
ConnectionType={role}
FileStorePath={folder}
StartTime=00:00:00
EndTime=00:00:00
NonStopSession=Y
HeartBtInt=3600
UseDataDictionary=N
SocketNodelay=Y
SocketAcceptPort={port}
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
ReconnectInterval=1
[SESSION]
BeginString=FIX.4.4
SenderCompID={sender}
TargetCompID={target}
"""


class Application(fix.Application):  # type: ignore[misc]
    """What both roles share."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Any = None
        self.logged_on = threading.Event()

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        self.logged_on.set()

    def onLogout(self, session: Any) -> None:
        pass

    def toAdmin(self, message: Any, session: Any) -> None:
        pass

    def fromAdmin(self, message: Any, session: Any) -> None:
        pass

    def toApp(self, message: Any, session: Any) -> None:
        pass

    def fromApp(self, message: Any, session: Any) -> None:
        pass


class Acceptor(Application):
    execs = 0

    def fromApp(self, message: Any, session: Any) -> None:
        self.execs += 1
        read = {tag: message.getField(tag) for tag in (11, 1, 55, 54, 38, 40, 44, 59)}
        report = fix.Message()
        report.getHeader().setField(35, "8")
        for tag, value in (
            (37, f"O{self.execs}"), (11, read[11]), (17, f"E{self.execs}"), (150, "0"), (39, "0"),
            (1, read[1]), (55, read[55]), (54, read[54]), (38, read[38]), (40, read[40]),
            (44, read[44]), (59, read[59]),
            (151, read[38]), (14, "0"), (6, "0"),
        ):  # fmt: skip
            report.setField(tag, value)
        report.setField(fix.TransactTime())
        fix.Session.sendToTarget(report, session)


class Initiator(Application):
    def __init__(self) -> None:
        super().__init__()
        self.number = self.left = self.to_send = 0
        self.single = False
        self.rtt: list[int] = []
        self.sent_ns = 0
        self.done = threading.Event()

    def send(self) -> None:
        self.number += 1
        self.sent_ns = time.perf_counter_ns()
        order = fix.Message()
        order.getHeader().setField(35, "D")
        for tag, value in (
            (11, f"SL1-{self.number}"), (1, "ACCT1"), (21, "1"), (55, "BTC-USD"), (54, "1"), (38, "1.5"),
            (40, "2"), (44, "6230.15"), (59, "0"),
        ):  # fmt: skip
            order.setField(tag, value)
        order.setField(fix.TransactTime())
        fix.Session.sendToTarget(order, self.session)

    def fromApp(self, message: Any, session: Any) -> None:
        for tag in (37, 11, 17, 150, 39, 55, 54, 38, 151, 14):
            message.getField(tag)
        if self.single:
            self.rtt.append(time.perf_counter_ns() - self.sent_ns)
        self.left -= 1
        if self.to_send > 0:
            self.to_send -= 1
            self.send()
        elif self.left == 0:
            self.done.set()

    def command(self, line: str) -> dict[str, Any]:
        word, *numbers = line.split()
        self.single = word == "rtt"
        self.left = int(numbers[0])
        window = 1 if self.single else int(numbers[1])
        self.to_send = self.left - window
        self.rtt = []
        self.done.clear()
        began_ns = time.perf_counter_ns()
        for _ in range(window):
            self.send()
        self.done.wait()
        return {"ns": self.rtt, "seconds": (time.perf_counter_ns() - began_ns) / 1e9}


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(role: str, port: str, folder: str) -> None:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    sender, target = ("CLIENT", "VENUE") if role == "initiator" else ("VENUE", "CLIENT")
    (place / "settings.cfg").write_text(
        SETTINGS.format(role=role, folder=place / "store", port=port, sender=sender, target=target)
    )
    settings = fix.SessionSettings(str(place / "settings.cfg"))
    store = fix.FileStoreFactory(settings)
    if role == "acceptor":
        acceptor = fix.SocketAcceptor(Acceptor(), store, settings)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        acceptor.start()
        while True:
            time.sleep(3600)
    application = Initiator()
    initiator = fix.SocketInitiator(application, store, settings)
    initiator.start()
    application.logged_on.wait()
    say({"ready": True})
    for line in sys.stdin:
        say(application.command(line))
    initiator.stop()


if __name__ == "__main__":
    main(*sys.argv[1:4])
