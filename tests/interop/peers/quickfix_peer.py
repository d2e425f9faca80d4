"""QuickFIX as a peer: `quickfix_peer.py SETTINGS initiator|acceptor NUMBERS`, driven as pipe.py says."""

# ruff: noqa: N802 (the callbacks' names are QuickFIX's)

import json
import sys
from pathlib import Path

import quickfix as fix
from pipe import commands, say

SPECIFICATIONS = Path(sys.prefix) / "share" / "quickfix"
HEADER = {35, 43, 50, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 369, 1128}


class Watcher(fix.Application):
    """Says what passes. The engine calls it from its own thread."""

    def onCreate(self, sid):
        pass

    def onLogon(self, sid):
        say("logon", session=sid.getTargetCompID().getString())

    def onLogout(self, sid):
        say("logout", session=sid.getTargetCompID().getString())

    def toAdmin(self, message, sid):
        self._pass("out", message, sid)

    def toApp(self, message, sid):
        self._pass("out", message, sid)

    def fromAdmin(self, message, sid):
        self._pass("in", message, sid)

    def fromApp(self, message, sid):
        self._pass("in", message, sid)

    def _pass(self, way, message, sid):
        raw = message.toString().encode("utf-8", "surrogateescape").decode("latin-1")
        say(way, session=sid.getTargetCompID().getString(), raw=raw)


def build(fields):
    """A message of these fields; MsgType(35) is among them."""
    message = fix.Message()
    for tag, value in fields:
        if isinstance(value, str):
            (message.getHeader() if tag in HEADER else message).setField(fix.StringField(tag, value))
            continue
        for entry in value:
            order = fix.IntArray(len(entry) + 1)
            for place, (member, _) in enumerate(entry):
                order[place] = member
            order[len(entry)] = 0
            group = fix.Group(tag, entry[0][0], order)
            for member, text in entry:
                group.setField(fix.StringField(member, text))
            message.addGroup(group)
    return message


def main(settings_file, role, numbers):
    text = Path(settings_file).read_text().replace("SPECIFICATIONS", str(SPECIFICATIONS))
    filled = Path(settings_file).with_suffix(".filled")
    filled.write_text(text)
    settings = fix.SessionSettings(str(filled))
    application, stores, logs = Watcher(), fix.FileStoreFactory(settings), fix.FileLogFactory(settings)
    engine = (fix.SocketInitiator if role == "initiator" else fix.SocketAcceptor)(
        application, stores, settings, logs
    )
    by_name = {sid.getTargetCompID().getString(): sid for sid in engine.getSessions()}
    for name, next_numbers in numbers.items():
        session = fix.Session.lookupSession(by_name[name])
        if "out" in next_numbers:
            session.setNextSenderMsgSeqNum(next_numbers["out"])
        if "in" in next_numbers:
            session.setNextTargetMsgSeqNum(next_numbers["in"])
    engine.start()
    say("up")
    for command in commands():
        if command["cmd"] == "stop":
            break
        sid = by_name[command["session"]]
        session = fix.Session.lookupSession(sid)
        if command["cmd"] == "send":
            fix.Session.sendToTarget(build(command["fields"]), sid)
        elif command["cmd"] == "logout":
            session.logout("the test is done")
        elif command["cmd"] == "logon":
            session.logon()
    engine.stop()


main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
