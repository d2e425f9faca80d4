"""One session of a venue with one client, as the gateway has it: its FIX version, session, what it is owed.

Which messages a door takes hangs on what the client is served and on its version: FIX 4.2 has no q, AF and x.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fixsim.clients import DIGITS, Client
from fixsim.exchange import Request
from fixsim.settings import Instrument, Settings, Venue
from fixsim.status import Asked
from router.credentials import Credential
from router.fix import tags
from router.fix.codec import Garbled, Message
from router.fix.dictionary import Validation
from router.fix.messages import (
    MarketDataRequest,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    SecurityDefinitionRequest,
    SecurityListRequest,
    SecurityStatusRequest,
)
from router.fix.secrets import redact, redact_garbled
from router.fix.session import Session, SessionConfig
from router.fix.versions import VERSIONS, Version

Passwords = Mapping[tuple[str, str], bytes]
"""By venue and client."""
RESENT = frozenset({b"8", b"9", b"r", b"j", b"Y"})
MASS: dict[bytes, Any] = {
    tags.ORDER_MASS_STATUS_REQUEST: OrderMassStatusRequest,
    tags.ORDER_MASS_CANCEL_REQUEST: OrderMassCancelRequest,
}
ORDERS: dict[bytes, Any] = {
    tags.NEW_ORDER_SINGLE: NewOrderSingle,
    tags.ORDER_CANCEL_REQUEST: OrderCancelRequest,
    tags.ORDER_CANCEL_REPLACE_REQUEST: OrderCancelReplaceRequest,
    tags.ORDER_STATUS_REQUEST: OrderStatusRequest,
    **MASS,
}
ASKED: dict[bytes, Any] = {
    tags.SECURITY_DEFINITION_REQUEST: SecurityDefinitionRequest,
    tags.SECURITY_LIST_REQUEST: SecurityListRequest,
    tags.SECURITY_STATUS_REQUEST: SecurityStatusRequest,
}
DATA: dict[bytes, Any] = {tags.MARKET_DATA_REQUEST: MarketDataRequest}
Instruments = Mapping[str, Instrument]
Parse = Callable[[Message, Instruments], Request | MarketDataRequest | Asked]


@dataclass(slots=True)
class Door:
    """See the module; and the connection that carries it now."""

    rank: int
    venue: str
    client: Client
    version: Version
    session: Session
    takes: Mapping[bytes, Parse]
    """How each message that it takes is read, by MsgType."""
    credential: Credential | None
    """What the client's Logon must hold; None: nothing."""
    conn: Hashable | None = None
    owed: deque[tuple[bytes, bytes]] = field(default_factory=deque)
    """Messages (MsgType, body) made while the session was between states."""

    @classmethod
    def open(cls, settings: Settings, venue: Venue, client: Client, rank: int, passwords: Passwords) -> Door:
        """ValueError if a password that the settings ask for is not among `passwords`."""
        version, credential = VERSIONS[client.version], None
        if client.password_file is not None:
            password = passwords.get((venue.name, client.comp_id))
            if password is None:
                raise ValueError(f"{client.comp_id} at {venue.name} needs a password, and none was read")
            credential = Credential(client.username.encode(), password)
        session = Session(config(settings, venue, client))
        return cls(rank, venue.name, client, version, session, taken(client, version), credential)

    def without_secrets(self, message: Message | Garbled) -> Message | Garbled:
        """A message as the session may see it: a password is judged, and taken out."""
        if isinstance(message, Garbled):
            return redact_garbled(message)
        if message.msg_type != tags.LOGON:
            return message
        credential = self.credential
        return redact(message, (lambda *_: True) if credential is None else credential.accepts)


def taken(client: Client, version: Version) -> dict[bytes, Parse]:
    """The messages that a client may send in its version, and how each is read."""
    kinds: dict[bytes, Any] = {}
    if client.serves == "orders":
        kinds = ORDERS | ASKED
    elif client.serves == "market-data":
        kinds = DATA | ASKED
    lacking = {*(() if version.mass else MASS), *(() if version.listings else (tags.SECURITY_LIST_REQUEST,))}
    return {code: _parse(kind, code, version) for code, kind in kinds.items() if code not in lacking}


def _parse(kind: Any, code: bytes, version: Version) -> Parse:
    parse = kind.parse
    if code in ASKED:
        return lambda message, instruments: parse(message, version)
    return lambda message, instruments: parse(message, instruments, version)


def config(settings: Settings, venue: Venue, client: Client) -> SessionConfig:
    """The venue's half of a session with a client."""
    rules = Validation.FRAMING
    if client.validation == "full":
        custom = tuple((one.tag, one.type, one.messages) for one in client.custom_tags)
        rules = replace(Validation.FULL, custom=custom)
    return SessionConfig(
        name=f"{venue.name}/{client.comp_id}",
        role="acceptor",
        sender_comp_id=venue.name,
        target_comp_id=client.comp_id,
        version=VERSIONS[client.version],
        heart_bt_int_s=settings.session.heart_bt_int_s,
        sending_time_tolerance_ns=settings.session.sending_time_tolerance_ns,
        resend=RESENT,
        max_resend_store=settings.session.max_resend_messages,
        requires_password=client.password_file is not None,
        timestamp_digits=DIGITS[client.timestamp],
        send_next_expected=client.next_expected,
        send_last_processed=client.last_processed,
        resend_chunk=client.resend_chunk,
        reset_on_logon=client.reset_on_logon,
        reset_on_logout=client.reset_on_logout,
        reset_on_disconnect=client.reset_on_disconnect,
        refuse_reset=client.refuse_reset,
        validation=rules,
    )
