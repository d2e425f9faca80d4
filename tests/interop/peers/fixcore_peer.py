"""fixcore-engine as a peer: `fixcore_peer.py SETTINGS initiator|acceptor NUMBERS`, driven as pipe.py says."""

import asyncio
import json
import logging
import sys
from pathlib import Path

from fixcore.application import Application
from fixcore.log.base import Log, LogFactory
from fixcore.message.field import Group
from fixcore.message.message import Message
from fixcore.session.session_settings import SessionSettings
from fixcore.store.factory import SettingsStoreFactory, StoreFactory
from fixcore.transport import SocketAcceptor, SocketInitiator
from pipe import commands, say


class Watcher(Application):
    """Says when a session is up; what it carries is told by the log, which sees messages of every kind."""

    def on_logon(self, session_id):
        say("logon", session=session_id.target_comp_id)

    def on_logout(self, session_id):
        say("logout", session=session_id.target_comp_id)


class Wires(Log):
    """Every message as it passes, and the engine's own remarks."""

    def __init__(self, session):
        self.session = session

    def on_incoming(self, message):
        say("in", session=self.session, raw=message.replace("|", "\x01"))

    def on_outgoing(self, message):
        say("out", session=self.session, raw=message.replace("|", "\x01"))

    def on_event(self, text):
        say("remark", session=self.session, text=text)


class WireLogs(LogFactory):
    def create(self, session_id):
        return Wires(session_id.target_comp_id)


class Stores(StoreFactory):
    """As the settings say, and kept within reach: a test moves sequence numbers."""

    def __init__(self, settings):
        self._inner = SettingsStoreFactory(settings)
        self.of = {}

    def create(self, session_id):
        self.of[session_id.target_comp_id] = store = self._inner.create(session_id)
        return store


def build(fields):
    """A message of these fields; MsgType(35) is among them."""
    message = Message()
    for tag, value in fields:
        if isinstance(value, str):
            message.set_field(tag, value)
            continue
        for entry in value:
            instance = Group()
            for member, text in entry:
                instance.set_field(member, text)
            message.add_group(tag, instance)
    return message


async def obey(transport, role):
    """The commands, as they come; the thread that waits for them does not hold up the sessions."""
    lines = commands()
    while (command := await asyncio.to_thread(next, lines, None)) is not None:
        if command["cmd"] == "stop":
            break
        by_name = {sid.target_comp_id: session for sid, session in transport.sessions.items()}
        session = by_name[command["session"]]
        if command["cmd"] == "send":
            # send_app refuses while the session is down. QuickFIX numbers and keeps what it is given then,
            # for the other side to ask for; so does this.
            await session._send_message(build(command["fields"]), is_admin=False)
        elif command["cmd"] == "logout":  # of an initiator all sessions: it would dial again at once
            await (transport.logout() if role == "initiator" else session.send_logout("the test is done"))
        elif command["cmd"] == "logon":
            await transport.start()


async def main(settings_file, role, numbers):
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = SessionSettings.from_file(Path(settings_file))
    stores = Stores(settings)
    transport = (SocketInitiator if role == "initiator" else SocketAcceptor)(
        settings, Watcher(), stores, WireLogs()
    )
    for name, next_numbers in numbers.items():
        if "out" in next_numbers:
            stores.of[name].set_next_sender_msg_seq_num(next_numbers["out"])
        if "in" in next_numbers:
            stores.of[name].set_next_target_msg_seq_num(next_numbers["in"])
    async with transport:
        say("up")
        await obey(transport, role)


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
