"""The FIX door of the exchange: connections' messages in, bytes out. Pure: no socket, no clock.

One session for each (venue, client) of the settings, for the life of the exchange: sequence numbers run on
over connections. Which session a connection carries is decided by the CompIDs of its first message; a
session that is already connected refuses a second connection. Reports are owed to their client whether it
is connected or not: what is made while it is away takes its MsgSeqNum at once, and is found missing, and
asked for, at the next logon. Market data is not owed: it ends with the session, and is gap filled.

A drop copy session gets every execution report of the clients that it copies, as it leaves for them, with
CopyMsgIndicator(797)=Y and the client as the executing firm among the Parties (448, 452=1). It is owed copies
as the client is owed reports, and may send nothing.

A connection is any hashable; its owner hands over what `writes` and `hangups` hold after each call. While a
fault script has to do with the wire, what comes and goes passes through fixsim/wire.py.
"""

from __future__ import annotations

from collections.abc import Hashable

from fixsim.doors import RESENT, Door, Passwords
from fixsim.exchange import Exchange, Out, Request
from fixsim.faults import NEVER_NS, Passage
from fixsim.says import Refusal, Report, Says
from fixsim.settings import Settings
from fixsim.wire import Ends, Way, Wire
from router.fix import events, tags
from router.fix.codec import Garbled, Message, encode
from router.fix.messages import BusinessMessageReject, FieldError, MarketDataRequest, MarketDataRequestReject
from router.fix.messages.fields import CONDITIONALLY_REQUIRED_MISSING, REQUIRED_TAG_MISSING
from router.fix.messages.rejects import UNSUPPORTED_MESSAGE_TYPE
from router.fix.session import State

OTHER = 0  # BusinessRejectReason(380)
ECHOED = (tags.CL_ORD_ID, tags.ACCOUNT, tags.SYMBOL, tags.SIDE)
MD_REASONS = {  # MDReqRejReason(281) by the field at fault
    tags.SYMBOL: "0",
    tags.SUBSCRIPTION_REQUEST_TYPE: "4",
    tags.MARKET_DEPTH: "5",
    tags.MD_UPDATE_TYPE: "6",
}


class Gateway:
    """See the module. `accepted`, `received`, `closed` for connections; `advance` at `deadline_ns`."""

    def __init__(self, settings: Settings, exchange: Exchange, passwords: Passwords | None = None) -> None:
        """`passwords` of the clients that the settings ask for one."""
        self.exchange = exchange
        self.writes: list[tuple[Hashable, bytes]] = []
        self.hangups: list[Hashable] = []
        self.alerts: list[str] = []
        self._doors: dict[tuple[str, str], Door] = {}
        for venue in settings.venue:
            for client in venue.clients:
                door = Door.open(settings, venue, client, len(self._doors), passwords or {})
                self._doors[venue.name, client.comp_id] = door
        self._copied = {
            (venue.name, client.comp_id): [
                self._doors[venue.name, to] for to in venue.copied_to(client.comp_id)
            ]
            for venue in settings.venue
            for client in venue.clients
        }
        self._venue_rank = {venue.name: index for index, venue in enumerate(settings.venue)}
        self._conns: dict[Hashable, tuple[str, Door | None]] = {}
        self.wire = Wire(exchange.sabotage, settings.session.max_output_bytes)
        self._carrying = False
        self._look_ns = NEVER_NS
        """No session is due before."""

    # -- connections ------------------------------------------------------------------------------

    def accepted(self, conn: Hashable, venue: str) -> None:
        """A connection to a venue's port; it says nothing yet."""
        self._conns[conn] = (venue, None)

    def rank(self, conn: Hashable, first: Message | Garbled | None = None) -> int:
        """Where a connection stands when several have input at one moment: in the settings' order.

        `first` is its first message, if it has not been handed over; what fits no session comes last.
        """
        venue, door = self._conns.get(conn, ("", None))
        if door is None and isinstance(first, Message):
            door = self._doors.get((venue, _text(first, tags.SENDER_COMP_ID)))
        return door.rank if door is not None else len(self._doors) + self._venue_rank.get(venue, 0)

    def received(self, conn: Hashable, message: Message | Garbled, now_ns: int) -> None:
        """A message of a connection, in its order."""
        if not self.wire.at_work:
            self._arrived(conn, message, now_ns)
        elif conn in self._conns:
            passage = self._passage(conn, "in", message)
            seq = message.seq if isinstance(message, Message) else 0
            self.wire.carry(conn, passage, "in", message, seq, now_ns)
            self._carry(now_ns)

    def _arrived(self, conn: Hashable, message: Message | Garbled, now_ns: int) -> None:
        known = self._conns.get(conn)
        if known is None:
            return  # it was hung up
        venue, door = known
        if door is None:
            door = self._open(conn, venue, message, now_ns)
            if door is None:
                return
        if isinstance(message, Garbled) or message.msg_type == tags.LOGON:
            message = door.without_secrets(message)
        if isinstance(message, Message):
            self._handle(door, door.session.received(message, now_ns), now_ns)
        else:
            self._handle(door, door.session.garbled(message, now_ns), now_ns)

    def closed(self, conn: Hashable, now_ns: int) -> None:
        """The peer has closed a connection, or it is gone."""
        _, door = self._conns.get(conn, ("", None))
        if not self.wire.at_work or door is None:
            self._ended(conn, now_ns)
        else:
            self.wire.close(conn, self._passage(conn, "in"), "in", now_ns)
            self._carry(now_ns)

    def _ended(self, conn: Hashable, now_ns: int) -> None:
        self.wire.forget(conn)
        _, door = self._conns.pop(conn, ("", None))
        if door is not None:
            door.conn = None
            self._handle(door, door.session.disconnected(now_ns), now_ns)
            self._pay(door, now_ns)

    def _open(self, conn: Hashable, venue: str, message: Message | Garbled, now_ns: int) -> Door | None:
        """The first message decides whose connection this is."""
        if isinstance(message, Garbled):
            self._refuse(conn, venue, f"garbled before Logon: {message.reason}")
            return None
        sender, target = _text(message, tags.SENDER_COMP_ID), _text(message, tags.TARGET_COMP_ID)
        door = self._doors.get((venue, sender))
        if message.msg_type != tags.LOGON:
            self._refuse(conn, venue, f"the first message is {message.msg_type!r}, not Logon(A)")
        elif door is None:
            self._refuse(conn, venue, f"SenderCompID(49) {sender} is not a client of {venue}")
        elif target != venue:
            self._refuse(conn, venue, f"TargetCompID(56) {target} is not {venue}")
        elif door.conn is not None:
            self._refuse(conn, venue, f"SenderCompID(49) {sender} is connected already")
        else:
            door.conn = conn
            self._conns[conn] = (venue, door)
            self._handle(door, door.session.connected(now_ns), now_ns)
            return door
        return None

    def _refuse(self, conn: Hashable, venue: str, reason: str) -> None:
        self.alerts.append(f"{venue}: connection refused: {reason}")
        self._conns.pop(conn, None)
        self.hangups.append(conn)

    def logged_on(self) -> list[tuple[str, str]]:
        """The sessions that are logged on now: (venue, client), in the settings' order."""
        return [key for key, door in self._doors.items() if door.session.is_logged_on]

    # -- time -------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When the exchange or a session next does something of itself."""
        at_ns = self.exchange.deadline_ns()
        soonest_ns = NEVER_NS if at_ns is None else at_ns
        if self.wire.at_work and (at_ns := self.wire.deadline_ns()) is not None:
            soonest_ns = min(soonest_ns, at_ns)
        if self._look_ns < soonest_ns:
            self._look()
        soonest_ns = min(soonest_ns, self._look_ns)
        return None if soonest_ns == NEVER_NS else soonest_ns

    def _look(self) -> None:
        """When the first session is due. What goes to and fro only puts that off, so it is asked seldom."""
        due = (door.session.deadline_ns() for door in self._doors.values())
        self._look_ns = min((at_ns for at_ns in due if at_ns is not None), default=NEVER_NS)

    def advance(self, now_ns: int) -> None:
        """Everything due up to `now_ns`."""
        if self.wire.at_work:
            self._carry(now_ns)
        for out in self.exchange.advance(now_ns):
            self._send(out, now_ns)
        if self._look_ns > now_ns:
            return
        for door in self._doors.values():
            due_ns = door.session.deadline_ns()
            if due_ns is not None and due_ns <= now_ns:
                self._handle(door, door.session.timer(now_ns), now_ns)
        self._look()

    def logout(self, text: str, now_ns: int) -> None:
        """Begin to log everybody out."""
        for door in self._doors.values():
            self._handle(door, door.session.logout(text, now_ns), now_ns)

    # -- sessions' events -------------------------------------------------------------------------

    def _handle(self, door: Door, happened: list[events.Event], now_ns: int) -> None:
        if len(happened) == 1 and type(happened[0]) is events.App:
            self._app(door, happened[0].message, now_ns)
            return
        for event in happened:
            match event:
                case events.App():
                    self._app(door, event.message, now_ns)
                case events.Send():
                    if door.conn is not None:
                        self._write(door, event.msg_type, event.seq, event.raw, now_ns)
                case events.LoggedOn():
                    self._pay(door, now_ns)
                case events.LoggedOut():
                    self.exchange.unsubscribe(door.venue, door.client.comp_id)
                    if door.client.cancel_on_disconnect:
                        text = f"cancel on disconnect: {event.text}"
                        self.exchange.cancel_all(door.venue, door.client.comp_id, text, now_ns)
                case events.Disconnect():
                    if door.conn is not None:
                        self._hang_up(door, door.conn, now_ns)
                        door.conn = None
                    self._handle(door, door.session.disconnected(now_ns), now_ns)
                    self._pay(door, now_ns)
                case events.Alert():
                    self.alerts.append(f"{door.venue}: {event.text}")
                case _:
                    pass
        due_ns = door.session.deadline_ns()
        if due_ns is not None:
            self._look_ns = min(self._look_ns, due_ns)

    def _app(self, door: Door, message: Message, now_ns: int) -> None:
        """An application message, typed, goes to the exchange; what cannot be understood is answered here."""
        venue, client = door.venue, door.client.comp_id
        parse = door.takes.get(message.msg_type)
        if parse is None:
            text = f"MsgType(35) {message.msg_type.decode('latin-1')} is not served to {client}"
            self._reject(door, message, UNSUPPORTED_MESSAGE_TYPE, text, now_ns)
            return
        try:
            request = parse(message, self.exchange.instruments)
        except FieldError as error:
            self.alerts.append(f"{door.session.name}: {error}")
            self._answer_unreadable(door, message, error, now_ns)
            return
        if isinstance(request, Request):
            self.exchange.request(venue, client, request, now_ns)
        elif isinstance(request, MarketDataRequest):
            self.exchange.subscribe(venue, client, request, now_ns)
        else:
            self.exchange.ask(venue, client, request, now_ns)

    def _answer_unreadable(self, door: Door, message: Message, error: FieldError, now_ns: int) -> None:
        """An order gets its report, a subscription its own reject, the rest a business reject."""
        cl_ord_id, md_req_id = _text(message, tags.CL_ORD_ID), _text(message, tags.MD_REQ_ID)
        if message.msg_type == tags.NEW_ORDER_SINGLE and cl_ord_id:
            echo = {tag: value for tag in ECHOED if (value := _text(message, tag))}
            reason, client = error.ord_rej_reason, door.client.comp_id
            self.exchange.refuse(door.venue, client, echo, reason, str(error), now_ns)
        elif message.msg_type == tags.MARKET_DATA_REQUEST and md_req_id and error.tag in MD_REASONS:
            refusal = MarketDataRequestReject(md_req_id, MD_REASONS[error.tag], str(error))
            self._say(door, refusal, now_ns)
        else:
            missing = error.session_reason == REQUIRED_TAG_MISSING
            reason = error.business_reason or (CONDITIONALLY_REQUIRED_MISSING if missing else OTHER)
            self._reject(door, message, reason, str(error), now_ns)

    def _reject(self, door: Door, message: Message, reason: int, text: str, now_ns: int) -> None:
        kind = message.msg_type.decode("latin-1")
        reject = BusinessMessageReject(message.seq, kind, reason, text=text)
        self._say(door, reject, now_ns)

    # -- what leaves ------------------------------------------------------------------------------

    def _send(self, out: Out, now_ns: int) -> None:
        says, key = out.says, (out.venue, out.to)
        door = self._doors[key]
        self._put(door, says.MSG_TYPE, says.body(door.version), now_ns)
        copied = self._copied[key]
        if copied and isinstance(says, Report | Refusal):
            for drop in copied:
                self._say(drop, says.copied(out.to), now_ns)

    def _say(self, door: Door, says: Says, now_ns: int) -> None:
        """In the client's version."""
        self._put(door, says.MSG_TYPE, says.body(door.version), now_ns)

    def _put(self, door: Door, msg_type: bytes, body: bytes, now_ns: int) -> None:
        session = door.session
        if session.is_logged_on and not door.owed:
            if door.conn is not None:
                self._encode(door, msg_type, body, now_ns)
        elif msg_type in RESENT:
            door.owed.append((msg_type, body))
            self._pay(door, now_ns)

    def _pay(self, door: Door, now_ns: int) -> None:
        """Give owed messages their numbers: on the wire if logged on, to the store if nobody is connected."""
        session = door.session
        while door.owed:
            if session.is_logged_on and door.conn is not None:
                msg_type, body = door.owed.popleft()
                self._encode(door, msg_type, body, now_ns)
            elif session.state is State.DISCONNECTED:
                msg_type, body = door.owed.popleft()
                config = session.config
                begin, sender = config.begin_string.encode(), config.sender_comp_id.encode()
                target = config.target_comp_id.encode()
                session.restore_sent(encode(begin, msg_type, session.next_out, sender, target, now_ns, body))
            else:
                return

    def _encode(self, door: Door, msg_type: bytes, body: bytes, now_ns: int) -> None:
        seq = door.session.next_out
        self._write(door, msg_type, seq, door.session.encode(msg_type, body, now_ns), now_ns)

    # -- the wire ---------------------------------------------------------------------------------

    def _write(self, door: Door, msg_type: bytes, seq: int, raw: bytes, now_ns: int) -> None:
        """A message of a session, for the connection that it has."""
        conn = door.conn
        if not self.wire.at_work:
            self.writes.append((conn, raw))
            return
        passage = Passage(door.venue, door.client.comp_id, "out", msg_type.decode("latin-1"))
        self.wire.carry(conn, passage, "out", raw, seq, now_ns)
        self._carry(now_ns)

    def _hang_up(self, door: Door, conn: Hashable, now_ns: int) -> None:
        self._conns.pop(conn, None)
        if self.wire.at_work:
            self.wire.close(conn, Passage(door.venue, door.client.comp_id, "out", ""), "out", now_ns)
            self._carry(now_ns)
        else:
            self.hangups.append(conn)

    def _passage(self, conn: Hashable, way: Way, message: Message | Garbled | None = None) -> Passage:
        """Whose message it is: the session's, or before there is one that of the CompID that it states."""
        venue, door = self._conns[conn]
        msg_type = client = ""
        if isinstance(message, Message):
            msg_type, client = message.msg_type.decode("latin-1"), _text(message, tags.SENDER_COMP_ID)
        return Passage(venue, client if door is None else door.client.comp_id, way, msg_type)

    def _carry(self, now_ns: int) -> None:
        """Hand over what has come through by now. What that causes sets out behind it."""
        if self._carrying:
            return
        self._carrying = True
        while (arrival := self.wire.take(now_ns)) is not None:
            conn, item = arrival.conn, arrival.item
            _, door = self._conns.get(conn, ("", None))
            if isinstance(item, bytes):
                self.writes.append((conn, item))
                if door is not None:
                    door.session.next_out += arrival.skipped
            elif not isinstance(item, Ends):
                self._arrived(conn, item, now_ns)
                _, door = self._conns.get(conn, ("", None))
                if door is not None and arrival.skipped:
                    door.session.next_in = max(1, door.session.next_in - arrival.skipped)
            elif item is Ends.CLOSED and arrival.way == "out":
                self.wire.forget(conn)
                self.hangups.append(conn)
            else:
                if item is Ends.BROKEN:
                    self.hangups.append(conn)
                self._ended(conn, now_ns)
        self._carrying = False


def _text(message: Message, tag: int) -> str:
    return (message.get(tag) or b"").decode("latin-1")
