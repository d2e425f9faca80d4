"""How the shell reaches each session's peer or lets it in: what the settings say and the engine must not
know.

Addresses, TLS contexts, passwords and hours, by the session's name. Made from the settings at the start, and
again when an operator has them read anew; whatever does not do is a SettingsError then.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from router.credentials import Credential, read_password
from router.fix import tags
from router.peers import Address, Desk, Session
from router.schedule import Schedule
from router.settings import Settings, Venue, name_of
from router.tls import ClientTls, client, server


@dataclass(frozen=True, slots=True)
class Way:
    """Of one session. `addresses` are empty where the peer dials us."""

    addresses: tuple[Address, ...] = ()
    tls: ClientTls | None = None
    schedule: Schedule | None = None
    secrets: Mapping[int, bytes] = field(default_factory=dict, repr=False)  # by tag, for our Logon
    credential: Credential | None = None  # what a desk's Logon must hold
    pins: frozenset[str] = frozenset()  # the certificates that may speak for a desk


def ways_of(settings: Settings) -> dict[str, Way]:
    """Reads password files and certificates."""
    ways = {}
    for number, venue in enumerate(settings.venues):
        for setting, session in venue.by_field.items():
            where = f"{settings.files.venues}: venues.{number}.{setting}"
            ways[name_of(session)] = _towards(where, venue, session)
    for number, desk in enumerate(settings.oms.desks):
        where = f"{settings.path}: oms.desks.{number}"
        ways[f"{settings.oms.comp_id}>{desk.comp_id}"] = _from(where, desk)
    return ways


def acceptor_tls(settings: Settings) -> ssl.SSLContext | None:
    tls = settings.oms.tls
    return None if tls is None else server(f"{settings.path}: oms.tls", tls)


def _towards(where: str, venue: Venue, session: Session) -> Way:
    secrets = {}
    if session.password_file is not None:
        secrets[tags.PASSWORD] = read_password(f"{where}.password_file", session.password_file)
    if session.new_password_file is not None:
        secrets[tags.NEW_PASSWORD] = read_password(f"{where}.new_password_file", session.new_password_file)
    return Way(
        addresses=session.addresses or (Address(host=venue.host, port=venue.port),),
        tls=None if session.tls is None else client(f"{where}.tls", session.tls),
        schedule=None if session.schedule is None else session.schedule.schedule(),
        secrets=secrets,
    )


def _from(where: str, desk: Desk) -> Way:
    credential = None
    if desk.password_file is not None:
        password = read_password(f"{where}.password_file", desk.password_file)
        credential = Credential(desk.username.encode(), password)
    schedule = None if desk.schedule is None else desk.schedule.schedule()
    return Way(schedule=schedule, credential=credential, pins=frozenset(desk.pins))
